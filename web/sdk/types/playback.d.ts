/**
 * The audio elements of a room: where they play, and what to do when the browser will not let them before a click.
 */
export class Playback {
    /** @param {(blocked: boolean) => void} changed */
    constructor(changed: (blocked: boolean) => void);
    /** @returns {boolean} whether sound waits for a click */
    get blocked(): boolean;
    /** @param {HTMLMediaElement} element */
    add(element: HTMLMediaElement): void;
    /** @param {HTMLMediaElement} element */
    remove(element: HTMLMediaElement): void;
    /** @param {HTMLMediaElement} element */
    play(element: HTMLMediaElement): void;
    /** Call it from a click: plays everything that was held back. */
    start(): Promise<boolean>;
    /** @param {string} deviceId '' for the system's default */
    setSink(deviceId: string): Promise<void>;
    #private;
}
