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
export class Participant<T extends LocalTrack | RemoteTrack = RemoteTrack | LocalTrack> extends Emitter<ParticipantEvents> {
    constructor();
    sid: string;
    identity: string;
    name: string;
    metadata: string;
    /** @type {Record<string, string>} */
    attributes: Record<string, string>;
    joinedAt: number;
    joinOrder: number;
    /** @type {'active'|'away'} away: its connection to the server is down, it may come back */
    state: "active" | "away";
    /** @type {Map<string, TrackPublication<T>>} by id */
    tracks: Map<string, TrackPublication<T>>;
    /** @type {ConnectionQuality} */
    quality: ConnectionQuality;
    isSpeaking: boolean;
    audioLevel: number;
    /** @returns {string} what to call this person on the screen */
    get displayName(): string;
    /** @param {TrackSource} source @returns {TrackPublication<T>|undefined} the first of that source */
    getTrack(source: TrackSource): TrackPublication<T> | undefined;
    /** @internal @param {ParticipantInfo} info */
    learn(info: ParticipantInfo): void;
    /** @internal @param {boolean} speaking @param {number} level 0 to 1 */
    hear(speaking: boolean, level: number): void;
}
/**
 * Somebody else.
 *
 * @extends {Participant<RemoteTrack>}
 */
export class RemoteParticipant extends Participant<RemoteTrack> {
    /** @internal @param {ParticipantInfo} info */
    constructor(info: ParticipantInfo);
    /** @type {PeerState} the media connection to this person */
    connectionState: PeerState;
}
export type ConnectionQuality = "unknown" | "good" | "fair" | "poor" | "lost";
export type ParticipantEvents = {
    /**
     * name, metadata, attributes, presence, connection or quality
     */
    updated: {};
    trackPublished: {
        publication: TrackPublication;
    };
    trackUnpublished: {
        publication: TrackPublication;
    };
    /**
     * muted or unmuted, see publication.muted
     */
    trackMuted: {
        publication: TrackPublication;
    };
    /**
     * media can be attached
     */
    trackSubscribed: {
        publication: TrackPublication;
        track: RemoteTrack;
    };
    trackUnsubscribed: {
        publication: TrackPublication;
        track: RemoteTrack;
    };
    speaking: {
        speaking: boolean;
        level: number;
    };
};
import type { LocalTrack } from './local-track.js';
import type { RemoteTrack } from './track.js';
import { Emitter } from './emitter.js';
import { TrackPublication } from './publication.js';
import type { TrackSource } from './wire.js';
import type { ParticipantInfo } from './wire.js';
import type { PeerState } from './peer.js';
