/**
 * A small typed event emitter. A listener that throws does not stop the others: its error is reported as an
 * uncaught one, where the page's own error handling sees it.
 *
 * @template {Record<string, any>} Events event name -> payload
 */
export class Emitter {
  /** @type {Map<string, Set<(event: any) => void>>} */
  #listeners = new Map();

  /**
   * Listens for an event.
   *
   * @template {keyof Events & string} K
   * @param {K} name
   * @param {(event: Events[K]) => void} listener
   * @returns {() => void} call it to stop listening
   */
  on(name, listener) {
    let set = this.#listeners.get(name);
    if (!set) this.#listeners.set(name, (set = new Set()));
    set.add(listener);
    return () => this.off(name, listener);
  }

  /**
   * Listens for the next event of that name only.
   *
   * @template {keyof Events & string} K
   * @param {K} name
   * @param {(event: Events[K]) => void} listener
   * @returns {() => void} call it to stop listening
   */
  once(name, listener) {
    const stop = this.on(name, (event) => {
      stop();
      listener(event);
    });
    return stop;
  }

  /**
   * Stops a listener.
   *
   * @template {keyof Events & string} K
   * @param {K} name
   * @param {(event: Events[K]) => void} listener
   */
  off(name, listener) {
    const set = this.#listeners.get(name);
    set?.delete(listener);
    if (set?.size === 0) this.#listeners.delete(name);
  }

  /**
   * Calls the listeners of an event, in the order they were added.
   *
   * @template {keyof Events & string} K
   * @param {K} name
   * @param {Events[K]} event
   */
  emit(name, event) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Forgets every listener. */
  removeAllListeners() {
    this.#listeners.clear();
  }
}
