/**
 * How long to wait before the next attempt: doubling from `first` to `most`, each time anywhere in the upper
 * half of the span, so that the clients of a restarted server do not come back all at once.
 */
export class Backoff {
  #attempt = 0;
  #first;
  #most;
  #random;

  /**
   * @param {{first?: number, most?: number, random?: () => number}} [options] milliseconds
   */
  constructor({ first = 500, most = 10_000, random = Math.random } = {}) {
    this.#first = first;
    this.#most = most;
    this.#random = random;
  }

  /** @returns {number} milliseconds; the first attempt comes almost at once */
  next() {
    const span = Math.min(this.#most, this.#first * 2 ** this.#attempt++);
    return Math.round(span * (0.5 + this.#random() / 2));
  }

  /** @returns {number} attempts since the last reset */
  get attempts() {
    return this.#attempt;
  }

  reset() {
    this.#attempt = 0;
  }
}
