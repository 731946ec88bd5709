"""Clients whose peers are each other's relayed addresses: what they send passes from worker to worker within the daemon
and through no socket, with the permissions and counters of both sides."""
import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess

import peers  # finds tests/lib
import netns
import process
import stun
import tap
from turnoutd import Turnout

HOST = "127.0.0.1"
# Documentation's: on no interface here, so a packet to it through a socket would get nowhere.
PUBLIC = "203.0.113.80"
HANDED = {to: f'turnout_relay_handoffs_total{{to="{to}-worker"}}' for to in ("same", "other")}
PAIRS = 8  # with two workers all on one of them once in 256 pairs of pairs


class End:
    """A client with an allocation."""

    def __init__(self, t, transport="udp"):
        self.turn = stun.TurnClient(t.udp, t.credentials(), transport)
        reply = self.turn.allocate()
        assert reply.ok, reply.error
        self.relayed = reply.address(stun.XOR_RELAYED_ADDRESS)

    def bind(self, other):
        return self.turn.bind_channel(stun.CHANNEL_FIRST, *other.relayed)


def pair(t, first="udp", second="udp"):
    return End(t, first), End(t, second)


def handed(t, before):
    now = t.metrics()
    return {to: now.get(name, 0) - before.get(name, 0) for to, name in HANDED.items()}


def exchange_by_channels(a, b):
    assert a.bind(b).ok and b.bind(a).ok
    for sender, receiver, data in ((a, b, b"to b"), (b, a, b"to a, odd")):
        sender.turn.send_channel(stun.CHANNEL_FIRST, data)
        got = receiver.turn.receive()
        assert got == ("channel", stun.CHANNEL_FIRST, data), got


def exchange_by_indications(a, b):
    assert a.turn.permit(b.relayed[0]).ok and b.turn.permit(a.relayed[0]).ok
    for sender, receiver, data in ((a, b, b"to b"), (b, a, b"to a, odd")):
        sender.turn.send_indication(*receiver.relayed, data)
        got = receiver.turn.receive()
        assert got == ("data", sender.relayed, data), f"{got}, not from {sender.relayed}"


def clients_meet(workers, exchange):
    """Loopback is denied by the built-in rules: a relayed address there is reachable all the same."""
    with Turnout(server={"workers": workers}, relay={"user-quota": "unlimited"}) as t:
        before = t.metrics()
        for n in range(PAIRS):
            exchange(*pair(t, "udp" if n % 2 else "tcp", "udp" if n % 4 < 2 else "tcp"))
        got = handed(t, before)
        assert got["same"] + got["other"] == 2 * PAIRS, got
        assert (got["other"] > 0) == (workers > 1), f"{workers} workers: {got}"
        counted = sum(v - before.get(k, 0) for k, v in t.metrics().items() if k.startswith("turnout_relay_packets_total"))
        assert counted == 4 * PAIRS, f"each packet counts once from and once to a client: {counted}"


for number in (1, 2):
    tap.case(f"two clients meet by channels, {number} workers", clients_meet, number, exchange_by_channels)
    tap.case(f"two clients meet by indications, {number} workers", clients_meet, number, exchange_by_indications)

MODES = {"udp": ["-c"], "tcp": ["-c", "-t"], "tls": ["-c", "-t", "-S"], "dtls": ["-c", "-S"]}


def coturns_client_loses_nothing(workers):
    clients, messages = 6, 60
    peers.need("turnutils_uclient")
    with Turnout(tls=True, server={"workers": workers}, relay={"user-quota": "unlimited"}) as t, peers.EchoPeer() as echo, \
            concurrent.futures.ThreadPoolExecutor(len(MODES)) as pool:
        inside, before = peers.uclient_of_dtls_1_2(t.folder), t.metrics()
        jobs = {name: pool.submit(peers.uclient, t.tls if "-S" in flags else t.udp, echo, "-y", *flags, clients=clients,
                                  messages=messages, inside=inside) for name, flags in MODES.items()}
        for name, job in jobs.items():
            result = job.result()
            # Over TLS this client leaves records of the end unread, with any server: there the counters below say it.
            assert result.sent == clients * messages, f"{name}: {result.output[-1500:]}"
            assert result.lost == 0 or name == "tls", f"{name}: {result.output[-1500:]}"
        got = handed(t, before)
        assert got["same"] + got["other"] >= len(MODES) * clients * messages, got
        dropped = {k: v for k, v in t.metrics().items() if k.startswith("turnout_relay_dropped") and v > before.get(k, 0)}
        assert not dropped, dropped


