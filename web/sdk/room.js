import { Emitter } from './emitter.js';
import { LocalParticipant } from './local-participant.js';
import { Mesh } from './mesh.js';
import { Playback } from './playback.js';
import { Roster } from './roster.js';
import { SignalClient } from './signaling.js';
import { SpeakerWatch } from './speakers.js';
import { QualityWatch, peerStats } from './stats.js';

/** @import { Environment } from './env.js' */
/** @import { TurnoutError } from './errors.js' */
/** @import { LocalTrack } from './local-track.js' */
/** @import { Participant, RemoteParticipant } from './participant.js' */
/** @import { TrackPublication } from './publication.js' */
/** @import { TokenSource } from './signaling.js' */
/** @import { PeerStats } from './stats.js' */
/** @import { RemoteTrack } from './track.js' */
/** @import { ChatMessage, JoinReply, RoomInfo, ServerEvent } from './wire.js' */

/**
 * @typedef {'connecting'|'connected'|'reconnecting'|'disconnected'} RoomState
 *
 * @typedef {object} RoomOptions
 * @property {string} [name] how others see this participant (the token may forbid it)
 * @property {string} [metadata]
 * @property {Record<string, string>} [attributes]
 * @property {LocalTrack[]} [tracks] published with the join, without another round trip
 * @property {RTCConfiguration} [rtcConfig] beside the ICE servers, which the server gives
 * @property {RTCIceTransportPolicy} [iceTransportPolicy] 'relay' sends media only through TURN
 * @property {(room: Room) => void} [prepare] called before anything happens, for listeners that want every event
 * @property {boolean} [detectSpeakers] default true
 * @property {number} [connectTimeout] ms until connect() gives up (20 s)
 * @property {number} [reconnectTimeout] ms until a lost connection is given up (5 min)
 *
 * @typedef {object} RoomEvents
 * @property {{state: RoomState, reason?: string, error?: TurnoutError}} stateChanged
 * @property {{reason: string}} reconnecting the server is away; media goes on between the participants
 * @property {{resumed: boolean}} reconnected resumed: nothing was missed; else a new session was begun
 * @property {{reason: string, error?: TurnoutError}} disconnected for good
 * @property {{participant: RemoteParticipant}} participantJoined
 * @property {{participant: RemoteParticipant, reason: string}} participantLeft
 * @property {{participant: Participant}} participantUpdated
 * @property {{publication: TrackPublication<RemoteTrack>, participant: RemoteParticipant}} trackPublished
 * @property {{publication: TrackPublication<RemoteTrack>, participant: RemoteParticipant}} trackUnpublished
 * @property {{publication: TrackPublication, participant: Participant}} trackMuted
 * @property {{publication: TrackPublication, participant: Participant}} trackUnmuted
 * @property {{track: RemoteTrack, publication: TrackPublication<RemoteTrack>, participant: RemoteParticipant}} trackSubscribed
 * @property {{track: RemoteTrack, publication: TrackPublication<RemoteTrack>, participant: RemoteParticipant}} trackUnsubscribed
 * @property {{publication: TrackPublication<LocalTrack>}} localTrackPublished
 * @property {{publication: TrackPublication<LocalTrack>}} localTrackUnpublished
 * @property {{speakers: Participant[]}} activeSpeakersChanged loudest first
 * @property {{participant: RemoteParticipant}} connectionChanged connectionState or quality
 * @property {{message: ChatMessage, participant: Participant|null}} chat
 * @property {{room: RoomInfo}} roomUpdated
 * @property {{}} audioPlaybackBlocked the browser wants a click first: offer one that calls startAudio()
 * @property {{}} audioPlaybackStarted
 * @property {{error: unknown}} error something failed that the room itself survives
 */

/**
 * A call. `connect()` makes one.
 *
 * @extends {Emitter<RoomEvents>}
 */
