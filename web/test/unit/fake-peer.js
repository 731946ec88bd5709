// An RTCPeerConnection without media: the signaling state machine, transceivers, rollback and the negotiation-needed
// event of the specification, over a network the test switches on and off. Descriptions are JSON instead of SDP.

const OPPOSITE = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };
let names = 0;

/** @param {string} kind */
export function fakeTrack(kind) {
  return { kind, id: `track${++names}` };
}

/** What lies between two sides: connects RTCPeerConnections that know each other's newest credentials. */
export class FakeNetwork {
  up = true;
  peers = [];
  #clock;

  constructor(clock) {
    this.#clock = clock;
  }

  /** The path breaks; a connection needs new credentials (an ICE restart) to come back. */
  break() {
    this.up = false;
    for (const pc of this.peers) {
      if (pc.connectionState !== 'connected') continue;
      pc.burnt = pc.localUfrag;
      pc.setConnection('disconnected');
    }
  }

  mend() {
    this.up = true;
    this.check();
  }

  check() {
    this.#clock.setTimeout(() => {
      for (const a of this.peers) for (const b of this.peers) if (a !== b) this.#pair(a, b);
    }, 20);
  }

  #pair(a, b) {
    const agree = a.remoteUfrag === b.localUfrag && b.remoteUfrag === a.localUfrag;
    const settled = a.signalingState === 'stable' && b.signalingState === 'stable';
    if (!this.up || !agree || !settled || a.burnt === a.localUfrag || b.burnt === b.localUfrag) return;
    a.setConnection('connected');
    b.setConnection('connected');
  }
}

class FakeTransceiver {
  mid = null;
  currentDirection = null;
  stopped = false;
  /** Set while an own offer that may be rolled back has given the mid. */
  tentative = false;
  #direction;
  #pc;

  constructor(pc, kind, track, direction) {
    this.#pc = pc;
    this.kind = kind;
    this.#direction = direction;
    this.receiver = { track: fakeTrack(kind) };
    const parameters = { encodings: [{}] };
    this.sender = {
      track,
      replaceTrack: (next) => pc.chain(async () => void (this.sender.track = next)),
      getParameters: () => parameters,
      setParameters: async () => {},
    };
  }

  get direction() {
    return this.#direction;
  }

  set direction(direction) {
    this.#direction = direction;
    this.#pc.updateNegotiationNeeded();
  }

  stop() {
    this.stopped = true;
    this.#pc.transceivers = this.#pc.transceivers.filter((each) => each !== this || this.mid !== null);
  }
}

export class FakePeer {
  /** Candidates come before setLocalDescription() has told that it is done. */
  static gatherAtOnce = false;
  signalingState = 'stable';
  connectionState = 'new';
  localDescription = null;
  remoteDescription = null;
  transceivers = [];
  localUfrag = `u${++names}`;
  remoteUfrag = null;
  burnt = null;
  onnegotiationneeded = null;
  onicecandidate = null;
  onconnectionstatechange = null;
  /** Every description ever applied, for assertions. */
  applied = [];
  #env;
  #network;
  #chain = Promise.resolve();
  #chained = 0;
  #needed = false;
  #restart = false;
  #closed = false;
  #nextMid = 0;

  /** @param {any} env virtual, with `delay()` for how long an operation takes @param {FakeNetwork} network @param {string} name */
  constructor(env, network, name) {
    this.#env = env;
    this.#network = network;
    this.name = name;
    network.peers.push(this);
  }

  getTransceivers() {
    return this.transceivers;
  }

  addTransceiver(what, { direction = 'sendrecv' } = {}) {
    const track = typeof what === 'string' ? null : what;
    const transceiver = new FakeTransceiver(this, track?.kind ?? what, track, direction);
    this.transceivers.push(transceiver);
    this.updateNegotiationNeeded();
    return transceiver;
  }

  setConfiguration() {}

  restartIce() {
    this.#restart = true;
    this.updateNegotiationNeeded();
  }

  close() {
    this.#closed = true;
    this.signalingState = 'closed';
    this.#network.peers = this.#network.peers.filter((each) => each !== this);
  }

