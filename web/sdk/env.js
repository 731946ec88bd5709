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
export function browserEnvironment() {
  return {
    openSocket: (url, protocol) => new WebSocket(url, protocol),
    openPeer: (config) => new RTCPeerConnection(config),
    setTimeout: (callback, ms) => setTimeout(callback, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    now: () => performance.now(),
    random: Math.random,
    onWake(wake) {
      const online = () => wake('online');
      const visible = () => {
        if (document.visibilityState === 'visible') wake('visible');
      };
      globalThis.addEventListener?.('online', online);
      globalThis.document?.addEventListener('visibilitychange', visible);
      return () => {
        globalThis.removeEventListener?.('online', online);
        globalThis.document?.removeEventListener('visibilitychange', visible);
      };
    },
  };
}
