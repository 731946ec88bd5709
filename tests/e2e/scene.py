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
        self.browsers, self.trusted, self.host = {}, {}, SERVER
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
                Browser(kind, inside=self.network.inside(place), trusted=self.trusted.get(kind)))
        return self.browsers[kind, place]

    def url(self, room, **options):
        query = "&".join(f"{k}={v}" for k, v in options.items())
        return f"https://{self.host}:{self.server.https[1]}/r/{room}" + (f"?{query}" if query else "")

    def metrics(self):
        with self.network.enter("server"):
            return self.server.metrics()

    def end(self):
        """Stops all; the daemon must end well."""
        self.server.stop()
        self.stack.close()

    @contextlib.contextmanager
    def blocked(self, *rules):
        """Both machines are behind a firewall that drops what goes out and fits: BLOCK_UDP, or self.turn_tcp."""
        for place in ("left", "right"):
            for rule in rules:
                self.network.nft(place, f"add rule inet t out {rule} drop")
        try:
            yield
        finally:
            for place in ("left", "right"):
                self.network.clear(place)

    @property
    def turn_tcp(self):
        """TURN over TCP and TLS, but not the page."""
        return f"tcp dport {{ {self.server.tcp[1]}, {self.server.tls[1]} }}"


BLOCK_UDP = "udp dport != 53"


# Opens the devices if the page asks first, fills the name in, and submits the form, as a person would.
JOIN = """(async () => {
  const until = async (look) => {
    for (let i = 0; i < 400; i++) {
      const found = look();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`waited for ${look}, page: ${document.body.innerText.slice(0, 300)}`);
  };
  const name = await until(() => document.querySelector('#name'));
  const preview = () => document.querySelector('.preview video')?.srcObject?.getVideoTracks()[0]?.readyState === 'live';
  const question = () => document.querySelector('.preview-cover:not([hidden]) .button.light');
  // A question that is still there after a moment is meant; a person would not be faster.
  let since = 0;
  await until(() => preview() || (since = question() ? since + 1 : 0) > 20);
  if (!preview()) question().click();
  await until(preview);
  name.value = NAME;
  name.dispatchEvent(new Event('input', { bubbles: true }));
  document.querySelector('.prejoin-form button[type=submit]').click();
  await until(() => window.turnoutRoom?.state === 'connected');
  window.seen = [];
  for (const event of ['reconnecting', 'reconnected', 'chat', 'participantJoined', 'participantLeft']) {
    turnoutRoom.on(event, (detail) => seen.push({ event, resumed: detail?.resumed, text: detail?.message?.text }));
  }
  return true;
})()"""


class Person:
    """Somebody in a call: a tab in which the app's page was opened and the form sent."""

    def __init__(self, browser, name, url):
        self.name, self.browser = name, browser
        self.page = browser.page(url, f"{name} {url}")
        self.page.evaluate(JOIN.replace("NAME", f"'{name}'"), timeout=60)

    def peers(self):
        """room.getStats(): one entry per other person."""
        return self.page.evaluate("turnoutRoom.getStats()")

    def frames(self):
        return sum(s["framesDecoded"] or 0 for p in self.peers() for s in p["inbound"] if s["kind"] == "video")

    def path(self):
        """The way media goes to the (only) other person, once there is one."""
        return tap.wait_for(lambda: next((p["path"] for p in self.peers() if p["path"]), None), 20,
                            f"{self.name}'s path")

    def seen(self, event):
        """What the room has told since the join."""
        return [e for e in self.page.evaluate("seen") if e["event"] == event]

    def leave(self):
        self.page.close()


@contextlib.contextmanager
def call(scene, left, right, room=None, **options):
    """Two people in one room: left and right are (browser kind, place)."""
    url = scene.url(room or new_room(), **options)
    people = []
    try:
        for name, where in (("ann", left), ("ben", right)):
            people.append(Person(scene.browser(*where), name, url))
        yield people
    except AssertionError:
        for person in people:
            print(f"# {person.name}: {person.peers()}")
            print("".join(f"#   {line}" for line in person.browser.notes[-15:]))
        raise
    finally:
        for person in people:
            person.leave()


def new_room():
    return f"room-{os.getpid()}-{next(_rooms)}"


def expect_video(*people, more=15, timeout=40):
    """Each sees the other's frames advance."""
    for person in people:
        tap.wait_for(lambda p=person: p.frames() > 0, timeout, f"{person.name} to see a first frame")
    seen = {p.name: p.frames() for p in people}
    for person in people:
        tap.wait_for(lambda p=person: p.frames() > seen[p.name] + more, timeout, f"{person.name}'s picture to move")
