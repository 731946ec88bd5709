import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerLink } from '../../sdk/peer.js';
import { FakeNetwork, FakePeer, fakeTrack } from './fake-peer.js';
import { seeded, virtualEnvironment } from './virtual.js';

/** Two links joined by a lossless line with a delay; `ada` joined first (impolite), `bo` is polite. */
function couple({ seed = 1, delay = () => 1, latency = () => 10 } = {}) {
  const random = seeded(seed);
  const virtual = virtualEnvironment({ random });
  const { clock, env } = virtual;
  env.delay = () => delay(random);
  const network = new FakeNetwork(clock);
  const world = { clock, network, random, reachable: true, sent: [], errors: [], peers: { ada: [], bo: [] } };
  const side = (name, polite, other) => {
    let lastArrival = 0;
    const link = new PeerLink({
      env: {
        ...env,
        openPeer: () => {
          const pc = new FakePeer(env, network, `${name}${world.peers[name].length}-`);
          world.peers[name].push(pc);
          return pc;
        },
      },
      config: {},
      polite,
      reachable: () => world.reachable,
      send: (type, data) => {
        world.sent.push({ from: name, type, data, at: clock.now });
        lastArrival = Math.max(lastArrival, clock.now + latency(random));
        const copy = structuredClone(data);
        clock.setTimeout(() => {
          if (world.drop?.(name, type, copy)) return;
          void world[other].receive(type, copy);
        }, lastArrival - clock.now);
      },
    });
    link.on('error', (error) => world.errors.push(`${name}: ${error}`));
    link.media = [];
    link.on('media', (media) => (link.media = media));
    world[name] = link;
  };
  side('ada', false, 'bo');
  side('bo', true, 'ada');
  return world;
}

function send(link, slot, id = slot) {
  const kind = slot.startsWith('microphone') ? 'audio' : 'video';
  const media = { id, kind, track: fakeTrack(kind) };
  link.setLocal(slot, media);
  return media.track;
}

const ids = (link) => link.media.map((media) => media.id).sort();
const offers = (world) => world.sent.filter((each) => each.type === 'offer');

test('the later joiner offers first and one round trip serves both directions', async () => {
  const world = couple();
  send(world.ada, 'camera', 'a-cam');
  send(world.ada, 'microphone', 'a-mic');
  send(world.bo, 'camera', 'b-cam');
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  assert.deepEqual(offers(world).map((each) => each.from), ['bo']);
  assert.deepEqual(ids(world.bo), ['a-cam', 'a-mic']);
  assert.deepEqual(ids(world.ada), ['b-cam']);
  assert.equal(world.ada.state, 'connected');
  assert.equal(world.peers.ada[0].transceivers.length, 2);
  assert.deepEqual(world.errors, []);
});

test('candidates never overtake the description they belong to', async () => {
  const world = couple({ delay: (random) => random() * 40 });
  FakePeer.gatherAtOnce = true;
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  const bySide = world.sent.filter((each) => each.from === 'bo').map((each) => each.type);
  assert.equal(bySide[0], 'offer');
  assert.ok(bySide.includes('candidate'));
  assert.deepEqual(world.errors, []);
  FakePeer.gatherAtOnce = false;
});

test('a publication that takes a slot over while an offer is under way is told after the answer', async () => {
  const world = couple({ latency: () => 50 });
  send(world.bo, 'camera', 'first');
  world.ada.start();
  world.bo.start();
  await world.clock.advance(30);
  assert.equal(world.peers.bo[0].signalingState, 'have-local-offer');
  world.bo.setLocal('camera', null);
  send(world.bo, 'camera', 'second');
  await world.clock.advance(1_000);
  assert.deepEqual(ids(world.ada), ['second']);
});

