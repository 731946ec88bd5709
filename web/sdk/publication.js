/** @import { LocalTrack } from './local-track.js' */
/** @import { RemoteTrack } from './track.js' */
/** @import { TrackInfo, TrackKind, TrackSource } from './wire.js' */

/**
 * What a participant publishes, known before (and whether or not) its media arrives.
 *
 * @template {LocalTrack|RemoteTrack} [T=LocalTrack|RemoteTrack]
 */
export class TrackPublication {
  /** @param {TrackInfo} info */
  constructor(info) {
    /** @type {string} */
    this.id = info.id;
    /** @type {TrackKind} */
    this.kind = info.kind;
    /** @type {TrackSource} */
    this.source = info.source;
    /** @type {boolean} */
    this.muted = info.muted === true;
    /** @type {string} */
    this.name = '';
    /** @type {number|undefined} */
    this.width = undefined;
    /** @type {number|undefined} */
    this.height = undefined;
    this.describe(info);
    /** @type {T|null} null until the media is there */
    this.track = null;
    /** @type {string} the transceivers' name for it, at the publisher @internal */
    this.slot = '';
  }

  /** @internal @param {TrackInfo} info */
  describe({ name, width, height }) {
    this.name = name ?? '';
    this.width = width;
    this.height = height;
  }

  /** @internal @returns {TrackInfo} */
  toInfo() {
    const { id, kind, source, muted, name, width, height } = this;
    return { id, kind, source, muted, ...(name && { name }), ...(width && { width }), ...(height && { height }) };
  }
}
