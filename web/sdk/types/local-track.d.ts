/** A track of this browser's devices. */
export class LocalTrack extends Track {
    /**
     * @param {MediaStreamTrack} media
     * @param {TrackSource} source
     * @param {MediaTrackConstraints} [constraints] used again when the device is opened anew
     */
    constructor(media: MediaStreamTrack, source: TrackSource, constraints?: MediaTrackConstraints);
    /** Whether a muted track lets go of its device (the camera's light goes out). */
    releaseWhenMuted: boolean;
    get muted(): boolean;
    /** @returns {string} the device in use, as the browser calls it */
    get deviceId(): string;
    /** @returns {string} */
    get label(): string;
    /** @returns {MediaTrackSettings} */
    get settings(): MediaTrackSettings;
    /** Nothing is sent until unmute(). */
    mute(): Promise<void>;
    /** Sends again; a camera is opened anew, which can fail with a device error. */
    unmute(): Promise<void>;
    /**
     * Changes to another device; whoever listens notices nothing but another picture. The user's choice counts more
     * than the resolution, so exactly this device is asked for; should it be gone when the track is opened again some
     * day, another one will do.
     *
     * @param {string} deviceId '' for the browser's default
     */
    setDevice(deviceId: string): Promise<void>;
    /** Opens the device again, after it ended. */
    restart(): Promise<void>;
    /** @param {TrackProcessor|null} processor put into the track's way; null takes it out */
    setProcessor(processor: TrackProcessor | null): Promise<void>;
    /** Lets go of the device for good. */
    stop(): void;
    #private;
}
/**
 * Something between the device and the call: blur, noise suppression, a test picture.
 */
export type TrackProcessor = {
    name?: string | undefined;
    /**
     * called again when
     * the device changes, after stop()
     */
    start: (input: MediaStreamTrack) => MediaStreamTrack | Promise<MediaStreamTrack>;
    stop: () => void | Promise<void>;
};
import { Track } from './track.js';
import type { TrackSource } from './wire.js';