test('crossing offers end in one answer: the polite side rolls back and its m-lines merge', async () => {
  const world = couple({ latency: () => 50 });
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  send(world.ada, 'screen', 'a-screen');
  send(world.bo, 'screen', 'b-screen');
  await world.clock.advance(2_000);
  assert.ok(world.peers.bo[0].applied.includes('rollback'), 'they crossed');
  assert.ok(!world.peers.ada[0].applied.includes('rollback'), 'the impolite side never gives way');
  assert.deepEqual(ids(world.bo), ['a-screen']);
  assert.deepEqual(ids(world.ada), ['b-screen']);
  for (const pc of [world.peers.ada[0], world.peers.bo[0]]) {
    assert.equal(pc.signalingState, 'stable');
    assert.equal(pc.transceivers.filter((each) => !each.stopped).length, 3, 'camera, microphone and one for both screens');
  }
  assert.deepEqual(world.errors, []);
});

test('any order of delays, publishing and unpublishing ends with the same view on both sides', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const world = couple({ seed, delay: (random) => random() * 30, latency: (random) => random() * 80 });
    world.ada.start();
    world.bo.start();
    const now = { ada: new Map(), bo: new Map() };
    const tracks = { ada: new Map(), bo: new Map() };
    for (let step = 0; step < 12; step++) {
      const who = world.random() < 0.5 ? 'ada' : 'bo';
      const slot = ['camera', 'microphone', 'screen'][Math.floor(world.random() * 3)];
      if (now[who].has(slot)) {
        world[who].setLocal(slot, null);
        now[who].delete(slot);
      } else {
        const track = send(world[who], slot, `${who}-${slot}-${step}`);
        now[who].set(slot, `${who}-${slot}-${step}`);
        tracks[who].set(slot, track);
      }
      await world.clock.advance(world.random() * 120);
    }
    await world.clock.advance(4_000);
    assert.deepEqual(world.errors, [], `seed ${seed}`);
    assert.deepEqual(ids(world.bo), [...now.ada.values()].sort(), `seed ${seed}`);
    assert.deepEqual(ids(world.ada), [...now.bo.values()].sort(), `seed ${seed}`);
    assert.equal(world.peers.ada.length, 1, `seed ${seed}: no second connection`);
    for (const who of ['ada', 'bo']) {
      for (const slot of ['camera', 'microphone', 'screen']) {
        const sending = world[who].slots.transceiver(slot)?.currentDirection.startsWith('send') ?? false;
        assert.equal(sending, now[who].has(slot), `seed ${seed}: ${who} negotiated to send ${slot}`);
        const sent = world[who].slots.transceiver(slot)?.sender.track ?? null;
        assert.equal(sent, now[who].has(slot) ? tracks[who].get(slot) : null, `seed ${seed}: ${who} sends the newest ${slot}`);
      }
    }
    assert.ok(world.peers.ada[0].transceivers.filter((each) => !each.stopped).length <= 3, `seed ${seed}: m-lines are shared`);
  }
});

test('a track taken back and published again at once is sent', async () => {
  const world = couple();
  const track = send(world.bo, 'camera', 'first');
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  world.bo.setLocal('camera', null);
  world.bo.setLocal('camera', { id: 'second', kind: 'video', track });
  await world.clock.advance(1_000);
  assert.equal(world.bo.slots.transceiver('camera').sender.track, track);
  assert.deepEqual(ids(world.ada), ['second']);
});

test('replacing a track needs no negotiation', async () => {
  const world = couple();
  send(world.bo, 'camera');
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  const before = world.sent.length;
  const next = fakeTrack('video');
  void world.bo.replaceTrack('camera', next);
  await world.clock.advance(1_000);
  assert.equal(world.bo.slots.transceiver('camera').sender.track, next);
  void world.bo.replaceTrack('camera', null);
  await world.clock.advance(1_000);
  assert.equal(world.bo.slots.transceiver('camera').sender.track, null);
  assert.equal(world.sent.length, before);
});

test('five seconds without a connection bring an ICE restart on the same RTCPeerConnection', async () => {
  const world = couple();
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  const before = offers(world).length;
  world.network.break();
  assert.equal(world.bo.state, 'interrupted');
  await world.clock.advance(100);
  world.network.mend();
  await world.clock.advance(4_800);
  assert.equal(offers(world).length, before, 'not before five seconds');
  await world.clock.advance(400);
  const [offer] = offers(world).slice(before);
  assert.equal(offer.from, 'bo', 'the polite side is first');
  assert.equal(offer.data.pc, 1);
  assert.equal(world.bo.state, 'connected');
  assert.equal(world.peers.bo.length, 1);
  assert.deepEqual(world.errors, []);
});

