"""The web app below a path of a reverse proxy's (haproxy), which takes the path off: [http] public-url with a path."""
import contextlib
import json
import re
import urllib.parse
import urllib.request

import peers
import process
import tap
import websocket
from sources import ROOT
from turnoutd import Turnout, free_port


@contextlib.contextmanager
def behind(t, port):
    """haproxy on that port: /calls/ leads to the server, anything else to nobody."""
    peers.need("haproxy")
    config = t.folder / "haproxy.cfg"
    config.write_text("\n".join([
        "defaults", "  mode http", "  timeout connect 5s", "  timeout client 20s", "  timeout server 20s", "  timeout tunnel 20s",
        "listen proxy", f"  bind 127.0.0.1:{port}", "  http-request deny deny_status 404 unless { path_beg /calls/ }",
        "  http-request replace-path /calls/(.*) /\\1", f"  server one {t.http[0]}:{t.http[1]}"]) + "\n")
    with open(t.folder / "haproxy.log", "w") as log:
        child = process.start(["haproxy", "-db", "-f", config], stdout=log, stderr=log)
    try:
        tap.wait_for(lambda: fetch(f"http://127.0.0.1:{port}/calls/v1/config"), 10, "haproxy")
        yield f"http://127.0.0.1:{port}/calls/"
    finally:
        process.stop(child)


def fetch(url):
    """The text there, or None."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.read().decode()
    except (urllib.error.HTTPError, OSError):
        return None


def loaded(url, text):
    """What a page, style or script loads, as whole URLs."""
    names = re.findall(r'(?:href|src)="([^"#:]+)"', text) if "<html" in text else re.findall(
        r'^(?:import|export)[^\'";]*[\'"]([./][^\'"]+)[\'"]', text, re.M)
    return {urllib.parse.urljoin(url, name) for name in names}


@tap.test(limit=60)
def everything_that_the_pages_load_is_below_the_path():
    port = free_port()
    with Turnout(http={"public-url": f"http://127.0.0.1:{port}/calls"}) as t, behind(t, port) as base:
        for page in ("", "r/some-room"):
            seen, todo = set(), {base + page}
            while todo:
                url = todo.pop()
                seen.add(url)
                assert url.startswith(base), url
                text = fetch(url)
                assert text is not None, f"{page}: {url} is not there"
                todo |= loaded(url, text) - seen
            assert len(seen) > 20, seen


@tap.test(limit=60)
def signaling_and_credentials_are_below_the_path():
    port = free_port()
    with Turnout(http={"public-url": f"http://127.0.0.1:{port}/calls"}) as t, behind(t, port) as base:
        assert json.loads(fetch(base + "v1/config"))
        socket = websocket.WebSocket(("127.0.0.1", port), "/calls/v1/signal", "turnout.v1")
        socket.send({"id": 1, "method": "join", "token": "none"})
        assert socket.receive()["error"]["code"] == "unauthorized"


@tap.test
def the_two_pages_differ_in_depth_only():
    first, room = ((ROOT / "web" / name).read_text() for name in ("index.html", "room.html"))
    assert first.replace('"./', '"../') == room and '"/' not in first + room


tap.main()
