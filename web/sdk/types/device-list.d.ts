/** @param {string} label @returns {string} without the number that tells equal devices apart */
export function plainLabel(label: string): string;
/**
 * Sorts what `enumerateDevices()` gives into lists for people. Entries without an id (no permission yet) are left
 * out; `communications` is a double of another entry; `default` says which device it stands for.
 *
 * @param {ReadonlyArray<{kind: string, deviceId: string, label: string, groupId: string}>} infos
 * @returns {Record<DeviceKind, Device[]>}
 */
export function sortDevices(infos: ReadonlyArray<{
    kind: string;
    deviceId: string;
    label: string;
    groupId: string;
}>): Record<DeviceKind, Device[]>;
/**
 * Finds a remembered device again: by id, else by label, else by label without its number.
 *
 * @param {ReadonlyArray<Device>} devices
 * @param {DeviceChoice|null|undefined} choice
 * @returns {Device|null}
 */
export function matchDevice(devices: ReadonlyArray<Device>, choice: DeviceChoice | null | undefined): Device | null;
/**
 * What a track really uses: its settings name the device, or the alias `default`.
 *
 * @param {ReadonlyArray<Device>} devices
 * @param {{deviceId?: string, groupId?: string}} settings
 * @param {string} [label]
 * @returns {Device|null}
 */
export function deviceInUse(devices: ReadonlyArray<Device>, settings: {
    deviceId?: string;
    groupId?: string;
}, label?: string): Device | null;
/**
 * @param {ReadonlyArray<Device>} before
 * @param {ReadonlyArray<Device>} after
 * @returns {{added: Device[], removed: Device[], defaultMoved: boolean}}
 */
export function compareDevices(before: ReadonlyArray<Device>, after: ReadonlyArray<Device>): {
    added: Device[];
    removed: Device[];
    defaultMoved: boolean;
};
export type DeviceKind = "camera" | "microphone" | "speaker";
export type Device = {
    /**
     * '' for "whatever the browser takes"
     */
    id: string;
    /**
     * for people, never empty
     */
    label: string;
    groupId: string;
    /**
     * the entry that follows the system's choice
     */
    isDefault: boolean;
};
/**
 * what is remembered of a device: ids change, labels stay
 */
export type DeviceChoice = {
    id: string;
    label: string;
};
