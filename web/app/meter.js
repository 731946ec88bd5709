import { LevelMeter } from '../sdk/index.js';
import { h } from './dom.js';

/** @import { Studio } from './studio.js' */

const BARS = 14;

/**
 * Shows how loud the studio's microphone is.
 *
 * @param {Studio} studio
 * @returns {{element: HTMLElement, update: () => void, close: () => void}}
 */
export function levelBars(studio) {
  const bars = Array.from({ length: BARS }, () => h('i'));
  const element = h(
    'div',
    { class: 'meter', role: 'meter', 'aria-label': 'Microphone level', 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-valuenow': '0' },
    bars,
  );
  /** @type {LevelMeter|null} */
  let meter = null;
  /** @type {MediaStreamTrack|null} */
  let metered = null;
  let shown = 0;

  const draw = () => {
    const loudness = meter && studio.isOn('microphone') ? meter.loudness : 0;
    shown = Math.max(loudness, shown * 0.82);
    const lit = Math.round(shown * BARS);
    bars.forEach((bar, index) => bar.classList.toggle('lit', index < lit));
    element.setAttribute('aria-valuenow', String(Math.round(shown * 100)));
  };
  const timer = setInterval(draw, 60);

  const update = () => {
    const track = studio.track('microphone')?.mediaStreamTrack ?? null;
    element.classList.toggle('off', !studio.isOn('microphone'));
    if (track === metered) return;
    meter?.close();
    metered = track;
    meter = track ? new LevelMeter(track) : null;
  };
  const resume = () => void meter?.resume();
  addEventListener('pointerdown', resume);
  update();
  return {
    element,
    update,
    close() {
      clearInterval(timer);
      removeEventListener('pointerdown', resume);
      meter?.close();
    },
  };
}
