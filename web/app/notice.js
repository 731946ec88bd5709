import { brand, h, icon, path, show } from './dom.js';

/**
 * A page that says one thing and what to do about it.
 *
 * @param {{symbol: string, title: string, text: (string|Node)[], actions?: HTMLElement[], tone?: 'calm'|'warning'}} options
 */
export function showNotice({ symbol, title, text, actions = [], tone = 'calm' }) {
  document.title = `${title} · turnout`;
  const heading = h('h1', { tabIndex: -1 }, title);
  show(
    h(
      'main',
      { class: 'notice' },
      brand(),
      h(
        'section',
        { class: 'card notice-card' },
        h('div', { class: `notice-symbol ${tone}` }, icon(symbol)),
        heading,
        text.map((line) => h('p', {}, line)),
        actions.length > 0 && h('div', { class: 'notice-actions' }, actions),
      ),
    ),
  );
  heading.focus({ preventScroll: true });
}

/** @returns {HTMLElement} */
export function homeLink() {
  return h('a', { class: 'button quiet', href: path('./') }, 'To the front page');
}

/** @param {string} room */
export function showTokenNeeded(room) {
  showNotice({
    symbol: 'ticket',
    title: 'This room needs an invitation',
    text: [
      `“${room}” can be joined only with the full link you were sent: it carries a token, your ticket for this call.`,
      'Open that link again, or ask whoever invited you for a new one.',
    ],
    actions: [homeLink()],
  });
}

const ENDINGS = /** @type {Record<string, {symbol: string, title: string, text: string[], again?: boolean}>} */ ({
  'left': { symbol: 'check', title: 'You left the room', text: ['Your camera and microphone are off.'], again: true },
  'kicked': { symbol: 'leave', title: 'You were taken out of the room', text: ['A moderator ended your part in this call.'] },
  'room-closed': { symbol: 'leave', title: 'The room was closed', text: ['The call is over for everybody.'] },
  'duplicate-identity': {
    symbol: 'people',
    title: 'You joined from somewhere else',
    text: ['The same invitation was opened in another tab or on another device, and the call moved there.'],
    again: true,
  },
  'room-full': { symbol: 'people', title: 'The room is full', text: ['Try again when somebody has left.'], again: true },
  'unauthorized': { symbol: 'ticket', title: 'This invitation does not work', text: ['Ask whoever invited you for a new link.'] },
  'expired': { symbol: 'ticket', title: 'This invitation has expired', text: ['Ask whoever invited you for a new link.'] },
  'forbidden': { symbol: 'lock', title: 'This room is not open to you', text: ['The link may be for another room. Ask whoever invited you.'] },
  'rate-limited': { symbol: 'away', title: 'Too many attempts', text: ['Wait a minute, then try again.'], again: true },
});

/**
 * The page after a call, or after a join that failed.
 *
 * @param {string} reason
 * @param {string} room
 * @param {string} [detail]
 */
export function showEnding(reason, room, detail) {
  const known = ENDINGS[reason] ?? {
    symbol: 'warning',
    title: 'The connection was lost',
    text: [detail || 'The server could not be reached for a while. Check your network and try again.'],
    again: true,
  };
  const again = h('a', { class: 'button primary', href: path(`r/${encodeURIComponent(room)}`) }, reason === 'left' ? 'Join again' : 'Try again');
  showNotice({
    symbol: known.symbol,
    title: known.title,
    text: known.text,
    tone: reason === 'left' ? 'calm' : 'warning',
    actions: known.again ? [again, homeLink()] : [homeLink()],
  });
}
