import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnoutError } from '../../sdk/errors.js';
import { Mesh } from '../../sdk/mesh.js';
import { FakeNetwork, FakePeer, fakeTrack } from './fake-peer.js';
import { settle, virtualEnvironment } from './virtual.js';

/** A mesh whose signaling is the test. */
function mesh() {
  const { env, clock } = virtualEnvironment();
  env.delay = () => 1;
  const network = new FakeNetwork(clock);
  const world = { clock, requests: [], peers: [], configs: [], answer: async () => ({}) };
  const signal = {
    state: 'connected',
    request: (method, params) => {
      world.requests.push({ method, ...params });
      return world.answer(method, params);
    },
  };
  const openPeer = (config) => {
    const pc = new FakePeer(env, network, `pc${world.peers.length}-`);
    pc.setConfiguration = (next) => world.configs.push(next);
    world.configs.push(config);
    world.peers.push(pc);
    return pc;
  };
  world.signal = signal;
  world.mesh = new Mesh({ env: { ...env, openPeer }, signal, rtcConfig: { iceTransportPolicy: 'relay' } });
  world.mesh.setGeneration(7);
  world.posts = (type) => world.requests.filter((each) => each.method === 'peer' && each.type === type);
  return world;
}

test('a newcomer offers to everybody who was there, with the room generation and a number', async () => {
  const world = mesh();
  world.mesh.addPeer({ sid: 'p_1', joinOrder: 1, away: false }, 5);
  world.mesh.addPeer({ sid: 'p_9', joinOrder: 9, away: false }, 5);
  await world.clock.advance(100);
  const offers = world.posts('offer');
  assert.deepEqual(offers.map(({ to, generation, msg }) => ({ to, generation, msg })), [{ to: 'p_1', generation: 7, msg: 1 }]);
  assert.equal(world.configs[0].iceTransportPolicy, 'relay');
  assert.equal(world.configs[0].bundlePolicy, 'max-bundle');
});

test('every message of a peer is acknowledged, and a repeated one is not handled again', async () => {
  const world = mesh();
  world.mesh.addPeer({ sid: 'p_9', joinOrder: 9, away: false }, 5);
  const offer = { from: 'p_9', msg: 1, type: 'offer', data: { pc: 1, sdp: JSON.stringify({ lines: [], ufrag: 'x' }), media: {} } };
  world.mesh.receive(offer);
  world.mesh.receive(structuredClone(offer));
  await world.clock.advance(100);
  assert.deepEqual(world.posts('ack').map((each) => each.data.msg), [1, 1]);
  assert.equal(world.posts('answer').length, 1);
  assert.equal(world.peers[0].applied.filter((each) => each === 'remote offer').length, 1);
});

test('unacknowledged messages are sent again, but not to somebody who is away', async () => {
  const world = mesh();
  const first = () => world.posts('offer').filter((each) => each.msg === 1).length;
  world.mesh.addPeer({ sid: 'p_1', joinOrder: 1, away: false }, 5);
  await world.clock.advance(100);
  world.mesh.setAway('p_1', true);
  await world.clock.advance(20_000);
  assert.equal(first(), 1);
  world.mesh.setAway('p_1', false);
  await world.clock.advance(5_000);
  assert.equal(first(), 2);
  world.mesh.receive({ from: 'p_1', msg: 0, type: 'ack', data: { msg: 1 } });
  await world.clock.advance(20_000);
  assert.equal(first(), 2);
});

test('a stale generation is corrected and the message sent once more', async () => {
  const world = mesh();
  let refused = 0;
  world.answer = async (method, params) => {
    if (params?.generation !== 7) return {};
    refused++;
    throw new TurnoutError('conflict', 'stale', { detail: { generation: 8 } });
  };
  world.mesh.addPeer({ sid: 'p_1', joinOrder: 1, away: false }, 5);
  await world.clock.advance(100);
  assert.ok(refused > 0);
  assert.equal(world.posts('offer').at(-1).generation, 8);
});

test('credentials are renewed before they expire and given to the open connections', async () => {
  const world = mesh();
  world.answer = async (method) => (method === 'ice-servers' ? { iceServers: [{ urls: 'turn:new' }], iceTtl: 1_000 } : {});
  world.mesh.setIceServers([{ urls: 'turn:old' }], 100);
  world.mesh.addPeer({ sid: 'p_1', joinOrder: 1, away: false }, 5);
  assert.deepEqual(world.configs.at(-1).iceServers, [{ urls: 'turn:old' }]);
  await world.clock.advance(79_000);
  assert.equal(world.requests.some((each) => each.method === 'ice-servers'), false);
  await world.clock.advance(2_000);
  assert.deepEqual(world.configs.at(-1).iceServers, [{ urls: 'turn:new' }]);
});

test('the camera gets a smaller share the more connections there are', async () => {
  const world = mesh();
  world.mesh.publish({ id: 'c', kind: 'video', source: 'camera', track: fakeTrack('video') });
  const caps = [];
  for (let n = 1; n <= 4; n++) {
    world.mesh.addPeer({ sid: `p_${n}`, joinOrder: n, away: false }, 9);
    await world.clock.advance(50);
    caps.push(world.peers[0].transceivers.find((each) => each.kind === 'video').sender.getParameters().encodings[0].maxBitrate);
  }
  for (let n = 1; n < caps.length; n++) assert.ok(caps[n] < caps[n - 1], `${caps}`);
});

test('a second track of the same source gets a slot of its own, and leaving closes everything', async () => {
  const world = mesh();
  const track = () => fakeTrack('video');
  assert.equal(world.mesh.publish({ id: 'a', kind: 'video', source: 'camera', track: track() }), 'camera');
  assert.equal(world.mesh.publish({ id: 'b', kind: 'video', source: 'camera', track: track() }), 'camera/2');
  world.mesh.addPeer({ sid: 'p_1', joinOrder: 1, away: false }, 5);
  await world.clock.advance(100);
  assert.deepEqual(Object.values(world.posts('offer')[0].data.media).map((each) => each.track).sort(), ['a', 'b', null]);
  world.mesh.close();
  await settle();
  assert.equal(world.mesh.links().size, 0);
  assert.equal(world.peers[0].signalingState, 'closed');
});
