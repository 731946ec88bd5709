import { TurnoutError } from './errors.js';
import { createLocalTracks, createScreenTracks } from './media.js';
import { Participant } from './participant.js';
import { TrackPublication } from './publication.js';

/** @import { LocalTrack } from './local-track.js' */
/** @import { Mesh } from './mesh.js' */
/** @import { SignalClient } from './signaling.js' */
/** @import { Permissions, TrackSource } from './wire.js' */

/**
 * @typedef {object} LocalHooks what the room does when something changes here
 * @property {(publication: TrackPublication<LocalTrack>) => void} published
 * @property {(publication: TrackPublication<LocalTrack>) => void} unpublished
 * @property {(publication: TrackPublication<LocalTrack>) => void} muted
 * @property {(error: unknown) => void} failed
 */

/**
 * Oneself.
 *
 * @extends {Participant<LocalTrack>}
 */
export class LocalParticipant extends Participant {
  /** @type {Permissions} */
  permissions = {};
  #signal;
  #mesh;
  #hooks;
  #count = 0;
  /** @type {Map<string, Promise<any>>} a switch being thrown, by source */
  #switching = new Map();

  /**
   * @internal
   * @param {SignalClient} signal
   * @param {Mesh} mesh
   * @param {LocalHooks} hooks
   */
  constructor(signal, mesh, hooks) {
    super();
    this.#signal = signal;
    this.#mesh = mesh;
    this.#hooks = hooks;
  }

  /**
   * Shows a track to the room.
   *
   * @param {LocalTrack} track
   * @param {{name?: string}} [options]
   * @returns {Promise<TrackPublication<LocalTrack>>}
   */
  async publishTrack(track, options = {}) {
    const known = [...this.tracks.values()].find((each) => each.track === track);
    if (known) return known;
    const publication = this.prepare(track, options);
    try {
      await this.#signal.request('publish', { track: publication.toInfo() }, { retry: true });
    } catch (error) {
      // Interrupted by a new session: its join has told of the track.
      if (!(error instanceof TurnoutError) || error.code !== 'interrupted') {
        this.#forget(publication);
        throw error;
      }
    }
    this.#hooks.published(publication);
    return publication;
  }

  /**
   * @internal makes the publication, without telling the server
   * @param {LocalTrack} track
   * @param {{name?: string}} options
   * @returns {TrackPublication<LocalTrack>}
   */
  prepare(track, { name } = {}) {
    const { width, height } = track.settings;
    /** @type {TrackPublication<LocalTrack>} */
    const publication = new TrackPublication({
      id: `${track.source}-${++this.#count}`,
      kind: track.kind,
      source: track.source,
      muted: track.muted,
      name,
      width: track.kind === 'video' ? width : undefined,
      height: track.kind === 'video' ? height : undefined,
    });
    publication.track = track;
    this.tracks.set(publication.id, publication);
    publication.slot = this.#mesh.publish({ ...publication.toInfo(), track: track.mediaStreamTrack });
    const stops = [
      track.on('changed', () => void this.#mesh.replaceTrack(publication.slot, track.mediaStreamTrack)),
      track.on('ended', () => this.#ended(publication)),
    ];
    this.#listeners.set(publication.id, () => stops.forEach((stop) => stop()));
    return publication;
  }

  /** @type {Map<string, () => void>} */
  #listeners = new Map();

  /**
   * Takes a track back and, unless told otherwise, lets go of its device.
   *
   * @param {LocalTrack} track
   * @param {{stop?: boolean}} [options]
   */
  async unpublishTrack(track, { stop = true } = {}) {
    const publication = [...this.tracks.values()].find((each) => each.track === track);
    if (!publication) return;
    this.#forget(publication);
    if (stop) track.stop();
    this.#hooks.unpublished(publication);
    await this.#signal.request('unpublish', { track: publication.id }, { retry: true }).catch((error) => {
      if (error.code !== 'not-found') throw error;
    });
  }

  /**
   * @param {boolean} enabled
   * @param {MediaTrackConstraints} [constraints] when the microphone has to be opened
   */
  setMicrophoneEnabled(enabled, constraints) {
    return this.#switch('microphone', enabled, () => createLocalTracks({ audio: constraints ?? true }));
  }

  /**
   * @param {boolean} enabled
   * @param {MediaTrackConstraints} [constraints] when the camera has to be opened
   */
  setCameraEnabled(enabled, constraints) {
    return this.#switch('camera', enabled, () => createLocalTracks({ video: constraints ?? true }));
  }

  /** Call it from a click. @param {boolean} enabled */
  setScreenShareEnabled(enabled) {
    return this.#exclusively('screen', async () => {
      const shared = [this.getTrack('screen'), this.getTrack('screen-audio')];
      if (enabled && !shared[0]) {
        for (const track of await createScreenTracks()) await this.publishTrack(track);
      } else if (!enabled) {
        for (const each of shared) if (each?.track) await this.unpublishTrack(each.track);
      }
    });
  }

  /**
   * Mutes or unmutes what is published.
   *
   * @param {TrackPublication<LocalTrack>} publication
   * @param {boolean} muted
   */
  async setMuted(publication, muted) {
    if (!publication.track) return;
    if (muted) await publication.track.mute();
    else await publication.track.unmute();
    if (publication.muted === muted) return;
    publication.muted = muted;
    this.#hooks.muted(publication);
    await this.#signal.request('mute', { track: publication.id, muted }, { retry: true });
  }

  /** @param {{name?: string, metadata?: string, attributes?: Record<string, string>}} change */
  async update(change) {
    await this.#signal.request('update', change, { retry: true });
  }

  /** @internal stops everything */
  stopAll() {
    for (const publication of [...this.tracks.values()]) {
      this.#listeners.get(publication.id)?.();
      publication.track?.stop();
    }
    this.#listeners.clear();
  }

  /**
   * @param {TrackSource} source
   * @param {boolean} enabled
   * @param {() => Promise<LocalTrack[]>} open
   */
  #switch(source, enabled, open) {
    return this.#exclusively(source, async () => {
      const publication = this.getTrack(source);
      if (publication) await this.setMuted(publication, !enabled);
      else if (enabled) for (const track of await open()) await this.publishTrack(track);
    });
  }

  /** Two clicks in a row act one after the other. @template T @param {string} key @param {() => Promise<T>} act */
  #exclusively(key, act) {
    const done = (this.#switching.get(key) ?? Promise.resolve()).then(act);
    this.#switching.set(key, done.catch(() => {}));
    return done;
  }

  /** @param {TrackPublication<LocalTrack>} publication */
  #forget(publication) {
    this.tracks.delete(publication.id);
    this.#listeners.get(publication.id)?.();
    this.#listeners.delete(publication.id);
    this.#mesh.unpublish(publication.slot);
  }

  /** A screen share that was stopped in the browser's own bar is over; a vanished device is the application's to replace. @param {TrackPublication<LocalTrack>} publication */
  #ended(publication) {
    const { track } = publication;
    if (!track || !publication.source.startsWith('screen')) return;
    this.unpublishTrack(track).catch((error) => this.#hooks.failed(error));
  }
}
