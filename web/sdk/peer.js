import { Emitter } from './emitter.js';
import { SlotTable } from './slots.js';

/** @import { Environment } from './env.js' */
/** @import { LocalMedia, MediaMap, RemoteMedia } from './slots.js' */

/**
 * @typedef {'new'|'connecting'|'connected'|'interrupted'|'closed'} PeerState interrupted: was connected, is mending
 *
 * @typedef {object} PeerEvents
 * @property {PeerState} state
 * @property {RemoteMedia[]} media everything the peer sends now
 * @property {unknown} error
 *
 * @typedef {object} PeerOptions
 * @property {Environment} env
 * @property {RTCConfiguration} config
 * @property {boolean} polite the later joiner: offers first and gives way when offers cross
 * @property {(type: 'offer'|'answer'|'candidate'|'media', data: any) => void} send
 * @property {() => boolean} reachable whether messages reach the peer now: the server and the peer are there
 */

/** Without a connection: an ICE restart after this, … */
const RESTART_AFTER = 5_000;
/** … and a new RTCPeerConnection when that did not help. */
const REBUILD_AFTER = 10_000;
/** The waits grow with each vain new connection, up to this many times. */
const MOST_WAITS = 4;
/** The impolite side waits a little longer, so that both do not mend at once. */
const IMPOLITE_PATIENCE = 1_500;

/**
 * The connection to one other participant: perfect negotiation over the peer messages of the gateway.
 * https://www.w3.org/TR/webrtc/#perfect-negotiation-example
 *
 * Every RTCPeerConnection between the two has a number, sent with each message. A failed one is replaced under the
 * next number; whoever reads a higher number follows.
 *
 * @extends {Emitter<PeerEvents>}
 */
export class PeerLink extends Emitter {
  #env;
  #options;
  #config;
  /** @type {RTCPeerConnection|null} */
  #pc = null;
  #number = 0;
  #offers = false;
  /** @type {SlotTable} */
  #slots = new SlotTable();
  #makingOffer = false;
  #ignoreOffer = false;
  #isSettingRemoteAnswerPending = false;
  /** @type {Promise<void>} */
  #inbox = Promise.resolve();
  /** @type {any[]|null} candidates found before their description was sent */
  #held = null;
  /** @type {any} */
  #mendTimer = null;
  #mendStep = 0;
  #rebuilds = 0;
  #wasConnected = false;
  #closed = false;
  /** Ends the wait for operations of a connection that is given up: by then they may never end by themselves. */
  #giveUp = () => {};
  /** @type {Promise<false>} */
  #givenUp = Promise.resolve(false);
  /** The map of m-lines the peer was told last. */
  #toldMedia = '';
  /** @type {PeerState} */
  #state = 'new';

  /** @param {PeerOptions} options */
  constructor(options) {
    super();
    this.#env = options.env;
    this.#options = options;
    this.#config = options.config;
  }

  get state() {
    return this.#state;
  }

  /** @returns {RTCPeerConnection|null} */
  get connection() {
    return this.#pc;
  }

  /** @returns {SlotTable} which transceiver carries what */
  get slots() {
    return this.#slots;
  }

