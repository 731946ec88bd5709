import { Banners } from './banners.js';
import { Chat } from './chat.js';
import { Controls } from './controls.js';
import { deviceSelect } from './device-select.js';
import { announce, brand, h, icon, show } from './dom.js';
import { levelBars } from './meter.js';
import { shareLink } from './share.js';
import { listenForShortcuts } from './shortcuts.js';
import { Tiles } from './tiles.js';
import { Toasts } from './toast.js';
import { keepScreenAwake } from './wake-lock.js';

/** @import { Room } from '../sdk/index.js' */
/** @import { Studio } from './studio.js' */

/**
 * The call itself, until it is over.
 *
 * @param {string} roomName
 * @param {Room} room joined
 * @param {Studio} studio
 * @returns {Promise<{reason: string, detail: string}>}
 */
export function showCall(roomName, room, studio) {
  return new Promise((resolve) => {
    const page = new CallPage(roomName, room, studio);
    show(page.element);
    room.on('disconnected', ({ reason, error }) => {
      page.close();
      resolve({ reason, detail: error?.message ?? '' });
    });
  });
}

class CallPage {
  #room;
  #studio;
  #name;
  #toasts = new Toasts();
  #banners = new Banners();
  #grid = h('div', { class: 'grid' });
  #panel = h('aside', { class: 'panel', hidden: true });
  #count = h('span', { class: 'people-count' });
  #alone;
  #chat;
  #controls;
  #tiles;
  /** @type {'chat'|'devices'|null} */
  #open = null;
  #unread = 0;
  /** @type {() => void} */
  #closePanel = () => {};
  /** @type {(() => void)[]} */
  #stops = [];

