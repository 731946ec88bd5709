/** Where this app's files lie; links are built from it, so that a server under a path works. */
export const BASE = new URL('..', import.meta.url);

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 */

/**
 * Makes an element. Properties that start with `on` are listeners, `class` and whatever holds a `-` are attributes.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class' || name === 'role' || name === 'for' || name.includes('-')) element.setAttribute(name, String(value));
    else Object.assign(element, { [name]: value });
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An icon of icons.svg; it is decoration, the button beside it has the words.
 *
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(SVG, 'use'));
  setIcon(svg, name);
  return svg;
}

/** @param {Element} svg @param {string} name */
export function setIcon(svg, name) {
  svg.firstElementChild?.setAttribute('href', `${new URL('app/icons.svg', BASE).pathname}#${name}`);
}

/** Shows a page of the app. @param {...Node} nodes */
export function show(...nodes) {
  document.querySelector('#app')?.replaceChildren(...nodes);
}

/** Says something to screen readers. @param {string} text */
export function announce(text) {
  const announcer = document.querySelector('#announcer');
  if (announcer) announcer.textContent = text;
}

/** @param {string} path @returns {string} a path of this server */
export function path(path) {
  return new URL(path, BASE).pathname;
}

/** The name and sign of the product, as a link home. @returns {HTMLElement} */
export function brand() {
  return h('a', { class: 'brand', href: path('./') }, icon('logo'), h('span', {}, 'turnout'));
}