test('a restart that does not help is followed by a new RTCPeerConnection under the next number', async () => {
  const world = couple();
  send(world.ada, 'camera', 'a-cam');
  send(world.bo, 'camera', 'b-cam');
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  world.network.break();
  await world.clock.advance(14_000);
  assert.equal(world.peers.bo.length, 1);
  world.network.mend();
  world.network.up = false; // the restarted one must not connect
  await world.clock.advance(1_800);
  world.network.mend();
  await world.clock.advance(2_000);
  assert.equal(world.peers.bo.length, 2);
  assert.ok(offers(world).some((each) => each.data.pc === 2));
  assert.equal(world.ada.state, 'connected');
  assert.equal(world.bo.state, 'connected');
  assert.deepEqual(ids(world.bo), ['a-cam']);
  assert.deepEqual(ids(world.ada), ['b-cam']);
  const applied = world.peers.ada[1].applied.length;
  await world.ada.receive('offer', world.sent.find((each) => each.type === 'offer').data);
  await world.clock.advance(100);
  assert.equal(world.peers.ada[1].applied.length, applied, 'an offer for the first one comes too late');
  assert.deepEqual(world.errors, []);
});

test('an operation that never ends, on a connection that was given up, does not hold the next one up', async () => {
  const world = couple();
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  // A candidate is being added on both sides when the connections are closed under them.
  for (const side of ['ada', 'bo']) {
    const pc = world.peers[side][0];
    pc.addIceCandidate = () => new Promise(() => {});
    void world[side].receive('candidate', { pc: 1, candidate: { candidate: 'x' } });
  }
  await world.clock.advance(10);
  world.network.break();
  await world.clock.advance(15_500);
  world.network.mend();
  await world.clock.advance(3_000);
  assert.equal(world.peers.ada.length, 2);
  assert.equal(world.ada.state, 'connected');
  assert.equal(world.bo.state, 'connected');
});

test('messages of an older RTCPeerConnection are ignored', async () => {
  const world = couple();
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  const applied = world.peers.ada[0].applied.length;
  await world.ada.receive('offer', { pc: 0, sdp: '{}', media: {} });
  await world.ada.receive('candidate', { pc: 0, candidate: { candidate: 'x' } });
  await world.ada.receive('answer', { pc: 9, sdp: '{}', media: {} });
  await world.ada.receive('offer', null);
  await world.clock.advance(100);
  assert.equal(world.peers.ada[0].applied.length, applied);
  assert.equal(world.peers.ada.length, 1);
  assert.deepEqual(world.errors, []);
});

test('a first offer that is lost is made again', async () => {
  const world = couple();
  let dropped = 0;
  world.drop = (from, type, data) => from === 'bo' && data.pc === 1 && ++dropped > 0;
  world.ada.start();
  world.bo.start();
  await world.clock.advance(30_000);
  assert.ok(dropped > 0);
  assert.equal(world.bo.state, 'connected');
  assert.equal(world.ada.state, 'connected');
});

test('nothing is mended while nobody would hear it', async () => {
  const world = couple();
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  const before = world.sent.length;
  world.reachable = false;
  world.network.break();
  await world.clock.advance(60_000);
  assert.equal(world.sent.length, before);
  world.network.mend();
  world.reachable = true;
  await world.clock.advance(10_000);
  assert.equal(world.bo.state, 'connected');
});

test('a closed link leaves no timer behind', async () => {
  const world = couple();
  world.ada.start();
  world.bo.start();
  await world.clock.advance(1_000);
  world.ada.close();
  world.bo.close();
  await world.clock.advance(1_000);
  assert.equal(world.clock.waiting, 0);
  assert.equal(world.ada.state, 'closed');
});
