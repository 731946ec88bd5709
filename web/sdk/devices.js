import { compareDevices, deviceInUse, matchDevice, sortDevices } from './device-list.js';
import { DeviceMemory } from './device-memory.js';
import { Emitter } from './emitter.js';
import { TurnoutError, deviceError } from './errors.js';
import { createLocalTracks, requireMediaDevices } from './media.js';

/** @import { Choices } from './device-memory.js' */
/** @import { Device, DeviceKind } from './device-list.js' */
/** @import { LocalTrack } from './local-track.js' */

/**
 * @typedef {'unknown'|'prompt'|'granted'|'denied'} Permission
 *
 * @typedef {object} DeviceEvents
 * @property {{kind: DeviceKind, devices: Device[]}} listChanged
 * @property {{kind: DeviceKind, added: Device[], removed: Device[], defaultMoved: boolean}} plugged something was
 *   plugged in or out, or the system's default moved (browsers that tell)
 * @property {{kind: 'camera'|'microphone', state: Permission}} permissionChanged
 *
 * @typedef {object} OpenResult
 * @property {LocalTrack|null} audio
 * @property {LocalTrack|null} video
 * @property {TurnoutError|null} audioError why there is no microphone although one was asked for
 * @property {TurnoutError|null} videoError
 */

const CHOICE = /** @type {const} */ ({ camera: 'videoDevice', microphone: 'audioDevice', speaker: 'outputDevice' });

/**
 * Cameras, microphones and speakers: lists them, asks for permission, opens the remembered ones, remembers choices,
 * and tells when something is plugged in or out.
 *
 * @extends {Emitter<DeviceEvents>}
 */
export class DeviceManager extends Emitter {
  #memory;
  /** @type {Record<DeviceKind, Device[]>} */
  #lists = { camera: [], microphone: [], speaker: [] };
  /** @type {Record<'camera'|'microphone', Permission>} */
  #permissions = { camera: 'unknown', microphone: 'unknown' };
  #refreshed = false;
  #onChange = () => void this.refresh();

