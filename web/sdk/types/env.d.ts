/**
 * What the SDK takes from its surroundings; tests pass a simulated one with virtual time.
 *
 * @typedef {object} Environment
 * @property {(url: string, protocol: string) => WebSocket} openSocket
 * @property {(config: RTCConfiguration) => RTCPeerConnection} openPeer
 * @property {(callback: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now milliseconds, monotonic
 * @property {() => number} random in [0, 1)
 * @property {(wake: (hint: 'online'|'visible') => void) => () => void} onWake tells when the network or the tab is back
 */
/** @returns {Environment} the browser itself */
export function browserEnvironment(): Environment;
/**
 * What the SDK takes from its surroundings; tests pass a simulated one with virtual time.
 */
export type Environment = {
    openSocket: (url: string, protocol: string) => WebSocket;
    openPeer: (config: RTCConfiguration) => RTCPeerConnection;
    setTimeout: (callback: () => void, ms: number) => any;
    clearTimeout: (timer: any) => void;
    /**
     * milliseconds, monotonic
     */
    now: () => number;
    /**
     * in [0, 1)
     */
    random: () => number;
    /**
     * tells when the network or the tab is back
     */
    onWake: (wake: (hint: "online" | "visible") => void) => () => void;
};
