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
export class Track extends Emitter<TrackEvents> {
    /**
     * @param {TrackKind} kind
     * @param {TrackSource} source
     */
    constructor(kind: TrackKind, source: TrackSource);
    kind: TrackKind;
    source: TrackSource;
    /** @type {Playback|null} @internal */
    playback: Playback | null;
    /** @returns {MediaStreamTrack|null} what is shown or heard now */
    get mediaStreamTrack(): MediaStreamTrack | null;
    /** @returns {MediaStream} holds only this track, and follows it when the device changes */
    get stream(): MediaStream;
    /** @returns {HTMLMediaElement[]} */
    get attachedElements(): HTMLMediaElement[];
    /**
     * Shows the track in an element, or makes one for it.
     *
     * @param {HTMLMediaElement} [element]
     * @returns {HTMLMediaElement}
     */
    attach(element?: HTMLMediaElement): HTMLMediaElement;
    /**
     * Takes the track out of an element, or out of all.
     *
     * @param {HTMLMediaElement} [element]
     * @returns {HTMLMediaElement[]} the elements it was taken out of
     */
    detach(element?: HTMLMediaElement): HTMLMediaElement[];
    /** @internal @param {MediaStreamTrack|null} media */
    carry(media: MediaStreamTrack | null): void;
    #private;
}
/** A track of another participant. */
export class RemoteTrack extends Track {
    /** @type {RTCRtpReceiver|null} what it arrives through, for statistics */
    receiver: RTCRtpReceiver | null;
    /** @internal @param {MediaStreamTrack} media @param {RTCRtpReceiver} receiver */
    arrive(media: MediaStreamTrack, receiver: RTCRtpReceiver): void;
}
export type TrackEvents = {
    /**
     * another MediaStreamTrack carries it now; attached elements follow by themselves
     */
    changed: {};
    /**
     * the device went away or the capture was stopped outside the page
     */
    ended: {};
};
import { Emitter } from './emitter.js';
import type { TrackKind } from './wire.js';
import type { TrackSource } from './wire.js';
import type { Playback } from './playback.js';
