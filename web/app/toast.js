import { announce, h, icon } from './dom.js';

const LIFETIME = 7_000;
const MOST = 3;

/** Short messages in a corner of the page. */
export class Toasts {
  element = h('div', { class: 'toasts' });

  /**
   * @param {string} text
   * @param {{label: string, run: () => void}} [action]
   */
  show(text, action) {
    const toast = h('div', { class: 'toast' }, h('span', {}, text));
    const close = () => toast.remove();
    if (action) {
      const run = () => {
        close();
        action.run();
      };
      toast.append(h('button', { class: 'button small', type: 'button', onclick: run }, action.label));
    }
    toast.append(h('button', { class: 'icon-button small', type: 'button', 'aria-label': 'Dismiss', onclick: close }, icon('close')));
    this.element.append(toast);
    while (this.element.childElementCount > MOST) this.element.firstElementChild?.remove();
    announce(text);
    setTimeout(close, action ? LIFETIME * 2 : LIFETIME);
  }
}