  /** @param {string} name @param {Room} room @param {Studio} studio */
  constructor(name, room, studio) {
    this.#room = room;
    this.#studio = studio;
    this.#name = name;
    this.#alone = this.#aloneCard();
    this.#chat = new Chat(room, (message, participant) => this.#message(participant?.displayName ?? 'Somebody', message.text));
    this.#controls = new Controls(studio, {
      microphone: () => this.#toggle('microphone'),
      camera: () => this.#toggle('camera'),
      screen: () => void this.#shareScreen(),
      devices: () => this.#togglePanel('devices'),
      chat: () => this.#togglePanel('chat'),
      share: () => void this.#share(),
      leave: () => room.disconnect(),
    });
    this.element = h(
      'div',
      { class: 'call' },
      h('header', { class: 'call-top' }, brand(), h('h1', { class: 'call-room' }, name), this.#count),
      this.#banners.element,
      h('main', { class: 'stage' }, this.#grid, this.#alone),
      this.#panel,
      this.#controls.element,
      this.#toasts.element,
    );
    this.#tiles = new Tiles(room, this.#grid);
    studio.follow(room);
    this.#listen();
    this.#people();
  }

  close() {
    for (const stop of this.#stops) stop();
    this.#closePanel();
    this.#tiles.close();
  }

  #listen() {
    const room = this.#room;
    const people = () => this.#people();
    this.#stops.push(
      room.on('participantJoined', ({ participant }) => {
        people();
        this.#toasts.show(`${participant.displayName} joined`);
      }),
      room.on('participantLeft', ({ participant }) => {
        people();
        if (room.state === 'connected') this.#toasts.show(`${participant.displayName} left`);
      }),
      room.on('participantUpdated', ({ participant }) => {
        if (participant.state === 'away') announce(`${participant.displayName} lost the connection`);
      }),
      room.on('reconnecting', () =>
        this.#banners.show('server', { text: 'The server is out of reach. You can go on talking.' }),
      ),
      room.on('reconnected', ({ resumed }) => {
        this.#banners.hide('server');
        people();
        if (!resumed) this.#toasts.show('You were away for a while and have joined anew.');
      }),
      room.on('audioPlaybackBlocked', () => this.#blocked()),
      room.on('audioPlaybackStarted', () => this.#banners.hide('audio')),
      room.on('localTrackPublished', () => this.#sharing()),
      room.on('localTrackUnpublished', () => this.#sharing()),
      room.on('trackMuted', ({ participant }) => {
        if (participant === room.localParticipant) this.#controls.update();
      }),
      this.#studio.on('changed', () => this.#controls.update()),
      this.#studio.on('notice', ({ text, action }) => this.#toasts.show(text, action)),
      listenForShortcuts({
        m: () => this.#toggle('microphone'),
        v: () => this.#toggle('camera'),
        c: () => this.#togglePanel('chat'),
        Escape: () => this.#show(null),
      }),
      keepScreenAwake(),
    );
    if (room.audioBlocked) this.#blocked();
  }

  #people() {
    const count = this.#room.participants.size + 1;
    this.#count.replaceChildren(icon('people'), String(count));
    this.#count.setAttribute('aria-label', `${count} in the room`);
    this.#alone.hidden = count > 1;
    this.element.classList.toggle('is-alone', count === 1);
  }

  /** @param {'microphone'|'camera'} kind */
  #toggle(kind) {
    const on = !this.#studio.isOn(kind);
    void this.#studio.setOn(kind, on).then(() => {
      const is = this.#studio.isOn(kind);
      announce(kind === 'microphone' ? (is ? 'Microphone on' : 'Muted') : is ? 'Camera on' : 'Camera off');
    });
  }

  /** @param {'chat'|'devices'} panel */
  #togglePanel(panel) {
    this.#show(this.#open === panel ? null : panel);
  }

  /** @param {'chat'|'devices'|null} panel */
  #show(panel) {
    const before = this.#open;
    this.#open = panel;
    this.#closePanel();
    this.#closePanel = () => {};
    this.#panel.hidden = panel === null;
    this.element.classList.toggle('has-panel', panel !== null);
    this.#controls.setPanel(panel);
    if (panel === null) {
      if (before && this.#panel.contains(document.activeElement)) this.#controls.focus(before);
      return;
    }
    const close = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close', onclick: () => this.#show(null) }, icon('close'));
    const body = panel === 'chat' ? this.#chat.element : this.#devices();
    this.#panel.setAttribute('aria-label', panel === 'chat' ? 'Chat' : 'Devices');
    this.#panel.replaceChildren(h('header', { class: 'panel-head' }, h('h2', {}, panel === 'chat' ? 'Chat' : 'Devices'), close), body);
    if (panel === 'chat') {
      this.#unread = 0;
      this.#controls.setUnread(0);
      this.#chat.focus();
    } else {
      this.#panel.querySelector('select')?.focus();
    }
  }

  #devices() {
    const selects = /** @type {const} */ (['camera', 'microphone', 'speaker']).map((kind) => deviceSelect(this.#studio, kind));
    const meter = levelBars(this.#studio);
    const stop = this.#studio.on('changed', () => {
      for (const select of selects) select.update();
      meter.update();
    });
    this.#closePanel = () => {
      stop();
      meter.close();
    };
    const [camera, microphone, speaker] = selects;
    return h(
      'div',
      { class: 'device-panel' },
      h('h3', {}, 'Camera'),
      camera.element,
      h('h3', {}, 'Microphone'),
      microphone.element,
      meter.element,
      h('h3', {}, 'Speaker'),
      speaker.element,
      h('p', { class: 'panel-note' }, 'Changes take effect at once and are remembered.'),
    );
  }

  #blocked() {
    this.#banners.show('audio', {
      symbol: 'speaker-off',
      tone: 'accent',
      text: 'The browser holds the sound back.',
      action: { label: 'Tap to hear', run: () => void this.#room.startAudio() },
    });
  }

  /** @param {string} author @param {string} text */
  #message(author, text) {
    if (this.#open === 'chat') return;
    this.#controls.setUnread(++this.#unread);
    const short = text.length > 90 ? `${text.slice(0, 88)}…` : text;
    this.#toasts.show(`${author}: ${short}`, { label: 'Open', run: () => this.#show('chat') });
  }

  async #shareScreen() {
    const local = this.#room.localParticipant;
    try {
      await local.setScreenShareEnabled(!local.getTrack('screen'));
    } catch (error) {
      const { code, message } = /** @type {import('../sdk/index.js').TurnoutError} */ (error);
      if (code !== 'permission-denied' && code !== 'permission-dismissed') this.#toasts.show(message);
    }
    this.#sharing();
  }

  #sharing() {
    this.#controls.setSharing(this.#room.localParticipant.getTrack('screen') !== undefined);
  }

  async #share() {
    const how = await shareLink(this.#name);
    if (how === 'copied') this.#toasts.show('The room’s link was copied.');
    else if (how === 'failed') this.#toasts.show('Copy the address from the address bar: it is the room’s link.');
  }

  #aloneCard() {
    return h(
      'section',
      { class: 'alone', hidden: true },
      h('h2', {}, 'Nobody else is here yet'),
      h('p', {}, 'Send the link to whoever should join.'),
      h('div', { class: 'alone-link' }, h('code', {}, `${location.host}${location.pathname}`), h('button', { class: 'button primary small', type: 'button', onclick: () => void this.#share() }, 'Copy link')),
    );
  }
}
