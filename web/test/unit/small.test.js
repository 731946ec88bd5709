import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrange } from '../../app/grid.js';
import { initials, inventRoomName, toneOf, toRoomName } from '../../app/names.js';
import { Backoff } from '../../sdk/backoff.js';
import { Emitter } from '../../sdk/emitter.js';
import { TurnoutError, deviceError, errorFromServer } from '../../sdk/errors.js';
import { gradeOf } from '../../sdk/stats.js';
import { signalUrl } from '../../sdk/wire.js';

test('an emitter calls its listeners in order and forgets those that stopped', () => {
  const emitter = new Emitter();
  const calls = [];
  const stop = emitter.on('x', (event) => calls.push(`first ${event}`));
  emitter.once('x', (event) => calls.push(`once ${event}`));
  emitter.emit('x', 1);
  stop();
  emitter.on('x', () => emitter.on('x', () => calls.push('added meanwhile')));
  emitter.emit('x', 2);
  assert.deepEqual(calls, ['first 1', 'once 1']);
});

test('a listener that throws does not stop the others, and its error is reported', async () => {
  const emitter = new Emitter();
  const calls = [];
  const reported = new Promise((resolve) => {
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => {
      for (const each of others) process.on('uncaughtException', each);
      resolve(error);
    });
  });
  emitter.on('x', () => {
    throw new Error('mine');
  });
  emitter.on('x', () => calls.push('second'));
  emitter.emit('x', {});
  assert.deepEqual(calls, ['second']);
  assert.equal((await reported).message, 'mine');
});

test('the signaling address is made from any address of the server', () => {
  assert.equal(signalUrl('https://call.example'), 'wss://call.example/v1/signal');
  assert.equal(signalUrl('http://127.0.0.1:8080/'), 'ws://127.0.0.1:8080/v1/signal');
  assert.equal(signalUrl('wss://call.example/v1/signal'), 'wss://call.example/v1/signal');
  assert.equal(signalUrl('https://host/calls/?x#y'), 'wss://host/calls/v1/signal');
  assert.equal(signalUrl('/sub', 'https://host/page'), 'wss://host/sub/v1/signal');
});

test('waits grow to a bound and stay within their spread', () => {
  for (const random of [() => 0, () => 0.999]) {
    const backoff = new Backoff({ first: 500, most: 10_000, random });
    const waits = Array.from({ length: 10 }, () => backoff.next());
    assert.ok(waits[0] >= 250 && waits[0] <= 500);
    assert.ok(waits[9] >= 5_000 && waits[9] <= 10_000);
    backoff.reset();
    assert.ok(backoff.next() <= 500);
  }
});

test('errors carry a stable code and a sentence', () => {
  const denied = deviceError(new DOMException('Permission denied', 'NotAllowedError'), 'camera');
  assert.equal(denied.code, 'permission-denied');
  assert.match(denied.message, /camera/);
  assert.equal(deviceError(new DOMException('Permission dismissed', 'NotAllowedError'), 'camera').code, 'permission-dismissed');
  assert.equal(deviceError(new DOMException('', 'NotFoundError'), 'microphone').code, 'no-device');
  assert.equal(deviceError(new DOMException('', 'NotReadableError'), 'camera').code, 'device-busy');
  assert.equal(deviceError(new TypeError('odd'), 'camera').code, 'device-failed');
  assert.equal(deviceError(denied, 'camera'), denied);
  const full = errorFromServer({ code: 'room-full', message: 'x', generation: 4 });
  assert.ok(full instanceof TurnoutError);
  assert.equal(full.message, 'The room is full.');
  assert.equal(full.detail.generation, 4);
  assert.equal(errorFromServer(undefined).code, 'internal');
});

test('connections are graded by state, loss and round-trip time', () => {
  assert.equal(gradeOf('connected', 0, 0.05), 'good');
  assert.equal(gradeOf('connected', 0.05, 0.05), 'fair');
  assert.equal(gradeOf('connected', 0, 0.4), 'fair');
  assert.equal(gradeOf('connected', 0.2, 0), 'poor');
  assert.equal(gradeOf('interrupted', 0, 0), 'lost');
  assert.equal(gradeOf('connecting', 0, 0), 'unknown');
});

test('room names can stand in a link', () => {
  assert.equal(toRoomName('  Équipe du Nord!  '), 'equipe-du-nord');
  assert.equal(toRoomName('../../etc/passwd'), 'etc-passwd');
  assert.equal(toRoomName('a/b?c#d'), 'a-b-c-d');
  assert.equal(toRoomName('漢字'), '');
  assert.equal(toRoomName('x'.repeat(200)).length, 64);
  const names = new Set(Array.from({ length: 50 }, inventRoomName));
  assert.ok(names.size > 45);
  for (const name of names) assert.equal(toRoomName(name), name);
});

test('tiles without a picture show initials in a colour that stays', () => {
  assert.equal(initials('Ada Lovelace'), 'AL');
  assert.equal(initials('ada'), 'A');
  assert.equal(initials('  '), '?');
  assert.equal(initials('😀 x'), '😀X');
  assert.equal(toneOf('Ada'), toneOf('Ada'));
  assert.ok(toneOf('anything') < 6);
});

test('tiles fill the room: side by side when it is wide, stacked when it is tall', () => {
  assert.equal(arrange(1400, 700, 1).columns, 1);
  assert.equal(arrange(1400, 700, 2).columns, 2);
  assert.equal(arrange(1400, 700, 4).columns, 2);
  assert.equal(arrange(1400, 700, 6).columns, 3);
  assert.equal(arrange(1400, 700, 9).columns, 3);
  assert.equal(arrange(350, 600, 2).columns, 1);
  assert.equal(arrange(350, 600, 4).columns, 2);
  for (let count = 1; count <= 12; count++) {
    const { columns, tileWidth, tileHeight } = arrange(1200, 680, count);
    const rows = Math.ceil(count / columns);
    assert.ok(tileWidth * columns + 12 * (columns - 1) <= 1200, `${count} fit in width`);
    assert.ok(tileHeight * rows + 12 * (rows - 1) <= 680, `${count} fit in height`);
    assert.ok(tileWidth / tileHeight > 0.79 && tileWidth / tileHeight < 1.79);
  }
});
