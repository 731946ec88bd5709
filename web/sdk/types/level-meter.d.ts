/** How loud an audio track is, from its samples. */
export class LevelMeter {
    /** @param {MediaStreamTrack} track its own copy is not stopped when the meter closes */
    constructor(track: MediaStreamTrack);
    /** @returns {boolean} whether the browser waits for a click before it measures */
    get suspended(): boolean;
    /** Call it from a click if `suspended`. */
    resume(): Promise<void>;
    /** @returns {number} RMS of the last moment, 0 to 1 */
    get level(): number;
    /** @returns {number} the same as people hear it: 0 silent (-60 dB) to 1 full */
    get loudness(): number;
    close(): void;
    #private;
}
