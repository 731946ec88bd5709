/** The user's choices, kept in localStorage. A storage that is full, forbidden or spoilt costs only the memory. */
export class DeviceMemory {
    /**
     * @param {Pick<Storage, 'getItem'|'setItem'>|null} storage
     * @param {string} key
     */
    constructor(storage: Pick<Storage, "getItem" | "setItem"> | null, key: string);
    /** @returns {Readonly<Choices>} */
    get choices(): Readonly<Choices>;
    /** @param {Partial<Choices>} change */
    remember(change: Partial<Choices>): void;
    #private;
}
export type Choices = {
    videoEnabled: boolean;
    audioEnabled: boolean;
    videoDevice: DeviceChoice | null;
    audioDevice: DeviceChoice | null;
    outputDevice: DeviceChoice | null;
    name: string;
};
import type { DeviceChoice } from './device-list.js';
