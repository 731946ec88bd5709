const QUALITIES = [
  'amber', 'brisk', 'calm', 'clear', 'copper', 'early', 'gentle', 'golden', 'green', 'happy', 'hidden', 'lively', 'mellow',
  'misty', 'northern', 'quick', 'quiet', 'royal', 'silver', 'sunny', 'swift', 'velvet', 'warm', 'wild', 'winding', 'bright',
];
const PLACES = [
  'bridge', 'crossing', 'depot', 'express', 'halt', 'junction', 'lantern', 'meadow', 'platform', 'river', 'sidings', 'signal',
  'station', 'summit', 'switch', 'terminus', 'track', 'tunnel', 'valley', 'viaduct', 'whistle', 'harbour', 'garden', 'orchard',
];

/** @param {number} below @returns {number} */
function random(below) {
  return crypto.getRandomValues(new Uint32Array(1))[0] % below;
}

/** @returns {string} a room name that is easy to say and not easy to guess */
export function inventRoomName() {
  return `${QUALITIES[random(QUALITIES.length)]}-${PLACES[random(PLACES.length)]}-${1000 + random(9000)}`;
}

/**
 * @param {string} typed
 * @returns {string} as it can stand in a link; '' if nothing is left
 */
export function toRoomName(typed) {
  return typed
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 64);
}

/** @param {string} name @returns {string} for a tile without a picture */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0] ?? '').join('').toUpperCase() || '?';
}

/** @param {string} name @returns {number} 0 to 5: the colour of somebody's tile */
export function toneOf(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % 6;
}
