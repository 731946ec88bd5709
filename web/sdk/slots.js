/** @import { TrackKind } from './wire.js' */

/**
 * What one side sends in a slot.
 *
 * @typedef {object} LocalMedia
 * @property {string} id the publication's
 * @property {TrackKind} kind
 * @property {MediaStreamTrack|null} track null while muted with the device off
 * @property {number} [maxBitrate] bits per second
 *
 * What an m-line carries, as its sender tells with each description: mid -> slot and publication (null: nothing).
 * @typedef {Record<string, {slot: string, kind: TrackKind, track: string|null}>} MediaMap
 *
 * @typedef {object} RemoteMedia
 * @property {string} id the publication's
 * @property {MediaStreamTrack} track
 * @property {RTCRtpReceiver} receiver
 *
 * @typedef {object} Slot
 * @property {TrackKind} kind
 * @property {RTCRtpTransceiver} transceiver
 * @property {MediaStreamTrack|null} track what its sender was told last to send; it follows in its own time
 */

/** The slots of every first offer. */
const FIRST = /** @type {const} */ ([
  ['microphone', 'audio'],
  ['camera', 'video'],
]);

/**
 * The transceivers of one RTCPeerConnection by name: one per (kind, source), used in both directions, so that a
 * track that is muted, replaced or published again finds its m-line.
 */
export class SlotTable {
  /** @type {Map<string, Slot>} */
  #slots = new Map();
  /** @type {Map<string, LocalMedia>} outlives the RTCPeerConnection */
  #local = new Map();
  /** @type {MediaMap} */
  #remote = {};

  /** Forgets the transceivers of a closed connection, not what is sent. */
  clear() {
    this.#slots.clear();
    this.#remote = {};
  }

  /** @param {string} name @param {LocalMedia|null} media */
  setLocal(name, media) {
    if (media) this.#local.set(name, media);
    else this.#local.delete(name);
  }

  /** @param {string} name @returns {RTCRtpTransceiver|undefined} */
  transceiver(name) {
    return this.#slots.get(name)?.transceiver;
  }

  /** @param {string} name @param {MediaStreamTrack|null} track */
  async replaceTrack(name, track) {
    const media = this.#local.get(name);
    if (!media) return;
    media.track = track;
    const slot = this.#slots.get(name);
    if (slot) await this.#carry(slot, track);
  }

  /** Makes the slots of a first offer. @param {RTCPeerConnection} pc */
  open(pc) {
    for (const [name, kind] of FIRST) if (!this.#slots.has(name)) this.#add(pc, name, kind);
    this.attach(pc);
  }

  /** Brings the transceivers in line with what is to be sent; the browser asks for a negotiation if one is needed. @param {RTCPeerConnection} pc */
  attach(pc) {
    for (const [name, media] of this.#local) {
      const slot = this.#slots.get(name);
      if (!slot) this.#add(pc, name, media.kind);
      else this.#send(slot, media);
    }
    for (const [name, slot] of this.#slots) {
      if (!this.#local.has(name) && sends(slot.transceiver.direction)) {
        slot.transceiver.direction = 'recvonly';
        this.#carry(slot, null).catch(ignore);
      }
    }
  }

  /** @param {unknown} map as the peer sent it */
  setRemote(map) {
    this.#remote = {};
    if (map === null || typeof map !== 'object') return;
    for (const [mid, entry] of Object.entries(map)) {
      if (typeof entry?.slot !== 'string') continue;
      const track = typeof entry.track === 'string' ? entry.track : null;
      this.#remote[mid] = { slot: entry.slot, kind: entry.kind === 'audio' ? 'audio' : 'video', track };
    }
  }

  /**
   * After a remote offer: its m-lines become this side's slots of the same name, so that both directions share one.
   * Transceivers of an own offer that was rolled back give their place up.
   *
   * @param {RTCPeerConnection} pc
   */
  async adopt(pc) {
    for (const transceiver of pc.getTransceivers()) {
      const entry = transceiver.mid === null ? undefined : this.#remote[transceiver.mid];
      if (!entry || transceiver.receiver.track.kind !== entry.kind) continue;
      const slot = this.#slots.get(entry.slot);
      if (slot?.transceiver === transceiver || (slot && slot.transceiver.mid !== null)) continue;
      const adopted = { kind: entry.kind, transceiver, track: null };
      this.#slots.set(entry.slot, adopted);
      const media = this.#local.get(entry.slot);
      if (media) {
        transceiver.direction = 'sendrecv';
        await this.#carry(adopted, media.track);
      }
      slot?.transceiver.stop();
    }
  }

  /** @returns {MediaMap} what this side's m-lines carry */
  localMap() {
    /** @type {MediaMap} */
    const map = {};
    for (const [name, slot] of this.#slots) {
      const mid = slot.transceiver.mid;
      if (mid !== null) map[mid] = { slot: name, kind: slot.kind, track: this.#local.get(name)?.id ?? null };
    }
    return map;
  }

  /** @param {RTCPeerConnection} pc @returns {RemoteMedia[]} */
  remoteMedia(pc) {
    const media = [];
    for (const { mid, receiver } of pc.getTransceivers()) {
      const id = mid === null ? null : this.#remote[mid]?.track;
      if (id) media.push({ id, track: receiver.track, receiver });
    }
    return media;
  }

  /** Tells the encoders their caps. */
  applyLimits() {
    for (const [name, slot] of this.#slots) {
      const limit = this.#local.get(name)?.maxBitrate;
      if (limit === undefined) continue;
      const { sender } = slot.transceiver;
      const parameters = sender.getParameters();
      const encoding = parameters.encodings?.[0];
      if (!encoding || encoding.maxBitrate === limit) continue;
      encoding.maxBitrate = limit;
      sender.setParameters(parameters).catch(() => {
        // Changed by a negotiation meanwhile: applied again after it.
      });
    }
  }

  /** @param {string} name @param {number} maxBitrate */
  setLimit(name, maxBitrate) {
    const media = this.#local.get(name);
    if (media) media.maxBitrate = maxBitrate;
  }

  /** @param {RTCPeerConnection} pc @param {string} name @param {TrackKind} kind */
  #add(pc, name, kind) {
    const media = this.#local.get(name);
    const transceiver = pc.addTransceiver(media?.track ?? kind, { direction: media ? 'sendrecv' : 'recvonly' });
    this.#slots.set(name, { kind, transceiver, track: media?.track ?? null });
  }

  /** @param {Slot} slot @param {LocalMedia} media */
  #send(slot, media) {
    if (slot.track !== media.track) this.#carry(slot, media.track).catch(ignore);
    if (!sends(slot.transceiver.direction)) slot.transceiver.direction = 'sendrecv';
  }

  /** @param {Slot} slot @param {MediaStreamTrack|null} track */
  #carry(slot, track) {
    slot.track = track;
    return slot.transceiver.sender.replaceTrack(track);
  }
}

/** @param {RTCRtpTransceiverDirection} direction */
function sends(direction) {
  return direction === 'sendrecv' || direction === 'sendonly';
}

/** A sender that refuses belongs to a connection that was closed meanwhile; the next one gets the track anew. */
function ignore() {}