  /** @param {{storage?: Pick<Storage, 'getItem'|'setItem'>|null, key?: string}} [options] where choices are kept */
  constructor({ storage = pageStorage(), key = 'turnout.choices' } = {}) {
    super();
    this.#memory = new DeviceMemory(storage, key);
    navigator.mediaDevices?.addEventListener?.('devicechange', this.#onChange);
  }

  /** @returns {Readonly<Choices>} what the user chose, now or some day before */
  get choices() {
    return this.#memory.choices;
  }

  /** @param {Partial<Choices>} change */
  remember(change) {
    this.#memory.remember(change);
  }

  /** @param {DeviceKind} kind @returns {Device[]} empty before permission */
  list(kind) {
    return this.#lists[kind];
  }

  /** @param {'camera'|'microphone'} kind @returns {Permission} */
  permission(kind) {
    return this.#permissions[kind];
  }

  /** @returns {boolean} whether sound can be sent to a chosen speaker at all */
  get canChooseSpeaker() {
    return typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;
  }

  /** @returns {boolean} whether the browser itself asks which speaker (Firefox): call chooseSpeaker() from a click */
  get browserAsksForSpeaker() {
    return this.canChooseSpeaker && typeof (/** @type {any} */ (navigator.mediaDevices)?.selectAudioOutput) === 'function';
  }

  /** @returns {boolean} iOS moves the sound itself when something is plugged in: leave it alone */
  get systemRoutesAudio() {
    return /iPhone|iPad/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
  }

  /** Reads the lists and the permissions anew. */
  async refresh() {
    if (!navigator.mediaDevices?.enumerateDevices) return;
    const infos = await navigator.mediaDevices.enumerateDevices();
    const lists = sortDevices(infos);
    const before = this.#lists;
    this.#lists = lists;
    for (const kind of /** @type {DeviceKind[]} */ (Object.keys(lists))) {
      const { added, removed, defaultMoved } = compareDevices(before[kind], lists[kind]);
      if (added.length === 0 && removed.length === 0 && !defaultMoved) continue;
      this.emit('listChanged', { kind, devices: lists[kind] });
      if (this.#refreshed && before[kind].length > 0) this.emit('plugged', { kind, added, removed, defaultMoved });
    }
    this.#refreshed = true;
    await Promise.all([this.#readPermission('camera'), this.#readPermission('microphone')]);
  }

  /** @param {DeviceKind} kind @returns {Promise<boolean>} whether there is any, as far as the browser tells */
  async exists(kind) {
    if (!navigator.mediaDevices?.enumerateDevices) return false;
    const wanted = { camera: 'videoinput', microphone: 'audioinput', speaker: 'audiooutput' }[kind];
    return (await navigator.mediaDevices.enumerateDevices()).some((info) => info.kind === wanted);
  }

  /** @param {DeviceKind} kind @returns {Device|null} the remembered device, if it is plugged in */
  chosen(kind) {
    return matchDevice(this.#lists[kind], this.choices[CHOICE[kind]]);
  }

  /** @param {DeviceKind} kind @param {Device} device remembered from now on */
  choose(kind, { id, label }) {
    this.#memory.remember({ [CHOICE[kind]]: { id, label } });
  }

  /**
   * Opens the remembered devices, asking for permission where needed: one question for both. When one of the two
   * fails the other is still opened.
   *
   * @param {{audio: boolean, video: boolean}} wanted
   * @returns {Promise<OpenResult>}
   */
  async open({ audio, video }) {
    requireMediaDevices();
    /** @type {OpenResult} */
    const result = { audio: null, video: null, audioError: null, videoError: null };
    if (audio && video) {
      try {
        const tracks = await createLocalTracks({ audio: this.constraints('microphone'), video: this.constraints('camera') });
        result.audio = tracks.find((track) => track.kind === 'audio') ?? null;
        result.video = tracks.find((track) => track.kind === 'video') ?? null;
      } catch {
        // Which of them is missing or forbidden is found by asking one by one.
      }
    }
    if (audio && !result.audio) [result.audio, result.audioError] = await this.#openOne('microphone');
    if (video && !result.video) [result.video, result.videoError] = await this.#openOne('camera');
    await this.refresh();
    // The ids may be known only now, with the permission: go on to the remembered device if another one was opened.
    await this.#correct('microphone', result.audio);
    await this.#correct('camera', result.video);
    return result;
  }

  /** @param {'camera'|'microphone'} kind @returns {MediaTrackConstraints} for the remembered device */
  constraints(kind) {
    const id = this.chosen(kind)?.id ?? this.choices[CHOICE[kind]]?.id;
    return id ? { deviceId: { ideal: id } } : {};
  }

  /** @param {'camera'|'microphone'} kind @param {LocalTrack} track @returns {Device|null} the device really in use */
  inUse(kind, track) {
    return deviceInUse(this.#lists[kind], track.mediaStreamTrack?.getSettings() ?? { deviceId: track.deviceId }, track.label);
  }

  /** Firefox: shows the browser's own list of speakers. Call it from a click. @returns {Promise<Device|null>} */
  async chooseSpeaker() {
    try {
      const info = await /** @type {any} */ (navigator.mediaDevices).selectAudioOutput();
      await this.refresh();
      const device = { id: info.deviceId, label: info.label || 'Speaker', groupId: info.groupId ?? '', isDefault: false };
      this.choose('speaker', device);
      return device;
    } catch (cause) {
      const error = deviceError(cause, 'speaker');
      if (error.code === 'permission-denied' || error.code === 'permission-dismissed') return null;
      throw error;
    }
  }

  /** Stops watching. */
  close() {
    navigator.mediaDevices?.removeEventListener?.('devicechange', this.#onChange);
    this.removeAllListeners();
  }

  /** @param {'camera'|'microphone'} kind @returns {Promise<[LocalTrack|null, TurnoutError|null]>} */
  async #openOne(kind) {
    try {
      const constraints = this.constraints(kind);
      const [track] = await createLocalTracks(kind === 'camera' ? { video: constraints } : { audio: constraints });
      return [track, null];
    } catch (error) {
      return [null, error instanceof TurnoutError ? error : deviceError(error, kind)];
    }
  }

  /** @param {'camera'|'microphone'} kind @param {LocalTrack|null} track */
  async #correct(kind, track) {
    const wanted = this.chosen(kind);
    if (!track || !wanted) return;
    const used = this.inUse(kind, track);
    if (!used || used.id === wanted.id || (wanted.isDefault && used.groupId === wanted.groupId)) return;
    await track.setDevice(wanted.id).catch(() => {});
  }

  /** @param {'camera'|'microphone'} kind */
  async #readPermission(kind) {
    /** @type {Permission} */
    let state = 'unknown';
    try {
      const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (kind) });
      state = status.state;
      status.onchange = () => this.#setPermission(kind, status.state);
    } catch {
      // Firefox before 132 and others do not tell; a list with labels means yes.
      if (this.#lists[kind].length > 0) state = 'granted';
    }
    this.#setPermission(kind, state);
  }

  /** @param {'camera'|'microphone'} kind @param {Permission} state */
  #setPermission(kind, state) {
    if (this.#permissions[kind] === state) return;
    this.#permissions[kind] = state;
    this.emit('permissionChanged', { kind, state });
    if (state === 'granted') void this.refresh();
  }
}

/** @returns {Storage|null} */
function pageStorage() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
