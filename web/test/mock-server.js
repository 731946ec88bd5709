// A stand-in for turnoutd's HTTP and signaling side: just enough of turnout.v1 for tests of the client that need no
// network of their own. It checks no token.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';

const WEB = fileURLToPath(new URL('..', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
  "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export class MockServer {
  #http = createServer((request, response) => this.#serve(request, response));
  #sockets = new WebSocketServer({ server: this.#http, path: '/v1/signal', handleProtocols: (set) => [...set][0] });
  rooms = new Map();
  sessions = new Map();
  #next = 1;
  development = true;
  /** Set to an error code to make joins fail with it. */
  refuseJoins = '';

  async listen() {
    this.#sockets.on('connection', (socket) => this.#accept(socket));
    await new Promise((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    this.port = this.#http.address().port;
    return `http://127.0.0.1:${this.port}`;
  }

  close() {
    for (const client of this.#sockets.clients) client.terminate();
    this.#http.closeAllConnections();
    return new Promise((resolve) => this.#http.close(resolve));
  }

  /** Breaks every connection as a dead network does. */
  cut() {
    for (const client of this.#sockets.clients) client.terminate();
  }

  async #serve(request, response) {
    const url = new URL(request.url, 'http://mock');
    if (url.pathname === '/v1/config') return json(response, { development: this.development, version: 'mock' });
    if (url.pathname === '/v1/dev/token') {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { room, identity = `guest-${this.#next++}`, name = '' } = JSON.parse(body || '{}');
      return json(response, { token: JSON.stringify({ room, identity, name }), identity });
    }
    let path = normalize(url.pathname);
    if (path === '/') path = '/index.html';
    if (path.startsWith('/r/')) path = '/room.html';
    if (!/^\/(index\.html|room\.html|app\/|sdk\/|example\/)/.test(path)) return response.writeHead(404).end();
    try {
      const data = await readFile(join(WEB, path));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream', 'content-security-policy': CSP });
      response.end(data);
    } catch {
      response.writeHead(404).end();
    }
  }

  #accept(socket) {
    let session = null;
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      if (message.method === 'join') session = this.#join(socket, message);
      else if (session) this.#handle(session, message);
    });
    socket.on('close', (code) => {
      if (!session || session.socket !== socket) return;
      session.socket = null;
      if (code === 1000 || code === 1001) return this.#leave(session, 'left');
      session.info.state = 'away';
      this.#tell(session, { event: 'participant-updated', participant: session.info });
      session.timer = setTimeout(() => this.#leave(session, 'timeout'), 60_000).unref();
    });
  }

  #join(socket, { id, token, name, attributes, metadata, tracks = [], resume }) {
    const fail = (code) => void socket.send(JSON.stringify({ id, error: { code, message: code } }));
    if (this.refuseJoins) return fail(this.refuseJoins);
    if (resume) return this.#resume(socket, id, resume, fail);
    const claims = JSON.parse(token);
    const room = this.rooms.get(claims.room) ?? { name: claims.room, sid: `r_${claims.room}`, generation: 7, order: 0, sessions: new Set() };
    this.rooms.set(claims.room, room);
    for (const old of room.sessions) if (old.info.identity === claims.identity) this.#replace(old);
    const key = `k${this.#next++}`;
    const info = { sid: `p_${this.#next++}`, identity: claims.identity, name: name || claims.name, metadata, attributes };
    Object.assign(info, { joinedAt: Date.now(), joinOrder: ++room.order, state: 'active', tracks });
    const session = { key, room, info, socket, seq: 0, kept: [] };
    this.sessions.set(key, session);
    this.#reply(session, id, { ...this.#welcome(session), resumed: false, snapshot: true });
    room.sessions.add(session);
    this.#tell(session, { event: 'participant-joined', participant: info });
    return session;
  }

  #welcome(session) {
    const { room, info, key, seq } = session;
    const others = [...room.sessions].filter((each) => each !== session).map((each) => each.info);
    return {
      session: key,
      resumeKey: key,
      resumeTimeout: 60,
      seq,
      self: { ...info, permissions: { canPublish: true, canSubscribe: true, canPublishData: true } },
      room: { name: room.name, sid: room.sid, mode: 'mesh', generation: room.generation, metadata: '', maxParticipants: 8 },
      participants: others,
      iceServers: [],
      iceTtl: 3600,
      server: { version: 'mock', node: 'mock' },
    };
  }

  #resume(socket, id, { key, seq }, fail) {
    const session = this.sessions.get(key);
    if (!session) return fail('expired');
    clearTimeout(session.timer);
    session.socket = socket;
    session.info.state = 'active';
    this.#reply(session, id, { ...this.#welcome(session), seq, resumed: true, snapshot: false, participants: undefined });
    for (const event of session.kept) if (event.seq > seq) socket.send(JSON.stringify(event));
    this.#tell(session, { event: 'participant-updated', participant: session.info });
    return session;
  }

  #replace(old) {
    old.socket?.send(JSON.stringify({ event: 'disconnect', reason: 'duplicate-identity', reconnect: false }));
    const { socket } = old;
    old.socket = null;
    socket?.close(4002);
    this.#leave(old, 'duplicate-identity');
  }

  #leave(session, reason) {
    if (!session.room.sessions.delete(session)) return;
    clearTimeout(session.timer);
    this.sessions.delete(session.key);
    this.#tell(session, { event: 'participant-left', participant: session.info.sid, reason });
  }

  #handle(session, message) {
    const { info, room } = session;
    const say = (event) => this.#tell(session, { participant: info.sid, ...event });
    switch (message.method) {
      case 'publish':
        info.tracks = [...info.tracks.filter((track) => track.id !== message.track.id), message.track];
        say({ event: 'track-published', track: message.track });
        return this.#reply(session, message.id, { track: message.track });
      case 'unpublish':
        info.tracks = info.tracks.filter((track) => track.id !== message.track);
        say({ event: 'track-unpublished', track: message.track });
        return this.#reply(session, message.id, {});
      case 'mute':
        for (const track of info.tracks) if (track.id === message.track) track.muted = message.muted;
        say({ event: 'track-muted', track: message.track, muted: message.muted });
        return this.#reply(session, message.id, {});
      case 'peer': {
        const to = [...room.sessions].find((each) => each.info.sid === message.to);
        if (!to) return this.#fail(session, message.id, { code: 'not-found', message: 'gone' });
        if (message.generation !== room.generation) {
          return this.#fail(session, message.id, { code: 'conflict', message: 'stale', generation: room.generation });
        }
        const { msg, type, data, generation } = message;
        this.#event(to, { event: 'peer', from: info.sid, generation, msg, type, data });
        return this.#reply(session, message.id, {});
      }
      case 'chat': {
        const sent = { id: `m${this.#next++}`, time: Date.now() };
        this.#tell(session, { event: 'chat', from: info.sid, text: message.text, ...sent });
        return this.#reply(session, message.id, { message: sent });
      }
      case 'ice-servers':
        return this.#reply(session, message.id, { iceServers: [], iceTtl: 3600 });
      case 'ping':
        return this.#reply(session, message.id, { time: Date.now() });
      case 'leave':
        this.#reply(session, message.id, {});
        session.socket?.close(1000);
        return;
      default:
        return this.#fail(session, message.id, { code: 'unsupported', message: message.method });
    }
  }

  #reply(session, id, result) {
    session.socket?.send(JSON.stringify({ id, ok: true, ...result }));
  }

  #fail(session, id, error) {
    session.socket?.send(JSON.stringify({ id, error }));
  }

  /** To everybody in the room but the session itself. */
  #tell(session, event) {
    for (const each of session.room.sessions) if (each !== session) this.#event(each, event);
  }

  #event(session, event) {
    const numbered = { ...event, seq: ++session.seq };
    session.kept.push(numbered);
    if (session.kept.length > 256) session.kept.shift();
    session.socket?.send(JSON.stringify(numbered));
  }
}

function json(response, body) {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await new MockServer().listen());
