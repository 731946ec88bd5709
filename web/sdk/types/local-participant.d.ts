/** @import { LocalTrack } from './local-track.js' */
/** @import { Mesh } from './mesh.js' */
/** @import { SignalClient } from './signaling.js' */
/** @import { Permissions, TrackSource } from './wire.js' */
/**
 * @typedef {object} LocalHooks what the room does when something changes here
 * @property {(publication: TrackPublication<LocalTrack>) => void} published
 * @property {(publication: TrackPublication<LocalTrack>) => void} unpublished
 * @property {(publication: TrackPublication<LocalTrack>) => void} muted
 * @property {(error: unknown) => void} failed
 */
/**
 * Oneself.
 *
 * @extends {Participant<LocalTrack>}
 */
export class LocalParticipant extends Participant<LocalTrack> {
    /**
     * @internal
     * @param {SignalClient} signal
     * @param {Mesh} mesh
     * @param {LocalHooks} hooks
     */
    constructor(signal: SignalClient, mesh: Mesh, hooks: LocalHooks);
    /** @type {Permissions} */
    permissions: Permissions;
    /**
     * Shows a track to the room.
     *
     * @param {LocalTrack} track
     * @param {{name?: string}} [options]
     * @returns {Promise<TrackPublication<LocalTrack>>}
     */
    publishTrack(track: LocalTrack, options?: {
        name?: string;
    }): Promise<TrackPublication<LocalTrack>>;
    /**
     * @internal makes the publication, without telling the server
     * @param {LocalTrack} track
     * @param {{name?: string}} options
     * @returns {TrackPublication<LocalTrack>}
     */
    prepare(track: LocalTrack, { name }?: {
        name?: string;
    }): TrackPublication<LocalTrack>;
    /**
     * Takes a track back and, unless told otherwise, lets go of its device.
     *
     * @param {LocalTrack} track
     * @param {{stop?: boolean}} [options]
     */
    unpublishTrack(track: LocalTrack, { stop }?: {
        stop?: boolean;
    }): Promise<void>;
    /**
     * @param {boolean} enabled
     * @param {MediaTrackConstraints} [constraints] when the microphone has to be opened
     */
    setMicrophoneEnabled(enabled: boolean, constraints?: MediaTrackConstraints): Promise<void>;
    /**
     * @param {boolean} enabled
     * @param {MediaTrackConstraints} [constraints] when the camera has to be opened
     */
    setCameraEnabled(enabled: boolean, constraints?: MediaTrackConstraints): Promise<void>;
    /** Call it from a click. @param {boolean} enabled */
    setScreenShareEnabled(enabled: boolean): Promise<void>;
    /**
     * Mutes or unmutes what is published.
     *
     * @param {TrackPublication<LocalTrack>} publication
     * @param {boolean} muted
     */
    setMuted(publication: TrackPublication<LocalTrack>, muted: boolean): Promise<void>;
    /** @param {{name?: string, metadata?: string, attributes?: Record<string, string>}} change */
    update(change: {
        name?: string;
        metadata?: string;
        attributes?: Record<string, string>;
    }): Promise<void>;
    /** @internal stops everything */
    stopAll(): void;
    #private;
}
/**
 * what the room does when something changes here
 */
export type LocalHooks = {
    published: (publication: TrackPublication<LocalTrack>) => void;
    unpublished: (publication: TrackPublication<LocalTrack>) => void;
    muted: (publication: TrackPublication<LocalTrack>) => void;
    failed: (error: unknown) => void;
};
import type { LocalTrack } from './local-track.js';
import { Participant } from './participant.js';
import type { Permissions } from './wire.js';
import { TrackPublication } from './publication.js';
import type { SignalClient } from './signaling.js';
import type { Mesh } from './mesh.js';
