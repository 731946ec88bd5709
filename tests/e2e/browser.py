"""Headless browsers for tests, each driven by its own driver.mjs, perhaps inside a network namespace."""
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import process
import tap

PROGRAMS = {"chromium": "/usr/bin/chromium", "firefox": "/usr/bin/firefox-esr"}
START_TIMEOUT_S = 60


class Browser:
    """with Browser("chromium") as b: page = b.page(url); page.evaluate("1 + 1"). trusted: as in driver.mjs."""

    def __init__(self, kind, inside=(), devices=None, trusted=None):
        if not os.path.exists(PROGRAMS[kind]) or not shutil.which("node"):
            raise tap.Skip(f"no {kind} or no node")
        if not (HERE / "node_modules/ws").exists():
            raise tap.Skip("npm ci has not run in tests/e2e")
        self.kind, self.count, self.replies, self.notes = kind, 0, queue.Queue(), []
        command = [*inside, "node", HERE / "driver.mjs", kind, str(devices or ""), trusted or ""]
        self.child = process.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        for stream, put in ((self.child.stdout, self.replies.put), (self.child.stderr, self.notes.append)):
            threading.Thread(target=self._pump, args=(stream, put), daemon=True).start()
        self._wait(0, START_TIMEOUT_S)

    @staticmethod
    def _pump(stream, put):
        for line in stream:
            put(line)
        put("")

    def _wait(self, number, timeout):
        while True:
            try:
                line = self.replies.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError(f"{self.kind} does not answer; it said:\n{self.said()}") from None
            if not line:
                raise AssertionError(f"{self.kind}'s driver has ended; it said:\n{self.said()}")
            reply = json.loads(line)
            if reply["id"] == number:
                if "error" in reply:
                    raise AssertionError(f"{self.kind}: {reply['error']}\n{self.said()}")
                return reply["value"]

    def call(self, timeout=30, **command):
        self.count += 1
        self.child.stdin.write(json.dumps({"id": self.count, **command}) + "\n")
        self.child.stdin.flush()
        return self._wait(self.count, timeout)

    def page(self, url, name="a"):
        return Page(self, name).open(url)

    def said(self):
        """The last lines of the console and of the driver."""
        return "".join(self.notes[-30:])

    def close(self):
        try:
            self.child.stdin.close()
            self.child.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            pass
        process.stop(self.child)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind and kind is not tap.Skip:
            for line in self.said().splitlines():
                print(f"# {self.kind} {line}")
        self.close()


class Page:
    """One tab."""

    def __init__(self, browser, name):
        self.browser, self.name = browser, name

    def open(self, url):
        self.browser.call(do="open", page=self.name, url=url)
        return self

    def evaluate(self, expression, timeout=30):
        """The value of a JavaScript expression; a promise is awaited."""
        return self.browser.call(timeout, do="evaluate", page=self.name, expression=expression)

    def wait_for(self, expression, timeout=20, what=None):
        """The first true value of an expression."""
        return tap.wait_for(lambda: self.evaluate(expression), timeout, what or expression)

    def close(self):
        self.browser.call(do="closePage", page=self.name)
