/** Watches how loud everybody is, and says who speaks. */
export class SpeakerWatch {
    /** @param {Room} room @param {boolean} enabled */
    constructor(room: Room, enabled: boolean);
    start(): void;
    stop(): void;
    #private;
}
import type { Room } from './room.js';
