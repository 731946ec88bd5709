/**
 * The error of a server's reply.
 *
 * @param {{code?: unknown, message?: unknown}} error
 * @returns {TurnoutError}
 */
export function errorFromServer(error: {
    code?: unknown;
    message?: unknown;
}): TurnoutError;
/**
 * The error of a failed `getUserMedia` or `getDisplayMedia`.
 *
 * @param {unknown} cause
 * @param {'camera'|'microphone'|'screen'|'speaker'} what
 * @returns {TurnoutError}
 */
export function deviceError(cause: unknown, what: "camera" | "microphone" | "screen" | "speaker"): TurnoutError;
/**
 * Every error the SDK throws or reports. `code` is for programs and stays stable, `message` is a sentence for people.
 *
 * From the server: bad-request, unauthorized, expired, forbidden, not-found, conflict, room-full, rate-limited,
 * too-large, unsupported, unavailable, internal. From the connection: connection-lost, timeout, interrupted, closed.
 * From devices: permission-denied, permission-dismissed, no-device, device-busy, insecure-context, device-failed.
 */
export class TurnoutError extends Error {
    /**
     * @param {string} code
     * @param {string} message
     * @param {{cause?: unknown, detail?: Record<string, any>}} [more]
     */
    constructor(code: string, message: string, more?: {
        cause?: unknown;
        detail?: Record<string, any>;
    });
    /** @type {string} stable, for programs */
    code: string;
    /** @type {Record<string, any>} what the server said beside code and message */
    detail: Record<string, any>;
}