  /** The polite side builds and offers; the other waits for that offer, but not forever. */
  start() {
    this.#setState('connecting');
    if (this.#options.polite) this.#build(1, true);
    this.#armMend();
  }

  /**
   * What is sent to the peer under a slot's name; null stops sending.
   *
   * @param {string} slot
   * @param {LocalMedia|null} media
   */
  setLocal(slot, media) {
    this.#slots.setLocal(slot, media);
    if (!this.#pc || !(this.#offers || this.#pc.remoteDescription)) return;
    this.#slots.attach(this.#pc);
    this.#tellMedia(this.#pc);
  }

  /** Same slot, other track (device change, mute): no negotiation. @param {string} slot @param {MediaStreamTrack|null} track */
  replaceTrack(slot, track) {
    return this.#slots.replaceTrack(slot, track).catch((error) => this.emit('error', error));
  }

  /** @param {RTCConfiguration} config with fresh credentials, used from the next ICE restart on */
  setConfiguration(config) {
    this.#config = config;
    try {
      this.#pc?.setConfiguration(config);
    } catch (error) {
      this.emit('error', error);
    }
  }

  /**
   * A message of the peer. They are handled one after the other, in the order they came.
   *
   * @param {string} type
   * @param {any} data
   */
  receive(type, data) {
    if (type === 'offer' && data?.pc > this.#number) this.#giveUp();
    this.#inbox = this.#inbox.then(async () => {
      if (this.#closed) return;
      try {
        await this.#handle(type, data);
      } catch (error) {
        if (!this.#closed) this.emit('error', error);
      }
    });
    return this.#inbox;
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#env.clearTimeout(this.#mendTimer);
    this.#discard();
    this.#setState('closed');
    this.removeAllListeners();
  }

  /** @param {string} type @param {any} data */
  async #handle(type, data) {
    const number = data?.pc;
    if (!Number.isInteger(number) || number < this.#number || number < 1) return;
    if (number > this.#number) {
      if (type !== 'offer') return;
      this.#build(number, false);
    }
    const pc = /** @type {RTCPeerConnection} */ (this.#pc);
    if (type === 'media') {
      this.#slots.setRemote(data.media);
      this.emit('media', this.#slots.remoteMedia(pc));
    } else if (type === 'candidate') await this.#handleCandidate(pc, data.candidate);
    else if (type === 'offer' || type === 'answer') await this.#handleDescription(pc, type, data);
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {'offer'|'answer'} type
   * @param {any} data
   */
  async #handleDescription(pc, type, data) {
    if (typeof data.sdp !== 'string') return;
    const readyForOffer = !this.#makingOffer && (pc.signalingState === 'stable' || this.#isSettingRemoteAnswerPending);
    const offerCollision = type === 'offer' && !readyForOffer;
    this.#ignoreOffer = !this.#options.polite && offerCollision;
    if (this.#ignoreOffer) return;
    if (type === 'answer' && pc.signalingState !== 'have-local-offer') return;

    this.#isSettingRemoteAnswerPending = type === 'answer';
    const set = await this.#finish(pc, pc.setRemoteDescription({ type, sdp: data.sdp })).finally(() => {
      if (pc === this.#pc) this.#isSettingRemoteAnswerPending = false;
    });
    if (!set) return;
    this.#slots.setRemote(/** @type {MediaMap} */ (data.media));
    if (type === 'offer') {
      if (!(await this.#finish(pc, this.#slots.adopt(pc)))) return;
      this.#held ??= [];
      if (!(await this.#finish(pc, pc.setLocalDescription()))) return;
      this.#sendDescription(pc);
      this.#slots.attach(pc);
    }
    this.emit('media', this.#slots.remoteMedia(pc));
    this.#slots.applyLimits();
    this.#tellMedia(pc);
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {any} candidate
   */
  async #handleCandidate(pc, candidate) {
    try {
      await this.#finish(pc, pc.addIceCandidate(candidate ?? undefined));
    } catch (error) {
      // Candidates of an offer that was ignored have nothing to belong to.
      if (!this.#ignoreOffer && candidate) throw error;
    }
  }

  /**
   * Waits for an operation, but not longer than its connection lasts.
   *
   * @param {RTCPeerConnection} pc
   * @param {Promise<void>} operation
   * @returns {Promise<boolean>} whether the connection is still the one to go on with
   */
  async #finish(pc, operation) {
    const done = await Promise.race([operation.then(() => true), this.#givenUp]);
    return done && pc === this.#pc;
  }

  /**
   * @param {number} number
   * @param {boolean} offers whether this side makes the first offer
   */
  #build(number, offers) {
    this.#discard();
    this.#number = number;
    this.#offers = offers;
    const pc = this.#env.openPeer(this.#config);
    this.#pc = pc;
    this.#givenUp = new Promise((resolve) => (this.#giveUp = () => resolve(false)));
    this.#held = [];
    this.#makingOffer = this.#ignoreOffer = this.#isSettingRemoteAnswerPending = false;
    pc.onnegotiationneeded = () => this.#negotiate(pc);
    pc.onicecandidate = ({ candidate }) => this.#candidate(pc, candidate);
    pc.onconnectionstatechange = () => this.#watch(pc);
    // The first offer has room for both directions of a camera and a microphone: one round trip for both sides.
    if (offers) this.#slots.open(pc);
  }

  #discard() {
    const pc = this.#pc;
    this.#pc = null;
    this.#giveUp();
    this.#slots.clear();
    if (!pc) return;
    pc.onnegotiationneeded = pc.onicecandidate = pc.onconnectionstatechange = null;
    pc.close();
  }

  /** @param {RTCPeerConnection} pc */
  async #negotiate(pc) {
    if (pc !== this.#pc) return;
    try {
      this.#makingOffer = true;
      this.#held ??= [];
      if (await this.#finish(pc, pc.setLocalDescription())) this.#sendDescription(pc);
    } catch (error) {
      if (pc === this.#pc) this.emit('error', error);
    } finally {
      if (pc === this.#pc) this.#makingOffer = false;
    }
  }

  /** @param {RTCPeerConnection} pc */
  #sendDescription(pc) {
    const description = pc.localDescription;
    if (!description || (description.type !== 'offer' && description.type !== 'answer')) return;
    const media = this.#slots.localMap();
    this.#toldMedia = JSON.stringify(media);
    this.#options.send(description.type, { pc: this.#number, sdp: description.sdp, media });
    const held = this.#held ?? [];
    this.#held = null;
    for (const candidate of held) this.#options.send('candidate', { pc: this.#number, candidate });
  }

  /**
   * Another publication can take a slot without any change for the browser to negotiate: then the map goes alone.
   *
   * @param {RTCPeerConnection} pc
   */
  #tellMedia(pc) {
    if (pc !== this.#pc || pc.signalingState !== 'stable' || !pc.remoteDescription) return;
    const media = this.#slots.localMap();
    const text = JSON.stringify(media);
    if (text === this.#toldMedia) return;
    this.#toldMedia = text;
    this.#options.send('media', { pc: this.#number, media });
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {RTCIceCandidate|null} candidate
   */
  #candidate(pc, candidate) {
    if (pc !== this.#pc) return;
    const plain = candidate ? candidate.toJSON() : null;
    if (this.#held) this.#held.push(plain);
    else this.#options.send('candidate', { pc: this.#number, candidate: plain });
  }

  /** @param {RTCPeerConnection} pc */
  #watch(pc) {
    if (pc !== this.#pc || this.#closed) return;
    if (pc.connectionState === 'connected') {
      this.#env.clearTimeout(this.#mendTimer);
      this.#mendTimer = null;
      this.#mendStep = this.#rebuilds = 0;
      this.#wasConnected = true;
      this.#setState('connected');
      this.#slots.applyLimits();
      return;
    }
    this.#setState(this.#wasConnected ? 'interrupted' : 'connecting');
    if (pc.connectionState === 'failed' && this.#mendStep === 0) this.#armMend(200);
    else if (this.#mendTimer === null) this.#armMend();
  }

  /** @param {number} [soon] ms, instead of the usual wait */
  #armMend(soon) {
    this.#env.clearTimeout(this.#mendTimer);
    const wait = soon ?? (this.#mendStep === 0 ? RESTART_AFTER : REBUILD_AFTER) * Math.min(1 + this.#rebuilds, MOST_WAITS);
    const patience = this.#options.polite ? 0 : IMPOLITE_PATIENCE;
    this.#mendTimer = this.#env.setTimeout(() => this.#mend(), wait + patience);
  }

  /** Not connected for too long: an ICE restart, then a new connection, then from the beginning. */
  #mend() {
    this.#mendTimer = null;
    if (this.#closed) return;
    if (!this.#options.reachable()) {
      // Nobody would hear an offer; look again when they may.
      this.#armMend(1_000);
      return;
    }
    const restart = this.#mendStep === 0 && this.#pc?.remoteDescription;
    this.#mendStep = restart ? 1 : 0;
    if (restart) {
      this.#pc?.restartIce();
    } else {
      this.#rebuilds++;
      this.#build(this.#number + 1, true);
    }
    this.#armMend();
  }

  /** @param {PeerState} state */
  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.emit('state', state);
  }
}
