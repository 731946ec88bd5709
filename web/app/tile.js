import { h, icon, setIcon } from './dom.js';
import { initials, toneOf } from './names.js';

/** @import { LocalTrack, Participant, RemoteParticipant, RemoteTrack, TrackPublication } from '../sdk/index.js' */

const QUALITY = { unknown: '', good: 'Connection good', fair: 'Connection fair', poor: 'Connection poor', lost: 'Connection lost' };

/** One person, or one shared screen, in the call. */
export class Tile {
  /** @type {Participant} */
  participant;
  #self;
  #screen;
  #video = h('video', { muted: true, playsInline: true, autoplay: true });
  #avatar = h('span', { class: 'avatar' });
  #name = h('span', { class: 'tile-name' });
  #muted = icon('mic-off');
  #bars = icon('bars-good');
  #quality = h('span', { class: 'tile-quality' }, this.#bars);
  #status = h('div', { class: 'tile-status', hidden: true });
  /** @type {LocalTrack|RemoteTrack|null} */
  #shown = null;

  /** @param {Participant} participant @param {{self?: boolean, screen?: boolean}} [options] */
  constructor(participant, { self = false, screen = false } = {}) {
    this.participant = participant;
    this.#self = self;
    this.#screen = screen;
    this.#muted.classList.add('tile-muted');
    this.element = h(
      'article',
      { class: `tile${self ? ' self' : ''}${screen ? ' screen' : ''}`, 'data-sid': participant.sid },
      this.#avatar,
      this.#video,
      this.#status,
      h('div', { class: 'tile-label' }, this.#muted, this.#name, !self && this.#quality),
    );
    if (self && !screen) this.#video.classList.add('mirrored');
    // The initials stay until the first picture is there.
    for (const event of ['loadeddata', 'resize', 'emptied']) this.#video.addEventListener(event, () => this.#reveal());
    this.update();
  }

  /** Shows the participant as it is now. */
  update() {
    const { participant } = this;
    const name = this.#self ? 'You' : participant.displayName;
    const picture = participant.getTrack(this.#screen ? 'screen' : 'camera');
    const microphone = participant.getTrack('microphone');
    this.#name.textContent = this.#screen ? `${name} · screen` : name;
    this.#avatar.textContent = initials(participant.displayName);
    this.#avatar.className = `avatar tone-${toneOf(participant.displayName)}`;
    this.#muted.toggleAttribute('hidden', this.#screen || (microphone !== undefined && !microphone.muted));
    this.#showPicture(picture);
    if (!this.#screen) this.#updateState(microphone);
    this.element.setAttribute('aria-label', this.#describe(name, microphone));
  }

  /** @param {boolean} speaking */
  speak(speaking) {
    this.element.classList.toggle('speaking', speaking);
  }

  close() {
    this.#shown?.detach(this.#video);
    this.element.remove();
  }

  /** @param {TrackPublication<LocalTrack|RemoteTrack>|undefined} publication */
  #showPicture(publication) {
    const track = publication && !publication.muted ? publication.track : null;
    if (track !== this.#shown) {
      this.#shown?.detach(this.#video);
      this.#shown = track;
      track?.attach(this.#video);
    }
    this.#reveal();
  }

  #reveal() {
    this.element.classList.toggle('has-picture', this.#shown !== null && this.#video.videoWidth > 0);
  }

  /** @param {TrackPublication|undefined} microphone */
  #updateState(microphone) {
    const { participant } = this;
    this.element.classList.toggle('away', participant.state === 'away');
    this.element.classList.toggle('muted', microphone === undefined || microphone.muted);
    if (this.#self) return;
    const remote = /** @type {RemoteParticipant} */ (participant);
    const text = statusOf(remote);
    this.#status.hidden = text === '';
    if (this.#status.dataset.text !== text) {
      this.#status.dataset.text = text;
      this.#status.replaceChildren(participant.state === 'away' ? icon('away') : h('div', { class: 'spinner' }), text);
    }
    this.#quality.dataset.quality = remote.quality;
    this.#quality.title = QUALITY[remote.quality];
    this.#quality.hidden = remote.quality === 'unknown';
    if (remote.quality !== 'unknown') setIcon(this.#bars, `bars-${remote.quality}`);
  }

  /** @param {string} name @param {TrackPublication|undefined} microphone */
  #describe(name, microphone) {
    if (this.#screen) return `${name}: shared screen`;
    const parts = [name];
    if (microphone === undefined || microphone.muted) parts.push('muted');
    if (this.#shown === null) parts.push('camera off');
    if (this.participant.state === 'away') parts.push('away');
    return parts.join(', ');
  }
}

/** @param {RemoteParticipant} participant @returns {string} '' when all is well */
function statusOf(participant) {
  if (participant.connectionState === 'interrupted') return 'Reconnecting…';
  if (participant.state === 'away') return 'Away, may be back';
  return participant.connectionState === 'connected' ? '' : 'Connecting…';
}
