/** @import { Environment } from './env.js' */
/** @import { TurnoutError } from './errors.js' */
/** @import { LocalTrack } from './local-track.js' */
/** @import { Participant, RemoteParticipant } from './participant.js' */
/** @import { TrackPublication } from './publication.js' */
/** @import { TokenSource } from './signaling.js' */
/** @import { PeerStats } from './stats.js' */
/** @import { RemoteTrack } from './track.js' */
/** @import { ChatMessage, JoinReply, RoomInfo, ServerEvent } from './wire.js' */
/**
 * @typedef {'connecting'|'connected'|'reconnecting'|'disconnected'} RoomState
 *
 * @typedef {object} RoomOptions
 * @property {string} [name] how others see this participant (the token may forbid it)
 * @property {string} [metadata]
 * @property {Record<string, string>} [attributes]
 * @property {LocalTrack[]} [tracks] published with the join, without another round trip
 * @property {RTCConfiguration} [rtcConfig] beside the ICE servers, which the server gives
 * @property {RTCIceTransportPolicy} [iceTransportPolicy] 'relay' sends media only through TURN
 * @property {(room: Room) => void} [prepare] called before anything happens, for listeners that want every event
 * @property {boolean} [detectSpeakers] default true
 * @property {number} [connectTimeout] ms until connect() gives up (20 s)
 * @property {number} [reconnectTimeout] ms until a lost connection is given up (5 min)
 *
 * @typedef {object} RoomEvents
 * @property {{state: RoomState, reason?: string, error?: TurnoutError}} stateChanged
 * @property {{reason: string}} reconnecting the server is away; media goes on between the participants
 * @property {{resumed: boolean}} reconnected resumed: nothing was missed; else a new session was begun
 * @property {{reason: string, error?: TurnoutError}} disconnected for good
 * @property {{participant: RemoteParticipant}} participantJoined
 * @property {{participant: RemoteParticipant, reason: string}} participantLeft
 * @property {{participant: Participant}} participantUpdated
 * @property {{publication: TrackPublication<RemoteTrack>, participant: RemoteParticipant}} trackPublished
 * @property {{publication: TrackPublication<RemoteTrack>, participant: RemoteParticipant}} trackUnpublished
 * @property {{publication: TrackPublication, participant: Participant}} trackMuted
 * @property {{publication: TrackPublication, participant: Participant}} trackUnmuted
 * @property {{track: RemoteTrack, publication: TrackPublication<RemoteTrack>, participant: RemoteParticipant}} trackSubscribed
 * @property {{track: RemoteTrack, publication: TrackPublication<RemoteTrack>, participant: RemoteParticipant}} trackUnsubscribed
 * @property {{publication: TrackPublication<LocalTrack>}} localTrackPublished
 * @property {{publication: TrackPublication<LocalTrack>}} localTrackUnpublished
 * @property {{speakers: Participant[]}} activeSpeakersChanged loudest first
 * @property {{participant: RemoteParticipant}} connectionChanged connectionState or quality
 * @property {{message: ChatMessage, participant: Participant|null}} chat
 * @property {{room: RoomInfo}} roomUpdated
 * @property {{}} audioPlaybackBlocked the browser wants a click first: offer one that calls startAudio()
 * @property {{}} audioPlaybackStarted
 * @property {{error: unknown}} error something failed that the room itself survives
 */
/**
 * A call. `connect()` makes one.
 *
 * @extends {Emitter<RoomEvents>}
 */
