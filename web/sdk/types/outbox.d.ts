/**
 * Messages to one peer, numbered and kept until that peer (not just the server) has acknowledged them: the server
 * holds a bounded number for a peer that is away, so a letter can be lost although it was accepted.
 */
export class Outbox {
    /**
     * @param {Environment} env
     * @param {(letter: Letter) => void} post hands a letter to the server
     * @param {() => boolean} mayResend false while the server or the peer is away
     */
    constructor(env: Environment, post: (letter: Letter) => void, mayResend: () => boolean);
    /** @returns {number} letters not acknowledged yet */
    get size(): number;
    /**
     * @param {string} type
     * @param {any} data
     */
    send(type: string, data: any): void;
    /** @param {unknown} msg the peer has every letter up to this one */
    acknowledge(msg: unknown): void;
    /** Forgets what a newer connection has made pointless, keeping its place in the numbering. */
    drop(): void;
    #private;
}
/** The other end: each letter is taken once and in order, whatever is sent twice. */
export class Inbox {
    /**
     * @param {unknown} msg
     * @returns {boolean} whether this letter is new; a gap (letters dropped by their sender) is passed over
     */
    take(msg: unknown): boolean;
    /** @returns {number} the letter to acknowledge */
    get last(): number;
    #private;
}
export type Letter = {
    msg: number;
    type: string;
    data: any;
};
import type { Environment } from './env.js';
