/** @import { LocalTrack } from './local-track.js' */
/** @import { RemoteTrack } from './track.js' */
/** @import { TrackInfo, TrackKind, TrackSource } from './wire.js' */
/**
 * What a participant publishes, known before (and whether or not) its media arrives.
 *
 * @template {LocalTrack|RemoteTrack} [T=LocalTrack|RemoteTrack]
 */
export class TrackPublication<T extends LocalTrack | RemoteTrack = RemoteTrack | LocalTrack> {
    /** @param {TrackInfo} info */
    constructor(info: TrackInfo);
    /** @type {string} */
    id: string;
    /** @type {TrackKind} */
    kind: TrackKind;
    /** @type {TrackSource} */
    source: TrackSource;
    /** @type {boolean} */
    muted: boolean;
    /** @type {string} */
    name: string;
    /** @type {number|undefined} */
    width: number | undefined;
    /** @type {number|undefined} */
    height: number | undefined;
    /** @type {T|null} null until the media is there */
    track: T | null;
    /** @type {string} the transceivers' name for it, at the publisher @internal */
    slot: string;
    /** @internal @param {TrackInfo} info */
    describe({ name, width, height }: TrackInfo): void;
    /** @internal @returns {TrackInfo} */
    toInfo(): TrackInfo;
}
import type { LocalTrack } from './local-track.js';
import type { RemoteTrack } from './track.js';
import type { TrackKind } from './wire.js';
import type { TrackSource } from './wire.js';
import type { TrackInfo } from './wire.js';
