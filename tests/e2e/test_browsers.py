"""The browsers themselves: each can make a call within one page. When this fails, look at the machine
before looking at turnout."""
import functools
import http.server
import threading

import browser
import tap


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def calls_itself(kind):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=browser.HERE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with browser.Browser(kind) as b:
            page = b.page(f"http://127.0.0.1:{server.server_port}/loopback.html")
            page.wait_for("window.framesDecoded ? framesDecoded() : 0", what="frames decoded")
            first = page.evaluate("framesDecoded()")
            tap.wait_for(lambda: page.evaluate("framesDecoded()") > first + 10, 10, "more frames")
    finally:
        server.shutdown()


tap.case("chromium makes a call within one page", calls_itself, "chromium", limit=90)
tap.case("firefox makes a call within one page", calls_itself, "firefox", limit=90)
tap.main()
