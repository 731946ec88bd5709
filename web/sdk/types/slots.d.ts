/**
 * The transceivers of one RTCPeerConnection by name: one per (kind, source), used in both directions, so that a
 * track that is muted, replaced or published again finds its m-line.
 */
export class SlotTable {
    /** Forgets the transceivers of a closed connection, not what is sent. */
    clear(): void;
    /** @param {string} name @param {LocalMedia|null} media */
    setLocal(name: string, media: LocalMedia | null): void;
    /** @param {string} name @returns {RTCRtpTransceiver|undefined} */
    transceiver(name: string): RTCRtpTransceiver | undefined;
    /** @param {string} name @param {MediaStreamTrack|null} track */
    replaceTrack(name: string, track: MediaStreamTrack | null): Promise<void>;
    /** Makes the slots of a first offer. @param {RTCPeerConnection} pc */
    open(pc: RTCPeerConnection): void;
    /** Brings the transceivers in line with what is to be sent; the browser asks for a negotiation if one is needed. @param {RTCPeerConnection} pc */
    attach(pc: RTCPeerConnection): void;
    /** @param {unknown} map as the peer sent it */
    setRemote(map: unknown): void;
    /**
     * After a remote offer: its m-lines become this side's slots of the same name, so that both directions share one.
     * Transceivers of an own offer that was rolled back give their place up.
     *
     * @param {RTCPeerConnection} pc
     */
    adopt(pc: RTCPeerConnection): Promise<void>;
    /** @returns {MediaMap} what this side's m-lines carry */
    localMap(): MediaMap;
    /** @param {RTCPeerConnection} pc @returns {RemoteMedia[]} */
    remoteMedia(pc: RTCPeerConnection): RemoteMedia[];
    /** Tells the encoders their caps. */
    applyLimits(): void;
    /** @param {string} name @param {number} maxBitrate */
    setLimit(name: string, maxBitrate: number): void;
    #private;
}
/**
 * What one side sends in a slot.
 */
export type LocalMedia = {
    /**
     * the publication's
     */
    id: string;
    kind: TrackKind;
    /**
     * null while muted with the device off
     */
    track: MediaStreamTrack | null;
    /**
     * bits per second
     *
     * What an m-line carries, as its sender tells with each description: mid -> slot and publication (null: nothing).
     */
    maxBitrate?: number | undefined;
};
/**
 * What one side sends in a slot.
 */
export type MediaMap = Record<string, {
    slot: string;
    kind: TrackKind;
    track: string | null;
}>;
/**
 * What one side sends in a slot.
 */
export type RemoteMedia = {
    /**
     * the publication's
     */
    id: string;
    track: MediaStreamTrack;
    receiver: RTCRtpReceiver;
};
/**
 * What one side sends in a slot.
 */
export type Slot = {
    kind: TrackKind;
    transceiver: RTCRtpTransceiver;
    /**
     * what its sender was told last to send; it follows in its own time
     */
    track: MediaStreamTrack | null;
};
import type { TrackKind } from './wire.js';
