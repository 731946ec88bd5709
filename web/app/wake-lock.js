/**
 * Keeps a phone's screen on during a call, where the browser can.
 *
 * @returns {() => void} lets it go off again
 */
export function keepScreenAwake() {
  /** @type {WakeLockSentinel|null} */
  let lock = null;
  let over = false;
  const ask = async () => {
    if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    try {
      const got = await navigator.wakeLock.request('screen');
      if (over) void got.release();
      else lock = got;
    } catch {
      // Low battery: the system decides.
    }
  };
  void ask();
  document.addEventListener('visibilitychange', ask);
  return () => {
    over = true;
    document.removeEventListener('visibilitychange', ask);
    void lock?.release();
  };
}
