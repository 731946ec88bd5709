import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SignalClient } from '../../sdk/signaling.js';
import { settle, virtualEnvironment } from './virtual.js';

const WELCOME = {
  session: 's1',
  resumeKey: 'key1',
  resumeTimeout: 60,
  resumed: false,
  snapshot: true,
  seq: 4,
  self: { sid: 'p_1', identity: 'ada', joinOrder: 1 },
  room: { name: 'r', generation: 3 },
  participants: [],
  iceServers: [],
  iceTtl: 600,
};

/** A client and everything it said, not joined yet. */
function client(options = {}) {
  const virtual = virtualEnvironment();
  const signal = new SignalClient('wss://host/v1/signal', { env: virtual.env, token: 'a token', ...options });
  const seen = [];
  signal.on('state', ({ state, reason }) => seen.push(reason ? `${state} ${reason}` : state));
  signal.on('joined', ({ again }) => seen.push(again ? 'joined again' : 'joined'));
  signal.on('resumed', ({ reply }) => seen.push(reply.snapshot ? 'resumed with snapshot' : 'resumed'));
  signal.on('event', (event) => seen.push(`event ${event.event} ${event.seq}`));
  const connected = signal.connect();
  connected.catch(() => {});
  return Object.assign(virtual, { signal, seen, connected, now: () => virtual.sockets[virtual.sockets.length - 1] });
}

async function joined(options) {
  const it = client(options);
  await settle();
  it.now().accept();
  it.now().reply(it.now().last('join'), WELCOME);
  await settle();
  return it;
}

/** Drops the socket, lets the client come back and accepts it. */
async function comeBack(it) {
  it.now().drop();
  await it.clock.advance(1_000);
  it.now().accept();
  await settle();
  return it.now().last('join');
}

test('joins with token, name and tracks in the first message', async () => {
  const it = client({ introduce: () => ({ name: 'Ada', tracks: [{ id: 'camera-1' }] }) });
  await settle();
  const socket = it.now();
  assert.equal(socket.url, 'wss://host/v1/signal');
  assert.equal(socket.protocol, 'turnout.v1');
  assert.equal(socket.sent.length, 0, 'nothing before the socket is open');
  socket.accept();
  const [join] = socket.sent;
  assert.deepEqual({ ...join, client: '' }, { id: 1, method: 'join', client: '', token: 'a token', name: 'Ada', tracks: [{ id: 'camera-1' }] });
  socket.reply(join, WELCOME);
  assert.equal((await it.connected).session, 's1');
  assert.deepEqual(it.seen, ['connecting', 'connected', 'joined']);
});

test('requests are answered by id, in any order, and errors carry the server code', async () => {
  const it = await joined();
  const mute = it.signal.request('mute', { track: 'x', muted: true });
  const chat = it.signal.request('chat', { text: 'hi' });
  const socket = it.now();
  socket.reply(socket.last('chat'), { message: { id: 'm1' } });
  socket.refuse(socket.last('mute'), { code: 'not-found', message: 'no such track' });
  assert.deepEqual((await chat).message, { id: 'm1' });
  await assert.rejects(mute, { code: 'not-found', message: 'no such track' });
});

test('a request without an answer times out', async () => {
  const it = await joined();
  const chat = it.signal.request('chat', { text: 'hi' }, { timeout: 3_000 });
  const rejected = assert.rejects(chat, { code: 'timeout' });
  await it.clock.advance(3_100);
  await rejected;
});

test('a lost socket is resumed with key and last seq, and missed events come once', async () => {
  const it = await joined();
  it.now().say({ event: 'chat', seq: 5 });
  it.now().say({ event: 'chat', seq: 9 });
  const join = await comeBack(it);
  assert.deepEqual(join.resume, { key: 'key1', seq: 9 });
  assert.equal(join.token, undefined, 'the token may have expired meanwhile');
  it.now().reply(join, { ...WELCOME, resumed: true, snapshot: false, seq: 9, participants: undefined });
  await settle();
  it.now().say({ event: 'chat', seq: 9 });
  it.now().say({ event: 'chat', seq: 10 });
  await settle();
  assert.deepEqual(it.seen.slice(3), ['event chat 5', 'event chat 9', 'reconnecting connection-lost', 'connected', 'resumed', 'event chat 10']);
});

