"""Two people meet in a room of the real app and see each other: directly, through the relay over UDP and
over TCP, with Chromium and with Firefox."""
import browser  # finds tests/lib
import tap
from scene import BLOCK_UDP, Scene, call, expect_video

_scene = []


def scene():
    if not _scene:
        _scene.append(Scene())
    return _scene[0]


def tab(place):
    return "chromium", place


def firefox(place):
    return "firefox", place


def directly(left, right):
    with call(scene(), left, right) as people:
        expect_video(*people)
        for person in people:
            path = person.path()
            assert path["localType"] in ("host", "prflx") and path["protocol"] == "udp", path


def relayed(left, right, protocol):
    """Only one way to the relay is open, so that it is the one that is proven."""
    before = scene().metrics()
    with scene().blocked(BLOCK_UDP if protocol == "tcp" else scene().turn_tcp), \
            call(scene(), left, right, transport="relay") as people:
        expect_video(*people)
        for person in people:
            path = person.path()
            assert path["localType"] == "relay", path
            assert path["relayProtocol"] == protocol, path
    after = scene().metrics()
    for direction in ("from-client", "to-client"):
        name = f'turnout_relay_packets_total{{direction="{direction}",transport="{protocol}"}}'
        assert after[name] > before[name] + 100, f"{name} {before[name]} -> {after[name]}"


def behind_a_firewall(left, right):
    """Nobody asked for the relay: ICE finds that only TCP to the server is open."""
    with scene().blocked(BLOCK_UDP), call(scene(), left, right) as people:
        expect_video(*people, timeout=60)
        for person in people:
            path = person.path()
            assert path["localType"] == "relay", path


PAIRS = {
    "two chromium tabs": (tab("left"), tab("left")),
    "chromium on two machines": (tab("left"), tab("right")),
    "chromium and firefox": (tab("left"), firefox("right")),
}
for _pair, _where in PAIRS.items():
    tap.case(f"{_pair}: a call by direct candidates", directly, *_where, limit=150)
    tap.case(f"{_pair}: a call through the relay over udp", relayed, *_where, "udp", limit=150)
    tap.case(f"{_pair}: a call through the relay over tcp", relayed, *_where, "tcp", limit=150)
tap.case("chromium on two machines: a call where firewalls let no udp out", behind_a_firewall,
         *PAIRS["chromium on two machines"], limit=150)


@tap.test
def the_daemon_ends_well_after_all_calls():
    scene().end()


tap.main()
