/** Throws where no device can be had at all, saying why. */
export function requireMediaDevices(): void;
/**
 * Opens a microphone, a camera, or both (one question to the user instead of two).
 *
 * @param {{audio?: boolean | MediaTrackConstraints, video?: boolean | MediaTrackConstraints}} options
 * @returns {Promise<LocalTrack[]>}
 */
export function createLocalTracks({ audio, video }: {
    audio?: boolean | MediaTrackConstraints;
    video?: boolean | MediaTrackConstraints;
}): Promise<LocalTrack[]>;
/** Asks what to share. Call it from a click. @returns {Promise<LocalTrack[]>} */
export function createScreenTracks(): Promise<LocalTrack[]>;
/** @import { TrackSource } from './wire.js' */
/** What is asked of a microphone and a camera unless told otherwise. */
export const AUDIO_DEFAULTS: MediaTrackConstraints;
export const VIDEO_DEFAULTS: MediaTrackConstraints;
import { LocalTrack } from './local-track.js';