for number in (1, 2):
    tap.case(f"turnutils_uclient -y over every transport, {number} workers", coturns_client_loses_nothing, number,
             limit=150)


@tap.test
def the_public_side_of_a_nat_needs_no_way_back_through_it():
    """Nothing here has the public address, and no route leads there."""
    with netns.Network(server=[HOST]) as net, net.enter("server"), \
            Turnout(server={"external-address": f"{PUBLIC}/{HOST}"}) as t:
        for exchange in (exchange_by_channels, exchange_by_indications):
            a, b = pair(t)
            assert a.relayed[0] == b.relayed[0] == PUBLIC
            exchange(a, b)


@tap.test
def no_socket_sees_the_packet():
    """strace: each packet is received once and sent once, and neither is done by a relay port's socket."""
    if not shutil.which("strace"):
        raise tap.Skip("no strace")
    with Turnout(server={"workers": 2}, relay={"user-quota": "unlimited"}) as t:
        ends = [pair(t) for _ in range(4)]
        for a, b in ends:
            assert a.bind(b).ok and b.bind(a).ok
        trace = t.folder / "trace"
        tracer = process.start(["strace", "-f", "-yy", "-e", "trace=sendto,sendmsg,sendmmsg,recvmsg,recvmmsg", "-o", trace,
                                "-p", t.pid], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            tap.wait_for(lambda: "TracerPid:\t0" not in status_of_threads(t.pid), 10, "strace")
            for a, b in ends:
                a.turn.send_channel(stun.CHANNEL_FIRST, b"seen once")
                assert b.turn.receive(), "nothing came"
        finally:
            process.stop(tracer, signal.SIGINT)
        ports = {e.relayed[1] for both in ends for e in both}
        calls = [line for line in trace.read_text().splitlines() if "UDP" in line and "EAGAIN" not in line]
        used = {int(p) for line in calls for p in re.findall(r"<UDP:\[[\d.]+:(\d+)", line)}
        assert used == {t.udp[1]}, f"sockets used: {used}, of relay ports: {used & ports}"


def status_of_threads(pid):
    texts = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/status") as f:
            texts.append(f.read())
    return "".join(texts)


@tap.test
def what_else_is_on_that_address_is_refused_as_before():
    with Turnout() as t:
        a, b = pair(t)
        for port in (t.udp[1], t.stats[1], t.http[1], b.relayed[1] - 1):
            assert a.turn.bind_channel(stun.CHANNEL_FIRST, HOST, port).error == 403, port
        assert a.turn.permit("127.0.0.2").error == 403
        before = t.metrics()
        assert a.turn.permit(HOST).ok
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as neighbour:
            neighbour.bind((HOST, 0))
            a.turn.send_indication(*neighbour.getsockname(), b"to a neighbour")
            t.expect_metric(before, 'turnout_relay_dropped_total{reason="no-permission"}')
            neighbour.sendto(b"from a neighbour", b.relayed)
            assert a.turn.receive(0.3) is None
            neighbour.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                raise AssertionError(f"a neighbour heard {neighbour.recv(100)}")


@tap.test
def a_rule_against_the_own_address_keeps_clients_apart():
    with Turnout(relay={"deny-peer": f"{HOST}/32"}) as t:
        a, b = pair(t)
        assert a.bind(b).error == 403 and a.turn.permit(HOST).error == 403


@tap.test
def a_receiver_that_is_gone_costs_the_sender_nothing_but_the_packet():
    with Turnout(server={"workers": 2}) as t:
        a, b = pair(t)
        assert a.bind(b).ok and b.bind(a).ok
        before = t.metrics()
        assert b.turn.refresh(0).ok
        a.turn.send_channel(stun.CHANNEL_FIRST, b"to nobody")
        t.expect_metric(before, 'turnout_relay_dropped_total{reason="no-permission"}')
        assert a.turn.refresh().ok


tap.main()
