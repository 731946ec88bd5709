/**
 * All peer connections of a room in mesh mode.
 *
 * @extends {Emitter<MeshEvents>}
 */
export class Mesh extends Emitter<MeshEvents> {
    /** @param {MeshOptions} options */
    constructor(options: MeshOptions);
    /** @param {number} generation of the room's mode; messages of another one are refused by the server */
    setGeneration(generation: number): void;
    /**
     * @param {RTCIceServer[]} servers
     * @param {number} ttl seconds until their credentials expire
     */
    setIceServers(servers: RTCIceServer[], ttl: number): void;
    /**
     * @param {{sid: string, joinOrder: number, away: boolean}} participant
     * @param {number} selfOrder
     */
    addPeer({ sid, joinOrder, away }: {
        sid: string;
        joinOrder: number;
        away: boolean;
    }, selfOrder: number): void;
    /** @param {string} sid */
    removePeer(sid: string): void;
    /** @param {string} sid @param {boolean} away its WebSocket is down; the media usually goes on */
    setAway(sid: string, away: boolean): void;
    /** A peer event of the server. @param {Record<string, any>} event */
    receive({ from, msg, type, data }: Record<string, any>): void;
    /** @param {Published} published @returns {string} the slot's name */
    publish(published: Published): string;
    /** @param {string} slot */
    unpublish(slot: string): void;
    /** @param {string} slot @param {MediaStreamTrack|null} track */
    replaceTrack(slot: string, track: MediaStreamTrack | null): Promise<void>;
    /** @returns {Map<string, PeerLink>} by sid */
    links(): Map<string, PeerLink>;
    /** Closes the connections; what is published stays known for the next session. */
    removeAll(): void;
    close(): void;
    #private;
}
export type MeshEvents = {
    state: {
        sid: string;
        state: PeerState;
    };
    /**
     * everything that peer sends now
     */
    media: {
        sid: string;
        media: RemoteMedia[];
    };
    error: {
        sid: string;
        error: unknown;
    };
};
export type Published = {
    id: string;
    kind: TrackKind;
    source: TrackSource;
    track: MediaStreamTrack | null;
};
export type MeshOptions = {
    env: Environment;
    signal: SignalClient;
    /**
     * beside the ICE servers
     */
    rtcConfig: RTCConfiguration;
};
export type Peer = {
    link: PeerLink;
    outbox: Outbox;
    inbox: Inbox;
    away: boolean;
};
import { Emitter } from './emitter.js';
import { PeerLink } from './peer.js';
import type { PeerState } from './peer.js';
import type { RemoteMedia } from './slots.js';
import type { TrackKind } from './wire.js';
import type { TrackSource } from './wire.js';
import type { Environment } from './env.js';
import type { SignalClient } from './signaling.js';
import { Outbox } from './outbox.js';
import { Inbox } from './outbox.js';
