import { Grid } from './grid.js';
import { Tile } from './tile.js';

/** @import { Participant, Room } from '../sdk/index.js' */

/** The tiles of everybody in the call, in the order they joined, the own one last. */
export class Tiles {
  #room;
  #grid;
  /** @type {Map<string, Tile>} 'sid' and 'sid/screen' */
  #tiles = new Map();
  /** @type {HTMLMediaElement[]} sound needs an element as well */
  #audio = [];
  /** @type {() => void} */
  #stop;

  /** @param {Room} room @param {HTMLElement} element */
  constructor(room, element) {
    this.#room = room;
    this.#grid = new Grid(element);
    this.element = element;
    const update = (/** @type {{participant: Participant}} */ { participant }) => this.#update(participant);
    const local = () => this.#update(room.localParticipant);
    const stops = [
      room.on('participantJoined', update),
      room.on('participantUpdated', update),
      room.on('connectionChanged', update),
      room.on('trackPublished', update),
      room.on('trackUnpublished', update),
      room.on('trackMuted', update),
      room.on('trackUnmuted', update),
      room.on('localTrackPublished', local),
      room.on('localTrackUnpublished', local),
      room.on('trackSubscribed', ({ track, participant }) => {
        if (track.kind === 'audio') this.#audio.push(track.attach());
        this.#update(participant);
      }),
      room.on('trackUnsubscribed', ({ track, participant }) => {
        const gone = track.kind === 'audio' ? track.detach() : [];
        this.#audio = this.#audio.filter((element) => !gone.includes(element));
        this.#update(participant);
      }),
      room.on('participantLeft', ({ participant }) => this.#remove(participant.sid)),
      room.on('reconnected', () => this.#refresh()),
      room.on('activeSpeakersChanged', ({ speakers }) => this.#speaking(speakers)),
    ];
    this.#stop = () => stops.forEach((stop) => stop());
    for (const participant of room.participants.values()) {
      for (const { track } of participant.tracks.values()) if (track?.kind === 'audio') this.#audio.push(track.attach());
    }
    this.#refresh();
  }

  close() {
    this.#stop();
    this.#grid.close();
    for (const tile of this.#tiles.values()) tile.close();
    this.#audio = [];
  }

  /** After a new session everybody has another sid. */
  #refresh() {
    const { localParticipant: local, participants } = this.#room;
    for (const key of [...this.#tiles.keys()]) {
      const sid = key.split('/')[0];
      if (sid !== local.sid && !participants.has(sid)) this.#remove(sid);
    }
    for (const participant of participants.values()) this.#update(participant);
    this.#update(local);
  }

  /** @param {Participant} participant */
  #update(participant) {
    const self = participant === this.#room.localParticipant;
    if (!self && !this.#room.participants.has(participant.sid)) return;
    this.#show(participant.sid, participant, { self });
    const key = `${participant.sid}/screen`;
    if (participant.getTrack('screen')) this.#show(key, participant, { self, screen: true });
    else this.#drop(key);
  }

  /** @param {string} key @param {Participant} participant @param {{self: boolean, screen?: boolean}} options */
  #show(key, participant, options) {
    const known = this.#tiles.get(key);
    if (known) {
      known.update();
      return;
    }
    const tile = new Tile(participant, options);
    this.#tiles.set(key, tile);
    const last = this.#tiles.get(this.#room.localParticipant.sid)?.element;
    if (options.screen) this.element.prepend(tile.element);
    else if (last && last !== tile.element) this.element.insertBefore(tile.element, last);
    else this.element.append(tile.element);
    this.#grid.arrange();
  }

  /** @param {string} sid */
  #remove(sid) {
    this.#drop(sid);
    this.#drop(`${sid}/screen`);
  }

  /** @param {string} key */
  #drop(key) {
    const tile = this.#tiles.get(key);
    if (!tile) return;
    this.#tiles.delete(key);
    tile.close();
    this.#grid.arrange();
  }

  /** @param {Participant[]} speakers */
  #speaking(speakers) {
    const sids = new Set(speakers.map((participant) => participant.sid));
    for (const [sid, tile] of this.#tiles) tile.speak(sids.has(sid));
  }
}
