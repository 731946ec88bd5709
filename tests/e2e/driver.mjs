// Drives one headless browser for a test program: commands come as JSON lines on standard input,
// {"id":1,"do":"open","page":"a","url":"..."} or {"id":2,"do":"evaluate","page":"a","expression":"..."},
// each is answered by {"id":1,"value":...} or {"id":1,"error":"..."}. The end of input closes the browser.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const CHROMIUM_ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream",
  "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--ignore-certificate-errors",
  "--mute-audio", "--disable-dev-shm-usage", "--disable-renderer-backgrounding",
];

const FIREFOX_PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.autoplay.default": 0,
  "app.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "media.gmp-manager.updateEnabled": false,
  "browser.safebrowsing.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.enabled": false,
};

const note = (page, text) => process.stderr.write(`${page}: ${String(text).slice(0, 400)}\n`);

/** Requests and their replies by number, as both browsers' protocols have them. */
class Calls {
  waiting = new Map();
  last = 0;

  make(send, request) {
    const id = ++this.last;
    send(JSON.stringify({ id, ...request }));
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  settle({ id, result, error, message }) {
    const call = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) call?.reject(new Error(error.message ?? `${error}: ${message}`));
    else call?.resolve(result);
  }
}

/** Chromium by the DevTools protocol over a pipe: JSON, each message ended by a zero byte. */
class Chromium {
  pages = new Map();
  loads = new Map();
  calls = new Calls();

