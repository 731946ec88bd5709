/**
 * @typedef {'camera'|'microphone'|'speaker'} DeviceKind
 *
 * @typedef {object} Device
 * @property {string} id '' for "whatever the browser takes"
 * @property {string} label for people, never empty
 * @property {string} groupId
 * @property {boolean} isDefault the entry that follows the system's choice
 *
 * @typedef {object} DeviceChoice what is remembered of a device: ids change, labels stay
 * @property {string} id
 * @property {string} label
 */

const KINDS = /** @type {Record<string, DeviceKind>} */ ({
  videoinput: 'camera',
  audioinput: 'microphone',
  audiooutput: 'speaker',
});
const NAMES = { camera: 'Camera', microphone: 'Microphone', speaker: 'Speaker' };

/** @param {string} label @returns {string} without the number that tells equal devices apart */
export function plainLabel(label) {
  return label.replace(/ #\d+$/, '').trim();
}

/**
 * Sorts what `enumerateDevices()` gives into lists for people. Entries without an id (no permission yet) are left
 * out; `communications` is a double of another entry; `default` says which device it stands for.
 *
 * @param {ReadonlyArray<{kind: string, deviceId: string, label: string, groupId: string}>} infos
 * @returns {Record<DeviceKind, Device[]>}
 */
export function sortDevices(infos) {
  /** @type {Record<DeviceKind, Device[]>} */
  const lists = { camera: [], microphone: [], speaker: [] };
  for (const info of infos) {
    const kind = KINDS[info.kind];
    if (!kind || !info.deviceId || info.deviceId === 'communications') continue;
    const isDefault = info.deviceId === 'default';
    const label = isDefault ? defaultLabel(info, infos) : info.label || `${NAMES[kind]} ${lists[kind].length + 1}`;
    lists[kind].push({ id: info.deviceId, label, groupId: info.groupId, isDefault });
  }
  return lists;
}

/**
 * @param {{kind: string, label: string, groupId: string}} alias
 * @param {ReadonlyArray<{kind: string, deviceId: string, label: string, groupId: string}>} infos
 */
function defaultLabel(alias, infos) {
  const real = infos.find(
    (info) => info.kind === alias.kind && info.groupId === alias.groupId && info.deviceId !== 'default' && info.deviceId !== 'communications',
  );
  const name = real?.label || alias.label.replace(/^Default - /, '');
  return name ? `System default (${name})` : 'System default';
}

/**
 * Finds a remembered device again: by id, else by label, else by label without its number.
 *
 * @param {ReadonlyArray<Device>} devices
 * @param {DeviceChoice|null|undefined} choice
 * @returns {Device|null}
 */
export function matchDevice(devices, choice) {
  if (!choice) return null;
  const byId = devices.find((device) => choice.id !== '' && device.id === choice.id);
  if (byId) return byId;
  if (!choice.label) return null;
  const wanted = plainLabel(choice.label);
  return devices.find((device) => device.label === choice.label) ?? devices.find((device) => plainLabel(device.label) === wanted) ?? null;
}

/**
 * What a track really uses: its settings name the device, or the alias `default`.
 *
 * @param {ReadonlyArray<Device>} devices
 * @param {{deviceId?: string, groupId?: string}} settings
 * @param {string} [label]
 * @returns {Device|null}
 */
export function deviceInUse(devices, settings, label = '') {
  return (
    devices.find((device) => device.id === settings.deviceId) ??
    devices.find((device) => !device.isDefault && settings.groupId && device.groupId === settings.groupId) ??
    devices.find((device) => label !== '' && device.label === label) ??
    null
  );
}

/**
 * @param {ReadonlyArray<Device>} before
 * @param {ReadonlyArray<Device>} after
 * @returns {{added: Device[], removed: Device[], defaultMoved: boolean}}
 */
export function compareDevices(before, after) {
  const has = (/** @type {ReadonlyArray<Device>} */ list, /** @type {Device} */ device) => list.some((each) => each.id === device.id);
  const alias = (/** @type {ReadonlyArray<Device>} */ list) => list.find((device) => device.isDefault);
  return {
    added: after.filter((device) => !has(before, device)),
    removed: before.filter((device) => !has(after, device)),
    defaultMoved: alias(before) !== undefined && alias(after) !== undefined && alias(before)?.groupId !== alias(after)?.groupId,
  };
}
