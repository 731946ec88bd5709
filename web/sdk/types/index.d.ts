/**
 * Joins a room. Whoever was there before is in `room.participants`; the events of their tracks come after this
 * resolves, so listeners may be added then.
 *
 * @param {string} url of the turnout server: https://…, wss://…, or '' for the one that this SDK was loaded from
 * @param {TokenSource} token for the room, or a function that gets one
 * @param {RoomOptions} [options]
 * @returns {Promise<Room>} once joined
 */
export function connect(url: string, token: TokenSource, options?: RoomOptions): Promise<Room>;
export { DeviceManager } from "./devices.js";
export { TurnoutError } from "./errors.js";
export { LevelMeter } from "./level-meter.js";
export { LocalParticipant } from "./local-participant.js";
export { LocalTrack } from "./local-track.js";
export { TrackPublication } from "./publication.js";
export { Room } from "./room.js";
import type { TokenSource } from './signaling.js';
import type { RoomOptions } from './room.js';
import { Room } from './room.js';
export { createLocalTracks, createScreenTracks } from "./media.js";
export { Participant, RemoteParticipant } from "./participant.js";
export { RemoteTrack, Track } from "./track.js";
