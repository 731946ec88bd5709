import { deviceError } from './errors.js';
import { Track } from './track.js';

/** @import { TrackSource } from './wire.js' */

/**
 * Something between the device and the call: blur, noise suppression, a test picture.
 *
 * @typedef {object} TrackProcessor
 * @property {string} [name]
 * @property {(input: MediaStreamTrack) => MediaStreamTrack | Promise<MediaStreamTrack>} start called again when
 *   the device changes, after stop()
 * @property {() => void | Promise<void>} stop
 */

/** Phones open one camera at a time. */
function oneDeviceAtATime() {
  return /iPhone|iPad|Android/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
}

/** A track of this browser's devices. */
export class LocalTrack extends Track {
  /** @type {MediaStreamTrack|null} what the device gives, before a processor */
  #source = null;
  /** @type {TrackProcessor|null} */
  #processor = null;
  #muted = false;
  #constraints;
  #stopped = false;
  /** @type {Promise<any>} changes come one after the other */
  #busy = Promise.resolve();

  /**
   * @param {MediaStreamTrack} media
   * @param {TrackSource} source
   * @param {MediaTrackConstraints} [constraints] used again when the device is opened anew
   */
  constructor(media, source, constraints = {}) {
    super(media.kind === 'audio' ? 'audio' : 'video', source);
    /** Whether a muted track lets go of its device (the camera's light goes out). */
    this.releaseWhenMuted = source === 'camera';
    this.#constraints = constraints;
    if (source === 'screen') media.contentHint = 'detail';
    this.#use(media);
    this.carry(media);
  }

  get muted() {
    return this.#muted;
  }

  /** @returns {string} the device in use, as the browser calls it */
  get deviceId() {
    return this.#source?.getSettings().deviceId ?? '';
  }

  /** @returns {string} */
  get label() {
    return this.#source?.label ?? '';
  }

  /** @returns {MediaTrackSettings} */
  get settings() {
    return this.mediaStreamTrack?.getSettings() ?? {};
  }

  /** Nothing is sent until unmute(). */
  mute() {
    return this.#next(async () => {
      if (this.#muted) return;
      this.#muted = true;
      if (this.releaseWhenMuted) await this.#release();
      else this.#setEnabled(false);
    });
  }

  /** Sends again; a camera is opened anew, which can fail with a device error. */
  unmute() {
    return this.#next(async () => {
      if (!this.#muted) return;
      if (this.#source) this.#setEnabled(true);
      else await this.#open();
      this.#muted = false;
    });
  }

  /**
   * Changes to another device; whoever listens notices nothing but another picture. The user's choice counts more
   * than the resolution, so exactly this device is asked for; should it be gone when the track is opened again some
   * day, another one will do.
   *
   * @param {string} deviceId '' for the browser's default
   */
  setDevice(deviceId) {
    return this.#next(async () => {
      const before = this.#constraints;
      const { deviceId: _old, facingMode: _mode, ...rest } = before;
      this.#constraints = deviceId ? { ...rest, deviceId: { exact: deviceId } } : rest;
      if (this.#muted && !this.#source) return;
      try {
        await this.#open();
      } catch (error) {
        this.#constraints = before;
        if (!this.#source) await this.#open().catch(() => {});
        throw error;
      }
    });
  }

  /** Opens the device again, after it ended. */
  restart() {
    return this.#next(() => this.#open());
  }

  /** @param {TrackProcessor|null} processor put into the track's way; null takes it out */
  setProcessor(processor) {
    return this.#next(async () => {
      await this.#processor?.stop();
      this.#processor = processor;
      if (this.#source) await this.#process(this.#source);
    });
  }

  /** Lets go of the device for good. */
  stop() {
    this.#stopped = true;
    void this.#processor?.stop();
    this.#source?.stop();
    this.mediaStreamTrack?.stop();
    this.detach();
  }

  /** @template T @param {() => Promise<T>} change @returns {Promise<T>} */
  #next(change) {
    const done = this.#busy.then(change);
    this.#busy = done.catch(() => {});
    return done;
  }

  async #open() {
    const old = this.#source;
    if (old && oneDeviceAtATime()) {
      old.stop();
      this.#source = null;
    }
    const media = await this.#capture(this.#constraints);
    if (this.#stopped) {
      media.stop();
      return;
    }
    this.#use(media);
    await this.#process(media);
    old?.stop();
  }

  /** @param {MediaTrackConstraints} constraints @returns {Promise<MediaStreamTrack>} */
  async #capture(constraints) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ [this.kind]: constraints });
      return stream.getTracks()[0];
    } catch (cause) {
      const { deviceId } = constraints;
      const gone = cause instanceof DOMException && cause.name === 'OverconstrainedError';
      if (gone && this.#muted && typeof deviceId === 'object' && 'exact' in deviceId) {
        return this.#capture({ ...constraints, deviceId: { ideal: deviceId.exact } });
      }
      throw deviceError(cause, this.kind === 'audio' ? 'microphone' : 'camera');
    }
  }

  async #release() {
    await this.#processor?.stop();
    const source = this.#source;
    this.#source = null;
    this.carry(null);
    source?.stop();
  }

  /** @param {MediaStreamTrack} media */
  #use(media) {
    this.#source = media;
    media.addEventListener('ended', () => {
      if (this.#source === media && !this.#stopped) this.emit('ended', {});
    });
  }

  /** @param {MediaStreamTrack} source */
  async #process(source) {
    const result = this.#processor ? await this.#processor.start(source) : source;
    result.enabled = source.enabled = this.kind === 'video' || !this.#muted;
    this.carry(result);
  }

  /** @param {boolean} enabled */
  #setEnabled(enabled) {
    if (this.#source) this.#source.enabled = enabled;
    if (this.mediaStreamTrack) this.mediaStreamTrack.enabled = enabled;
  }
}
