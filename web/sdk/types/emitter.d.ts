/**
 * A small typed event emitter. A listener that throws does not stop the others: its error is reported as an
 * uncaught one, where the page's own error handling sees it.
 *
 * @template {Record<string, any>} Events event name -> payload
 */
export class Emitter<Events extends Record<string, any>> {
    /**
     * Listens for an event.
     *
     * @template {keyof Events & string} K
     * @param {K} name
     * @param {(event: Events[K]) => void} listener
     * @returns {() => void} call it to stop listening
     */
    on<K extends keyof Events & string>(name: K, listener: (event: Events[K]) => void): () => void;
    /**
     * Listens for the next event of that name only.
     *
     * @template {keyof Events & string} K
     * @param {K} name
     * @param {(event: Events[K]) => void} listener
     * @returns {() => void} call it to stop listening
     */
    once<K extends keyof Events & string>(name: K, listener: (event: Events[K]) => void): () => void;
    /**
     * Stops a listener.
     *
     * @template {keyof Events & string} K
     * @param {K} name
     * @param {(event: Events[K]) => void} listener
     */
    off<K extends keyof Events & string>(name: K, listener: (event: Events[K]) => void): void;
    /**
     * Calls the listeners of an event, in the order they were added.
     *
     * @template {keyof Events & string} K
     * @param {K} name
     * @param {Events[K]} event
     */
    emit<K extends keyof Events & string>(name: K, event: Events[K]): void;
    /** Forgets every listener. */
    removeAllListeners(): void;
    #private;
}
