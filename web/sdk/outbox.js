/** @import { Environment } from './env.js' */

/**
 * @typedef {{msg: number, type: string, data: any}} Letter
 */

const RESEND_AFTER = 5_000;
const MOST_KEPT = 512;

/**
 * Messages to one peer, numbered and kept until that peer (not just the server) has acknowledged them: the server
 * holds a bounded number for a peer that is away, so a letter can be lost although it was accepted.
 */
export class Outbox {
  #env;
  #post;
  #mayResend;
  #next = 1;
  #acked = 0;
  /** @type {Letter[]} */
  #kept = [];
  /** @type {any} */
  #timer = null;

  /**
   * @param {Environment} env
   * @param {(letter: Letter) => void} post hands a letter to the server
   * @param {() => boolean} mayResend false while the server or the peer is away
   */
  constructor(env, post, mayResend) {
    this.#env = env;
    this.#post = post;
    this.#mayResend = mayResend;
  }

  /** @returns {number} letters not acknowledged yet */
  get size() {
    return this.#kept.length;
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  send(type, data) {
    const letter = { msg: this.#next++, type, data };
    this.#kept.push(letter);
    if (this.#kept.length > MOST_KEPT) this.#kept.shift();
    this.#post(letter);
    this.#arm();
  }

  /** @param {unknown} msg the peer has every letter up to this one */
  acknowledge(msg) {
    if (typeof msg !== 'number' || !(msg > this.#acked && msg < this.#next)) return;
    this.#acked = msg;
    this.#kept = this.#kept.filter((letter) => letter.msg > msg);
    this.#env.clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#kept.length > 0) this.#arm();
  }

  /** Forgets what a newer connection has made pointless, keeping its place in the numbering. */
  drop() {
    this.#kept = [];
    this.#env.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm() {
    if (this.#timer !== null) return;
    this.#timer = this.#env.setTimeout(() => {
      this.#timer = null;
      if (this.#kept.length === 0) return;
      if (this.#mayResend()) for (const letter of this.#kept) this.#post(letter);
      this.#arm();
    }, RESEND_AFTER);
  }
}

/** The other end: each letter is taken once and in order, whatever is sent twice. */
export class Inbox {
  #last = 0;

  /**
   * @param {unknown} msg
   * @returns {boolean} whether this letter is new; a gap (letters dropped by their sender) is passed over
   */
  take(msg) {
    if (typeof msg !== 'number' || !Number.isInteger(msg) || msg <= this.#last) return false;
    this.#last = msg;
    return true;
  }

  /** @returns {number} the letter to acknowledge */
  get last() {
    return this.#last;
  }
}
