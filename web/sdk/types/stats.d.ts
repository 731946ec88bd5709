/**
 * @param {string} sid
 * @param {string} identity
 * @param {PeerLink} link
 * @returns {Promise<PeerStats>}
 */
export function peerStats(sid: string, identity: string, link: PeerLink): Promise<PeerStats>;
/**
 * @param {string} state of the connection
 * @param {number} loss share of the packets
 * @param {number} rtt seconds
 * @returns {ConnectionQuality}
 */
export function gradeOf(state: string, loss: number, rtt: number): ConnectionQuality;
/** Grades each connection now and then by loss and round-trip time. */
export class QualityWatch {
    /** @param {Room} room @param {Environment} env */
    constructor(room: Room, env: Environment);
    start(): void;
    stop(): void;
    #private;
}
export type StreamStats = {
    kind: "audio" | "video";
    codec: string;
    /**
     * since the stream began
     */
    bytes: number;
    /**
     * bits per second since the last look, 0 at the first
     */
    bitrate: number;
    packets: number;
    /**
     * received: lost on the way here; sent: lost on the way there, as the peer reports
     */
    packetsLost: number;
    /**
     * received video
     */
    framesDecoded: number;
    /**
     * sent video
     */
    framesEncoded: number;
    width: number;
    height: number;
    /**
     * seconds
     */
    jitter: number;
};
export type PathStats = {
    /**
     * host, srflx, prflx or relay
     */
    localType: string;
    remoteType: string;
    /**
     * udp or tcp, between the browsers (or to the relay's outside)
     */
    protocol: string;
    /**
     * how the own relay is reached: udp, tcp or tls; '' without one
     */
    relayProtocol: string;
};
export type PeerStats = {
    sid: string;
    identity: string;
    /**
     * of the connection
     */
    state: string;
    /**
     * null while there is none
     */
    path: PathStats | null;
    /**
     * seconds
     */
    rtt: number | null;
    bytesSent: number;
    bytesReceived: number;
    inbound: StreamStats[];
    outbound: StreamStats[];
};
import type { PeerLink } from './peer.js';
import type { ConnectionQuality } from './participant.js';
import type { Room } from './room.js';
import type { Environment } from './env.js';
