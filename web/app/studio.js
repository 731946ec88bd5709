import { Emitter } from '../sdk/emitter.js';
import { DeviceManager } from '../sdk/index.js';

/** @import { Device, DeviceKind } from '../sdk/device-list.js' */
/** @import { TurnoutError } from '../sdk/errors.js' */
/** @import { LocalTrack, Room } from '../sdk/index.js' */

/**
 * @typedef {'microphone'|'camera'} Input
 *
 * @typedef {object} StudioNotice something the user should know
 * @property {string} text
 * @property {{label: string, run: () => void}} [action]
 *
 * @typedef {object} StudioEvents
 * @property {{}} changed anything a page shows of it
 * @property {StudioNotice} notice
 */

/**
 * This browser's camera, microphone and speaker as the pages use them: opened as remembered, switched, replaced when
 * they are pulled out. It lives through the pre-join page and the call.
 *
 * @extends {Emitter<StudioEvents>}
 */
export class Studio extends Emitter {
  devices = new DeviceManager();
  /** @type {Record<Input, LocalTrack|null>} */
  #tracks = { microphone: null, camera: null };
  /** @type {Record<Input, TurnoutError|null>} */
  #problems = { microphone: null, camera: null };
  /** @type {Record<Input, Promise<any>>} */
  #busy = { microphone: Promise.resolve(), camera: Promise.resolve() };
  /** @type {Room|null} */
  #room = null;
  opening = false;

  constructor() {
    super();
    this.devices.on('listChanged', () => this.#changed());
    this.devices.on('permissionChanged', ({ kind, state }) => this.#permission(kind, state));
    this.devices.on('plugged', ({ kind, added, removed }) => this.#plugged(kind, added, removed));
  }

  /** @returns {LocalTrack[]} */
  get tracks() {
    return [this.#tracks.microphone, this.#tracks.camera].filter((track) => track !== null);
  }

  /** @param {Input} kind @returns {LocalTrack|null} */
  track(kind) {
    return this.#tracks[kind];
  }

  /** @param {Input} kind @returns {TurnoutError|null} why it cannot be had */
  problem(kind) {
    return this.#problems[kind];
  }

  /** @param {Input} kind @returns {boolean} whether it is sent, or would be */
  isOn(kind) {
    const track = this.#tracks[kind];
    return track !== null && !track.muted;
  }

  /** @param {Input} kind @returns {Device|null} what is in use, else what is remembered */
  current(kind) {
    const track = this.#tracks[kind];
    return (track && this.devices.inUse(kind, track)) ?? this.devices.chosen(kind);
  }

  /** @returns {Device|null} */
  get speaker() {
    return this.devices.chosen('speaker') ?? this.devices.list('speaker').find((device) => device.isDefault) ?? null;
  }

  /** @returns {boolean} whether asking would show the browser's question */
  get mustAsk() {
    return (['microphone', 'camera']).every((kind) => this.devices.permission(/** @type {Input} */ (kind)) !== 'granted');
  }

  /** From now on what is opened or switched here shows in the room. @param {Room} room */
  follow(room) {
    this.#room = room;
    if (this.speaker) void this.#route(this.speaker.id);
  }

  /** Opens the devices, as remembered; a camera that was off stays off, but its permission is asked for once. */
  open() {
    const done = Promise.all([this.#busy.microphone, this.#busy.camera]).then(() => this.#open());
    this.#busy.microphone = this.#busy.camera = done;
    return done;
  }

  async #open() {
    const { audioEnabled, videoEnabled } = this.devices.choices;
    this.opening = true;
    this.#changed();
    try {
      // What is open already stays: a device may have been chosen before this had its turn.
      const wanted = { audio: !this.#tracks.microphone, video: videoEnabled && !this.#tracks.camera };
      const { audio, video, audioError, videoError } = await this.devices.open(wanted);
      this.#problems = { microphone: audioError, camera: videoError };
      if (audio) await this.#take('microphone', audio, audioEnabled);
      if (video) await this.#take('camera', video, true);
    } catch (error) {
      this.#problems = { microphone: /** @type {any} */ (error), camera: /** @type {any} */ (error) };
    } finally {
      this.opening = false;
      this.#changed();
    }
  }

  /** @param {Input} kind @param {boolean} on @param {boolean} [remember] */
  setOn(kind, on, remember = true) {
    if (remember) this.devices.remember(kind === 'camera' ? { videoEnabled: on } : { audioEnabled: on });
    return this.#next(kind, async () => {
      try {
        await this.#set(kind, on);
        this.#problems[kind] = null;
      } catch (error) {
        this.#problems[kind] = /** @type {TurnoutError} */ (error);
        this.emit('notice', { text: /** @type {Error} */ (error).message });
      }
      this.#changed();
    });
  }

  /** @param {Input} kind @param {Device} device */
  select(kind, device) {
    this.devices.choose(kind, device);
    return this.#next(kind, async () => {
      try {
        const track = this.#tracks[kind];
        if (track && this.devices.inUse(kind, track)?.id === device.id && !track.muted) return;
        if (track) await track.setDevice(device.id);
        else if (kind === 'camera') await this.#set(kind, true);
        this.#problems[kind] = null;
      } catch (error) {
        this.emit('notice', { text: `${device.label}: ${/** @type {Error} */ (error).message}` });
      }
      this.#changed();
    });
  }

  /** @param {Device} device */
  async selectSpeaker(device) {
    this.devices.choose('speaker', device);
    await this.#route(device.id);
    this.#changed();
  }

  /** Lets everything go. */
  close() {
    for (const track of this.tracks) track.stop();
    this.#tracks = { microphone: null, camera: null };
    this.devices.close();
    this.removeAllListeners();
  }

  /** @param {string} deviceId */
  async #route(deviceId) {
    try {
      await this.#room?.setAudioOutput(deviceId === 'default' ? '' : deviceId);
    } catch {
      this.emit('notice', { text: 'The sound could not be sent to that speaker; it stays where it was.' });
    }
  }

  /** @param {Input} kind @param {boolean} on */
  async #set(kind, on) {
    const track = this.#tracks[kind];
    if (!track) {
      if (on) await this.#openLate(kind);
      return;
    }
    const local = this.#room?.localParticipant;
    const publication = local && [...local.tracks.values()].find((each) => each.track === track);
    if (local && publication) await local.setMuted(publication, !on);
    else if (on) await track.unmute();
    else await track.mute();
  }

