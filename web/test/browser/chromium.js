// Drives Chromium by its DevTools protocol over a pipe: what the browser tests need, without a dependency, on any
// node from 18 on. https://chromedevtools.github.io/devtools-protocol/
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(CHROMIUM);

const ARGUMENTS = [
  '--headless=new',
  '--remote-debugging-pipe',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-renderer-backgrounding',
  '--mute-audio',
  '--allow-loopback-in-peer-connection',
];

/**
 * @typedef {object} LaunchOptions
 * @property {number} [cameras] fake ones; 0: the browser looks for real ones, and finds none on a build machine
 * @property {boolean} [allow] answer every question for camera and microphone with yes
 * @property {string[]} [args]
 */

export class Chromium {
  #child;
  #profile;
  #next = 1;
  #waiting = new Map();
  #sessions = new Map();
  #exited;

  /** @param {LaunchOptions} [options] */
  static async launch({ cameras = 1, allow = true, args = [] } = {}) {
    const browser = new Chromium();
    browser.#profile = await mkdtemp(join(tmpdir(), 'turnout-web-'));
    const all = [...ARGUMENTS, `--user-data-dir=${browser.#profile}`, ...args];
    if (cameras > 0) all.push(`--use-fake-device-for-media-stream=device-count=${cameras}`);
    if (allow) all.push('--use-fake-ui-for-media-stream');
    browser.#start([...all, 'about:blank']);
    await browser.call('Browser.getVersion');
    return browser;
  }

