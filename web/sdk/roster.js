import { RemoteParticipant } from './participant.js';
import { TrackPublication } from './publication.js';
import { RemoteTrack } from './track.js';

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
  /** @type {Map<string, RemoteParticipant>} by sid */
  remotes = new Map();
  local;
  #room;
  #mesh;
  #playback;
  /** @type {Map<string, RemoteMedia[]>} what each peer sends, maybe before it is known as published */
  #media = new Map();

  /**
   * @param {Room} room
   * @param {LocalParticipant} local
   * @param {Mesh} mesh
   * @param {Playback} playback
   */
  constructor(room, local, mesh, playback) {
    this.#room = room;
    this.local = local;
    this.#mesh = mesh;
    this.#playback = playback;
  }

  /** @param {string} sid @returns {Participant|null} */
  find(sid) {
    return sid === this.local.sid ? this.local : this.remotes.get(sid) ?? null;
  }

  /** @param {JoinReply} reply of a new session */
  join({ self, participants }) {
    this.local.learn(self);
    this.local.permissions = self.permissions ?? {};
    for (const info of participants ?? []) this.#add(info);
  }

  /** After a gap in the events: what is not in the list is gone. @param {ParticipantInfo[]} participants */
  snapshot(participants) {
    const present = new Set(participants.map((info) => info.sid));
    for (const sid of [...this.remotes.keys()]) if (!present.has(sid)) this.#remove(sid, 'left');
    for (const info of participants) {
      const known = this.remotes.get(info.sid);
      if (known) this.#update(known, info);
      else this.#add(info);
    }
  }

  /** @param {string} reason */
  forgetAll(reason) {
    for (const sid of [...this.remotes.keys()]) this.#remove(sid, reason);
    this.#mesh.removeAll();
  }

  /** @param {ServerEvent} event about participants or tracks */
  receive(event) {
    if (event.event === 'participant-joined') {
      this.#add(event.participant);
      return;
    }
    if (event.event === 'participant-updated') {
      this.#updated(event.participant);
      return;
    }
    const participant = this.remotes.get(event.participant);
    if (!participant) {
      if (event.event === 'track-muted' && event.participant === this.local.sid) this.#mutedByServer(event);
      return;
    }
    if (event.event === 'participant-left') this.#remove(participant.sid, event.reason ?? 'left');
    else if (event.event === 'track-published') this.#publish(participant, event.track);
    else if (event.event === 'track-unpublished') this.#unpublish(participant, event.track);
    else if (event.event === 'track-muted') this.#mute(participant, event.track, event.muted === true);
  }

  /** @param {string} sid @param {PeerState} state */
  connection(sid, state) {
    const participant = this.remotes.get(sid);
    if (!participant) return;
    participant.connectionState = state;
    participant.emit('updated', {});
    this.#room.emit('connectionChanged', { participant });
  }

  /** @param {string} sid @param {RemoteMedia[]} media all that peer sends now */
  media(sid, media) {
    this.#media.set(sid, media);
    const participant = this.remotes.get(sid);
    if (!participant) return;
    for (const publication of participant.tracks.values()) this.#match(participant, publication);
  }

  /** @param {ParticipantInfo} info */
  #add(info) {
    if (info.sid === this.local.sid) return;
    const known = this.remotes.get(info.sid);
    if (known) {
      this.#update(known, info);
      return;
    }
    const participant = new RemoteParticipant(info);
    this.remotes.set(info.sid, participant);
    this.#room.emit('participantJoined', { participant });
    for (const publication of participant.tracks.values()) this.#room.emit('trackPublished', { publication, participant });
    if (info.canSubscribe === false || this.local.permissions.canSubscribe === false) return;
    this.#mesh.addPeer({ sid: info.sid, joinOrder: info.joinOrder, away: info.state === 'away' }, this.local.joinOrder);
  }

  /** @param {string} sid @param {string} reason */
  #remove(sid, reason) {
    const participant = this.remotes.get(sid);
    if (!participant) return;
    for (const id of [...participant.tracks.keys()]) this.#unpublish(participant, id);
    this.remotes.delete(sid);
    this.#media.delete(sid);
    this.#mesh.removePeer(sid);
    this.#room.emit('participantLeft', { participant, reason });
  }

  /** @param {ParticipantInfo} info */
  #updated(info) {
    const remote = this.remotes.get(info.sid);
    if (remote) {
      this.#update(remote, info);
      return;
    }
    if (info.sid !== this.local.sid) return;
    this.local.learn(info);
    if (info.permissions) this.local.permissions = info.permissions;
    this.local.emit('updated', {});
    this.#room.emit('participantUpdated', { participant: this.local });
  }

  /** @param {RemoteParticipant} participant @param {ParticipantInfo} info */
  #update(participant, info) {
    participant.learn({ ...info, joinOrder: info.joinOrder ?? participant.joinOrder });
    this.#mesh.setAway(info.sid, participant.state === 'away');
    participant.emit('updated', {});
    this.#room.emit('participantUpdated', { participant });
    if (!info.tracks) return;
    const listed = new Set(info.tracks.map((track) => track.id));
    for (const id of [...participant.tracks.keys()]) if (!listed.has(id)) this.#unpublish(participant, id);
    for (const track of info.tracks) this.#publish(participant, track);
  }

  /** @param {RemoteParticipant} participant @param {TrackInfo} info */
  #publish(participant, info) {
    const known = participant.tracks.get(info.id);
    if (known) {
      known.describe(info);
      this.#mute(participant, info.id, info.muted === true);
      return;
    }
    /** @type {TrackPublication<RemoteTrack>} */
    const publication = new TrackPublication(info);
    participant.tracks.set(info.id, publication);
    participant.emit('trackPublished', { publication });
    this.#room.emit('trackPublished', { publication, participant });
    this.#match(participant, publication);
  }

  /** @param {RemoteParticipant} participant @param {string} id */
  #unpublish(participant, id) {
    const publication = participant.tracks.get(id);
    if (!publication) return;
    participant.tracks.delete(id);
    this.#unsubscribe(participant, publication);
    participant.emit('trackUnpublished', { publication });
    this.#room.emit('trackUnpublished', { publication, participant });
  }

  /** @param {RemoteParticipant} participant @param {string} id @param {boolean} muted */
  #mute(participant, id, muted) {
    const publication = participant.tracks.get(id);
    if (!publication || publication.muted === muted) return;
    publication.muted = muted;
    participant.emit('trackMuted', { publication });
    this.#room.emit(muted ? 'trackMuted' : 'trackUnmuted', { publication, participant });
  }

  /** Somebody with the right to do so muted us. @param {ServerEvent} event */
  #mutedByServer({ track, muted }) {
    const publication = this.local.tracks.get(track);
    if (publication && muted === true && !publication.muted) {
      this.local.setMuted(publication, true).catch((error) => this.#room.emit('error', { error }));
    }
  }

  /** Brings a publication together with its media, once both are known. @param {RemoteParticipant} participant @param {TrackPublication<RemoteTrack>} publication */
  #match(participant, publication) {
    const found = this.#media.get(participant.sid)?.find((media) => media.id === publication.id);
    if (!found) return;
    const isNew = !publication.track;
    const track = publication.track ?? new RemoteTrack(publication.kind, publication.source);
    track.playback = this.#playback;
    track.arrive(found.track, found.receiver);
    if (!isNew) return;
    publication.track = track;
    participant.emit('trackSubscribed', { publication, track });
    this.#room.emit('trackSubscribed', { track, publication, participant });
  }

  /** @param {RemoteParticipant} participant @param {TrackPublication<RemoteTrack>} publication */
  #unsubscribe(participant, publication) {
    const { track } = publication;
    if (!track) return;
    publication.track = null;
    participant.emit('trackUnsubscribed', { publication, track });
    this.#room.emit('trackUnsubscribed', { track, publication, participant });
    track.detach();
  }
}
