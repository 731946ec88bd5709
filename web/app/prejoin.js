import { TurnoutError, connect } from '../sdk/index.js';
import { announce, brand, h, icon, setIcon, show } from './dom.js';
import { deviceSelect } from './device-select.js';
import { levelBars } from './meter.js';
import { initials, toneOf } from './names.js';
import { showEnding } from './notice.js';
import { previewCover, inputNotices } from './prejoin-states.js';
import { playTestSound } from './test-sound.js';
import { Toasts } from './toast.js';

/** @import { Room } from '../sdk/index.js' */
/** @import { RoomOptions } from '../sdk/room.js' */
/** @import { TokenSource } from '../sdk/signaling.js' */
/** @import { Studio } from './studio.js' */

/**
 * @typedef {RoomOptions & {token: TokenSource}} JoinOptions
 */

/** Errors of a join that leave no reason to stay on this page. */
const FINAL = new Set(['unauthorized', 'expired', 'forbidden', 'kicked', 'room-closed', 'duplicate-identity']);

/**
 * The page before a call: see and hear yourself, choose, join.
 *
 * @param {string} roomName
 * @param {Studio} studio
 * @param {(name: string, prepare: (room: Room) => void) => JoinOptions} makeOptions
 * @returns {Promise<Room>} once joined
 */
export function showPrejoin(roomName, studio, makeOptions) {
  document.title = `${roomName} · turnout`;
  return new Promise((resolve) => {
    const page = new PrejoinPage(roomName, studio, async (name) => {
      const { token, ...options } = makeOptions(name, (room) => Object.assign(window, { turnoutRoom: room }));
      const room = await connect('', token, options);
      page.close();
      resolve(room);
    });
    show(page.element);
    page.begin();
  });
}

class PrejoinPage {
  #room;
  #studio;
  #join;
  #asked = false;
  #skipped = false;
  #toasts = new Toasts();
  #meter;
  #selects;
  /** @type {() => void} */
  #stop;
  #video = h('video', { muted: true, playsInline: true, autoplay: true, hidden: true, class: 'mirrored' });
  #cover = h('div', { class: 'preview-cover' });
  /** @type {HTMLElement} */
  #preview;
  #notices = h('div', { class: 'prejoin-notices' });
  #name;
  #button = h('button', { class: 'button primary big', type: 'submit' }, 'Join now');
  #problem = h('p', { class: 'form-problem', role: 'alert' });
  #mic;
  #camera;

