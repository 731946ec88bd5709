"""What goes wrong gives the standard's error, a log line with its reason and a metric."""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys

import peers
import process
import stun
import tap
from turnoutd import SECRET, Turnout, free_port


class Expect:
    """with Expect(t, "quota"): the body's request is denied for that reason, and log and metric say so."""

    def __init__(self, t, reason, log=None, metric=None):
        self.t, self.log = t, log or rf"request denied.*reason=\"?{reason}"
        self.metric = metric or f'turnout_turn_denied_total{{reason="{reason}"}}'

    def __enter__(self):
        self.t.mark_log()
        self.before = self.t.metrics()

    def __exit__(self, kind, *_):
        if kind is None:
            self.t.expect_metric(self.before, self.metric)
            self.t.expect_log(self.log)


def refused(reply, code):
    assert reply.error == code, f"error {reply.error}, wanted {code}; attributes {reply.attributes}"


@contextlib.contextmanager
def server_and_client(transport="udp", credentials=None, **sections):
    sections.setdefault("relay", peers.LOOPBACK_PEERS)
    with Turnout(**sections) as t:
        with stun.TurnClient(t.udp, credentials(t) if credentials else t.credentials(), transport) as client:
            yield t, client


def on_both(name):
    """Registers test(transport) for UDP and TCP."""

    def register(function):
        for transport in ("udp", "tcp"):
            tap.case(f"{name}, {transport}", function, transport)
        return function

    return register


@on_both("a request without credentials gets 401 with realm and nonce")
def challenge(transport):
    with server_and_client(transport) as (t, client), Expect(t, "challenge"):
        reply = client.exchange(stun.encode(stun.ALLOCATE, attributes=[(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT)]))
        refused(reply, 401)
        assert reply.attributes[stun.REALM] == b"test.example" and reply.attributes[stun.NONCE]
        assert stun.SOFTWARE not in reply.attributes


@on_both("a wrong password gets 401 bad-integrity")
def wrong_password(transport):
    with server_and_client(transport, lambda t: (t.credentials()[0], "wrong")) as (t, client):
        with Expect(t, "bad-integrity"):
            refused(client.allocate(), 401)
        t.expect_allocations(0)


@on_both("an unknown user gets 401 unknown-user")
def unknown_user(transport):
    with server_and_client(transport, lambda t: ("nobody", "nothing")) as (t, client), Expect(t, "unknown-user"):
        refused(client.allocate(), 401)


@on_both("an expired credential gets 401 expired")
def expired(transport):
    with server_and_client(transport, lambda t: t.credentials(expires_in=-5)) as (t, client), Expect(t, "expired"):
        refused(client.allocate(), 401)


@on_both("a made-up nonce gets 438 with a nonce that works")
def stale_nonce(transport):
    with server_and_client(transport) as (t, client):
        client.realm, client.nonce = "test.example", b"made-up-nonce-of-a-stranger"
        with Expect(t, "stale-nonce"):
            reply = client.request(stun.ALLOCATE, [(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT)], retry=False)
            refused(reply, 438)
        client.nonce = reply.attributes[stun.NONCE]
        assert client.allocate().ok


@tap.test
def a_nonce_of_another_address_gets_438():
    with server_and_client() as (t, client), stun.TurnClient(t.udp, t.credentials(), source="127.0.0.2") as other:
        assert client.allocate().ok
        other.realm, other.nonce = client.realm, client.nonce
        with Expect(t, "stale-nonce"):
            refused(other.request(stun.ALLOCATE, [(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT)], retry=False), 438)


@tap.test
def the_users_quota_gets_486_and_comes_back():
    relay = {**peers.LOOPBACK_PEERS, "user-quota": 2}
    with Turnout(relay=relay) as t, contextlib.ExitStack() as stack:
        # The expiry in the name differs, the user is the same.
        clients = [stack.enter_context(stun.TurnClient(t.udp, t.credentials("ann", 600 + i))) for i in range(3)]
        assert clients[0].allocate().ok and clients[1].allocate().ok
        with Expect(t, "quota"):
            refused(clients[2].allocate(), 486)
        with stun.TurnClient(t.udp, t.credentials("bob")) as bob:
            assert bob.allocate().ok, "another user has a quota of his own"
        assert clients[0].refresh(0).ok
        assert clients[2].allocate().ok, "an ended allocation gives its share back"


@tap.test
def a_quota_lowered_below_its_use_ends_nothing():
    relay = {**peers.LOOPBACK_PEERS, "user-quota": 6}
    with Turnout(relay=relay) as t, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(stun.TurnClient(t.udp, t.credentials("ann"))) for _ in range(7)]
        assert all(c.allocate().ok for c in clients[:6])
        workers = {s["worker"] for s in json.loads(t.ctl("sessions", "list", "--json").stdout)}
        t.mark_log()
        t.write_config(relay={"user-quota": 2, "total-quota": 3})
        t.signal(signal.SIGHUP)
        t.expect_log("reloaded")
        assert t.allocations() == 6 and all(c.refresh(600).ok for c in clients[:6]), workers
        with Expect(t, "quota"):
            refused(clients[6].allocate(), 508)
        for gone, code in ((0, 508), (1, 508), (2, 508), (3, 486), (4, 0)):
            assert clients[gone].refresh(0).ok
            assert clients[6].allocate().error == code, (gone, code)


