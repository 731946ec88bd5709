import { TurnoutError } from './errors.js';

/** @import { Environment } from './env.js' */

/**
 * @typedef {object} Pending
 * @property {number} id 0 while unsent
 * @property {string} method
 * @property {Record<string, any>} params
 * @property {boolean} retry
 * @property {number} timeout ms
 * @property {any} timer
 * @property {(reply: any) => void} resolve
 * @property {(error: TurnoutError) => void} reject
 */

const MOST_WAITING = 512;

/**
 * The requests of a session: numbered, timed, matched to their replies, and kept in order over a lost connection.
 */
export class RequestTable {
  #env;
  #send;
  #nextId = 1;
  #open = false;
  /** @type {Map<number, Pending>} sent, in the order they were sent */
  #sent = new Map();
  /** @type {Pending[]} not sent yet */
  #waiting = [];

  /**
   * @param {Environment} env
   * @param {(text: string) => void} send
   */
  constructor(env, send) {
    this.#env = env;
    this.#send = send;
  }

  /**
   * @param {string} method
   * @param {Record<string, any>} params
   * @param {{retry?: boolean, timeout?: number}} options
   * @returns {Promise<any>}
   */
  add(method, params, { retry = false, timeout = 10_000 }) {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MOST_WAITING) {
        reject(new TurnoutError('unavailable', 'Too much waits for the connection to come back.'));
        return;
      }
      const pending = { id: 0, method, params, retry, timeout, timer: null, resolve, reject };
      if (this.#open) this.#transmit(pending);
      else this.#waiting.push(pending);
    });
  }

  /**
   * Sends past the queue: the join, before anything else may be sent.
   *
   * @param {string} method
   * @param {Record<string, any>} params
   * @returns {Promise<any>}
   */
  sendNow(method, params) {
    return new Promise((resolve, reject) => {
      this.#transmit({ id: 0, method, params, retry: false, timeout: 10_000, timer: null, resolve, reject });
    });
  }

  /**
   * Joined: sends what waited. On a new session the old one's leftovers make no sense.
   *
   * @param {boolean} resumed
   */
  open(resumed) {
    this.#open = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const pending of waiting) {
      if (resumed || pending.id === 0) this.#transmit(pending);
      else pending.reject(interrupted());
    }
  }

  /**
   * The connection is lost: what may be sent twice waits (before what was never sent), the rest fails.
   *
   * @param {boolean} forget the session is lost as well: nothing of it is sent again
   */
  interrupt(forget) {
    this.#open = false;
    const again = [];
    for (const pending of this.#sent.values()) {
      this.#env.clearTimeout(pending.timer);
      if (pending.retry && !forget) again.push(pending);
      else pending.reject(interrupted());
    }
    this.#sent.clear();
    if (forget) {
      for (const pending of this.#waiting.filter((p) => p.id !== 0)) pending.reject(interrupted());
      this.#waiting = this.#waiting.filter((p) => p.id === 0);
    }
    this.#waiting = [...again, ...this.#waiting];
  }

  /** The call is over. */
  close() {
    this.interrupt(true);
    for (const pending of this.#waiting) pending.reject(new TurnoutError('closed', 'The call is over.'));
    this.#waiting = [];
  }

  /**
   * @param {Record<string, any>} message with an id
   * @param {(error: any) => TurnoutError} toError
   */
  reply(message, toError) {
    const pending = this.#sent.get(message.id);
    if (!pending) return;
    this.#sent.delete(message.id);
    this.#env.clearTimeout(pending.timer);
    if (message.ok === true) pending.resolve(message);
    else pending.reject(toError(message.error));
  }

  /** @param {Pending} pending */
  #transmit(pending) {
    pending.id = this.#nextId++;
    this.#sent.set(pending.id, pending);
    pending.timer = this.#env.setTimeout(() => {
      this.#sent.delete(pending.id);
      pending.reject(new TurnoutError('timeout', `The server did not answer (${pending.method}).`));
    }, pending.timeout);
    this.#send(JSON.stringify({ id: pending.id, method: pending.method, ...pending.params }));
  }
}

function interrupted() {
  return new TurnoutError('interrupted', 'The connection was lost before the server answered.');
}