test('a resume with a snapshot goes on from its number', async () => {
  const it = await joined();
  const join = await comeBack(it);
  it.now().reply(join, { ...WELCOME, resumed: true, snapshot: true, seq: 300 });
  await settle();
  it.now().say({ event: 'chat', seq: 300 });
  it.now().say({ event: 'chat', seq: 301 });
  assert.deepEqual(it.seen.slice(-2), ['resumed with snapshot', 'event chat 301']);
});

test('a session the server has forgotten is joined anew with a fresh token', async () => {
  let tokens = 0;
  const it = await joined({ token: () => `token ${++tokens}` });
  const join = await comeBack(it);
  it.now().refuse(join, { code: 'expired', message: 'session gone' });
  await it.clock.advance(10);
  it.now().accept();
  const again = it.now().last('join');
  assert.equal(again.token, 'token 2');
  assert.equal(again.resume, undefined);
  it.now().reply(again, { ...WELCOME, resumeKey: 'key2' });
  await settle();
  assert.equal(it.seen.at(-1), 'joined again');
});

test('what may be sent twice is sent again in order after a resume, the rest fails', async () => {
  const it = await joined();
  const chat = it.signal.request('chat', { text: 'once' });
  const failed = assert.rejects(chat, { code: 'interrupted' });
  const mute = it.signal.request('mute', { track: 'a' }, { retry: true });
  const peer = it.signal.request('peer', { msg: 1 }, { retry: true });
  it.now().drop();
  await failed;
  const later = it.signal.request('peer', { msg: 2 }, { retry: true });
  await it.clock.advance(1_000);
  it.now().accept();
  assert.deepEqual(it.now().sent.map((each) => each.method), ['join'], 'nothing overtakes the join');
  it.now().reply(it.now().last('join'), { ...WELCOME, resumed: true, snapshot: false });
  await settle();
  const [, ...rest] = it.now().sent;
  assert.deepEqual(rest.map((each) => each.msg ?? each.method), ['mute', 1, 2]);
  assert.equal(new Set(it.now().sent.map((each) => each.id)).size, 4, 'ids are not used twice');
  for (const request of rest) it.now().reply(request);
  await Promise.all([mute, peer, later]);
});

test('leaving closes with 1000, any other loss does not say that we left', async () => {
  const it = await joined();
  const first = it.now();
  first.drop();
  await it.clock.advance(1_000);
  const second = it.now();
  assert.notEqual(second, first);
  second.accept();
  it.signal.dropForTest();
  assert.equal(second.closedWith, 4900);
  await it.clock.advance(5_000);
  it.now().accept();
  it.now().reply(it.now().last('join'), { ...WELCOME, resumed: true, snapshot: false });
  await settle();
  it.signal.leave();
  assert.equal(it.now().last('leave').method, 'leave');
  assert.equal(it.now().closedWith, 1000);
  assert.equal(it.seen.at(-1), 'disconnected left');
  assert.equal(it.clock.waiting, 0, 'no timer is left');
});

test('attempts back off, and the way back of the network cuts the wait short', async () => {
  const it = await joined();
  it.now().drop();
  const times = [];
  for (let attempt = 0; attempt < 6; attempt++) {
    const count = it.sockets.length;
    while (it.sockets.length === count) await it.clock.advance(25);
    times.push(it.clock.now);
    it.now().drop();
  }
  const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
  for (let index = 1; index < gaps.length; index++) assert.ok(gaps[index] > gaps[index - 1], `${gaps}`);
  assert.ok(gaps[0] <= 500 && gaps[5] <= 10_100);
  const count = it.sockets.length;
  it.wake('online');
  await settle();
  assert.equal(it.sockets.length, count + 1);
});

