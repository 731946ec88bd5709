import { BASE } from './dom.js';

/**
 * @typedef {object} ServerConfig
 * @property {boolean} development whether the page may make its own tokens
 * @property {string} version
 */

/** @returns {Promise<ServerConfig|null>} null when the server does not answer */
export async function readConfig() {
  try {
    const reply = await fetch(new URL('v1/config', BASE), { cache: 'no-store' });
    return reply.ok ? await reply.json() : null;
  } catch {
    return null;
  }
}

/**
 * The token a link brought along. It is taken out of the address bar, so that a copied address does not give it away,
 * and kept for reloads of this tab.
 *
 * @param {string} room
 * @returns {string|null}
 */
export function tokenFromLink(room) {
  const at = new URL(location.href);
  const fragment = new URLSearchParams(at.hash.slice(1));
  const given = fragment.get('token') ?? at.searchParams.get('token');
  const key = `turnout.token.${room}`;
  if (given) {
    at.searchParams.delete('token');
    fragment.delete('token');
    at.hash = fragment.toString();
    history.replaceState(null, '', at);
    try {
      sessionStorage.setItem(key, given);
    } catch {
      // A reload will ask for the link again.
    }
    return given;
  }
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @type {string|undefined} who the server said we are; a later token is for the same */
let identity;

/**
 * Development servers only.
 *
 * @param {string} room
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function mintToken(room, name) {
  const reply = await fetch(new URL('v1/dev/token', BASE), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ room, ...(identity && { identity }), ...(name && { name }) }),
  });
  if (!reply.ok) throw new Error(`no token (${reply.status})`);
  const minted = await reply.json();
  identity = minted.identity;
  return minted.token;
}
