import { Emitter } from './emitter.js';
import { Inbox, Outbox } from './outbox.js';
import { PeerLink } from './peer.js';

/** @import { Environment } from './env.js' */
/** @import { PeerState } from './peer.js' */
/** @import { SignalClient } from './signaling.js' */
/** @import { LocalMedia, RemoteMedia } from './slots.js' */
/** @import { TrackKind, TrackSource } from './wire.js' */

/**
 * @typedef {object} MeshEvents
 * @property {{sid: string, state: PeerState}} state
 * @property {{sid: string, media: RemoteMedia[]}} media everything that peer sends now
 * @property {{sid: string, error: unknown}} error
 *
 * @typedef {object} Published
 * @property {string} id
 * @property {TrackKind} kind
 * @property {TrackSource} source
 * @property {MediaStreamTrack|null} track
 *
 * @typedef {object} MeshOptions
 * @property {Environment} env
 * @property {SignalClient} signal
 * @property {RTCConfiguration} rtcConfig beside the ICE servers
 *
 * @typedef {object} Peer
 * @property {PeerLink} link
 * @property {Outbox} outbox
 * @property {Inbox} inbox
 * @property {boolean} away
 */

/** What a camera may take of each connection, by the number of connections that share the upload. */
const CAMERA_BITRATES = [1_700_000, 1_700_000, 1_000_000, 700_000, 500_000];

/**
 * All peer connections of a room in mesh mode.
 *
 * @extends {Emitter<MeshEvents>}
 */
export class Mesh extends Emitter {
  #options;
  #generation = 0;
  #config;
  /** @type {Map<string, Peer>} by sid */
  #peers = new Map();
  /** @type {Map<string, Published>} by slot name */
  #published = new Map();
  /** @type {any} */
  #iceTimer = null;

