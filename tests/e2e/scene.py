"""A call's surroundings: a network with a server and two people's machines, turnoutd on the server, and
a browser on each machine, all kept for the whole test program."""
import atexit
import contextlib
import itertools
import os
import sys

from browser import Browser
import netns
import tap
from turnoutd import Turnout

SERVER, LEFT, RIGHT = "10.55.0.1", "10.55.0.2", "10.55.0.3"
_rooms = itertools.count(1)


class Scene:
    """network, server; browser(kind, place) starts each browser once."""

    def __init__(self, **sections):
        self.stack = contextlib.ExitStack()
        self.browsers = {}
        atexit.register(self.stack.close)
        self.network = self.stack.enter_context(netns.Network(server=SERVER, left=LEFT, right=RIGHT))
        sections.setdefault("relay", {"allow-peer": "10.55.0.0/24"})
        with self.network.enter("server"):
            self.server = Turnout(host=SERVER, tls=True, **sections)
            self.server.start()
        self.stack.callback(self.server.stop, check=False)

    def browser(self, kind, place):
        if (kind, place) not in self.browsers:
            self.browsers[kind, place] = self.stack.enter_context(
                Browser(kind, inside=self.network.inside(place)))
        return self.browsers[kind, place]

    def url(self, room, **options):
        query = "&".join(f"{k}={v}" for k, v in options.items())
        return f"https://{SERVER}:{self.server.https[1]}/r/{room}" + (f"?{query}" if query else "")

    def metrics(self):
        with self.network.enter("server"):
            return self.server.metrics()

    def end(self):
        """Stops all; the daemon must end well."""
        self.server.stop()
        self.stack.close()

    @contextlib.contextmanager
    def no_udp(self):
        """Both machines are behind a firewall that lets no UDP out."""
        for place in ("left", "right"):
            self.network.nft(place, "add rule inet t out udp dport != 53 drop")
        try:
            yield
        finally:
            for place in ("left", "right"):
                self.network.clear(place)


class Person:
    """Somebody in a call: a tab that has joined."""

    def __init__(self, browser, name, url):
        self.name = name
        self.page = browser.page(url, name)
        self.page.wait_for("document.readyState === 'complete'")

    def join(self):
        self.page.wait_for("window.turnoutRoom?.state === 'connected'", 30, f"{self.name} to be in the room")
        return self

    def peers(self):
        """room.getStats(): one entry per other person."""
        return self.page.evaluate("turnoutRoom.getStats()")

    def frames(self):
        return sum(s["framesDecoded"] or 0 for p in self.peers() for s in p["inbound"] if s["kind"] == "video")

    def path(self):
        """The way media goes to the (only) other person, once there is one."""
        return tap.wait_for(lambda: next((p["path"] for p in self.peers() if p["path"]), None), 20,
                            f"{self.name}'s path")

    def leave(self):
        self.page.close()


def new_room():
    return f"room-{os.getpid()}-{next(_rooms)}"


def expect_video(*people, more=15, timeout=40):
    """Each sees the other's frames advance."""
    for person in people:
        tap.wait_for(lambda p=person: p.frames() > 0, timeout, f"{person.name} to see a first frame")
    seen = {p.name: p.frames() for p in people}
    for person in people:
        tap.wait_for(lambda p=person: p.frames() > seen[p.name] + more, timeout, f"{person.name}'s picture to move")
