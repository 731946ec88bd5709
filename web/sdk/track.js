import { Emitter } from './emitter.js';

/** @import { TrackKind, TrackSource } from './wire.js' */
/** @import { Playback } from './playback.js' */

/**
 * @typedef {object} TrackEvents
 * @property {{}} changed another MediaStreamTrack carries it now; attached elements follow by themselves
 * @property {{}} ended the device went away or the capture was stopped outside the page
 */

/**
 * A camera, microphone or screen, from here or from afar, and the elements that show it.
 *
 * @extends {Emitter<TrackEvents>}
 */
export class Track extends Emitter {
  /** @type {Set<HTMLMediaElement>} */
  #elements = new Set();
  #stream = new MediaStream();
  /** @type {MediaStreamTrack|null} */
  #media = null;

  /**
   * @param {TrackKind} kind
   * @param {TrackSource} source
   */
  constructor(kind, source) {
    super();
    this.kind = kind;
    this.source = source;
    /** @type {Playback|null} @internal */
    this.playback = null;
  }

  /** @returns {MediaStreamTrack|null} what is shown or heard now */
  get mediaStreamTrack() {
    return this.#media;
  }

  /** @returns {MediaStream} holds only this track, and follows it when the device changes */
  get stream() {
    return this.#stream;
  }

  /** @returns {HTMLMediaElement[]} */
  get attachedElements() {
    return [...this.#elements];
  }

  /**
   * Shows the track in an element, or makes one for it.
   *
   * @param {HTMLMediaElement} [element]
   * @returns {HTMLMediaElement}
   */
  attach(element = document.createElement(this.kind)) {
    element.autoplay = true;
    if (element instanceof HTMLVideoElement) {
      element.playsInline = true;
      element.muted = true;
    }
    element.srcObject = this.#stream;
    this.#elements.add(element);
    if (this.playback) this.playback.add(element);
    else element.play().catch(() => {});
    return element;
  }

  /**
   * Takes the track out of an element, or out of all.
   *
   * @param {HTMLMediaElement} [element]
   * @returns {HTMLMediaElement[]} the elements it was taken out of
   */
  detach(element) {
    const detached = element ? [element] : [...this.#elements];
    for (const each of detached) {
      this.#elements.delete(each);
      this.playback?.remove(each);
      if (each.srcObject === this.#stream) each.srcObject = null;
    }
    return detached;
  }

  /** @internal @param {MediaStreamTrack|null} media */
  carry(media) {
    if (media === this.#media) return;
    if (this.#media) this.#stream.removeTrack(this.#media);
    this.#media = media;
    if (media) this.#stream.addTrack(media);
    for (const element of this.#elements) {
      element.srcObject = this.#stream;
      if (this.playback) this.playback.play(element);
      else element.play().catch(() => {});
    }
    this.emit('changed', {});
  }
}

/** A track of another participant. */
export class RemoteTrack extends Track {
  /** @type {RTCRtpReceiver|null} what it arrives through, for statistics */
  receiver = null;

  /** @internal @param {MediaStreamTrack} media @param {RTCRtpReceiver} receiver */
  arrive(media, receiver) {
    this.receiver = receiver;
    this.carry(media);
  }
}
