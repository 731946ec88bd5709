/** @import { LocalParticipant } from './local-participant.js' */
/** @import { Mesh } from './mesh.js' */
/** @import { Participant } from './participant.js' */
/** @import { PeerState } from './peer.js' */
/** @import { Playback } from './playback.js' */
/** @import { Room } from './room.js' */
/** @import { RemoteMedia } from './slots.js' */
/** @import { JoinReply, ParticipantInfo, ServerEvent, TrackInfo } from './wire.js' */
/**
 * Who is in the room and what they publish: turns the server's events and the arriving media into participants,
 * publications and tracks, and tells the room.
 */
export class Roster {
    /**
     * @param {Room} room
     * @param {LocalParticipant} local
     * @param {Mesh} mesh
     * @param {Playback} playback
     */
    constructor(room: Room, local: LocalParticipant, mesh: Mesh, playback: Playback);
    /** @type {Map<string, RemoteParticipant>} by sid */
    remotes: Map<string, RemoteParticipant>;
    local: LocalParticipant;
    /** @param {string} sid @returns {Participant|null} */
    find(sid: string): Participant | null;
    /** @param {JoinReply} reply of a new session */
    join({ self, participants }: JoinReply): void;
    /** After a gap in the events: what is not in the list is gone. @param {ParticipantInfo[]} participants */
    snapshot(participants: ParticipantInfo[]): void;
    /** @param {string} reason */
    forgetAll(reason: string): void;
    /** @param {ServerEvent} event about participants or tracks */
    receive(event: ServerEvent): void;
    /** @param {string} sid @param {PeerState} state */
    connection(sid: string, state: PeerState): void;
    /** @param {string} sid @param {RemoteMedia[]} media all that peer sends now */
    media(sid: string, media: RemoteMedia[]): void;
    #private;
}
import { RemoteParticipant } from './participant.js';
import type { LocalParticipant } from './local-participant.js';
import type { Participant } from './participant.js';
import type { JoinReply } from './wire.js';
import type { ParticipantInfo } from './wire.js';
import type { ServerEvent } from './wire.js';
import type { PeerState } from './peer.js';
import type { RemoteMedia } from './slots.js';
import type { Room } from './room.js';
import type { Mesh } from './mesh.js';
import type { Playback } from './playback.js';
