/**
 * Gives the room's link away: by the phone's own share sheet, else by the clipboard.
 *
 * @param {string} room
 * @returns {Promise<'shared'|'copied'|'dismissed'|'failed'>}
 */
export async function shareLink(room) {
  const url = `${location.origin}${location.pathname}`;
  const byTouch = matchMedia('(pointer: coarse)').matches;
  if (byTouch && typeof navigator.share === 'function') {
    try {
      await navigator.share({ title: `Join ${room}`, url });
      return 'shared';
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return 'dismissed';
    }
  }
  try {
    await navigator.clipboard.writeText(url);
    return 'copied';
  } catch {
    return 'failed';
  }
}
