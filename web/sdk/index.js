import { browserEnvironment } from './env.js';
import { Room } from './room.js';
import { signalUrl } from './wire.js';

/** @import { RoomOptions } from './room.js' */
/** @import { TokenSource } from './signaling.js' */

export { DeviceManager } from './devices.js';
export { TurnoutError } from './errors.js';
export { LevelMeter } from './level-meter.js';
export { LocalParticipant } from './local-participant.js';
export { LocalTrack } from './local-track.js';
export { createLocalTracks, createScreenTracks } from './media.js';
export { Participant, RemoteParticipant } from './participant.js';
export { TrackPublication } from './publication.js';
export { Room } from './room.js';
export { RemoteTrack, Track } from './track.js';

/**
 * Joins a room. Whoever was there before is in `room.participants`; the events of their tracks come after this
 * resolves, so listeners may be added then.
 *
 * @param {string} url of the turnout server: https://…, wss://…, or '' for the one that this SDK was loaded from
 * @param {TokenSource} token for the room, or a function that gets one
 * @param {RoomOptions} [options]
 * @returns {Promise<Room>} once joined
 */
export async function connect(url, token, options = {}) {
  const room = new Room(signalUrl(url || new URL('..', import.meta.url).href), token, options, browserEnvironment());
  options.prepare?.(room);
  await room.open();
  return room;
}
