"""ICMP errors that a client's packets cause (RFC 8656 section 11.5), from the kernel's own network."""
import socket
import struct
import time

import netns
import peers
import process
import stun
import tap
from turnoutd import Turnout, free_port

CHANNEL = stun.CHANNEL_FIRST
UNREACHABLE_V4, UNREACHABLE_V6 = (3, 3, 0), (1, 4, 0)  # type, code, error data: port unreachable


def decode(value):
    reserved, word, data = struct.unpack("!HHI", value)
    assert reserved == 0
    return word >> 9, word & 0x1FF, data


def expect_error(client, address, wanted):
    kind, peer, value = client.receive()
    assert (kind, peer, decode(value)) == ("icmp", address, wanted), (kind, peer, decode(value))


def closed_port(host):
    return host, free_port(host)


def a_closed_port_is_told(host, wanted):
    family = ("IPv6", socket.AF_INET6) if ":" in host else ("IPv4", socket.AF_INET)
    extra = [(stun.REQUESTED_ADDRESS_FAMILY, b"\2\0\0\0")] if family[0] == "IPv6" else []
    with Turnout(host=host, relay=peers.LOOPBACK_PEERS) as t:
        before = t.metrics()
        for transport in ("udp", "tcp"):
            with stun.TurnClient(getattr(t, transport), t.credentials(), transport) as client:
                assert client.allocate(*extra).ok and client.permit(host).ok
                closed = closed_port(host)
                client.send_indication(*closed, b"anybody there?")
                expect_error(client, closed, wanted)
                assert client.bind_channel(CHANNEL, *closed).ok
                client.send_channel(CHANNEL, b"and on a channel?")
                expect_error(client, closed, wanted)  # always as an indication
                assert client.refresh().ok
        t.expect_metric(before, 'turnout_relay_icmp_errors_total{result="relayed"}', 4)


tap.case("a closed port is told, IPv4", a_closed_port_is_told, "127.0.0.1", UNREACHABLE_V4)
tap.case("a closed port is told, IPv6", a_closed_port_is_told, "::1", UNREACHABLE_V6)


@tap.test
def errors_of_one_peer_cost_no_packet_to_another():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(2)
        with stun.TurnClient(t.udp, t.credentials()) as client:
            assert client.allocate().ok and client.permit("127.0.0.1").ok
            closed = closed_port("127.0.0.1")
            assert client.bind_channel(CHANNEL, *closed).ok
            assert client.bind_channel(CHANNEL + 1, *peer.getsockname()).ok
            rounds = 300
            got = set()
            for i in range(rounds):
                client.send_channel(CHANNEL, b"nobody")
                client.send_channel(CHANNEL + 1, struct.pack("!I", i))
                got.add(struct.unpack("!I", peer.recv(100))[0])
            assert got == set(range(rounds)), f"{rounds - len(got)} of {rounds} lost"


@tap.test
def a_client_is_told_of_ten_errors_a_second():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        before = t.metrics()
        with stun.TurnClient(t.udp, t.credentials()) as client:
            assert client.allocate().ok and client.permit("127.0.0.1").ok
            closed = closed_port("127.0.0.1")
            start = time.monotonic()
            for _ in range(200):
                client.send_indication(*closed, b"x")
                time.sleep(0.002)
            told = 0
            while client.receive(0.3):
                told += 1
            limit = 10 * (int(time.monotonic() - start) + 2)
            assert 10 <= told <= limit, (told, limit)
        t.expect_metric(before, 'turnout_relay_icmp_errors_total{result="dropped"}')


@tap.test
def an_error_from_a_router_tells_the_mtu():
    """A packet that must not be cut up meets a link that is too narrow for it."""
    with netns.Network(server="10.55.0.1", client="10.55.0.2", router="10.55.0.3") as net:
        narrow = "10.56.0.0/24"
        for command in (["ip", "link", "add", "narrow", "mtu", "700", "type", "bridge"],
                        ["ip", "addr", "add", "10.56.0.1/24", "dev", "narrow"], ["ip", "link", "set", "narrow", "up"],
                        ["sysctl", "-qw", "net.ipv4.ip_forward=1"]):
            process.run(net.inside("router", *command))
        process.run(net.inside("server", "ip", "route", "add", narrow, "via", "10.55.0.3"))
        with net.enter("server"), Turnout(host="10.55.0.1", relay={"allow-peer": ["10.56.0.0/24"]}) as t:
            with net.enter("client"):
                client = stun.TurnClient(t.udp, t.credentials())
            with client:
                assert client.allocate().ok and client.permit("10.56.0.9").ok
                client.send_indication("10.56.0.9", 9, bytes(1000), (stun.DONT_FRAGMENT, b""))
                expect_error(client, ("10.56.0.9", 9), (3, 4, 700))


tap.main()
