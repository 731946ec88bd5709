/**
 * Single keys that do something, except while something is typed.
 *
 * @param {Record<string, () => void>} keys
 * @returns {() => void} stops listening
 */
export function listenForShortcuts(keys) {
  const listener = (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    const target = event.target instanceof HTMLElement ? event.target : null;
    const typing = target?.matches('input, textarea, select, [contenteditable]') ?? false;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (typing && key !== 'Escape') return;
    const act = keys[key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  addEventListener('keydown', listener);
  return () => removeEventListener('keydown', listener);
}
