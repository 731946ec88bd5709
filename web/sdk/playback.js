/**
 * The audio elements of a room: where they play, and what to do when the browser will not let them before a click.
 */
export class Playback {
  /** @type {Set<HTMLMediaElement>} */
  #elements = new Set();
  #blocked = false;
  #sink = '';
  #changed;

  /** @param {(blocked: boolean) => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @returns {boolean} whether sound waits for a click */
  get blocked() {
    return this.#blocked;
  }

  /** @param {HTMLMediaElement} element */
  add(element) {
    if (element instanceof HTMLVideoElement) {
      element.play().catch(() => {});
      return;
    }
    this.#elements.add(element);
    if (this.#sink) void this.#route(element).catch(() => {});
    this.play(element);
  }

  /** @param {HTMLMediaElement} element */
  remove(element) {
    this.#elements.delete(element);
  }

  /** @param {HTMLMediaElement} element */
  play(element) {
    element.play().then(
      () => {},
      (error) => {
        if (error?.name === 'NotAllowedError' && this.#elements.has(element)) this.#setBlocked(true);
      },
    );
  }

  /** Call it from a click: plays everything that was held back. */
  async start() {
    const results = await Promise.allSettled([...this.#elements].map((element) => element.play()));
    const blocked = results.some((each) => each.status === 'rejected' && each.reason?.name === 'NotAllowedError');
    this.#setBlocked(blocked);
    return !blocked;
  }

  /** @param {string} deviceId '' for the system's default */
  async setSink(deviceId) {
    this.#sink = deviceId;
    await Promise.all([...this.#elements].map((element) => this.#route(element)));
  }

  /** @param {HTMLMediaElement} element */
  async #route(element) {
    if ('setSinkId' in element) await element.setSinkId(this.#sink);
  }

  /** @param {boolean} blocked */
  #setBlocked(blocked) {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.#changed(blocked);
  }
}