export class Room extends Emitter {
  /** @type {RoomState} */
  #state = 'connecting';
  #signal;
  #mesh;
  #roster;
  #playback;
  #speakers;
  #quality;
  /** @type {RoomInfo} */
  #info = { name: '' };
  /** @type {{version?: string, node?: string}} */
  #server = {};

  /**
   * @internal use `connect()`
   * @param {string} url of the signaling gateway
   * @param {TokenSource} token
   * @param {RoomOptions} options
   * @param {Environment} env
   */
  constructor(url, token, options, env) {
    super();
    const { iceTransportPolicy, rtcConfig } = options;
    this.#signal = new SignalClient(url, {
      env,
      token,
      introduce: () => this.#introduce(options),
      ...(options.connectTimeout && { connectTimeout: options.connectTimeout }),
      ...(options.reconnectTimeout && { reconnectTimeout: options.reconnectTimeout }),
    });
    this.#mesh = new Mesh({
      env,
      signal: this.#signal,
      rtcConfig: { ...rtcConfig, ...(iceTransportPolicy && { iceTransportPolicy }) },
    });
    this.#playback = new Playback((blocked) => this.emit(blocked ? 'audioPlaybackBlocked' : 'audioPlaybackStarted', {}));
    const local = new LocalParticipant(this.#signal, this.#mesh, {
      published: (publication) => this.emit('localTrackPublished', { publication }),
      unpublished: (publication) => this.emit('localTrackUnpublished', { publication }),
      muted: (publication) => this.#localMuted(publication),
      failed: (error) => this.emit('error', { error }),
    });
    for (const track of options.tracks ?? []) local.prepare(track, {});
    this.#roster = new Roster(this, local, this.#mesh, this.#playback);
    this.#speakers = new SpeakerWatch(this, options.detectSpeakers !== false);
    this.#quality = new QualityWatch(this, env);
    this.#listen();
  }

  /** @returns {RoomState} */
  get state() {
    return this.#state;
  }

  /** @returns {string} */
  get name() {
    return this.#info.name;
  }

  /** @returns {RoomInfo} */
  get info() {
    return this.#info;
  }

  /** @returns {{version?: string, node?: string}} */
  get server() {
    return this.#server;
  }

  /** @returns {LocalParticipant} */
  get localParticipant() {
    return this.#roster.local;
  }

  /** @returns {ReadonlyMap<string, RemoteParticipant>} by sid */
  get participants() {
    return this.#roster.remotes;
  }

  /** @returns {boolean} whether sound waits for startAudio() */
  get audioBlocked() {
    return this.#playback.blocked;
  }

  /** Lets sound play where the browser wanted a click first. Call it from one. */
  startAudio() {
    return this.#playback.start();
  }

  /** @param {string} deviceId where everybody is heard; '' for the system's default */
  setAudioOutput(deviceId) {
    return this.#playback.setSink(deviceId);
  }

  /**
   * Sends a message to everybody, or only to some.
   *
   * @param {string} text 1 to 4000 characters
   * @param {{to?: RemoteParticipant[]}} [options]
   * @returns {Promise<ChatMessage>} as the others get it
   */
  async sendChat(text, { to } = {}) {
    const sids = to?.map((participant) => participant.sid);
    const { message } = await this.#signal.request('chat', { text, ...(sids && { to: sids }) });
    return { text, from: this.localParticipant.sid, ...(sids && { to: sids }), ...message };
  }

  /** @returns {Promise<PeerStats[]>} how the media flows, one entry per connection */
  getStats() {
    return Promise.all(
      [...this.#mesh.links()].map(([sid, link]) => peerStats(sid, this.participants.get(sid)?.identity ?? '', link)),
    );
  }

  /** @returns {Map<string, RTCPeerConnection|null>} the connections themselves by sid, for diagnosis */
  get peerConnections() {
    return new Map([...this.#mesh.links()].map(([sid, link]) => [sid, link.connection]));
  }

  /**
   * Leaves the room.
   *
   * @param {{stopTracks?: boolean}} [options] default: the devices are let go
   */
  disconnect({ stopTracks = true } = {}) {
    if (stopTracks) this.localParticipant.stopAll();
    this.#signal.leave();
  }

  /** @internal */
  async open() {
    await this.#signal.connect();
  }

  /** Drops the connection to the server as a broken network would, to see the resume work. */
  simulateConnectionLoss() {
    this.#signal.dropForTest();
  }

  /** @param {RoomOptions} options */
  #introduce({ name, metadata, attributes }) {
    const local = this.localParticipant;
    const tracks = [...local.tracks.values()].map((publication) => publication.toInfo());
    return {
      ...(local.name || name ? { name: local.name || name } : {}),
      ...(metadata !== undefined && { metadata }),
      ...(attributes && { attributes }),
      ...(tracks.length > 0 && { tracks }),
    };
  }

  #listen() {
    const signal = this.#signal;
    signal.on('joined', ({ reply, again }) => this.#joined(reply, again));
    signal.on('resumed', ({ reply }) => this.#resumed(reply));
    signal.on('event', (event) => this.#receive(event));
    signal.on('state', ({ state, reason, error }) => {
      if (state === 'reconnecting') {
        this.#setState('reconnecting', reason, error);
        this.emit('reconnecting', { reason: reason ?? 'connection-lost' });
      } else if (state === 'disconnected') {
        this.#over(reason ?? 'closed', error);
      }
    });
    this.#mesh.on('state', ({ sid, state }) => this.#roster.connection(sid, state));
    this.#mesh.on('media', ({ sid, media }) => this.#roster.media(sid, media));
    this.#mesh.on('error', ({ error }) => this.emit('error', { error }));
  }

  /** @param {JoinReply} reply @param {boolean} again */
  #joined(reply, again) {
    this.#learn(reply);
    if (again) this.#roster.forgetAll('timeout');
    this.#roster.join(reply);
    this.#setState('connected');
    this.#speakers.start();
    this.#quality.start();
    if (again) this.emit('reconnected', { resumed: false });
  }

  /** @param {JoinReply} reply */
  #resumed(reply) {
    this.#learn(reply);
    if (reply.snapshot) this.#roster.snapshot(reply.participants ?? []);
    this.#setState('connected');
    this.emit('reconnected', { resumed: true });
  }

  /** @param {JoinReply} reply */
  #learn({ room, server, iceServers, iceTtl }) {
    if (room) this.#info = room;
    if (server) this.#server = server;
    this.#mesh.setGeneration(this.#info.generation ?? 0);
    if (iceServers) this.#mesh.setIceServers(iceServers, iceTtl ?? 0);
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    if (event.event === 'peer') {
      this.#mesh.receive(event);
    } else if (event.event === 'room-updated') {
      this.#learn(/** @type {any} */ ({ room: event.room }));
      this.emit('roomUpdated', { room: this.#info });
    } else if (event.event === 'chat') {
      const { id, from, text, time, to } = event;
      this.emit('chat', { message: { id, from, text, time, ...(to && { to }) }, participant: this.#roster.find(from) });
    } else {
      this.#roster.receive(event);
    }
  }

  /** @param {TrackPublication<LocalTrack>} publication */
  #localMuted(publication) {
    const name = publication.muted ? 'trackMuted' : 'trackUnmuted';
    this.emit(name, { publication, participant: this.localParticipant });
    this.localParticipant.emit('trackMuted', { publication });
  }

  /** @param {string} reason @param {TurnoutError} [error] */
  #over(reason, error) {
    if (this.#state === 'disconnected') return;
    this.#speakers.stop();
    this.#quality.stop();
    this.#mesh.close();
    this.#roster.forgetAll(reason);
    this.#setState('disconnected', reason, error);
    this.emit('disconnected', { reason, error });
  }

  /** @param {RoomState} state @param {string} [reason] @param {TurnoutError} [error] */
  #setState(state, reason, error) {
    if (state === this.#state) return;
    this.#state = state;
    this.emit('stateChanged', { state, reason, error });
  }
}
