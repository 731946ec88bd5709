"""What is not public is refused as a peer: in every encoding, by every verb, over UDP, TCP, TLS and DTLS, and no
packet and no connection arrives. All within a namespace in which those addresses exist, so that a packet that was let
through would be seen."""
import contextlib
import ipaddress
import socket
import ssl
import struct
import threading

import peers  # finds tests/lib
import dtlslink
import netns
import stun
import tap
from turnoutd import Turnout

SERVER4, SERVER6 = "203.0.114.1", "2a00:db8:55::1"
PUBLIC4, PUBLIC6 = "203.0.114.77", "2a00:db8:55::77"

DENIED4 = ["0.0.0.1", "10.0.0.5", "100.64.0.1", "127.0.0.1", "127.8.9.10", "169.254.1.1", "169.254.169.254",
           "172.16.0.1", "172.31.255.254", "192.168.1.5", "224.0.0.1", "239.255.255.250", "255.255.255.255"]
DENIED6 = ["::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "ff0e::1"]

ENCODINGS = {
    "mapped": lambda a: f"::ffff:{a}",
    "compatible": lambda a: f"::{a}",
    "6to4": lambda a: str(ipaddress.IPv6Address(0x2002 << 112 | int(ipaddress.IPv4Address(a)) << 80)),
    "nat64": lambda a: str(ipaddress.IPv6Address((0x64FF9B << 96) | int(ipaddress.IPv4Address(a)))),
}


class Listener:
    """Receives what arrives at one port of any address of this namespace."""

    def __init__(self, port):
        self.port, self.heard = port, []
        self.sockets = []
        for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            s = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind((any_address, port))
            self.sockets.append(s)
            threading.Thread(target=self._listen, args=(s,), daemon=True).start()

    def _listen(self, s):
        with contextlib.suppress(OSError):
            while True:
                self.heard.append(s.recv(2048))


class TcpListener:
    """Accepts what arrives at one port of any address of this namespace, and says from where."""

    def __init__(self, port):
        self.accepted = []
        self.socket = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.accepted.append(self.socket.accept()[0])


def addresses():
    """Every denied address as (text, family of the relay that is asked)."""
    for plain in DENIED4:
        yield plain, 4
        for encode in ENCODINGS.values():
            yield encode(plain), 6
    for plain in DENIED6:
        yield plain, 6


def make_reachable(net):
    for address in sorted({a for a, _ in addresses()} | {PUBLIC4, PUBLIC6}):
        parsed = ipaddress.ip_address(address)
        # The kernel takes no multicast or unspecified address, and has loopback already.
        if not (parsed.is_multicast or parsed.is_loopback or parsed.is_unspecified or address == "255.255.255.255"
                or address.startswith(("0.", "::ffff:", "fe80"))):
            with contextlib.suppress(AssertionError):
                net.add_address("server", address)


@contextlib.contextmanager
def scene():
    """(server, listener) with one network for all."""
    with netns.Network(server=[SERVER4, SERVER6]) as net:
        make_reachable(net)
        relay = {"address": [SERVER4, SERVER6], "tcp": "yes"}
        with net.enter("server"), Turnout(host=SERVER4, tls=True, relay=relay) as t:
            yield t, Listener(5555)


def tls(plain):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


def client_over(t, transport):
    if transport in ("udp", "tcp"):
        return stun.TurnClient(getattr(t, transport), t.credentials(), transport)
    if transport == "tls":
        return stun.TurnClient(t.tls, t.credentials(), "tcp", wrap=tls)
    client = stun.TurnClient(t.tls, t.credentials())
    client.link.close()
    client.link = dtlslink.DtlsLink(t.tls)
    return client


def allocated(t, family, transport, protocol=17):
    client = client_over(t, transport)
    wish = [(stun.REQUESTED_TRANSPORT, struct.pack("!Bxxx", protocol))]
    wish += [(stun.REQUESTED_ADDRESS_FAMILY, b"\2\0\0\0")] if family == 6 else []
    reply = client.request(stun.ALLOCATE, wish)
    assert reply.ok, f"no allocation: {reply.error}"
    return client


def verbs_are_refused(transport):
    with scene() as (t, listener):
        clients = {family: allocated(t, family, transport) for family in (4, 6)}
        before = t.metrics()
        wrong, asked, channel = [], 0, stun.CHANNEL_FIRST
        for address, family in addresses():
            # An address that is IPv4 after all has the wrong family for an IPv6 relay: 443 is a refusal too.
            wanted = (403, 443) if address.startswith("::ffff:") else (403,)
            for verb, reply in (("CreatePermission", clients[family].permit(address)),
                                ("ChannelBind", clients[family].bind_channel(channel, address, 5555))):
                asked += 1
                if reply.error not in wanted:
                    wrong.append(f"{verb} {address}: {reply.error or 'allowed'}")
            clients[family].send_channel(channel, b"by channel")
            clients[family].send_indication(address, 5555, b"by indication")
        assert not wrong, "\n".join(wrong)
        denied = t.metrics()['turnout_turn_denied_total{reason="forbidden-peer"}'] - before[
            'turnout_turn_denied_total{reason="forbidden-peer"}']
        assert denied >= asked - 2 * len(DENIED4), f"{denied} of {asked} counted"
        assert asked == 2 * (len(DENIED4) * 5 + len(DENIED6))
        the_listener_hears_what_is_allowed(clients, listener)


def the_listener_hears_what_is_allowed(clients, listener):
    """Proves that nothing was heard because nothing was sent, not because nobody listened."""
    for client, public in ((clients[4], PUBLIC4), (clients[6], PUBLIC6)):
        assert client.permit(public).ok
        client.send_indication(public, 5555, b"allowed")
    tap.wait_for(lambda: listener.heard.count(b"allowed") == 2, 5, "the allowed packets")
    assert set(listener.heard) == {b"allowed"}, listener.heard


def connect(client, host, port=5555):
    return client.request(stun.CONNECT, lambda t: [(stun.XOR_PEER_ADDRESS, stun.encode_address(host, port, t))])


def connects_are_refused(transport):
    with scene() as (t, _):
        listener = TcpListener(5555)
        clients = {family: allocated(t, family, transport, protocol=6) for family in (4, 6)}
        wrong = []
        for address, family in addresses():
            reply = connect(clients[family], address)
            if reply.error not in ((403, 443) if address.startswith("::ffff:") else (403,)):
                wrong.append(f"Connect {address}: {reply.error or 'allowed'}")
        assert not wrong, "\n".join(wrong)
        assert listener.accepted == []
        assert connect(clients[4], PUBLIC4).ok and connect(clients[6], PUBLIC6).ok, "what is allowed"
        tap.wait_for(lambda: len(listener.accepted) == 2, 5, "the allowed connections")


def own_listeners_are_refused_by_connect(transport):
    """Also where the rules allow the address: a client behind the server's own address is nobody's peer."""
    with Turnout(tls=True, relay={**peers.LOOPBACK_PEERS, "tcp": "yes"}) as t:
        client = allocated(t, 4, transport, protocol=6)
        for name in ("tcp", "tls", "http", "https", "stats"):
            assert connect(client, *getattr(t, name)).error == 403, name
        for name in ("udp", "tls"):
            with client_over(t, "udp") as other:
                assert other.allocate().ok
                assert other.bind_channel(stun.CHANNEL_FIRST, *getattr(t, name)).error == 403, name


@tap.test
def rules_of_a_user_and_of_a_realm_hold_for_connect():
    with Turnout(relay={**peers.LOOPBACK_PEERS, "tcp": "yes"}) as t, \
            socket.create_server(("0.0.0.0", 0)) as s:
        for host, scope in (("127.0.0.8", ["--user", "ann"]), ("127.0.0.9", ["--realm", "test.example"])):
            there = host, s.getsockname()[1]
            ann = stun.TurnClient(t.tcp, t.credentials("ann"), "tcp")
            assert ann.request(stun.ALLOCATE, [(stun.REQUESTED_TRANSPORT, struct.pack("!Bxxx", 6))]).ok
            assert connect(ann, *there).ok
            t.ctl("peer", "deny", host, *scope)
            tap.wait_for(lambda: connect(ann, *there).error == 403, 5, f"the rule of {scope}")
            ann.close()


for way in ("udp", "tcp", "tls", "dtls"):
    tap.case(f"every denied range in every encoding is refused, {way}", verbs_are_refused, way, limit=120)
for way in ("tcp", "tls"):
    tap.case(f"every denied range in every encoding is refused to Connect, {way}", connects_are_refused, way, limit=120)
    tap.case(f"the server's own listeners are refused to Connect, {way}", own_listeners_are_refused_by_connect, way)


@tap.test
def a_permission_with_one_denied_peer_of_two_gives_none():
    with scene() as (t, listener):
        client = allocated(t, 4, "udp")
        assert client.permit(PUBLIC4, "10.0.0.5").error == 403
        client.send_indication(PUBLIC4, 5555, b"without permission")
        t.expect_metric({}, 'turnout_relay_dropped_total{reason="no-permission"}')
        assert listener.heard == []


@tap.test
def the_most_specific_rule_wins_and_allow_beats_deny():
    rules = {"allow-peer": ["10.1.0.0/16", "10.1.2.3/32", "192.168.0.0/16"],
             "deny-peer": ["10.1.2.0/24", "192.168.0.0/16", "203.0.114.77/32"]}
    wanted = {"10.0.0.5": 403, "10.1.9.9": 0, "10.1.2.9": 403, "10.1.2.3": 0, "192.168.7.7": 0, PUBLIC4: 403}
    with netns.Network(server=SERVER4) as net, net.enter("server"), Turnout(host=SERVER4, relay=rules) as t:
        client = allocated(t, 4, "udp")
        got = {address: client.permit(address).error for address in wanted}
        assert got == wanted, got


@tap.test
def the_servers_own_udp_listener_is_denied_as_a_peer():
    with netns.Network(server=SERVER4) as net, net.enter("server"), Turnout(host=SERVER4) as t:
        client = allocated(t, 4, "udp")
        assert client.bind_channel(stun.CHANNEL_FIRST, SERVER4, t.udp[1]).error == 403
        assert client.bind_channel(stun.CHANNEL_FIRST, SERVER4, t.udp[1] + 1).ok, "its other ports are peers"


tap.main()
