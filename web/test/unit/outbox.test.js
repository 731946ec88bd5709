import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inbox, Outbox } from '../../sdk/outbox.js';
import { virtualEnvironment } from './virtual.js';

function outbox() {
  const { env, clock } = virtualEnvironment();
  const posted = [];
  const state = { may: true };
  const box = new Outbox(env, (letter) => posted.push(letter.msg), () => state.may);
  return { box, posted, clock, state };
}

test('letters are numbered and sent at once', () => {
  const { box, posted } = outbox();
  box.send('offer', {});
  box.send('candidate', {});
  assert.deepEqual(posted, [1, 2]);
});

test('unacknowledged letters are sent again in order, acknowledged ones are not', async () => {
  const { box, posted, clock } = outbox();
  for (let n = 0; n < 4; n++) box.send('candidate', {});
  box.acknowledge(2);
  await clock.advance(5_000);
  assert.deepEqual(posted, [1, 2, 3, 4, 3, 4]);
  box.acknowledge(4);
  await clock.advance(60_000);
  assert.equal(posted.length, 6);
  assert.equal(clock.waiting, 0);
});

test('nothing is sent again while the other side is away', async () => {
  const { box, posted, clock, state } = outbox();
  state.may = false;
  box.send('offer', {});
  await clock.advance(30_000);
  assert.deepEqual(posted, [1]);
  state.may = true;
  await clock.advance(5_000);
  assert.deepEqual(posted, [1, 1]);
});

test('what is kept is bounded', () => {
  const { box } = outbox();
  for (let n = 0; n < 2_000; n++) box.send('candidate', {});
  assert.equal(box.size, 512);
});

test('nonsense acknowledgements change nothing', () => {
  const { box } = outbox();
  box.send('offer', {});
  for (const nonsense of [undefined, null, 'x', NaN, -1, 0]) box.acknowledge(nonsense);
  assert.equal(box.size, 1);
});

test('a letter is taken once, whatever is sent twice', () => {
  const inbox = new Inbox();
  assert.deepEqual([1, 2, 2, 1, 3, 5].map((msg) => inbox.take(msg)), [true, true, false, false, true, true]);
  assert.equal(inbox.last, 5);
  for (const nonsense of [undefined, null, '6', 6.5, NaN]) assert.equal(inbox.take(nonsense), false);
});
