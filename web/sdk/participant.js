import { Emitter } from './emitter.js';
import { TrackPublication } from './publication.js';

/** @import { PeerState } from './peer.js' */
/** @import { LocalTrack } from './local-track.js' */
/** @import { RemoteTrack } from './track.js' */
/** @import { ParticipantInfo, TrackSource } from './wire.js' */

/**
 * @typedef {'unknown'|'good'|'fair'|'poor'|'lost'} ConnectionQuality
 *
 * @typedef {object} ParticipantEvents
 * @property {{}} updated name, metadata, attributes, presence, connection or quality
 * @property {{publication: TrackPublication}} trackPublished
 * @property {{publication: TrackPublication}} trackUnpublished
 * @property {{publication: TrackPublication}} trackMuted muted or unmuted, see publication.muted
 * @property {{publication: TrackPublication, track: RemoteTrack}} trackSubscribed media can be attached
 * @property {{publication: TrackPublication, track: RemoteTrack}} trackUnsubscribed
 * @property {{speaking: boolean, level: number}} speaking
 */

/**
 * Somebody in the room.
 *
 * @template {LocalTrack|RemoteTrack} [T=LocalTrack|RemoteTrack]
 * @extends {Emitter<ParticipantEvents>}
 */
export class Participant extends Emitter {
  sid = '';
  identity = '';
  name = '';
  metadata = '';
  /** @type {Record<string, string>} */
  attributes = {};
  joinedAt = 0;
  joinOrder = 0;
  /** @type {'active'|'away'} away: its connection to the server is down, it may come back */
  state = 'active';
  /** @type {Map<string, TrackPublication<T>>} by id */
  tracks = new Map();
  /** @type {ConnectionQuality} */
  quality = 'unknown';
  isSpeaking = false;
  audioLevel = 0;

  /** @returns {string} what to call this person on the screen */
  get displayName() {
    return this.name || this.identity || 'Guest';
  }

  /** @param {TrackSource} source @returns {TrackPublication<T>|undefined} the first of that source */
  getTrack(source) {
    return [...this.tracks.values()].find((publication) => publication.source === source);
  }

  /** @internal @param {ParticipantInfo} info */
  learn(info) {
    this.sid = info.sid;
    this.identity = info.identity;
    this.name = info.name ?? '';
    this.metadata = info.metadata ?? '';
    this.attributes = info.attributes ?? {};
    this.joinedAt = info.joinedAt ?? 0;
    this.joinOrder = info.joinOrder;
    this.state = info.state ?? 'active';
  }

  /** @internal @param {boolean} speaking @param {number} level 0 to 1 */
  hear(speaking, level) {
    this.audioLevel = level;
    this.isSpeaking = speaking;
    this.emit('speaking', { speaking, level });
  }
}

/**
 * Somebody else.
 *
 * @extends {Participant<RemoteTrack>}
 */
export class RemoteParticipant extends Participant {
  /** @type {PeerState} the media connection to this person */
  connectionState = 'new';

  /** @internal @param {ParticipantInfo} info */
  constructor(info) {
    super();
    this.learn(info);
    for (const track of info.tracks ?? []) this.tracks.set(track.id, new TrackPublication(track));
  }
}
