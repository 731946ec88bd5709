/**
 * The requests of a session: numbered, timed, matched to their replies, and kept in order over a lost connection.
 */
export class RequestTable {
    /**
     * @param {Environment} env
     * @param {(text: string) => void} send
     */
    constructor(env: Environment, send: (text: string) => void);
    /**
     * @param {string} method
     * @param {Record<string, any>} params
     * @param {{retry?: boolean, timeout?: number}} options
     * @returns {Promise<any>}
     */
    add(method: string, params: Record<string, any>, { retry, timeout }: {
        retry?: boolean;
        timeout?: number;
    }): Promise<any>;
    /**
     * Sends past the queue: the join, before anything else may be sent.
     *
     * @param {string} method
     * @param {Record<string, any>} params
     * @returns {Promise<any>}
     */
    sendNow(method: string, params: Record<string, any>): Promise<any>;
    /**
     * Joined: sends what waited. On a new session the old one's leftovers make no sense.
     *
     * @param {boolean} resumed
     */
    open(resumed: boolean): void;
    /**
     * The connection is lost: what may be sent twice waits (before what was never sent), the rest fails.
     *
     * @param {boolean} forget the session is lost as well: nothing of it is sent again
     */
    interrupt(forget: boolean): void;
    /** The call is over. */
    close(): void;
    /**
     * @param {Record<string, any>} message with an id
     * @param {(error: any) => TurnoutError} toError
     */
    reply(message: Record<string, any>, toError: (error: any) => TurnoutError): void;
    #private;
}
export type Pending = {
    /**
     * 0 while unsent
     */
    id: number;
    method: string;
    params: Record<string, any>;
    retry: boolean;
    /**
     * ms
     */
    timeout: number;
    timer: any;
    resolve: (reply: any) => void;
    reject: (error: TurnoutError) => void;
};
import { TurnoutError } from './errors.js';
import type { Environment } from './env.js';
