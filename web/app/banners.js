import { announce, h, icon } from './dom.js';

/** What concerns the whole call, at the top of it until it is over. */
export class Banners {
  element = h('div', { class: 'banners' });
  /** @type {Map<string, HTMLElement>} */
  #shown = new Map();

  /**
   * @param {string} key
   * @param {{symbol?: string, text: string, tone?: 'warning'|'accent', action?: {label: string, run: () => void}}} banner
   */
  show(key, { symbol, text, tone = 'warning', action }) {
    this.hide(key);
    const banner = h(
      'div',
      { class: `banner ${tone}` },
      symbol ? icon(symbol) : h('div', { class: 'spinner' }),
      h('span', {}, text),
      action && h('button', { class: 'button small', type: 'button', onclick: action.run }, action.label),
    );
    this.#shown.set(key, banner);
    this.element.append(banner);
    announce(text);
  }

  /** @param {string} key */
  hide(key) {
    this.#shown.get(key)?.remove();
    this.#shown.delete(key);
  }
}
