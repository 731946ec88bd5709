// Drives one headless browser for a test program: commands come as JSON lines on standard input,
// {"id":1,"do":"open","page":"a","url":"..."} or {"id":2,"do":"evaluate","page":"a","expression":"..."},
// each is answered by {"id":1,"value":...} or {"id":1,"error":"..."}. The end of input closes the browser.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import WebSocket from "ws";

const CHROMIUM_ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream",
  "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--ignore-certificate-errors",
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

/** Chromium by playwright-core over a pipe. */
class Chromium {
  pages = new Map();

  async start(folder, devices) {
    const fake = `--use-fake-device-for-media-stream${devices ? `=device-count=${devices}` : ""}`;
    this.context = await chromium.launchPersistentContext(folder, {
      executablePath: "/usr/bin/chromium", headless: true, args: [...CHROMIUM_ARGUMENTS, fake],
      ignoreHTTPSErrors: true, env: { ...process.env, HOME: folder },
    });
  }

  async open(name, url) {
    let page = this.pages.get(name);
    if (!page) {
      page = await this.context.newPage();
      page.on("console", (message) => note(name, message.text()));
      page.on("pageerror", (error) => note(name, error.stack ?? error));
      this.pages.set(name, page);
    }
    await page.goto(url);
  }

  evaluate(name, expression) {
    return this.pages.get(name).evaluate(`(async () => (${expression}))()`);
  }

  async closePage(name) {
    await this.pages.get(name).close();
    this.pages.delete(name);
  }

  stop() {
    return this.context?.close();
  }
}

/** Firefox by WebDriver BiDi over its WebSocket. */
class Firefox {
  pages = new Map();
  waiting = new Map();
  lastId = 0;

  async start(folder) {
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
    } else if (this.waiting.has(message.id)) {
      const { resolve, reject } = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      message.type === "error" ? reject(new Error(`${message.error}: ${message.message}`)) : resolve(message.result);
    }
  }

  call(method, params) {
    const id = ++this.lastId;
    this.socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
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

const [kind, devices] = process.argv.slice(2);
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
  await browser.start(folder, devices);
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