  /** @param {Input} kind */
  async #openLate(kind) {
    const { audio, video, audioError, videoError } = await this.devices.open({ audio: kind === 'microphone', video: kind === 'camera' });
    const track = audio ?? video;
    if (!track) throw audioError ?? videoError;
    await this.#take(kind, track, true);
    if (this.#room?.state === 'connected') await this.#room.localParticipant.publishTrack(track);
  }

  /** @param {Input} kind @param {LocalTrack} track @param {boolean} on */
  async #take(kind, track, on) {
    this.#tracks[kind]?.stop();
    this.#tracks[kind] = track;
    track.on('ended', () => void this.#next(kind, () => this.#ended(kind, track)));
    track.on('changed', () => this.#changed());
    if (!on) await track.mute();
    else if (track.mediaStreamTrack?.readyState === 'ended') void this.#next(kind, () => this.#ended(kind, track));
  }

  /** The device in use is gone: take another, and say so. @param {Input} kind @param {LocalTrack} track */
  async #ended(kind, track) {
    if (this.#tracks[kind] !== track || (track.mediaStreamTrack && track.mediaStreamTrack.readyState !== 'ended')) return;
    const lost = track.label || `The ${kind}`;
    await this.devices.refresh();
    const others = this.devices.list(kind);
    if (others.length > 0) {
      try {
        await track.setDevice(others[0].id);
        const now = this.current(kind)?.label ?? others[0].label;
        this.emit('notice', { text: `${lost} is gone. You are using ${now} now.` });
        this.#changed();
        return;
      } catch {
        // Nothing else works either.
      }
    }
    await this.#set(kind, false).catch(() => {});
    this.emit('notice', { text: `${lost} is gone, and there is no other ${kind}.` });
    this.#changed();
  }

  /** @param {DeviceKind} kind @param {Device[]} added @param {Device[]} removed */
  #plugged(kind, added, removed) {
    this.#changed();
    if (kind === 'speaker') {
      const chosen = this.devices.choices.outputDevice;
      if (removed.some((device) => device.id === chosen?.id)) {
        void this.#route('');
        this.emit('notice', { text: `${chosen?.label} is gone. The sound comes from the system's speaker now.` });
      } else if (chosen && added.some((device) => device.id === chosen.id)) {
        void this.#route(chosen.id);
      }
      return;
    }
    const found = added.find((device) => !device.isDefault);
    if (!found || (kind === 'microphone' && this.devices.systemRoutesAudio)) return;
    const remembered = this.devices.chosen(kind);
    if (remembered && remembered.id === found.id && this.#tracks[kind]) {
      void this.select(kind, found);
      this.emit('notice', { text: `${found.label} is back and in use.` });
    } else {
      this.emit('notice', {
        text: `${found.label} was plugged in.`,
        action: { label: 'Use it', run: () => void this.select(kind, found) },
      });
    }
  }

  /** Allowed meanwhile, in the browser's own settings: no need to ask the user to try again. @param {Input} kind @param {string} state */
  #permission(kind, state) {
    this.#changed();
    if (state !== 'granted' || this.opening || this.#tracks[kind] || this.#problems[kind]?.code !== 'permission-denied') return;
    void this.setOn(kind, true, false);
  }

  /** @template T @param {Input} kind @param {() => Promise<T>} act @returns {Promise<T>} */
  #next(kind, act) {
    const done = this.#busy[kind].then(act);
    this.#busy[kind] = done.catch(() => {});
    return done;
  }

  #changed() {
    this.emit('changed', {});
  }
}