export class Room extends Emitter<RoomEvents> {
    /**
     * @internal use `connect()`
     * @param {string} url of the signaling gateway
     * @param {TokenSource} token
     * @param {RoomOptions} options
     * @param {Environment} env
     */
    constructor(url: string, token: TokenSource, options: RoomOptions, env: Environment);
    /** @returns {RoomState} */
    get state(): RoomState;
    /** @returns {string} */
    get name(): string;
    /** @returns {RoomInfo} */
    get info(): RoomInfo;
    /** @returns {{version?: string, node?: string}} */
    get server(): {
        version?: string;
        node?: string;
    };
    /** @returns {LocalParticipant} */
    get localParticipant(): LocalParticipant;
    /** @returns {ReadonlyMap<string, RemoteParticipant>} by sid */
    get participants(): ReadonlyMap<string, RemoteParticipant>;
    /** @returns {boolean} whether sound waits for startAudio() */
    get audioBlocked(): boolean;
    /** Lets sound play where the browser wanted a click first. Call it from one. */
    startAudio(): Promise<boolean>;
    /** @param {string} deviceId where everybody is heard; '' for the system's default */
    setAudioOutput(deviceId: string): Promise<void>;
    /**
     * Sends a message to everybody, or only to some.
     *
     * @param {string} text 1 to 4000 characters
     * @param {{to?: RemoteParticipant[]}} [options]
     * @returns {Promise<ChatMessage>} as the others get it
     */
    sendChat(text: string, { to }?: {
        to?: RemoteParticipant[];
    }): Promise<ChatMessage>;
    /** @returns {Promise<PeerStats[]>} how the media flows, one entry per connection */
    getStats(): Promise<PeerStats[]>;
    /** @returns {Map<string, RTCPeerConnection|null>} the connections themselves by sid, for diagnosis */
    get peerConnections(): Map<string, RTCPeerConnection | null>;
    /**
     * Leaves the room.
     *
     * @param {{stopTracks?: boolean}} [options] default: the devices are let go
     */
    disconnect({ stopTracks }?: {
        stopTracks?: boolean;
    }): void;
    /** @internal */
    open(): Promise<void>;
    /** Drops the connection to the server as a broken network would, to see the resume work. */
    simulateConnectionLoss(): void;
    #private;
}
export type RoomState = "connecting" | "connected" | "reconnecting" | "disconnected";
export type RoomOptions = {
    /**
     * how others see this participant (the token may forbid it)
     */
    name?: string | undefined;
    metadata?: string | undefined;
    attributes?: Record<string, string> | undefined;
    /**
     * published with the join, without another round trip
     */
    tracks?: LocalTrack[] | undefined;
    /**
     * beside the ICE servers, which the server gives
     */
    rtcConfig?: RTCConfiguration | undefined;
    /**
     * 'relay' sends media only through TURN
     */
    iceTransportPolicy?: RTCIceTransportPolicy | undefined;
    /**
     * called before anything happens, for listeners that want every event
     */
    prepare?: ((room: Room) => void) | undefined;
    /**
     * default true
     */
    detectSpeakers?: boolean | undefined;
    /**
     * ms until connect() gives up (20 s)
     */
    connectTimeout?: number | undefined;
    /**
     * ms until a lost connection is given up (5 min)
     */
    reconnectTimeout?: number | undefined;
};
export type RoomEvents = {
    stateChanged: {
        state: RoomState;
        reason?: string;
        error?: TurnoutError;
    };
    /**
     * the server is away; media goes on between the participants
     */
    reconnecting: {
        reason: string;
    };
    /**
     * resumed: nothing was missed; else a new session was begun
     */
    reconnected: {
        resumed: boolean;
    };
    /**
     * for good
     */
    disconnected: {
        reason: string;
        error?: TurnoutError;
    };
    participantJoined: {
        participant: RemoteParticipant;
    };
    participantLeft: {
        participant: RemoteParticipant;
        reason: string;
    };
    participantUpdated: {
        participant: Participant;
    };
    trackPublished: {
        publication: TrackPublication<RemoteTrack>;
        participant: RemoteParticipant;
    };
    trackUnpublished: {
        publication: TrackPublication<RemoteTrack>;
        participant: RemoteParticipant;
    };
    trackMuted: {
        publication: TrackPublication;
        participant: Participant;
    };
    trackUnmuted: {
        publication: TrackPublication;
        participant: Participant;
    };
    trackSubscribed: {
        track: RemoteTrack;
        publication: TrackPublication<RemoteTrack>;
        participant: RemoteParticipant;
    };
    trackUnsubscribed: {
        track: RemoteTrack;
        publication: TrackPublication<RemoteTrack>;
        participant: RemoteParticipant;
    };
    localTrackPublished: {
        publication: TrackPublication<LocalTrack>;
    };
    localTrackUnpublished: {
        publication: TrackPublication<LocalTrack>;
    };
    /**
     * loudest first
     */
    activeSpeakersChanged: {
        speakers: Participant[];
    };
    /**
     * connectionState or quality
     */
    connectionChanged: {
        participant: RemoteParticipant;
    };
    chat: {
        message: ChatMessage;
        participant: Participant | null;
    };
    roomUpdated: {
        room: RoomInfo;
    };
    /**
     * the browser wants a click first: offer one that calls startAudio()
     */
    audioPlaybackBlocked: {};
    audioPlaybackStarted: {};
    /**
     * something failed that the room itself survives
     */
    error: {
        error: unknown;
    };
};
import { Emitter } from './emitter.js';
import type { RoomInfo } from './wire.js';
import { LocalParticipant } from './local-participant.js';
import type { RemoteParticipant } from './participant.js';
import type { ChatMessage } from './wire.js';
import type { PeerStats } from './stats.js';
import type { TokenSource } from './signaling.js';
import type { Environment } from './env.js';
import type { LocalTrack } from './local-track.js';
import type { TurnoutError } from './errors.js';
import type { Participant } from './participant.js';
import type { RemoteTrack } from './track.js';
import type { TrackPublication } from './publication.js';
