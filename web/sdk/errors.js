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
  constructor(code, message, more = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'TurnoutError';
    /** @type {string} stable, for programs */
    this.code = code;
    /** @type {Record<string, any>} what the server said beside code and message */
    this.detail = more.detail ?? {};
  }
}

const SENTENCES = /** @type {Record<string, string>} */ ({
  'unauthorized': 'The token was not accepted.',
  'expired': 'The token or session has expired.',
  'forbidden': 'This room is not open to you.',
  'room-full': 'The room is full.',
  'rate-limited': 'Too many attempts; wait a moment.',
  'unavailable': 'The server cannot take the call now.',
});

/**
 * The error of a server's reply.
 *
 * @param {{code?: unknown, message?: unknown}} error
 * @returns {TurnoutError}
 */
export function errorFromServer(error) {
  const code = typeof error?.code === 'string' ? error.code : 'internal';
  const said = typeof error?.message === 'string' ? error.message : '';
  const { code: _code, message: _message, ...detail } = /** @type {Record<string, any>} */ (error ?? {});
  return new TurnoutError(code, SENTENCES[code] ?? (said || `The server refused (${code}).`), {
    detail: { ...detail, said },
  });
}

const DEVICE_ERRORS = /** @type {Record<string, [string, (what: string) => string]>} */ ({
  NotAllowedError: ['permission-denied', (what) => `The browser was not allowed to use the ${what}.`],
  SecurityError: ['permission-denied', (what) => `This page may not use the ${what}.`],
  NotFoundError: ['no-device', (what) => `No ${what} was found.`],
  OverconstrainedError: ['no-device', (what) => `No ${what} fits what was asked for.`],
  NotReadableError: ['device-busy', (what) => `The ${what} is in use by another program, or failed to start.`],
  AbortError: ['device-busy', (what) => `The ${what} could not be started.`],
});

/**
 * The error of a failed `getUserMedia` or `getDisplayMedia`.
 *
 * @param {unknown} cause
 * @param {'camera'|'microphone'|'screen'|'speaker'} what
 * @returns {TurnoutError}
 */
export function deviceError(cause, what) {
  if (cause instanceof TurnoutError) return cause;
  const name = cause instanceof Error || cause instanceof DOMException ? cause.name : '';
  const text = cause instanceof Error || cause instanceof DOMException ? cause.message : '';
  if (name === 'NotAllowedError' && /dismiss/i.test(text)) {
    return new TurnoutError('permission-dismissed', `The question about the ${what} was closed without an answer.`, {
      cause,
      detail: { device: what },
    });
  }
  const [code, sentence] = DEVICE_ERRORS[name] ?? ['device-failed', (/** @type {string} */ w) => `The ${w} failed.`];
  return new TurnoutError(code, sentence(what), { cause, detail: { device: what } });
}
