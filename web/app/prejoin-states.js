import { h, icon } from './dom.js';
import { explainProblem, permissionSteps } from './help.js';

/** @import { Studio } from './studio.js' */

/**
 * @param {string} symbol
 * @param {string} title
 * @param {...(string|Node|false)} rest
 */
function panel(symbol, title, ...rest) {
  return h('div', { class: 'cover-panel' }, h('div', { class: 'cover-symbol' }, icon(symbol)), h('h2', {}, title), rest);
}

/**
 * What lies over the preview while there is no picture: the question, the state, or what went wrong and how to mend it.
 *
 * @param {Studio} studio
 * @param {{asked: boolean, skipped: boolean, avatar: HTMLElement, open: () => void, skip: () => void}} page
 * @returns {HTMLElement|null} null: the picture itself
 */
export function previewCover(studio, { asked, skipped, avatar, open, skip }) {
  if (studio.isOn('camera')) return null;
  if (studio.opening) return openingPanel(studio);
  if (!asked) return questionPanel(open, skip);
  const camera = studio.problem('camera');
  const microphone = studio.problem('microphone');
  if (camera?.code === 'insecure-context') {
    const { title, text } = explainProblem('camera', camera);
    return panel('lock', title, h('p', {}, text));
  }
  if (camera?.code === 'permission-denied') return deniedPanel(microphone?.code === 'permission-denied', open);
  if (camera) {
    const { title, text } = explainProblem('camera', camera);
    const again = h('button', { class: 'button light small', type: 'button', onclick: open }, 'Try again');
    return panel('camera-off', title, h('p', {}, text), camera.code !== 'no-device' && again);
  }
  return h('div', { class: 'cover-panel plain' }, avatar, h('p', {}, skipped ? 'You join without camera and microphone' : 'Your camera is off'));
}

/** @param {Studio} studio */
function openingPanel(studio) {
  if (!studio.mustAsk) return h('div', { class: 'cover-panel plain' }, h('div', { class: 'spinner' }), h('p', {}, 'Starting your camera'));
  return panel('camera', 'The browser is asking', h('p', {}, 'Choose “Allow”, so that the others can see and hear you.'));
}

/** @param {() => void} open @param {() => void} skip */
function questionPanel(open, skip) {
  return panel(
    'camera',
    'Let the others see and hear you',
    h('p', {}, 'The browser will ask whether this page may use your camera and microphone. You can turn both off at any time.'),
    h('button', { class: 'button light', type: 'button', onclick: open }, 'Use camera and microphone'),
    h('button', { class: 'text-button', type: 'button', onclick: skip }, 'Continue without'),
  );
}

/** @param {boolean} both @param {() => void} open */
function deniedPanel(both, open) {
  return panel(
    'lock',
    both ? 'Camera and microphone are blocked' : 'The camera is blocked',
    h('ol', { class: 'steps' }, permissionSteps().map((step) => h('li', {}, step))),
    h('button', { class: 'button light small', type: 'button', onclick: open }, 'Try again'),
  );
}

/**
 * What is wrong with the microphone, beneath the selectors; the camera's troubles are on the preview.
 *
 * @param {Studio} studio
 * @param {() => void} open
 * @returns {HTMLElement[]}
 */
export function inputNotices(studio, open) {
  const error = studio.problem('microphone');
  if (!error || error.code === 'insecure-context' || studio.opening) return [];
  if (error.code === 'permission-denied' && studio.problem('camera')?.code === 'permission-denied') return [];
  const { title, text } = explainProblem('microphone', error);
  const again = error.code !== 'no-device' && h('button', { class: 'text-button', type: 'button', onclick: open }, 'Try again');
  return [h('div', { class: 'inline-notice', role: 'status' }, icon('mic-off'), h('div', {}, h('b', {}, title), h('p', {}, text), again))];
}
