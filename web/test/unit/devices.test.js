import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareDevices, deviceInUse, matchDevice, plainLabel, sortDevices } from '../../sdk/device-list.js';
import { DeviceMemory } from '../../sdk/device-memory.js';

const info = (kind, deviceId, label, groupId = '') => ({ kind, deviceId, label, groupId });
const device = (id, label, groupId = id, isDefault = false) => ({ id, label, groupId, isDefault });

test('devices are sorted by kind; entries without an id and doubles are left out', () => {
  const lists = sortDevices([
    info('audioinput', 'default', 'Default - Desk mic', 'g1'),
    info('audioinput', 'communications', 'Communications - Desk mic', 'g1'),
    info('audioinput', 'm1', 'Desk mic', 'g1'),
    info('videoinput', '', ''),
    info('videoinput', 'c1', ''),
    info('audiooutput', 's1', 'Speakers'),
    info('something', 'x', 'New kind'),
  ]);
  assert.deepEqual(lists.microphone.map((each) => [each.id, each.label]), [['default', 'System default (Desk mic)'], ['m1', 'Desk mic']]);
  assert.deepEqual(lists.camera.map((each) => each.label), ['Camera 1']);
  assert.deepEqual(lists.speaker.map((each) => each.id), ['s1']);
});

test('the default alias is named after the device of its group, else after its own label', () => {
  const named = sortDevices([info('audioinput', 'default', 'Default', 'g2'), info('audioinput', 'm2', 'Headset', 'g2')]);
  assert.equal(named.microphone[0].label, 'System default (Headset)');
  const alone = sortDevices([info('audioinput', 'default', 'Default - Built-in', 'gX')]);
  assert.equal(alone.microphone[0].label, 'System default (Built-in)');
  const nameless = sortDevices([info('audioinput', 'default', '', 'gX')]);
  assert.equal(nameless.microphone[0].label, 'System default');
});

test('a remembered device is found by id, then by label, then by label without its number', () => {
  const devices = [device('a', 'Webcam'), device('b', 'Webcam #2'), device('c', 'Studio')];
  assert.equal(matchDevice(devices, { id: 'b', label: 'Webcam' })?.id, 'b');
  assert.equal(matchDevice(devices, { id: 'old', label: 'Webcam #2' })?.id, 'b');
  assert.equal(matchDevice(devices, { id: 'old', label: 'Studio #3' })?.id, 'c');
  assert.equal(matchDevice([device('b', 'Webcam #2')], { id: 'old', label: 'Webcam' })?.id, 'b');
  assert.equal(matchDevice(devices, { id: 'old', label: 'Gone' }), null);
  assert.equal(matchDevice(devices, { id: '', label: '' }), null);
  assert.equal(matchDevice(devices, null), null);
});

test('only a trailing number is taken for one', () => {
  assert.equal(plainLabel('Webcam #12'), 'Webcam');
  assert.equal(plainLabel('Model #1 Pro'), 'Model #1 Pro');
  assert.equal(plainLabel('C920#2'), 'C920#2');
});

test('the device in use is read from the settings, the alias from its group', () => {
  const devices = [device('default', 'System default', 'g1', true), device('m1', 'Desk', 'g1'), device('m2', 'Headset', 'g2')];
  assert.equal(deviceInUse(devices, { deviceId: 'm2' })?.id, 'm2');
  assert.equal(deviceInUse(devices, { deviceId: 'default', groupId: 'g1' })?.id, 'default');
  assert.equal(deviceInUse(devices, { deviceId: 'rotated', groupId: 'g2' })?.id, 'm2');
  assert.equal(deviceInUse(devices, {}, 'Headset')?.id, 'm2');
  assert.equal(deviceInUse(devices, {}), null);
});

test('plugging in, pulling out and a moved default are told apart', () => {
  const before = [device('default', 'System default', 'g1', true), device('m1', 'Desk', 'g1')];
  const after = [device('default', 'System default', 'g2', true), device('m1', 'Desk', 'g1'), device('m2', 'Headset', 'g2')];
  const there = compareDevices(before, after);
  assert.deepEqual(there.added.map((each) => each.id), ['m2']);
  assert.deepEqual(there.removed, []);
  assert.equal(there.defaultMoved, true);
  const back = compareDevices(after, before);
  assert.deepEqual(back.removed.map((each) => each.id), ['m2']);
  assert.equal(compareDevices(before, before).defaultMoved, false);
});

function storage(initial) {
  const map = new Map(Object.entries(initial ?? {}));
  return { getItem: (key) => map.get(key) ?? null, setItem: (key, value) => void map.set(key, value), map };
}

test('choices survive in the storage', () => {
  const kept = storage();
  const memory = new DeviceMemory(kept, 'k');
  memory.remember({ name: 'Ada', videoDevice: { id: 'c', label: 'Cam' } });
  memory.remember({ audioEnabled: false });
  assert.deepEqual(new DeviceMemory(kept, 'k').choices, {
    videoEnabled: true,
    audioEnabled: false,
    videoDevice: { id: 'c', label: 'Cam' },
    audioDevice: null,
    outputDevice: null,
    name: 'Ada',
  });
  memory.remember({ videoEnabled: false });
  assert.equal(new DeviceMemory(kept, 'k').choices.videoEnabled, false);
});

test('a spoilt, full or forbidden storage costs only the memory', () => {
  for (const text of ['{', '[]', '5', 'null', '{"videoDevice":"x","audioDevice":{"id":5,"label":"y"},"name":7}']) {
    const { choices } = new DeviceMemory(storage({ k: text }), 'k');
    assert.equal(choices.videoDevice, null);
    assert.equal(choices.audioDevice, null);
    assert.equal(choices.name, '');
    assert.equal(choices.videoEnabled, true);
  }
  const forbidden = { getItem: () => { throw new Error('no'); }, setItem: () => { throw new Error('no'); } };
  const memory = new DeviceMemory(forbidden, 'k');
  memory.remember({ name: 'Ada' });
  assert.equal(memory.choices.name, 'Ada');
  assert.equal(new DeviceMemory(null, 'k').choices.name, '');
});