@tap.test
def the_total_quota_gets_508():
    with Turnout(relay={**peers.LOOPBACK_PEERS, "total-quota": 1}) as t, \
            stun.TurnClient(t.udp, t.credentials("ann")) as ann, stun.TurnClient(t.udp, t.credentials("bob")) as bob:
        assert ann.allocate().ok
        with Expect(t, "quota"):
            refused(bob.allocate(), 508)


@tap.test
def a_full_port_range_gets_508_and_comes_back():
    first = free_port(count=4) // 2 * 2
    with Turnout(relay={**peers.LOOPBACK_PEERS, "ports": f"{first}-{first + 1}"}) as t, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(stun.TurnClient(t.udp, t.credentials())) for _ in range(3)]
        ports = set()
        for client in clients[:2]:
            reply = client.allocate()
            assert reply.ok, reply.error
            ports.add(reply.address(stun.XOR_RELAYED_ADDRESS)[1])
        assert ports == {first, first + 1}, ports
        before = t.metrics()
        with Expect(t, "capacity"):
            refused(clients[2].allocate(), 508)
        t.expect_metric(before, "turnout_turn_port_failures_total")
        assert clients[0].refresh(0).ok
        assert clients[2].allocate().ok


@on_both("a second allocation on the same path gets 437")
def second_allocation(transport):
    with server_and_client(transport) as (t, client):
        assert client.allocate().ok
        with Expect(t, "mismatch"):
            refused(client.allocate(), 437)


@on_both("a refresh without an allocation gets 437")
def refresh_of_nothing(transport):
    with server_and_client(transport) as (t, client), Expect(t, "mismatch"):
        refused(client.refresh(), 437)


@on_both("another user's request on an allocation gets 441")
def other_user(transport):
    with server_and_client(transport) as (t, client):
        assert client.allocate().ok
        client.user, client.password = t.credentials("mallory")
        with Expect(t, "wrong-user"):
            refused(client.refresh(), 441)
        t.expect_allocations(1)


REQUESTED_TCP = struct.pack("!Bxxx", 6)
UNKNOWN_REQUIRED = 0x7FFE


def unsupported(pairs, code):
    with server_and_client() as (t, client), Expect(t, "unsupported"):
        reply = client.request(stun.ALLOCATE, pairs)
        refused(reply, code)
        if code == 420:
            assert reply.attributes[stun.UNKNOWN_ATTRIBUTES][:2] == struct.pack("!H", UNKNOWN_REQUIRED)


tap.case("a relay over an unknown transport gets 442", unsupported, [(stun.REQUESTED_TRANSPORT, REQUESTED_TCP)], 442)
tap.case("a family without relay address gets 440", unsupported,
         [(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT), (stun.REQUESTED_ADDRESS_FAMILY, struct.pack("!Bxxx", 2))], 440)
tap.case("an unknown comprehension-required attribute gets 420 that names it", unsupported,
         [(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT), (UNKNOWN_REQUIRED, b"1234")], 420)

# Well-formed messages that ask for nonsense: 400.
NONSENSE = {
    "allocate without a transport": (stun.ALLOCATE, lambda t: []),
    "a transport attribute of three bytes": (stun.ALLOCATE, lambda t: [(stun.REQUESTED_TRANSPORT, b"\x11\0\0")]),
    "even port together with a reservation": (
        stun.ALLOCATE, lambda t: [(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT), (stun.EVEN_PORT, b"\x80"),
                                  (stun.RESERVATION_TOKEN, bytes(8))]),
}
# The same on an allocation.
NONSENSE_LATER = {
    "a permission without a peer": (stun.CREATE_PERMISSION, lambda t: []),
    "a peer address of an unknown family": (
        stun.CREATE_PERMISSION, lambda t: [(stun.XOR_PEER_ADDRESS, stun.encode_address("127.0.0.1", 9, t, 7))]),
    "a peer address of five bytes": (stun.CREATE_PERMISSION, lambda t: [(stun.XOR_PEER_ADDRESS, b"\0\1abc")]),
    "a channel below the range": (
        stun.CHANNEL_BIND, lambda t: [(stun.CHANNEL_NUMBER, struct.pack("!Hxx", 0x3FFF)),
                                      (stun.XOR_PEER_ADDRESS, stun.encode_address("127.0.0.1", 9, t))]),
    "a channel above the range": (
        stun.CHANNEL_BIND, lambda t: [(stun.CHANNEL_NUMBER, struct.pack("!Hxx", 0x8000)),
                                      (stun.XOR_PEER_ADDRESS, stun.encode_address("127.0.0.1", 9, t))]),
    "a channel bind without a peer": (stun.CHANNEL_BIND, lambda t: [(stun.CHANNEL_NUMBER, b"\x40\0\0\0")]),
    "a channel bind without a number": (
        stun.CHANNEL_BIND, lambda t: [(stun.XOR_PEER_ADDRESS, stun.encode_address("127.0.0.1", 9, t))]),
    "a lifetime of two bytes": (stun.REFRESH, lambda t: [(stun.LIFETIME, b"\0\1")]),
}


