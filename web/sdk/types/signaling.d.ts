/**
 * One session with the signaling gateway: joins, answers requests by id, and after a lost WebSocket comes back and
 * resumes, so that the media connections never notice.
 *
 * @extends {Emitter<SignalEvents>}
 */
export class SignalClient extends Emitter<SignalEvents> {
    /**
     * @param {string} url of the gateway, see `signalUrl`
     * @param {SignalOptions} options
     */
    constructor(url: string, options: SignalOptions);
    get state(): SignalState;
    /** @returns {Promise<JoinReply>} the first join; failures that time can mend are tried again for a while */
    connect(): Promise<JoinReply>;
    /**
     * Sends a request. While the connection is away it waits and is sent after the resume.
     *
     * @param {string} method
     * @param {Record<string, any>} [params]
     * @param {{retry?: boolean, timeout?: number}} [options] retry: safe to send twice, so send it again when the
     *   connection drops before the reply
     * @returns {Promise<any>} the reply
     */
    request(method: string, params?: Record<string, any>, options?: {
        retry?: boolean;
        timeout?: number;
    }): Promise<any>;
    /** Leaves the room and closes. */
    leave(): void;
    /** Loses the socket as a broken network would. */
    dropForTest(): void;
    #private;
}
export type SignalState = "idle" | "connecting" | "connected" | "reconnecting" | "disconnected";
export type SignalEvents = {
    state: {
        state: SignalState;
        reason?: string;
        error?: TurnoutError;
    };
    /**
     * a new session; `again` when an older one was lost
     */
    joined: {
        reply: JoinReply;
        again: boolean;
    };
    /**
     * the same session, its missed events follow (or reply.snapshot says all)
     */
    resumed: {
        reply: JoinReply;
    };
    event: ServerEvent;
};
/**
 * a function is asked again for each new session
 */
export type TokenSource = string | (() => string | Promise<string>);
export type SignalOptions = {
    env: Environment;
    token: TokenSource;
    /**
     * what a join says beside the token
     */
    introduce?: (() => {
        name?: string;
        metadata?: string;
        attributes?: Record<string, string>;
        tracks?: TrackInfo[];
    }) | undefined;
    /**
     * ms for one attempt to open and join
     */
    joinTimeout?: number | undefined;
    /**
     * ms until the first connection is given up
     */
    connectTimeout?: number | undefined;
    /**
     * ms until a lost connection is given up
     */
    reconnectTimeout?: number | undefined;
    /**
     * ms
     */
    pingInterval?: number | undefined;
};
import { Emitter } from './emitter.js';
import type { JoinReply } from './wire.js';
import { TurnoutError } from './errors.js';
import type { ServerEvent } from './wire.js';
import type { Environment } from './env.js';
import type { TrackInfo } from './wire.js';
