// Virtual time and a scripted socket for the SDK's Environment.

/** Time that passes only when told to. */
export class Clock {
  now = 0;
  #timers = new Map();
  #next = 1;

  setTimeout(callback, ms) {
    const id = this.#next++;
    this.#timers.set(id, { at: this.now + Math.max(0, ms), id, callback });
    return id;
  }

  clearTimeout(id) {
    this.#timers.delete(id);
  }

  /** @returns {number} timers that wait */
  get waiting() {
    return this.#timers.size;
  }

  /** Runs what is due within `ms`, in order, and all promises between. @param {number} ms */
  async advance(ms) {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers.values()].filter((each) => each.at <= end).sort((a, b) => a.at - b.at || a.id - b.id)[0];
      if (!due) break;
      this.#timers.delete(due.id);
      this.now = due.at;
      due.callback();
    }
    this.now = end;
  }
}

/** Lets every promise that can settle do so. */
export function settle() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A small seeded generator, so that a failing run can be repeated. @param {number} seed @returns {() => number} */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  onopen = null;
  onmessage = null;
  onclose = null;
  sent = [];
  closedWith = null;

  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
  }

  send(text) {
    if (this.closedWith !== null) throw new Error('send on a closed socket');
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith ??= code;
  }

  // What the server does:
  accept() {
    this.onopen?.();
  }

  say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  reply(request, result = {}) {
    this.say({ id: request.id, ok: true, ...result });
  }

  refuse(request, error) {
    this.say({ id: request.id, error });
  }

  drop(code = 1006, reason = '') {
    this.onclose?.({ code, reason });
  }

  /** @returns {any} the last request of that method */
  last(method) {
    return this.sent.findLast((each) => each.method === method);
  }
}

/** @param {Partial<import('../../sdk/env.js').Environment>} [more] */
export function virtualEnvironment(more = {}) {
  const clock = new Clock();
  const sockets = [];
  let wake = () => {};
  const env = {
    openSocket: (url, protocol) => {
      const socket = new FakeSocket(url, protocol);
      sockets.push(socket);
      return socket;
    },
    openPeer: () => {
      throw new Error('no peers in this test');
    },
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    clearTimeout: (id) => clock.clearTimeout(id),
    now: () => clock.now,
    random: () => 0.5,
    onWake: (listener) => {
      wake = listener;
      return () => (wake = () => {});
    },
    ...more,
  };
  return { env, clock, sockets, wake: (hint) => wake(hint), get socket() { return sockets[sockets.length - 1]; } };
}
