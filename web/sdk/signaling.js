import { Backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { TurnoutError, errorFromServer } from './errors.js';
import { RequestTable } from './requests.js';
import { CLIENT, PROTOCOL } from './wire.js';

/** @import { Environment } from './env.js' */
/** @import { JoinReply, ServerEvent, TrackInfo } from './wire.js' */

/**
 * @typedef {'idle'|'connecting'|'connected'|'reconnecting'|'disconnected'} SignalState
 *
 * @typedef {object} SignalEvents
 * @property {{state: SignalState, reason?: string, error?: TurnoutError}} state
 * @property {{reply: JoinReply, again: boolean}} joined a new session; `again` when an older one was lost
 * @property {{reply: JoinReply}} resumed the same session, its missed events follow (or reply.snapshot says all)
 * @property {ServerEvent} event
 *
 * @typedef {string | (() => string | Promise<string>)} TokenSource a function is asked again for each new session
 *
 * @typedef {object} SignalOptions
 * @property {Environment} env
 * @property {TokenSource} token
 * @property {() => {name?: string, metadata?: string, attributes?: Record<string, string>, tracks?: TrackInfo[]}} [introduce]
 *   what a join says beside the token
 * @property {number} [joinTimeout] ms for one attempt to open and join
 * @property {number} [connectTimeout] ms until the first connection is given up
 * @property {number} [reconnectTimeout] ms until a lost connection is given up
 * @property {number} [pingInterval] ms
 */

/** Close codes after which coming back makes no sense, and the reason they stand for. */
const FINAL_CLOSE = /** @type {Record<number, string>} */ ({
  4000: 'bad-protocol',
  4001: 'unauthorized',
  4002: 'duplicate-identity',
  4003: 'kicked',
  4004: 'room-closed',
});

/** Errors of a join that another attempt can mend. */
const PASSING = new Set(['unavailable', 'internal', 'rate-limited', 'connection-lost', 'timeout']);

/**
 * One session with the signaling gateway: joins, answers requests by id, and after a lost WebSocket comes back and
 * resumes, so that the media connections never notice.
 *
 * @extends {Emitter<SignalEvents>}
 */
export class SignalClient extends Emitter {
  /** @type {SignalState} */
  #state = 'idle';
  /** @type {WebSocket|null} */
  #socket = null;
  #url;
  #options;
  #env;
  #backoff;
  #requests;
  /** @type {{key: string, seq: number}|null} */
  #resume = null;
  #hadSession = false;
  /** @type {{resolve: (reply: JoinReply) => void, reject: (error: TurnoutError) => void}|null} */
  #first = null;
  /** @type {any} */
  #retryTimer = null;
  /** @type {any} */
  #joinTimer = null;
  /** @type {any} */
  #pingTimer = null;
  #lostAt = 0;
  #restartReason = '';
  #probing = false;
  #lastHeard = 0;
  /** @type {() => void} */
  #stopWaking = () => {};

  /**
   * @param {string} url of the gateway, see `signalUrl`
   * @param {SignalOptions} options
   */
  constructor(url, options) {
    super();
    this.#url = url;
    this.#options = { joinTimeout: 10_000, connectTimeout: 20_000, reconnectTimeout: 300_000, pingInterval: 15_000, ...options };
    this.#env = options.env;
    this.#backoff = new Backoff({ random: options.env.random });
    this.#requests = new RequestTable(options.env, (text) => this.#socket?.send(text));
  }

  get state() {
    return this.#state;
  }

  /** @returns {Promise<JoinReply>} the first join; failures that time can mend are tried again for a while */
  connect() {
    if (this.#state !== 'idle') throw new Error('connect() was called twice');
    this.#stopWaking = this.#env.onWake((hint) => this.#wake(hint));
    this.#setState('connecting');
    this.#lostAt = this.#env.now();
    const done = new Promise((resolve, reject) => (this.#first = { resolve, reject }));
    this.#attempt();
    return /** @type {Promise<JoinReply>} */ (done);
  }

  /**
   * Sends a request. While the connection is away it waits and is sent after the resume.
   *
   * @param {string} method
   * @param {Record<string, any>} [params]
   * @param {{retry?: boolean, timeout?: number}} [options] retry: safe to send twice, so send it again when the
   *   connection drops before the reply
   * @returns {Promise<any>} the reply
   */
  request(method, params = {}, options = {}) {
    if (this.#state === 'disconnected' || this.#state === 'idle') {
      return Promise.reject(new TurnoutError('closed', 'The call is over.'));
    }
    return this.#requests.add(method, params, options);
  }

  /** Leaves the room and closes. */
  leave() {
    if (this.#state === 'disconnected') return;
    if (this.#state === 'connected') this.#requests.add('leave', {}, {}).catch(() => {});
    this.#finish('left');
  }

  /** Loses the socket as a broken network would. */
  dropForTest() {
    if (this.#socket) this.#dropped(this.#socket, 1006);
  }

  /** @param {'online'|'visible'} hint */
  #wake(hint) {
    if (this.#retryTimer !== null) {
      if (hint === 'online') this.#backoff.reset();
      this.#attempt();
    } else if (this.#state === 'connected') {
      this.#probe(3_000);
    }
  }

  async #attempt() {
    this.#clearTimers();
    this.#probing = false;
    let token;
    try {
      token = typeof this.#options.token === 'function' && !this.#resume ? await this.#options.token() : this.#options.token;
    } catch (cause) {
      this.#retryOrFail(new TurnoutError('unauthorized', 'No token could be had.', { cause }));
      return;
    }
    if (this.#state === 'disconnected') return;
    let socket;
    try {
      socket = this.#env.openSocket(this.#url, PROTOCOL);
    } catch (cause) {
      this.#retryOrFail(new TurnoutError('bad-request', `Not an address of a turnout server: ${this.#url}`, { cause }));
      return;
    }
    this.#socket = socket;
    this.#joinTimer = this.#env.setTimeout(() => this.#dropped(socket, 0), this.#options.joinTimeout ?? 10_000);
    socket.onopen = () => this.#join(socket, typeof token === 'string' ? token : undefined);
    socket.onmessage = (message) => this.#receive(socket, message.data);
    socket.onclose = (event) => this.#dropped(socket, event.code, event.reason);
  }

  /**
   * @param {WebSocket} socket
   * @param {string|undefined} token
   */
  async #join(socket, token) {
    const resume = this.#resume;
    /** @type {Record<string, any>} */
    const params = resume ? { client: CLIENT, resume } : { client: CLIENT, token, ...this.#options.introduce?.() };
    try {
      const reply = await this.#requests.sendNow('join', params);
      if (socket === this.#socket) this.#joined(/** @type {JoinReply} */ (reply), resume !== null);
    } catch (error) {
      if (socket === this.#socket && error instanceof TurnoutError && error.code !== 'interrupted') this.#refused(error);
    }
  }

  /**
   * @param {JoinReply} reply
   * @param {boolean} asked whether a resume was asked for
   */
  #joined(reply, asked) {
    this.#env.clearTimeout(this.#joinTimer);
    const resumed = asked && reply.resumed === true;
    const seq = reply.seq ?? 0;
    this.#resume = { key: reply.resumeKey ?? this.#resume?.key ?? '', seq };
    this.#backoff.reset();
    const again = this.#hadSession;
    this.#hadSession = true;
    this.#setState('connected');
    if (resumed) this.emit('resumed', { reply });
    else this.emit('joined', { reply, again });
    this.#requests.open(resumed);
    this.#armPing();
    this.#first?.resolve(reply);
    this.#first = null;
  }

  /** @param {TurnoutError} error of the join */
  #refused(error) {
    if (this.#resume && error.code !== 'unavailable' && error.code !== 'rate-limited') {
      // The session is gone on the server: the token may still open a new one.
      this.#resume = null;
      this.#requests.interrupt(true);
      this.#closeSocket();
      this.#attempt();
      return;
    }
    this.#closeSocket();
    this.#retryOrFail(error);
  }

  /**
   * @param {WebSocket} socket
   * @param {unknown} data
   */
  #receive(socket, data) {
    if (socket !== this.#socket || typeof data !== 'string') return;
    this.#lastHeard = this.#env.now();
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message === null || typeof message !== 'object') return;
    if (typeof message.event === 'string') this.#receiveEvent(message);
    else if (typeof message.id === 'number') this.#requests.reply(message, errorFromServer);
  }

  /** @param {ServerEvent} event */
  #receiveEvent(event) {
    if (this.#resume && typeof event.seq === 'number') {
      if (event.seq <= this.#resume.seq) return;
      this.#resume.seq = event.seq;
    }
    if (event.event !== 'disconnect') {
      this.emit('event', event);
      return;
    }
    const reason = typeof event.reason === 'string' ? event.reason : 'closed';
    if (event.reconnect === true) this.#restartReason = reason;
    else this.#finish(reason);
  }

  /**
   * @param {WebSocket} socket
   * @param {number} code
   * @param {string} [reason]
   */
  #dropped(socket, code, reason = '') {
    if (socket !== this.#socket) return;
    this.#closeSocket();
    const final = FINAL_CLOSE[code];
    if (final) {
      this.#finish(final, new TurnoutError(final, reason || `The server ended the connection (${final}).`));
      return;
    }
    this.#retryOrFail(new TurnoutError('connection-lost', 'The connection to the server was lost.'));
  }

  /** @param {TurnoutError} error */
  #retryOrFail(error) {
    if (this.#state === 'disconnected') return;
    this.#requests.interrupt(false);
    if (this.#state === 'connected') {
      this.#lostAt = this.#env.now();
      this.#setState('reconnecting', this.#restartReason || error.code, error);
      this.#restartReason = '';
    }
    const { connectTimeout = 20_000, reconnectTimeout = 300_000 } = this.#options;
    const limit = this.#state === 'connecting' ? connectTimeout : reconnectTimeout;
    const passed = this.#env.now() - this.#lostAt;
    if (!PASSING.has(error.code) || passed >= limit) {
      this.#finish(error.code, error);
      return;
    }
    const wait = Math.max(this.#backoff.next(), (error.detail.retryAfter ?? 0) * 1000);
    this.#retryTimer = this.#env.setTimeout(() => this.#attempt(), Math.min(wait, Math.max(0, limit - passed)));
  }

  #armPing() {
    this.#env.clearTimeout(this.#pingTimer);
    this.#pingTimer = this.#env.setTimeout(() => this.#probe(10_000), this.#options.pingInterval ?? 15_000);
  }

  /** A socket can be dead without a close: no answer to a ping counts as one. @param {number} timeout ms */
  async #probe(timeout) {
    const socket = this.#socket;
    if (!socket || this.#probing) return;
    this.#probing = true;
    const asked = this.#env.now();
    try {
      await this.#requests.add('ping', {}, { timeout });
    } catch {
      // On a machine that is out of breath the timer can win against an answer that is already there.
      await new Promise((resolve) => this.#env.setTimeout(() => resolve(null), 500));
      if (this.#lastHeard < asked) this.#dropped(socket, 0);
    }
    if (socket === this.#socket) {
      this.#probing = false;
      this.#armPing();
    }
  }

  /**
   * Code 1000 says to the server that we left; any other leaves the session waiting for a resume.
   *
   * @param {number} [code]
   */
  #closeSocket(code = 4900) {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    try {
      socket.close(code);
    } catch {
      // A socket that never opened may refuse; it is forgotten either way.
    }
  }

  #clearTimers() {
    for (const timer of [this.#retryTimer, this.#joinTimer, this.#pingTimer]) this.#env.clearTimeout(timer);
    this.#retryTimer = null;
  }

  /**
   * @param {string} reason
   * @param {TurnoutError} [error]
   */
  #finish(reason, error) {
    if (this.#state === 'disconnected') return;
    this.#clearTimers();
    this.#stopWaking();
    this.#closeSocket(1000);
    this.#resume = null;
    this.#requests.close();
    this.#setState('disconnected', reason, error);
    this.#first?.reject(error ?? new TurnoutError(reason, 'The call ended before it began.'));
    this.#first = null;
  }

  /**
   * @param {SignalState} state
   * @param {string} [reason]
   * @param {TurnoutError} [error]
   */
  #setState(state, reason, error) {
    this.#state = state;
    this.emit('state', { state, reason, error });
  }
}
