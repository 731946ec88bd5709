/** @import { Environment } from './env.js' */
/** @import { ConnectionQuality } from './participant.js' */
/** @import { PeerLink } from './peer.js' */
/** @import { Room } from './room.js' */

/**
 * @typedef {object} StreamStats
 * @property {'audio'|'video'} kind
 * @property {string} codec
 * @property {number} bytes since the stream began
 * @property {number} bitrate bits per second since the last look, 0 at the first
 * @property {number} packets
 * @property {number} packetsLost received: lost on the way here; sent: lost on the way there, as the peer reports
 * @property {number} framesDecoded received video
 * @property {number} framesEncoded sent video
 * @property {number} width
 * @property {number} height
 * @property {number} jitter seconds
 *
 * @typedef {object} PathStats
 * @property {string} localType host, srflx, prflx or relay
 * @property {string} remoteType
 * @property {string} protocol udp or tcp, between the browsers (or to the relay's outside)
 * @property {string} relayProtocol how the own relay is reached: udp, tcp or tls; '' without one
 *
 * @typedef {object} PeerStats
 * @property {string} sid
 * @property {string} identity
 * @property {string} state of the connection
 * @property {PathStats|null} path null while there is none
 * @property {number|null} rtt seconds
 * @property {number} bytesSent
 * @property {number} bytesReceived
 * @property {StreamStats[]} inbound
 * @property {StreamStats[]} outbound
 */

/** @type {WeakMap<RTCPeerConnection, Map<string, {bytes: number, time: number}>>} */
const before = new WeakMap();

/**
 * @param {string} sid
 * @param {string} identity
 * @param {PeerLink} link
 * @returns {Promise<PeerStats>}
 */
export async function peerStats(sid, identity, link) {
  /** @type {PeerStats} */
  const stats = { sid, identity, state: link.state, path: null, rtt: null, bytesSent: 0, bytesReceived: 0, inbound: [], outbound: [] };
  const pc = link.connection;
  if (!pc) return stats;
  /** @type {Map<string, any>} */
  const report = new Map([...(await pc.getStats())]);
  const pair = chosenPair(report);
  if (pair) {
    stats.path = pathOf(pair, report);
    stats.rtt = pair.currentRoundTripTime ?? null;
    stats.bytesSent = pair.bytesSent ?? 0;
    stats.bytesReceived = pair.bytesReceived ?? 0;
  }
  const last = before.get(pc) ?? new Map();
  before.set(pc, last);
  for (const entry of report.values()) {
    if (entry.type === 'inbound-rtp') stats.inbound.push(streamOf(entry, entry.bytesReceived, entry.packetsReceived, entry.packetsLost, report, last));
    if (entry.type === 'outbound-rtp') {
      const lost = report.get(entry.remoteId)?.packetsLost;
      stats.outbound.push(streamOf(entry, entry.bytesSent, entry.packetsSent, lost, report, last));
    }
  }
  return stats;
}

/** @param {Map<string, any>} report */
function chosenPair(report) {
  const all = [...report.values()];
  const transport = all.find((entry) => entry.type === 'transport' && entry.selectedCandidatePairId);
  if (transport) return report.get(transport.selectedCandidatePairId);
  // Firefox marks the pair itself.
  return all.find((entry) => entry.type === 'candidate-pair' && (entry.selected || (entry.nominated && entry.state === 'succeeded')));
}

/** @param {any} pair @param {Map<string, any>} report @returns {PathStats} */
function pathOf(pair, report) {
  const local = report.get(pair.localCandidateId) ?? {};
  const remote = report.get(pair.remoteCandidateId) ?? {};
  return {
    localType: local.candidateType ?? '',
    remoteType: remote.candidateType ?? '',
    protocol: local.protocol ?? '',
    relayProtocol: local.relayProtocol ?? '',
  };
}

/**
 * @param {any} entry
 * @param {number} bytes
 * @param {number} packets
 * @param {number|undefined} lost
 * @param {Map<string, any>} report
 * @param {Map<string, {bytes: number, time: number}>} last
 * @returns {StreamStats}
 */
function streamOf(entry, bytes = 0, packets = 0, lost = 0, report, last) {
  const old = last.get(entry.id);
  last.set(entry.id, { bytes, time: entry.timestamp });
  const seconds = old ? (entry.timestamp - old.time) / 1000 : 0;
  return {
    kind: entry.kind === 'audio' ? 'audio' : 'video',
    codec: String(report.get(entry.codecId)?.mimeType ?? '').replace(/^\w+\//, ''),
    bytes,
    bitrate: old && seconds > 0 ? Math.max(0, Math.round(((bytes - old.bytes) * 8) / seconds)) : 0,
    packets,
    packetsLost: lost,
    framesDecoded: entry.framesDecoded ?? 0,
    framesEncoded: entry.framesEncoded ?? 0,
    width: entry.frameWidth ?? 0,
    height: entry.frameHeight ?? 0,
    jitter: entry.jitter ?? 0,
  };
}

const QUALITY_PERIOD = 3_000;

/** Grades each connection now and then by loss and round-trip time. */
export class QualityWatch {
  #room;
  #env;
  /** @type {any} */
  #timer = null;
  /** @type {Map<string, {packets: number, lost: number}>} */
  #last = new Map();

  /** @param {Room} room @param {Environment} env */
  constructor(room, env) {
    this.#room = room;
    this.#env = env;
  }

  start() {
    if (this.#timer === null) this.#arm();
  }

  stop() {
    this.#env.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm() {
    this.#timer = this.#env.setTimeout(async () => {
      try {
        for (const stats of await this.#room.getStats()) this.#grade(stats);
      } finally {
        if (this.#timer !== null) this.#arm();
      }
    }, QUALITY_PERIOD);
  }

  /** @param {PeerStats} stats */
  #grade(stats) {
    const participant = this.#room.participants.get(stats.sid);
    if (!participant) return;
    const packets = stats.inbound.reduce((sum, stream) => sum + stream.packets, 0);
    const lost = stats.inbound.reduce((sum, stream) => sum + stream.packetsLost, 0);
    const old = this.#last.get(stats.sid) ?? { packets, lost };
    this.#last.set(stats.sid, { packets, lost });
    const came = Math.max(0, packets - old.packets);
    const missed = Math.max(0, lost - old.lost);
    const loss = came + missed > 0 ? missed / (came + missed) : 0;
    const quality = gradeOf(stats.state, loss, stats.rtt ?? 0);
    if (quality === participant.quality) return;
    participant.quality = quality;
    participant.emit('updated', {});
    this.#room.emit('connectionChanged', { participant });
  }
}

/**
 * @param {string} state of the connection
 * @param {number} loss share of the packets
 * @param {number} rtt seconds
 * @returns {ConnectionQuality}
 */
export function gradeOf(state, loss, rtt) {
  if (state === 'interrupted' || state === 'closed') return 'lost';
  if (state !== 'connected') return 'unknown';
  if (loss > 0.1 || rtt > 0.6) return 'poor';
  if (loss > 0.03 || rtt > 0.3) return 'fair';
  return 'good';
}
