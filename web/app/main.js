import { showCall } from './call.js';
import { BASE } from './dom.js';
import { showHome } from './home.js';
import { showEnding, showTokenNeeded } from './notice.js';
import { showPrejoin } from './prejoin.js';
import { Studio } from './studio.js';
import { mintToken, readConfig, tokenFromLink } from './token.js';

/** @returns {string|null} the room the address names */
function roomOfAddress() {
  const rest = location.pathname.slice(BASE.pathname.length);
  const match = /^r\/([^/]+)\/?$/.exec(rest);
  if (!match) return null;
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return null;
  }
}

/** @param {string} room */
async function visit(room) {
  const fromLink = tokenFromLink(room);
  const config = await readConfig();
  if (!fromLink && config && !config.development) {
    showTokenNeeded(room);
    return;
  }
  const studio = new Studio();
  const joined = await showPrejoin(room, studio, (name, prepare) => ({
    token: fromLink ?? (() => mintToken(room, name)),
    name,
    tracks: studio.tracks,
    prepare,
    ...forcedTransport(),
  }));
  const { reason, detail } = await showCall(room, joined, studio);
  studio.close();
  showEnding(reason, room, detail);
}

/** `?transport=relay` sends media only through the relay: to try a TURN server out. */
function forcedTransport() {
  const relay = new URLSearchParams(location.search).get('transport') === 'relay';
  return relay ? { iceTransportPolicy: /** @type {const} */ ('relay') } : {};
}

const room = roomOfAddress();
if (room) await visit(room);
else showHome(await readConfig());