def nonsense(method, pairs, after_allocate):
    with server_and_client() as (t, client):
        if after_allocate:
            assert client.allocate().ok
        with Expect(t, "malformed"):
            refused(client.request(method, pairs), 400)


for _name, (_method, _pairs) in NONSENSE.items():
    tap.case(f"{_name} gets 400", nonsense, _method, _pairs, False)
for _name, (_method, _pairs) in NONSENSE_LATER.items():
    tap.case(f"{_name} gets 400", nonsense, _method, _pairs, True)


def whole(body, length=None, first=0x0003):
    return struct.pack("!HHI", first, len(body) if length is None else length, stun.COOKIE) + os.urandom(12) + body


# Bytes that are no message at all: no answer, a count, and the server goes on.
BROKEN = {
    "a header cut short": whole(b"")[:19],
    "a length beyond the datagram": whole(b"", 64),
    "a length short of the datagram": whole(bytes(8), 4),
    "a length that is no multiple of four": whole(bytes(6)),
    "an attribute beyond the message": whole(struct.pack("!HH", stun.USERNAME, 400) + bytes(4)),
    "half an attribute header": whole(b"\0\6\0\0" + b"\0\6\0\0", None)[:-2] + b"",
    "a fingerprint that does not match": whole(struct.pack("!HHI", stun.FINGERPRINT, 4, 1)),
    "a length of 65535": whole(bytes(4), 65535),
}


def broken(data):
    with server_and_client() as (t, client):
        with Expect(t, "malformed", log="malformed", metric="turnout_stun_malformed_total"):
            client.link.send(data)
            assert client.link.receive(0.3) is None, "a malformed message got an answer"
        assert client.binding().ok


for _name, _data in BROKEN.items():
    tap.case(f"{_name} over udp is dropped and counted", broken, _data)


@tap.test
def a_malformed_message_over_tcp_ends_the_connection():
    with server_and_client("tcp") as (t, client):
        assert client.binding().ok
        t.mark_log()
        before = t.metrics()
        client.link.send(whole(struct.pack("!HH", stun.USERNAME, 400) + bytes(4)))
        t.expect_metric(before, "turnout_stun_malformed_total")
        t.expect_log("malformed")


@tap.test
def bytes_of_no_protocol_are_dropped_and_counted():
    with server_and_client() as (t, client):
        before = t.metrics()
        client.link.send(b"\xffnothing we know")
        t.expect_metric(before, 'turnout_ingress_dropped_total{reason="unknown"}')
        assert client.binding().ok


@tap.test
def channel_data_with_a_wrong_length_is_dropped():
    with server_and_client() as (t, client):
        assert client.allocate().ok
        before = t.metrics()
        client.link.send(struct.pack("!HH", 0x4000, 500) + b"short")
        t.expect_metric(before, 'turnout_relay_dropped_total{reason="malformed"}')
        client.link.send(struct.pack("!HH", 0x4001, 4) + b"none")
        t.expect_metric(before, 'turnout_relay_dropped_total{reason="no-channel"}')


KILLED_CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
import stun
client = stun.TurnClient((sys.argv[2], int(sys.argv[3])), (sys.argv[4], sys.argv[5]), "tcp")
assert client.allocate().ok
print("allocated", flush=True)
sys.stdin.read()
"""


@tap.test
def kill_9_of_a_tcp_client_ends_its_allocation():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        library = os.path.dirname(stun.__file__)
        child = process.start([sys.executable, "-c", KILLED_CLIENT, library, *t.tcp, *t.credentials("victim")],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "allocated\n"
        t.expect_allocations(1)
        t.mark_log()
        process.stop(child, signal.SIGKILL)
        t.expect_allocations(0)
        t.expect_log(r"allocation ended.*user=\"?\S*victim.*reason=\"?disconnected")


@tap.test
def a_reset_tcp_connection_ends_its_allocation():
    with server_and_client("tcp") as (t, client):
        assert client.allocate().ok
        t.mark_log()
        client.link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        t.expect_allocations(0)
        t.expect_log(r"allocation ended.*reason=\"?disconnected")


@tap.test
def secrets_and_passwords_are_not_in_the_log():
    with server_and_client() as (t, client):
        assert client.allocate().ok
        assert client.password not in t.log() and SECRET not in t.log()


tap.main()
