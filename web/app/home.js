import { brand, h, icon, path, show } from './dom.js';
import { inventRoomName, toRoomName } from './names.js';

/** @import { ServerConfig } from './token.js' */

/** @param {string} room */
function go(room) {
  location.assign(path(`r/${encodeURIComponent(room)}`));
}

/** The front page: start a room, or go to one. @param {ServerConfig|null} config */
export function showHome(config) {
  document.title = 'turnout';
  const open = config?.development === true;
  show(
    h(
      'div',
      { class: 'home' },
      h('header', { class: 'home-top' }, brand()),
      h(
        'main',
        { class: 'home-main' },
        h('h1', {}, 'See who turns out.'),
        h('p', { class: 'lead' }, 'Open a room, send the link, talk. No account, nothing to install.'),
        open ? startForm() : invitationForm(),
        !config && h('p', { class: 'home-warning', role: 'alert' }, icon('warning'), 'The server does not answer at the moment.'),
      ),
      h('img', { class: 'home-tracks', src: path('app/tracks.svg'), alt: '' }),
      h(
        'footer',
        { class: 'home-foot' },
        h('span', {}, 'Calls go straight from browser to browser, encrypted, wherever the network allows.'),
        config && h('span', { class: 'version' }, `turnout ${config.version}`),
      ),
    ),
  );
}

/** @returns {HTMLElement} */
function startForm() {
  const input = h('input', {
    id: 'room',
    type: 'text',
    placeholder: 'Name a room, or take ours',
    autocomplete: 'off',
    spellcheck: false,
    maxLength: 80,
    'aria-label': 'Room name',
  });
  const suggestion = inventRoomName();
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    go(toRoomName(input.value) || suggestion);
  };
  const hint = h('p', { class: 'home-hint' });
  const explain = () => {
    const name = toRoomName(input.value);
    hint.replaceChildren(name ? 'Your room: ' : 'Without a name it will be ', h('b', {}, name || suggestion));
  };
  input.addEventListener('input', explain);
  explain();
  return h(
    'form',
    { class: 'home-form', onsubmit: submit },
    h('div', { class: 'home-field' }, input, h('button', { class: 'button primary', type: 'submit' }, h('span', {}, 'Open the room'), icon('arrow'))),
    hint,
  );
}

/** A server that wants tokens: only links work. @returns {HTMLElement} */
function invitationForm() {
  const input = h('input', { id: 'link', type: 'url', placeholder: 'Paste your invitation link', autocomplete: 'off', 'aria-label': 'Invitation link' });
  const problem = h('p', { class: 'home-hint', role: 'status' }, 'Rooms of this server are joined by invitation.');
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const at = URL.canParse(input.value.trim()) ? new URL(input.value.trim()) : null;
    if (at?.origin === location.origin && at.pathname.startsWith(path('r/'))) location.assign(at.href);
    else problem.textContent = 'That is not an invitation to a room of this server.';
  };
  return h(
    'form',
    { class: 'home-form', onsubmit: submit, noValidate: true },
    h('div', { class: 'home-field' }, input, h('button', { class: 'button primary', type: 'submit' }, h('span', {}, 'Go'), icon('arrow'))),
    problem,
  );
}
