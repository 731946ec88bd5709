const GAP = 12;
/** Tiles may be this wide, width by height, and this narrow: upright only where the window is. */
const WIDEST = 16 / 9;
const NARROWEST = { wide: 1.1, upright: 0.8 };

/**
 * The arrangement of `count` equal tiles that shows the most picture.
 *
 * @param {number} width of the room for them, px
 * @param {number} height
 * @param {number} count
 * @param {number} [gap]
 * @returns {{columns: number, tileWidth: number, tileHeight: number}}
 */
export function arrange(width, height, count, gap = GAP) {
  const narrowest = width > height ? NARROWEST.wide : NARROWEST.upright;
  let best = { columns: 1, tileWidth: 0, tileHeight: 0, area: -1 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    let tileWidth = (width - gap * (columns - 1)) / columns;
    let tileHeight = (height - gap * (rows - 1)) / rows;
    if (tileWidth <= 0 || tileHeight <= 0) continue;
    if (tileWidth / tileHeight > WIDEST) tileWidth = tileHeight * WIDEST;
    if (tileWidth / tileHeight < narrowest) tileHeight = tileWidth / narrowest;
    const area = tileWidth * tileHeight;
    if (area > best.area) best = { columns, tileWidth: Math.floor(tileWidth), tileHeight: Math.floor(tileHeight), area };
  }
  const { columns, tileWidth, tileHeight } = best;
  return { columns, tileWidth, tileHeight };
}

/**
 * Keeps the tiles of the call arranged: a grid for many, one large picture with the own one in its corner for two
 * (and the own one large while nobody else is there), and a stage with a strip when a screen is shared.
 */
export class Grid {
  element;
  #observer;
  #pending = 0;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.#observer = new ResizeObserver(() => this.arrange());
    this.#observer.observe(element);
  }

  /** Arranges once per frame, however often it is asked. */
  arrange() {
    if (this.#pending) return;
    this.#pending = requestAnimationFrame(() => {
      this.#pending = 0;
      this.#arrange();
    });
  }

  close() {
    this.#observer.disconnect();
    cancelAnimationFrame(this.#pending);
  }

  #arrange() {
    const tiles = /** @type {HTMLElement[]} */ ([...this.element.children]);
    const screens = tiles.filter((tile) => tile.classList.contains('screen'));
    const people = tiles.filter((tile) => !tile.classList.contains('screen'));
    const layout = screens.length > 0 ? 'stage' : people.length <= 2 ? 'duo' : 'grid';
    this.element.dataset.layout = layout;
    this.element.dataset.count = String(tiles.length);
    if (layout !== 'grid') return;
    const style = getComputedStyle(this.element);
    const width = this.element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = this.element.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const { tileWidth, tileHeight } = arrange(width, height, Math.max(1, people.length));
    this.element.style.setProperty('--tile-width', `${tileWidth}px`);
    this.element.style.setProperty('--tile-height', `${tileHeight}px`);
  }
}
