/** @import { DeviceChoice } from './device-list.js' */

/**
 * @typedef {object} Choices
 * @property {boolean} videoEnabled
 * @property {boolean} audioEnabled
 * @property {DeviceChoice|null} videoDevice
 * @property {DeviceChoice|null} audioDevice
 * @property {DeviceChoice|null} outputDevice
 * @property {string} name
 */

/** @type {Choices} */
const NOTHING = { videoEnabled: true, audioEnabled: true, videoDevice: null, audioDevice: null, outputDevice: null, name: '' };

/** The user's choices, kept in localStorage. A storage that is full, forbidden or spoilt costs only the memory. */
export class DeviceMemory {
  #storage;
  #key;
  /** @type {Choices} */
  #choices;

  /**
   * @param {Pick<Storage, 'getItem'|'setItem'>|null} storage
   * @param {string} key
   */
  constructor(storage, key) {
    this.#storage = storage;
    this.#key = key;
    this.#choices = this.#load();
  }

  /** @returns {Readonly<Choices>} */
  get choices() {
    return this.#choices;
  }

  /** @param {Partial<Choices>} change */
  remember(change) {
    this.#choices = { ...this.#choices, ...change };
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(this.#choices));
    } catch {
      // Forgotten with the page then.
    }
  }

  /** @returns {Choices} */
  #load() {
    let stored;
    try {
      stored = JSON.parse(this.#storage?.getItem(this.#key) ?? 'null');
    } catch {
      stored = null;
    }
    if (stored === null || typeof stored !== 'object') return { ...NOTHING };
    return {
      videoEnabled: stored.videoEnabled !== false,
      audioEnabled: stored.audioEnabled !== false,
      videoDevice: choiceOf(stored.videoDevice),
      audioDevice: choiceOf(stored.audioDevice),
      outputDevice: choiceOf(stored.outputDevice),
      name: typeof stored.name === 'string' ? stored.name.slice(0, 100) : '',
    };
  }
}

/** @param {any} stored @returns {DeviceChoice|null} */
function choiceOf(stored) {
  if (typeof stored?.id !== 'string' || typeof stored.label !== 'string') return null;
  return { id: stored.id, label: stored.label };
}
