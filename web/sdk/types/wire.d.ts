/**
 * Turns the address of a turnout server into that of its signaling gateway. A path is kept, so that a server
 * behind a proxy's path works.
 *
 * @param {string} url https://…, wss://…, or relative to the page
 * @param {string} [base] what a relative address is relative to
 * @returns {string}
 */
export function signalUrl(url: string, base?: string): string;
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 *
 * @typedef {'audio'|'video'} TrackKind
 * @typedef {'camera'|'microphone'|'screen'|'screen-audio'} TrackSource
 *
 * @typedef {object} TrackInfo
 * @property {string} id chosen by the publisher, unique per participant
 * @property {TrackKind} kind
 * @property {TrackSource} source
 * @property {boolean} muted
 * @property {string} [name]
 * @property {number} [width]
 * @property {number} [height]
 *
 * @typedef {object} Permissions
 * @property {boolean} [canPublish]
 * @property {boolean} [canSubscribe]
 * @property {boolean} [canPublishData]
 * @property {TrackSource[]} [canPublishSources] absent or empty: every source
 * @property {boolean} [canUpdateOwnMetadata]
 * @property {boolean} [hidden]
 *
 * @typedef {object} ParticipantInfo
 * @property {string} sid
 * @property {string} identity
 * @property {string} [name]
 * @property {string} [metadata]
 * @property {Record<string, string>} [attributes]
 * @property {number} [joinedAt] milliseconds since 1970
 * @property {number} joinOrder
 * @property {'active'|'away'} [state]
 * @property {TrackInfo[]} [tracks]
 * @property {boolean} [canSubscribe] false: gets no media, so there is no connection to it
 * @property {Permissions} [permissions] only on oneself
 *
 * @typedef {object} RoomInfo
 * @property {string} name
 * @property {string} [sid]
 * @property {string} [mode]
 * @property {number} [generation]
 * @property {string} [metadata]
 * @property {number} [maxParticipants]
 *
 * @typedef {object} JoinReply
 * @property {string} session
 * @property {string} resumeKey
 * @property {number} resumeTimeout seconds
 * @property {boolean} resumed
 * @property {boolean} [snapshot] whether participants is the whole list (else the missed events follow)
 * @property {number} seq
 * @property {ParticipantInfo} self
 * @property {RoomInfo} room
 * @property {ParticipantInfo[]} [participants]
 * @property {RTCIceServer[]} iceServers
 * @property {number} iceTtl seconds
 * @property {{version?: string, node?: string}} [server]
 *
 * @typedef {{event: string, seq?: number} & Record<string, any>} ServerEvent
 *
 * @typedef {object} ChatMessage
 * @property {string} id
 * @property {string} from sid of the sender
 * @property {string} text
 * @property {number} time milliseconds since 1970
 * @property {string[]} [to] sids, when it was not for everybody
 */
export const PROTOCOL: "turnout.v1";
export const CLIENT: "turnout-js/0.1.0";
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type TrackKind = "audio" | "video";
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type TrackSource = "camera" | "microphone" | "screen" | "screen-audio";
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type TrackInfo = {
    /**
     * chosen by the publisher, unique per participant
     */
    id: string;
    kind: TrackKind;
    source: TrackSource;
    muted: boolean;
    name?: string | undefined;
    width?: number | undefined;
    height?: number | undefined;
};
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type Permissions = {
    canPublish?: boolean | undefined;
    canSubscribe?: boolean | undefined;
    canPublishData?: boolean | undefined;
    /**
     * absent or empty: every source
     */
    canPublishSources?: TrackSource[] | undefined;
    canUpdateOwnMetadata?: boolean | undefined;
    hidden?: boolean | undefined;
};
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type ParticipantInfo = {
    sid: string;
    identity: string;
    name?: string | undefined;
    metadata?: string | undefined;
    attributes?: Record<string, string> | undefined;
    /**
     * milliseconds since 1970
     */
    joinedAt?: number | undefined;
    joinOrder: number;
    state?: "active" | "away" | undefined;
    tracks?: TrackInfo[] | undefined;
    /**
     * false: gets no media, so there is no connection to it
     */
    canSubscribe?: boolean | undefined;
    /**
     * only on oneself
     */
    permissions?: Permissions | undefined;
};
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type RoomInfo = {
    name: string;
    sid?: string | undefined;
    mode?: string | undefined;
    generation?: number | undefined;
    metadata?: string | undefined;
    maxParticipants?: number | undefined;
};
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type JoinReply = {
    session: string;
    resumeKey: string;
    /**
     * seconds
     */
    resumeTimeout: number;
    resumed: boolean;
    /**
     * whether participants is the whole list (else the missed events follow)
     */
    snapshot?: boolean | undefined;
    seq: number;
    self: ParticipantInfo;
    room: RoomInfo;
    participants?: ParticipantInfo[] | undefined;
    iceServers: RTCIceServer[];
    /**
     * seconds
     */
    iceTtl: number;
    server?: {
        version?: string;
        node?: string;
    } | undefined;
};
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type ServerEvent = {
    event: string;
    seq?: number;
} & Record<string, any>;
/**
 * The shapes of turnout.v1, as turnout-protocol(7) describes them.
 */
export type ChatMessage = {
    id: string;
    /**
     * sid of the sender
     */
    from: string;
    text: string;
    /**
     * milliseconds since 1970
     */
    time: number;
    /**
     * sids, when it was not for everybody
     */
    to?: string[] | undefined;
};