  /** @param {MeshOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#config = /** @type {RTCConfiguration} */ ({ bundlePolicy: 'max-bundle', ...options.rtcConfig });
  }

  /** @param {number} generation of the room's mode; messages of another one are refused by the server */
  setGeneration(generation) {
    this.#generation = generation;
  }

  /**
   * @param {RTCIceServer[]} servers
   * @param {number} ttl seconds until their credentials expire
   */
  setIceServers(servers, ttl) {
    this.#config = { ...this.#config, iceServers: servers };
    for (const { link } of this.#peers.values()) link.setConfiguration(this.#config);
    this.#armIce(ttl > 0 ? Math.max(ttl * 0.8, 30) * 1000 : 3_600_000);
  }

  /**
   * @param {{sid: string, joinOrder: number, away: boolean}} participant
   * @param {number} selfOrder
   */
  addPeer({ sid, joinOrder, away }, selfOrder) {
    if (this.#peers.has(sid)) return;
    const outbox = new Outbox(
      this.#options.env,
      (letter) => this.#post(sid, letter),
      () => this.#reachable(sid),
    );
    const link = new PeerLink({
      env: this.#options.env,
      config: this.#config,
      polite: selfOrder > joinOrder,
      send: (type, data) => outbox.send(type, data),
      reachable: () => this.#reachable(sid),
    });
    this.#peers.set(sid, { link, outbox, inbox: new Inbox(), away });
    for (const [slot, published] of this.#published) link.setLocal(slot, this.#media(published));
    link.on('state', (state) => this.emit('state', { sid, state }));
    link.on('media', (media) => this.emit('media', { sid, media }));
    link.on('error', (error) => this.emit('error', { sid, error }));
    link.start();
    this.#shareUpload();
  }

  /** @param {string} sid */
  removePeer(sid) {
    const peer = this.#peers.get(sid);
    if (!peer) return;
    this.#peers.delete(sid);
    peer.outbox.drop();
    peer.link.close();
    this.#shareUpload();
  }

  /** @param {string} sid @param {boolean} away its WebSocket is down; the media usually goes on */
  setAway(sid, away) {
    const peer = this.#peers.get(sid);
    if (peer) peer.away = away;
  }

  /** A peer event of the server. @param {Record<string, any>} event */
  receive({ from, msg, type, data }) {
    const peer = this.#peers.get(from);
    if (!peer) return;
    if (type === 'ack') {
      peer.outbox.acknowledge(data?.msg);
      return;
    }
    const fresh = peer.inbox.take(msg);
    this.#request(from, { msg: 0, type: 'ack', data: { msg: peer.inbox.last } });
    if (fresh) void peer.link.receive(type, data);
  }

  /** @param {Published} published @returns {string} the slot's name */
  publish(published) {
    let slot = /** @type {string} */ (published.source);
    for (let n = 2; this.#published.has(slot); n++) slot = `${published.source}/${n}`;
    this.#published.set(slot, published);
    for (const { link } of this.#peers.values()) link.setLocal(slot, this.#media(published));
    return slot;
  }

  /** @param {string} slot */
  unpublish(slot) {
    if (!this.#published.delete(slot)) return;
    for (const { link } of this.#peers.values()) link.setLocal(slot, null);
  }

  /** @param {string} slot @param {MediaStreamTrack|null} track */
  async replaceTrack(slot, track) {
    const published = this.#published.get(slot);
    if (!published) return;
    published.track = track;
    await Promise.all([...this.#peers.values()].map(({ link }) => link.replaceTrack(slot, track)));
  }

  /** @returns {Map<string, PeerLink>} by sid */
  links() {
    return new Map([...this.#peers].map(([sid, { link }]) => [sid, link]));
  }

  /** Closes the connections; what is published stays known for the next session. */
  removeAll() {
    for (const sid of [...this.#peers.keys()]) this.removePeer(sid);
  }

  close() {
    this.#options.env.clearTimeout(this.#iceTimer);
    this.removeAll();
  }

  /** @param {string} sid */
  #reachable(sid) {
    return this.#options.signal.state === 'connected' && this.#peers.get(sid)?.away === false;
  }

  /** @param {Published} published @returns {LocalMedia} */
  #media({ id, kind, source, track }) {
    return { id, kind, track, maxBitrate: source === 'camera' ? this.#cameraBitrate() : undefined };
  }

  #cameraBitrate() {
    return CAMERA_BITRATES[Math.min(this.#peers.size, CAMERA_BITRATES.length - 1)];
  }

  /** The upload is divided anew when somebody comes or goes. */
  #shareUpload() {
    for (const { link } of this.#peers.values()) {
      for (const [slot, { source }] of this.#published) {
        if (source === 'camera') link.slots.setLimit(slot, this.#cameraBitrate());
      }
      link.slots.applyLimits();
    }
  }

  /** @param {string} sid @param {{msg: number, type: string, data: any}} letter */
  #post(sid, letter) {
    this.#request(sid, letter);
  }

  /** @param {string} to @param {{msg: number, type: string, data: any}} letter @param {boolean} [again] */
  async #request(to, letter, again = false) {
    try {
      await this.#options.signal.request('peer', { to, generation: this.#generation, ...letter }, { retry: true });
    } catch (cause) {
      const error = /** @type {import('./errors.js').TurnoutError} */ (cause);
      if (error.code === 'conflict' && Number.isInteger(error.detail?.generation) && !again) {
        this.#generation = error.detail.generation;
        await this.#request(to, letter, true);
      }
      // Gone (its leave event comes), or interrupted: the outbox sends it again until it is acknowledged.
    }
  }

  /** @param {number} ms */
  #armIce(ms) {
    this.#options.env.clearTimeout(this.#iceTimer);
    this.#iceTimer = this.#options.env.setTimeout(async () => {
      try {
        const { iceServers, iceTtl } = await this.#options.signal.request('ice-servers');
        this.setIceServers(iceServers ?? [], iceTtl ?? 0);
      } catch {
        if (this.#options.signal.state !== 'disconnected') this.#armIce(30_000);
      }
    }, Math.min(ms, 2_000_000_000));
  }
}
