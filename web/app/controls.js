import { h, icon, setIcon } from './dom.js';

/** @import { Studio } from './studio.js' */

/**
 * @typedef {object} ControlActions
 * @property {() => void} microphone
 * @property {() => void} camera
 * @property {() => void} screen
 * @property {() => void} devices
 * @property {() => void} chat
 * @property {() => void} share
 * @property {() => void} leave
 */

/** The bar under the call. */
export class Controls {
  #studio;
  /** @type {Record<string, HTMLButtonElement>} */
  #buttons = {};
  #badge = h('span', { class: 'badge', hidden: true });

  /** @param {Studio} studio @param {ControlActions} actions */
  constructor(studio, actions) {
    this.#studio = studio;
    const canShare = typeof navigator.mediaDevices?.getDisplayMedia === 'function';
    this.element = h(
      'div',
      { class: 'controls', role: 'toolbar', 'aria-label': 'Call' },
      h('div', { class: 'controls-group side' }, this.#button('share', 'link', 'Copy the room’s link', actions.share)),
      h(
        'div',
        { class: 'controls-group' },
        this.#button('microphone', 'mic', '', actions.microphone),
        this.#button('camera', 'camera', '', actions.camera),
        canShare && this.#button('screen', 'screen', 'Share your screen', actions.screen),
        this.#button('devices', 'settings', 'Devices', actions.devices),
        this.#button('leave', 'leave', 'Leave', actions.leave),
      ),
      h('div', { class: 'controls-group side' }, this.#button('chat', 'chat', 'Chat (C)', actions.chat)),
    );
    this.#buttons.chat.append(this.#badge);
    this.#buttons.leave.classList.add('danger');
    this.update();
  }

  /** Shows what is on. */
  update() {
    this.#updateInput('microphone', 'mic', 'M');
    this.#updateInput('camera', 'camera', 'V');
  }

  /** @param {boolean} sharing */
  setSharing(sharing) {
    const button = this.#buttons.screen;
    if (!button) return;
    button.classList.toggle('active', sharing);
    setIcon(button.children[0], sharing ? 'screen-off' : 'screen');
    label(button, sharing ? 'Stop sharing your screen' : 'Share your screen');
  }

  /** @param {'chat'|'devices'|null} open which panel */
  setPanel(open) {
    for (const name of ['chat', 'devices']) {
      this.#buttons[name].classList.toggle('active', open === name);
      this.#buttons[name].setAttribute('aria-expanded', String(open === name));
    }
  }

  /** @param {number} count of messages not read yet */
  setUnread(count) {
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > 9 ? '9+' : String(count);
    label(this.#buttons.chat, count > 0 ? `Chat (C), ${count} new` : 'Chat (C)');
  }

  /** @param {'chat'|'devices'} name */
  focus(name) {
    this.#buttons[name].focus();
  }

  /** @param {string} name @param {string} symbol @param {string} text @param {() => void} onclick */
  #button(name, symbol, text, onclick) {
    const button = h('button', { class: `round control-${name}`, type: 'button', onclick }, icon(symbol));
    if (text) label(button, text);
    this.#buttons[name] = button;
    return button;
  }

  /** @param {'microphone'|'camera'} kind @param {string} symbol @param {string} key */
  #updateInput(kind, symbol, key) {
    const button = this.#buttons[kind];
    const on = this.#studio.isOn(kind);
    button.classList.toggle('off', !on);
    button.classList.toggle('problem', this.#studio.problem(kind) !== null);
    button.setAttribute('aria-pressed', String(on));
    setIcon(button.children[0], on ? symbol : `${symbol}-off`);
    label(button, kind === 'microphone' ? `${on ? 'Mute' : 'Unmute'} (${key})` : `Turn camera ${on ? 'off' : 'on'} (${key})`);
  }
}

/** @param {HTMLElement} button @param {string} text */
function label(button, text) {
  button.setAttribute('aria-label', text);
  button.title = text;
}
