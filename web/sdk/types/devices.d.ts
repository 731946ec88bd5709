/**
 * Cameras, microphones and speakers: lists them, asks for permission, opens the remembered ones, remembers choices,
 * and tells when something is plugged in or out.
 *
 * @extends {Emitter<DeviceEvents>}
 */
export class DeviceManager extends Emitter<DeviceEvents> {
    /** @param {{storage?: Pick<Storage, 'getItem'|'setItem'>|null, key?: string}} [options] where choices are kept */
    constructor({ storage, key }?: {
        storage?: Pick<Storage, "getItem" | "setItem"> | null;
        key?: string;
    });
    /** @returns {Readonly<Choices>} what the user chose, now or some day before */
    get choices(): Readonly<Choices>;
    /** @param {Partial<Choices>} change */
    remember(change: Partial<Choices>): void;
    /** @param {DeviceKind} kind @returns {Device[]} empty before permission */
    list(kind: DeviceKind): Device[];
    /** @param {'camera'|'microphone'} kind @returns {Permission} */
    permission(kind: "camera" | "microphone"): Permission;
    /** @returns {boolean} whether sound can be sent to a chosen speaker at all */
    get canChooseSpeaker(): boolean;
    /** @returns {boolean} whether the browser itself asks which speaker (Firefox): call chooseSpeaker() from a click */
    get browserAsksForSpeaker(): boolean;
    /** @returns {boolean} iOS moves the sound itself when something is plugged in: leave it alone */
    get systemRoutesAudio(): boolean;
    /** Reads the lists and the permissions anew. */
    refresh(): Promise<void>;
    /** @param {DeviceKind} kind @returns {Promise<boolean>} whether there is any, as far as the browser tells */
    exists(kind: DeviceKind): Promise<boolean>;
    /** @param {DeviceKind} kind @returns {Device|null} the remembered device, if it is plugged in */
    chosen(kind: DeviceKind): Device | null;
    /** @param {DeviceKind} kind @param {Device} device remembered from now on */
    choose(kind: DeviceKind, { id, label }: Device): void;
    /**
     * Opens the remembered devices, asking for permission where needed: one question for both. When one of the two
     * fails the other is still opened.
     *
     * @param {{audio: boolean, video: boolean}} wanted
     * @returns {Promise<OpenResult>}
     */
    open({ audio, video }: {
        audio: boolean;
        video: boolean;
    }): Promise<OpenResult>;
    /** @param {'camera'|'microphone'} kind @returns {MediaTrackConstraints} for the remembered device */
    constraints(kind: "camera" | "microphone"): MediaTrackConstraints;
    /** @param {'camera'|'microphone'} kind @param {LocalTrack} track @returns {Device|null} the device really in use */
    inUse(kind: "camera" | "microphone", track: LocalTrack): Device | null;
    /** Firefox: shows the browser's own list of speakers. Call it from a click. @returns {Promise<Device|null>} */
    chooseSpeaker(): Promise<Device | null>;
    /** Stops watching. */
    close(): void;
    #private;
}
export type Permission = "unknown" | "prompt" | "granted" | "denied";
export type DeviceEvents = {
    listChanged: {
        kind: DeviceKind;
        devices: Device[];
    };
    /**
     * something was
     * plugged in or out, or the system's default moved (browsers that tell)
     */
    plugged: {
        kind: DeviceKind;
        added: Device[];
        removed: Device[];
        defaultMoved: boolean;
    };
    permissionChanged: {
        kind: "camera" | "microphone";
        state: Permission;
    };
};
export type OpenResult = {
    audio: LocalTrack | null;
    video: LocalTrack | null;
    /**
     * why there is no microphone although one was asked for
     */
    audioError: TurnoutError | null;
    videoError: TurnoutError | null;
};
import { Emitter } from './emitter.js';
import type { Choices } from './device-memory.js';
import type { DeviceKind } from './device-list.js';
import type { Device } from './device-list.js';
import type { LocalTrack } from './local-track.js';
import { TurnoutError } from './errors.js';
