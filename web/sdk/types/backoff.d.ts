/**
 * How long to wait before the next attempt: doubling from `first` to `most`, each time anywhere in the upper
 * half of the span, so that the clients of a restarted server do not come back all at once.
 */
export class Backoff {
    /**
     * @param {{first?: number, most?: number, random?: () => number}} [options] milliseconds
     */
    constructor({ first, most, random }?: {
        first?: number;
        most?: number;
        random?: () => number;
    });
    /** @returns {number} milliseconds; the first attempt comes almost at once */
    next(): number;
    /** @returns {number} attempts since the last reset */
    get attempts(): number;
    reset(): void;
    #private;
}