test('a first connection that never succeeds is given up with the reason', async () => {
  const it = client({ connectTimeout: 5_000 });
  const rejected = assert.rejects(it.connected, { code: 'connection-lost' });
  for (let second = 0; second < 8; second++) {
    await it.clock.advance(1_000);
    if (it.signal.state === 'connecting') it.now().drop();
  }
  await rejected;
  assert.equal(it.signal.state, 'disconnected');
  assert.equal(it.clock.waiting, 0);
});

for (const code of ['unauthorized', 'expired', 'forbidden', 'room-full']) {
  test(`a join refused with ${code} is not tried again`, async () => {
    const it = client();
    await settle();
    it.now().accept();
    it.now().refuse(it.now().last('join'), { code, message: 'no' });
    await assert.rejects(it.connected, { code });
    await it.clock.advance(60_000);
    assert.equal(it.sockets.length, 1);
  });
}

test('a join refused for the moment is tried again', async () => {
  const it = client();
  await settle();
  it.now().accept();
  it.now().refuse(it.now().last('join'), { code: 'unavailable', message: 'later', retryAfter: 2 });
  await it.clock.advance(1_900);
  assert.equal(it.sockets.length, 1, 'not before the server wants it');
  await it.clock.advance(200);
  assert.equal(it.sockets.length, 2);
});

for (const [code, reason] of [[4002, 'duplicate-identity'], [4003, 'kicked'], [4004, 'room-closed'], [4001, 'unauthorized']]) {
  test(`close code ${code} ends the call: ${reason}`, async () => {
    const it = await joined();
    it.now().drop(code);
    await it.clock.advance(60_000);
    assert.equal(it.seen.at(-1), `disconnected ${reason}`);
    assert.equal(it.sockets.length, 1);
  });
}

test('a disconnect event says whether to come back', async () => {
  const it = await joined();
  it.now().say({ event: 'disconnect', reason: 'server-shutdown', reconnect: true });
  it.now().drop(1001);
  assert.equal(it.seen.at(-1), 'reconnecting server-shutdown');
  const other = await joined();
  other.now().say({ event: 'disconnect', reason: 'kicked', reconnect: false });
  assert.equal(other.seen.at(-1), 'disconnected kicked');
});

test('a socket that is dead without a close is found by a ping', async () => {
  const it = await joined();
  await it.clock.advance(15_000);
  assert.equal(it.now().last('ping').method, 'ping');
  await it.clock.advance(10_600);
  assert.equal(it.signal.state, 'reconnecting');
  assert.equal(it.sockets[0].closedWith, 4900);
});

test('an answer that comes late, or any other message, keeps the socket', async () => {
  const it = await joined();
  await it.clock.advance(15_000);
  await it.clock.advance(10_000);
  it.now().say({ event: 'chat', seq: 5 });
  await it.clock.advance(1_000);
  assert.equal(it.signal.state, 'connected');
  await it.clock.advance(15_000);
  assert.equal(it.now().sent.filter((each) => each.method === 'ping').length, 2, 'and it is asked again');
});

test('a tab that becomes visible checks its connection at once', async () => {
  const it = await joined();
  it.wake('visible');
  const ping = it.now().last('ping');
  it.now().reply(ping);
  await it.clock.advance(5_000);
  assert.equal(it.signal.state, 'connected');
  it.wake('visible');
  await it.clock.advance(3_600);
  assert.equal(it.signal.state, 'reconnecting');
});

test('messages that are no JSON, or unknown, are passed over', async () => {
  const it = await joined();
  for (const data of ['{', '[]', '1', 'null', '{"id":999,"ok":true}', '{"id":"x"}', '{}']) it.now().onmessage({ data });
  it.now().onmessage({ data: new ArrayBuffer(4) });
  assert.equal(it.signal.state, 'connected');
  assert.deepEqual(it.seen, ['connecting', 'connected', 'joined']);
});

test('requests are refused before and after the call', async () => {
  const it = await joined();
  it.signal.leave();
  await assert.rejects(it.signal.request('chat', {}), { code: 'closed' });
});