  #start(args) {
    this.#child = spawn(CHROMIUM, args, {
      env: { ...process.env, HOME: this.#profile },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#exited.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error('chromium has ended'));
      this.#waiting.clear();
    });
    let rest = '';
    this.#child.stdio[4].setEncoding('utf8').on('data', (data) => {
      const messages = (rest + data).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#receive(JSON.parse(message));
    });
    this.#child.stdio[3].on('error', () => {});
  }

  #receive({ id, result, error, method, params, sessionId }) {
    if (id) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(`${waiting.method}: ${error.message}`));
      else waiting?.resolve(result);
    } else {
      this.#sessions.get(sessionId)?.receive(method, params);
    }
  }

  call(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, method });
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** @param {{width?: number, height?: number, phone?: boolean, scheme?: 'light'|'dark', own?: boolean}} [options] own: apart from the other pages' storage and permissions */
  async newPage({ width = 1280, height = 800, phone = false, scheme = 'light', own = false } = {}) {
    const { browserContextId } = own ? await this.call('Target.createBrowserContext') : {};
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank', browserContextId, newWindow: true });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId, browserContextId);
    this.#sessions.set(sessionId, page);
    await page.call('Page.enable');
    await page.call('Runtime.enable');
    await page.call('Emulation.setDeviceMetricsOverride', { width, height, mobile: phone, deviceScaleFactor: phone ? 2 : 1 });
    await page.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await page.call('Emulation.setFocusEmulationEnabled', { enabled: true });
    if (phone) await page.call('Emulation.setTouchEmulationEnabled', { enabled: true });
    return page;
  }

  async close() {
    this.call('Browser.close').catch(() => {});
    const forced = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await this.#exited;
    clearTimeout(forced);
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class Page {
  #browser;
  #session;
  #context;
  #loaded = () => {};
  /** What went wrong in the page: uncaught errors and console.error, CSP violations among them. */
  errors = [];

  constructor(browser, session, context) {
    this.#browser = browser;
    this.#session = session;
    this.#context = context;
  }

  receive(method, params) {
    if (method === 'Page.loadEventFired') this.#loaded();
    else if (method === 'Runtime.exceptionThrown') {
      const { text, exception } = params.exceptionDetails;
      this.errors.push(exception?.description ?? text);
    } else if (method === 'Runtime.consoleAPICalled' && params.type === 'error') {
      this.errors.push(params.args.map((each) => each.value ?? each.description).join(' '));
    }
  }

  call(method, params = {}) {
    return this.#browser.call(method, params, this.#session);
  }

  /** Runs in every document from the next navigation on. @param {string} source */
  async beforeLoad(source) {
    await this.call('Page.addScriptToEvaluateOnNewDocument', { source });
  }

  /** @param {string} url */
  async goto(url) {
    const loaded = new Promise((resolve) => (this.#loaded = resolve));
    const { errorText } = await this.call('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  async reload() {
    const loaded = new Promise((resolve) => (this.#loaded = resolve));
    await this.call('Page.reload');
    await loaded;
  }

  /** @param {string} expression may await @param {boolean} [gesture] as if the user had clicked */
  async evaluate(expression, gesture = true) {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', {
      expression: `(async () => (${expression}))()`,
      awaitPromise: true,
      returnByValue: true,
      userGesture: gesture,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** @param {string} expression @param {number} [timeout] ms @returns {Promise<any>} its first true value */
  async until(expression, timeout = 15_000) {
    const end = Date.now() + timeout;
    for (;;) {
      const value = await this.evaluate(expression, false).catch((error) => {
        if (Date.now() > end) throw error;
        return undefined;
      });
      if (value) return value;
      if (Date.now() > end) throw new Error(`never true: ${expression}\n${this.errors.join('\n')}\n${await this.text('body').catch(() => '')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** @param {string} selector of something that will be there and visible */
  async find(selector) {
    const box = await this.until(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      if (!element || !element.checkVisibility() || element.disabled) return null;
      element.scrollIntoView({ block: 'nearest' });
      const { x, y, width, height } = element.getBoundingClientRect();
      return width > 0 && { x: x + width / 2, y: y + height / 2 };
    })()`);
    return box;
  }

  /** A real click of the mouse, where the element is. @param {string} selector */
  async click(selector) {
    const { x, y } = await this.find(selector);
    const event = { x, y, button: 'left', clickCount: 1 };
    await this.call('Input.dispatchMouseEvent', { type: 'mousePressed', ...event });
    await this.call('Input.dispatchMouseEvent', { type: 'mouseReleased', ...event });
  }

  /** @param {string} selector @param {string} text */
  async fill(selector, text) {
    await this.find(selector);
    await this.evaluate(`(() => { const e = document.querySelector(${JSON.stringify(selector)}); e.focus(); e.select?.(); })()`);
    await this.call('Input.insertText', { text });
  }

  /** @param {string} key a letter, Escape, Enter or Tab */
  async press(key) {
    const codes = { Escape: 27, Enter: 13, Tab: 9 };
    const text = key.length === 1 ? key : key === 'Enter' ? '\r' : undefined;
    const windowsVirtualKeyCode = codes[key] ?? key.toUpperCase().charCodeAt(0);
    const event = { key, text, windowsVirtualKeyCode, code: key.length === 1 ? `Key${key.toUpperCase()}` : key };
    await this.call('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
    await this.call('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  /** @param {string} selector @param {string} label of the option */
  async select(selector, label) {
    await this.until(`document.querySelector(${JSON.stringify(selector)})?.disabled === false`);
    await this.evaluate(`(() => {
      const select = document.querySelector(${JSON.stringify(selector)});
      select.value = [...select.options].find((each) => each.label === ${JSON.stringify(label)}).value;
      select.dispatchEvent(new Event('change', { bubbles: true }));
    })()`);
  }

  /** @param {string} selector @returns {Promise<string>} */
  text(selector) {
    return this.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ''`);
  }

  /** @param {'granted'|'denied'|'prompt'} setting @param {string[]} [names] */
  async permit(setting, names = ['camera', 'microphone']) {
    for (const name of names) {
      await this.#browser.call('Browser.setPermission', { permission: { name }, setting, browserContextId: this.#context });
    }
  }

  async front() {
    await this.call('Page.bringToFront');
  }

  /** @returns {Promise<Buffer>} PNG */
  async screenshot() {
    const { data } = await this.call('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  async close() {
    await this.call('Page.close');
  }
}
