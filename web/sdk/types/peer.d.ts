/**
 * The connection to one other participant: perfect negotiation over the peer messages of the gateway.
 * https://www.w3.org/TR/webrtc/#perfect-negotiation-example
 *
 * Every RTCPeerConnection between the two has a number, sent with each message. A failed one is replaced under the
 * next number; whoever reads a higher number follows.
 *
 * @extends {Emitter<PeerEvents>}
 */
export class PeerLink extends Emitter<PeerEvents> {
    /** @param {PeerOptions} options */
    constructor(options: PeerOptions);
    get state(): PeerState;
    /** @returns {RTCPeerConnection|null} */
    get connection(): RTCPeerConnection | null;
    /** @returns {SlotTable} which transceiver carries what */
    get slots(): SlotTable;
    /** The polite side builds and offers; the other waits for that offer, but not forever. */
    start(): void;
    /**
     * What is sent to the peer under a slot's name; null stops sending.
     *
     * @param {string} slot
     * @param {LocalMedia|null} media
     */
    setLocal(slot: string, media: LocalMedia | null): void;
    /** Same slot, other track (device change, mute): no negotiation. @param {string} slot @param {MediaStreamTrack|null} track */
    replaceTrack(slot: string, track: MediaStreamTrack | null): Promise<void>;
    /** @param {RTCConfiguration} config with fresh credentials, used from the next ICE restart on */
    setConfiguration(config: RTCConfiguration): void;
    /**
     * A message of the peer. They are handled one after the other, in the order they came.
     *
     * @param {string} type
     * @param {any} data
     */
    receive(type: string, data: any): Promise<void>;
    close(): void;
    #private;
}
/**
 * interrupted: was connected, is mending
 */
export type PeerState = "new" | "connecting" | "connected" | "interrupted" | "closed";
export type PeerEvents = {
    state: PeerState;
    /**
     * everything the peer sends now
     */
    media: RemoteMedia[];
    error: unknown;
};
export type PeerOptions = {
    env: Environment;
    config: RTCConfiguration;
    /**
     * the later joiner: offers first and gives way when offers cross
     */
    polite: boolean;
    send: (type: "offer" | "answer" | "candidate" | "media", data: any) => void;
    /**
     * whether messages reach the peer now: the server and the peer are there
     */
    reachable: () => boolean;
};
import { Emitter } from './emitter.js';
import { SlotTable } from './slots.js';
import type { LocalMedia } from './slots.js';
import type { RemoteMedia } from './slots.js';
import type { Environment } from './env.js';