  async start(folder, devices, keyHash) {
    const fake = `--use-fake-device-for-media-stream${devices ? `=device-count=${devices}` : ""}`;
    this.child = spawn("chromium", ["--headless=new", "--remote-debugging-pipe", `--user-data-dir=${folder}`,
      ...CHROMIUM_ARGUMENTS, fake,
      // Pages with a wrong certificate open anyway; TURN over TLS needs to be told whose is good.
      ...(keyHash ? [`--ignore-certificate-errors-spki-list=${keyHash}`] : []), "about:blank"],
    { env: { ...process.env, HOME: folder }, stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    let rest = "";
    this.child.stdio[4].setEncoding("utf8").on("data", (data) => {
      const messages = (rest + data).split("\0");
      rest = messages.pop();
      for (const message of messages) this.receive(JSON.parse(message));
    });
    const ended = new Promise((_, reject) => this.child.on("exit", () => reject(new Error("chromium ended"))));
    ended.catch(() => {});
    await Promise.race([this.call("Browser.getVersion"), ended]);
  }

  call(method, params = {}, sessionId = undefined) {
    return this.calls.make((text) => this.child.stdio[3].write(`${text}\0`), { method, params, sessionId });
  }

  receive(message) {
    const name = [...this.pages].find(([, session]) => session === message.sessionId)?.[0] ?? "chromium";
    if (message.id) this.calls.settle(message);
    else if (message.method === "Page.loadEventFired") this.loads.get(message.sessionId)?.();
    else if (message.method === "Runtime.consoleAPICalled") {
      note(name, message.params.args.map((a) => a.value ?? a.description).join(" "));
    } else if (message.method === "Runtime.exceptionThrown") {
      const { text, exception } = message.params.exceptionDetails;
      note(name, exception?.description ?? text);
    }
  }

  async open(name, url) {
    if (!this.pages.has(name)) {
      const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
      this.pages.set(name, sessionId);
      await this.call("Page.enable", {}, sessionId);
      await this.call("Runtime.enable", {}, sessionId);
    }
    const session = this.pages.get(name);
    const loaded = new Promise((resolve) => this.loads.set(session, resolve));
    const { errorText } = await this.call("Page.navigate", { url }, session);
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  async evaluate(name, expression) {
    const { result, exceptionDetails } = await this.call("Runtime.evaluate",
      { expression: `(async () => (${expression}))()`, awaitPromise: true, returnByValue: true, userGesture: true },
      this.pages.get(name));
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async closePage(name) {
    await this.call("Page.close", {}, this.pages.get(name));
    this.pages.delete(name);
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.on("exit", resolve));
    this.call("Browser.close").catch(() => {});
    await ended;
  }
}

/** Firefox by WebDriver BiDi over its WebSocket. */
class Firefox {
  pages = new Map();
  calls = new Calls();

  async start(folder, _devices, authority) {
    if (authority) {
      const store = ["-d", `sql:${folder}`];
      execFileSync("certutil", ["-N", "--empty-password", ...store]);
      execFileSync("certutil", ["-A", "-n", "test", "-t", "C,,", "-i", authority, ...store]);
    }
    const lines = Object.entries(FIREFOX_PREFERENCES).map(([k, v]) => `user_pref("${k}", ${JSON.stringify(v)});`);
    writeFileSync(join(folder, "user.js"), lines.join("\n"));
    const port = await freePort();
    this.child = spawn("firefox-esr", ["--headless", "--no-remote", "--profile", folder, "--remote-debugging-port",
      String(port), "about:blank"], { env: { ...process.env, HOME: folder }, stdio: ["ignore", "ignore", "pipe"] });
    await new Promise((resolve, reject) => {
      createInterface({ input: this.child.stderr }).on("line", (line) => line.includes("BiDi listening") && resolve());
      this.child.on("exit", () => reject(new Error("firefox ended at its start")));
    });
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/session`, { perMessageDeflate: false });
    await new Promise((resolve, reject) => this.socket.on("open", resolve).on("error", reject));
    this.socket.on("message", (data) => this.receive(JSON.parse(data)));
    await this.call("session.new", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
    await this.call("session.subscribe", { events: ["log.entryAdded"] });
  }

  receive(message) {
    if (message.method === "log.entryAdded") {
      note("firefox", message.params.text);
    } else {
      this.calls.settle(message);
    }
  }

  call(method, params) {
    return this.calls.make((text) => this.socket.send(text), { method, params });
  }

  async open(name, url) {
    if (!this.pages.has(name)) {
      this.pages.set(name, (await this.call("browsingContext.create", { type: "tab" })).context);
    }
    await this.call("browsingContext.navigate", { context: this.pages.get(name), url, wait: "complete" });
  }

  async evaluate(name, expression) {
    const reply = await this.call("script.evaluate", {
      expression: `(async () => JSON.stringify((await (${expression})) ?? null))()`,
      target: { context: this.pages.get(name) }, awaitPromise: true, userActivation: true,
    });
    if (reply.type === "exception") {
      throw new Error(reply.exceptionDetails.text);
    }
    return JSON.parse(reply.result.value);
  }

  async closePage(name) {
    await this.call("browsingContext.close", { context: this.pages.get(name) });
    this.pages.delete(name);
  }

  async stop() {
    this.child?.kill("SIGKILL");
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function perform(browser, command) {
  switch (command.do) {
    case "open": return browser.open(command.page, command.url);
    case "evaluate": return browser.evaluate(command.page, command.expression);
    case "closePage": return browser.closePage(command.page);
    default: throw new Error(`unknown command ${command.do}`);
  }
}

// trusted: whose TLS certificates are good, for Chromium the hash of a key, for Firefox an authority's file.
const [kind, devices, trusted] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "turnout-browser-"));
const browser = kind === "firefox" ? new Firefox() : new Chromium();
const reply = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

async function leave(status) {
  await Promise.race([browser.stop(), new Promise((resolve) => setTimeout(resolve, 5000))]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(status);
}

process.on("SIGTERM", () => leave(1));
try {
  await browser.start(folder, devices, trusted);
  reply({ id: 0, value: "ready" });
} catch (error) {
  reply({ id: 0, error: String(error.stack ?? error) });
  await leave(1);
}
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  perform(browser, command).then((value) => reply({ id: command.id, value: value ?? null }),
    (error) => reply({ id: command.id, error: String(error.message ?? error) }));
}
await leave(0);
