import { h, icon } from './dom.js';

/** @import { Device, DeviceKind } from '../sdk/device-list.js' */
/** @import { Studio } from './studio.js' */

const TEXT = {
  camera: { label: 'Camera', none: 'No camera', waiting: 'Camera, once allowed' },
  microphone: { label: 'Microphone', none: 'No microphone', waiting: 'Microphone, once allowed' },
  speaker: { label: 'Speaker', none: 'System speaker', waiting: 'System speaker' },
};

/**
 * A drop-down list of one kind of device, kept up to date.
 *
 * @param {Studio} studio
 * @param {DeviceKind} kind
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function deviceSelect(studio, kind) {
  const { label, none, waiting } = TEXT[kind];
  const id = `select-${kind}-${Math.random().toString(36).slice(2, 7)}`;
  const select = h('select', { id });
  const element = h('div', { class: `device-select device-${kind}` }, icon(kind === 'microphone' ? 'mic' : kind), h('label', { for: id, class: 'visually-hidden' }, label), select);
  const { devices } = studio;
  const asks = kind === 'speaker' && devices.browserAsksForSpeaker;
  /** @type {Device[]} */
  let list = [];

  select.addEventListener('change', async () => {
    const device = list.find((each) => each.id === select.value);
    if (!device) return;
    if (kind === 'speaker') await studio.selectSpeaker(device);
    else await studio.select(kind, device);
  });
  if (asks) {
    const ask = h('button', { class: 'button quiet small', type: 'button' }, 'Choose…');
    ask.addEventListener('click', async () => {
      const device = await devices.chooseSpeaker();
      if (device) await studio.selectSpeaker(device);
    });
    element.append(ask);
  }

  const update = () => {
    list = devices.list(kind);
    const current = kind === 'speaker' ? studio.speaker : studio.current(kind);
    if (kind === 'speaker' && current && !list.some((device) => device.id === current.id)) list = [current, ...list];
    const permitted = kind === 'speaker' || devices.permission(kind) === 'granted' || list.length > 0;
    const options = list.map((device) => h('option', { value: device.id, selected: device.id === current?.id }, device.label));
    select.replaceChildren(...(options.length > 0 ? options : [h('option', { value: '' }, permitted ? none : waiting)]));
    select.disabled = list.length === 0 || (kind === 'speaker' && !devices.canChooseSpeaker);
    if (current) select.value = current.id;
  };
  update();
  return { element, update };
}
