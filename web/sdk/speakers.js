import { LevelMeter } from './level-meter.js';

/** @import { Participant } from './participant.js' */
/** @import { Room } from './room.js' */

const PERIOD = 150;
/** RMS level from which somebody counts as speaking, and how long a pause may be. */
const LOUD = 0.02;
const HOLD = 700;

/** Watches how loud everybody is, and says who speaks. */
export class SpeakerWatch {
  #room;
  #enabled;
  /** @type {any} */
  #timer = null;
  /** @type {Map<Participant, number>} until when */
  #speaking = new Map();
  /** @type {LevelMeter|null} */
  #meter = null;
  /** @type {MediaStreamTrack|null} */
  #metered = null;

  /** @param {Room} room @param {boolean} enabled */
  constructor(room, enabled) {
    this.#room = room;
    this.#enabled = enabled;
  }

  start() {
    if (this.#enabled && this.#timer === null) this.#timer = setInterval(() => this.#look(), PERIOD);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#meter?.close();
    this.#meter = null;
  }

  #look() {
    const now = performance.now();
    let changed = false;
    for (const participant of [...this.#room.participants.values(), this.#room.localParticipant]) {
      const level = this.#level(participant);
      if (level >= LOUD) this.#speaking.set(participant, now + HOLD);
      const speaking = (this.#speaking.get(participant) ?? 0) > now;
      if (!speaking) this.#speaking.delete(participant);
      if (speaking !== participant.isSpeaking) changed = true;
      if (speaking !== participant.isSpeaking || Math.abs(level - participant.audioLevel) > 0.01) participant.hear(speaking, level);
    }
    for (const participant of this.#speaking.keys()) {
      if (participant !== this.#room.localParticipant && !this.#room.participants.has(participant.sid)) {
        this.#speaking.delete(participant);
        changed = true;
      }
    }
    if (!changed) return;
    const speakers = [...this.#speaking.keys()].sort((a, b) => b.audioLevel - a.audioLevel);
    this.#room.emit('activeSpeakersChanged', { speakers });
  }

  /** @param {Participant} participant @returns {number} 0 to 1 */
  #level(participant) {
    const publication = participant.getTrack('microphone');
    const track = publication?.track;
    if (participant === this.#room.localParticipant) return this.#localLevel(publication?.muted ? null : track?.mediaStreamTrack ?? null);
    if (!track || publication?.muted) return 0;
    const receiver = 'receiver' in track ? track.receiver : null;
    return receiver?.getSynchronizationSources?.()[0]?.audioLevel ?? 0;
  }

  /** @param {MediaStreamTrack|null} track @returns {number} */
  #localLevel(track) {
    if (track !== this.#metered) {
      this.#meter?.close();
      this.#metered = track;
      this.#meter = track ? new LevelMeter(track) : null;
    }
    return this.#meter?.level ?? 0;
  }
}