  /** One operation at a time, as the specification's operations chain. */
  chain(operation) {
    this.#chained++;
    const done = this.#chain.then(async () => {
      await new Promise((resolve) => this.#env.setTimeout(resolve, this.#env.delay()));
      // As the specification has it: what was under way when the connection was closed never ends.
      if (this.#closed) await new Promise(() => {});
      return operation();
    });
    this.#chain = done.then(
      () => this.#unchained(),
      () => this.#unchained(),
    );
    return done;
  }

  #unchained() {
    this.#chained--;
    this.updateNegotiationNeeded();
  }

  updateNegotiationNeeded() {
    this.#env.setTimeout(() => {
      if (this.#closed || this.#chained > 0 || this.signalingState !== 'stable' || this.#needed || !this.#changed()) return;
      this.#needed = true;
      this.onnegotiationneeded?.();
    }, 0);
  }

  #changed() {
    if (this.#restart) return true;
    return this.transceivers.some((each) => {
      if (each.stopped) return false;
      if (each.mid === null) return true;
      return this.localDescription.type === 'offer'
        ? each.offered !== each.direction && each.currentDirection !== each.direction
        : each.currentDirection !== narrow(each.direction, each.remoteDirection);
    });
  }

  setLocalDescription() {
    return this.chain(async () => {
      if (this.signalingState === 'have-remote-offer') this.#answer();
      else this.#offer();
      this.#gather();
    });
  }

  #offer() {
    this.#needed = false;
    if (this.#restart) this.localUfrag = `u${++names}`;
    this.#restart = false;
    for (const each of this.transceivers.filter((t) => t.mid === null && !t.stopped)) {
      each.mid = `${this.name}${this.#nextMid++}`;
      each.tentative = true;
    }
    for (const each of this.transceivers) each.offered = each.direction;
    this.#describe('offer');
    this.signalingState = 'have-local-offer';
  }

  #answer() {
    for (const each of this.transceivers) {
      if (each.mid === null) continue;
      each.currentDirection = narrow(each.direction, each.remoteDirection);
      each.tentative = false;
    }
    this.#describe('answer');
    this.signalingState = 'stable';
    this.#needed = false;
    this.#network.check();
  }

  #describe(type) {
    const lines = this.transceivers.filter((each) => each.mid !== null).map(({ mid, kind, direction, currentDirection }) => {
      return { mid, kind, direction: type === 'answer' ? currentDirection : direction };
    });
    this.localDescription = { type, sdp: JSON.stringify({ lines, ufrag: this.localUfrag }) };
    this.applied.push(type);
  }

  setRemoteDescription({ type, sdp }) {
    return this.chain(async () => {
      const { lines, ufrag } = JSON.parse(sdp);
      if (type === 'offer' && this.signalingState === 'have-local-offer') this.#rollback();
      const wanted = type === 'offer' ? 'stable' : 'have-local-offer';
      if (this.signalingState !== wanted) throw new DOMException(`${type} in ${this.signalingState}`, 'InvalidStateError');
      this.remoteDescription = { type, sdp };
      this.applied.push(`remote ${type}`);
      if (ufrag !== this.remoteUfrag && type === 'offer' && this.remoteUfrag !== null) this.localUfrag = `u${++names}`;
      this.remoteUfrag = ufrag;
      for (const line of lines) this.#apply(line, type);
      this.signalingState = type === 'offer' ? 'have-remote-offer' : 'stable';
      this.#network.check();
    });
  }

  #apply({ mid, kind, direction }, type) {
    let transceiver = this.transceivers.find((each) => each.mid === mid);
    if (!transceiver) {
      transceiver = new FakeTransceiver(this, kind, null, 'recvonly');
      transceiver.mid = mid;
      this.transceivers.push(transceiver);
    }
    transceiver.remoteDirection = OPPOSITE[direction];
    if (type === 'answer') {
      transceiver.currentDirection = OPPOSITE[direction];
      transceiver.tentative = false;
    }
  }

  #rollback() {
    for (const each of this.transceivers.filter((t) => t.tentative)) {
      each.mid = null;
      each.tentative = false;
    }
    this.signalingState = 'stable';
    this.applied.push('rollback');
  }

  #gather() {
    const found = () => {
      if (!this.#closed) this.onicecandidate?.({ candidate: { toJSON: () => ({ candidate: `c-${this.localUfrag}`, ufrag: this.localUfrag }) } });
    };
    if (FakePeer.gatherAtOnce) found();
    else this.#env.setTimeout(found, this.#env.delay());
  }

  addIceCandidate(candidate) {
    return this.chain(async () => {
      if (!this.remoteDescription) throw new DOMException('no remote description', 'InvalidStateError');
      if (candidate && candidate.ufrag !== this.remoteUfrag) throw new DOMException('unknown ufrag', 'OperationError');
    });
  }

  setConnection(state) {
    if (this.connectionState === state) return;
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** @param {string} wanted @param {string} offered as seen from this side @returns {string} */
function narrow(wanted, offered) {
  const send = wanted.startsWith('send') && (offered ?? 'sendrecv').startsWith('send');
  const receive = wanted.endsWith('recv') || wanted === 'recvonly' ? (offered ?? 'sendrecv') !== 'sendonly' && (offered ?? 'sendrecv') !== 'inactive' : false;
  if (send) return receive ? 'sendrecv' : 'sendonly';
  return receive ? 'recvonly' : 'inactive';
}
