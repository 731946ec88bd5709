import { TurnoutError, deviceError } from './errors.js';
import { LocalTrack } from './local-track.js';

/** @import { TrackSource } from './wire.js' */

/** What is asked of a microphone and a camera unless told otherwise. */
export const AUDIO_DEFAULTS = /** @type {MediaTrackConstraints} */ ({
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
});
export const VIDEO_DEFAULTS = /** @type {MediaTrackConstraints} */ ({
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
});

/** Throws where no device can be had at all, saying why. */
export function requireMediaDevices() {
  if (globalThis.isSecureContext === false) {
    throw new TurnoutError('insecure-context', 'Cameras and microphones work only on pages loaded over https.');
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new TurnoutError('device-failed', 'This browser cannot use cameras and microphones.');
  }
}

/**
 * Opens a microphone, a camera, or both (one question to the user instead of two).
 *
 * @param {{audio?: boolean | MediaTrackConstraints, video?: boolean | MediaTrackConstraints}} options
 * @returns {Promise<LocalTrack[]>}
 */
export async function createLocalTracks({ audio = false, video = false }) {
  requireMediaDevices();
  const wanted = {
    audio: audio ? { ...AUDIO_DEFAULTS, ...(audio === true ? {} : audio) } : false,
    video: video ? { ...VIDEO_DEFAULTS, ...(video === true ? {} : video) } : false,
  };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia(wanted);
  } catch (cause) {
    throw deviceError(cause, video ? 'camera' : 'microphone');
  }
  return stream.getTracks().map((track) => {
    const isAudio = track.kind === 'audio';
    return new LocalTrack(track, isAudio ? 'microphone' : 'camera', /** @type {any} */ (isAudio ? wanted.audio : wanted.video));
  });
}

/** Asks what to share. Call it from a click. @returns {Promise<LocalTrack[]>} */
export async function createScreenTracks() {
  if (!navigator.mediaDevices?.getDisplayMedia) {
    throw new TurnoutError('device-failed', 'This browser cannot share the screen.');
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15 } }, audio: true });
  } catch (cause) {
    throw deviceError(cause, 'screen');
  }
  return stream.getTracks().map((track) => {
    const source = /** @type {TrackSource} */ (track.kind === 'audio' ? 'screen-audio' : 'screen');
    return new LocalTrack(track, source);
  });
}