  /** @param {string} room @param {Studio} studio @param {(name: string) => Promise<void>} join */
  constructor(room, studio, join) {
    this.#room = room;
    this.#studio = studio;
    this.#join = join;
    this.#meter = levelBars(studio);
    this.#selects = /** @type {const} */ (['camera', 'microphone', 'speaker']).map((kind) => deviceSelect(studio, kind));
    this.#name = h('input', {
      id: 'name',
      type: 'text',
      value: studio.devices.choices.name,
      placeholder: 'How others see you',
      autocomplete: 'name',
      maxLength: 60,
      enterKeyHint: 'go',
    });
    this.#mic = this.#toggle('microphone', 'mic');
    this.#camera = this.#toggle('camera', 'camera');
    const bar = h('div', { class: 'preview-bar' }, this.#mic, this.#meter.element, this.#camera);
    this.#preview = h('section', { class: 'preview', 'aria-label': 'Your picture' }, this.#video, this.#cover, bar);
    this.element = this.#build();
    const stops = [studio.on('changed', () => this.#update()), studio.on('notice', ({ text, action }) => this.#toasts.show(text, action))];
    this.#stop = () => stops.forEach((stop) => stop());
    this.#name.addEventListener('input', () => this.#update());
  }

  /** Opens the devices at once where no question would pop up; else explains first. */
  async begin() {
    await this.#studio.devices.refresh().catch(() => {});
    if (!this.#studio.mustAsk || globalThis.isSecureContext === false) await this.#open();
    this.#update();
    if (!this.#name.value && matchMedia('(pointer: fine)').matches) this.#name.focus();
  }

  close() {
    this.#stop();
    this.#meter.close();
    this.#video.srcObject = null;
  }

  async #open() {
    this.#asked = true;
    this.#skipped = false;
    await this.#studio.open();
    this.#update();
  }

  #build() {
    const [camera, microphone, speaker] = this.#selects;
    const test = h('button', { class: 'button quiet small', type: 'button', onclick: () => playTestSound(this.#studio.speaker?.id ?? '') }, 'Test');
    speaker.element.append(test);
    return h(
      'div',
      { class: 'prejoin' },
      h('header', { class: 'prejoin-top' }, brand()),
      h(
        'main',
        { class: 'prejoin-main' },
        this.#preview,
        h(
          'form',
          { class: 'prejoin-form', onsubmit: (/** @type {Event} */ event) => this.#submit(event), noValidate: true },
          h('p', { class: 'room-name' }, icon('people'), this.#room),
          h('h1', {}, 'Ready to join?'),
          h('div', { class: 'field' }, h('label', { for: 'name' }, 'Your name'), this.#name),
          h('fieldset', { class: 'device-fields' }, h('legend', {}, 'Devices'), camera.element, microphone.element, speaker.element),
          this.#notices,
          this.#problem,
          this.#button,
        ),
      ),
      this.#toasts.element,
    );
  }

  /** @param {'microphone'|'camera'} kind @param {string} symbol */
  #toggle(kind, symbol) {
    const svg = icon(symbol);
    const button = h('button', { class: 'round', type: 'button', 'data-kind': kind }, svg);
    button.addEventListener('click', () => {
      if (!this.#asked) void this.#open();
      else void this.#studio.setOn(kind, !this.#studio.isOn(kind));
    });
    return button;
  }

  /** @param {HTMLElement} button @param {'microphone'|'camera'} kind @param {string} symbol */
  #updateToggle(button, kind, symbol) {
    const on = this.#studio.isOn(kind);
    button.classList.toggle('off', !on);
    button.classList.toggle('problem', this.#studio.problem(kind) !== null);
    button.setAttribute('aria-pressed', String(on));
    const label = `${on ? 'Turn off' : 'Turn on'} the ${kind}`;
    button.setAttribute('aria-label', label);
    button.title = label;
    setIcon(button.children[0], on ? symbol : `${symbol}-off`);
  }

  #update() {
    const track = this.#studio.track('camera');
    const live = this.#studio.isOn('camera');
    if (track && live && this.#video.srcObject !== track.stream) track.attach(this.#video);
    this.#video.hidden = !live;
    this.#updateToggle(this.#mic, 'microphone', 'mic');
    this.#updateToggle(this.#camera, 'camera', 'camera');
    this.#meter.update();
    for (const select of this.#selects) select.update();
    const name = this.#name.value.trim();
    const cover = previewCover(this.#studio, {
      asked: this.#asked,
      skipped: this.#skipped,
      avatar: h('span', { class: `avatar tone-${toneOf(name)}` }, name ? initials(name) : icon('people')),
      open: () => void this.#open(),
      skip: () => {
        this.#skipped = this.#asked = true;
        this.#update();
      },
    });
    if (cover) this.#cover.replaceChildren(cover);
    this.#cover.hidden = !cover;
    // Nothing to switch before there is an answer, or when the answer was no to both.
    const none = !this.#studio.track('microphone') && !this.#studio.track('camera');
    this.#preview.classList.toggle('asking', none && !this.#skipped);
    this.#notices.replaceChildren(...inputNotices(this.#studio, () => void this.#open()));
    this.#button.classList.toggle('primary', this.#asked);
    this.#button.classList.toggle('quiet', !this.#asked);
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const name = this.#name.value.trim();
    if (!name) {
      this.#problem.textContent = 'Tell the others your name first.';
      this.#name.focus();
      return;
    }
    this.#studio.devices.remember({ name });
    this.#problem.textContent = '';
    this.#button.disabled = true;
    this.#button.textContent = 'Joining…';
    announce('Joining');
    try {
      await this.#join(name);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    const code = error instanceof TurnoutError ? error.code : 'internal';
    if (FINAL.has(code)) {
      this.close();
      this.#studio.close();
      showEnding(code, this.#room);
      return;
    }
    this.#button.disabled = false;
    this.#button.textContent = 'Try again';
    this.#problem.textContent =
      code === 'connection-lost' || code === 'timeout'
        ? 'The server cannot be reached. Check your network and try again.'
        : error instanceof Error ? error.message : 'Joining failed.';
  }
}
