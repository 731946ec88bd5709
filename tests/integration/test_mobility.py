"""Clients that change their address or port and keep their allocation (RFC 8016)."""
import concurrent.futures
import json
import socket
import ssl
import struct
import threading
import time

import dtlslink
import peers
import stun
import tap
from turnoutd import Turnout

CHANNEL = stun.CHANNEL_FIRST
ASK = (stun.MOBILITY_TICKET, b"")
MOBILE = {**peers.LOOPBACK_PEERS, "mobility": "yes", "user-quota": "unlimited", "user-bandwidth": "1G"}
CLIENTS, MESSAGES = 4, 40
RATE = 200  # packets per second each way, under traffic


# ---- coturn's client

METHODS = {"udp": ["-c"], "tcp": ["-c", "-t"], "tls": ["-c", "-t", "-S"], "dtls": ["-c", "-S"],
           "send indications over udp": ["-c", "-s"], "with rtcp ports over udp": []}
_results = {}


def run_all(workers):
    with Turnout(tls=True, server={"workers": workers}, relay=MOBILE) as t, peers.EchoPeer() as echo, \
            concurrent.futures.ThreadPoolExecutor(3) as pool:
        inside = peers.uclient_of_dtls_1_2(t.folder)
        jobs = {}
        for name, flags in METHODS.items():
            server, before = (t.tls, inside) if "-S" in flags else (t.udp, [])
            server = t.tcp if flags == ["-c", "-t"] else server
            jobs[name, workers] = pool.submit(peers.uclient, server, echo, "-M", *flags, clients=CLIENTS,
                                              messages=MESSAGES, inside=before, timeout=90)
        concurrent.futures.wait(jobs.values())
        _results.update(jobs)
        _results["tls", workers, "metrics"] = t.metrics()
        moved = t.metrics()["turnout_turn_allocations_moved_total"]
        assert moved >= CLIENTS * len(METHODS), moved


def loses_nothing(name, workers):
    peers.need("turnutils_uclient")
    if (name, workers) not in _results:
        run_all(workers)
    result, packets = _results[name, workers].result(), CLIENTS * MESSAGES
    if name != "tls":
        result.expect_all(packets)
        return
    # A record that comes together with another one the client reads when the next comes, also without -M: on a busy
    # machine it never sees its last ones.
    metrics = _results["tls", workers, "metrics"]
    for way in ("from-client", "to-client"):
        relayed = metrics[f'turnout_relay_packets_total{{direction="{way}",transport="tls"}}']
        assert relayed == packets, f"{relayed} {way}"
    assert result.status == 0 and result.sent == packets, result.output[-1500:]
    assert packets * 0.9 <= result.received <= packets, result.output[-1500:]


for number in (1, 2):
    for method in METHODS:
        tap.case(f"turnutils_uclient -M: {method}, {number} workers", loses_nothing, method, number, limit=200)


# ---- our own client

def ticket(reply):
    assert reply.ok, reply.error
    return (stun.MOBILITY_TICKET, reply.attributes[stun.MOBILITY_TICKET])


def tls(plain):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


def connect(t, transport, credentials):
    if transport in ("udp", "tcp"):
        return stun.TurnClient(getattr(t, transport), credentials, transport)
    if transport == "tls":
        return stun.TurnClient(t.tls, credentials, "tcp", wrap=tls)
    client = stun.TurnClient(t.tls, credentials)
    client.link.close()
    client.link = dtlslink.DtlsLink(t.tls)
    return client


class Peer:
    """Numbers what it gets and what it sends."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.address = self.socket.getsockname()
        self.received, self.sent, self.stopped, self.threads = set(), 0, False, []

    def run(self, relay):
        self.threads = [threading.Thread(target=self._receive), threading.Thread(target=self._send, args=(relay,))]
        for thread in self.threads:
            thread.start()

    def _receive(self):
        while not self.stopped:
            try:
                self.received.add(struct.unpack("!I", self.socket.recv(100))[0])
            except TimeoutError:
                pass

    def _send(self, relay):
        while not self.stopped:
            self.socket.sendto(struct.pack("!I", self.sent), relay)
            self.sent += 1
            time.sleep(1 / RATE)

    def __enter__(self):
        return self

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join()

    def __exit__(self, *_):
        self.stop()
        self.socket.close()


class Traffic:
    """What one client sends and gets, wherever it is."""

    def __init__(self):
        self.sent, self.received = 0, set()

    def take(self, client, timeout):
        got = client.receive(timeout)
        if got and got[0] == "channel":
            self.received.add(struct.unpack("!I", got[2])[0])
        return got

    def run(self, client, seconds, also=()):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            client.send_channel(CHANNEL, struct.pack("!I", self.sent))
            self.sent += 1
            pause = time.monotonic() + 1 / RATE
            while (left := pause - time.monotonic()) > 0:
                self.take(client, left)
            for other in also:
                self.take(other, 0)


def begin(t, client, peer):
    reply = client.allocate(ASK)
    assert client.bind_channel(CHANNEL, *peer.address).ok
    peer.run(reply.address(stun.XOR_RELAYED_ADDRESS))
    return ticket(reply)


def steered(t):
    return t.metrics()["turnout_ingress_steered_total"]


@tap.test(limit=120)
def a_changed_source_port_under_traffic_loses_nothing_when_the_old_one_still_works():
    """Make before break, until a move has come to the other worker twice: the kernel's hash decides."""
    with Turnout(server={"workers": 2}, relay=MOBILE) as t, Peer() as peer:
        credentials, traffic = t.credentials(), Traffic()
        client = connect(t, "udp", credentials)
        proof = begin(t, client, peer)
        foreign = moves = 0
        while foreign < 2 or moves < 6:
            assert moves < 40, "every flow happened to arrive at its owner"
            traffic.run(client, 0.15)
            before, new = steered(t), connect(t, "udp", credentials)
            proof = ticket(new.refresh(600, proof))
            traffic.run(client, 0.1)  # the old one goes on
            traffic.run(new, 0.15, also=[client])
            while traffic.take(client, 0.05):
                pass
            client.close()
            client, moves = new, moves + 1
            foreign += steered(t) - before > 5
        peer.stop()
        while traffic.take(client, 0.5):
            pass
        lost_up, lost_down = traffic.sent - len(peer.received), peer.sent - len(traffic.received)
        print(f"# {moves} moves, {foreign} to the other worker: lost {lost_up} of {traffic.sent} sent, "
              f"{lost_down} of {peer.sent} from the peer")
        assert lost_up == 0 and lost_down == 0, (lost_up, lost_down)
        client.close()


@tap.test(limit=120)
def a_lost_source_port_loses_only_what_comes_until_the_client_is_back():
    """Break before make: the peer's packets of 0.3 s have nowhere to go, all others arrive."""
    gap = 0.3
    with Turnout(server={"workers": 2}, relay=MOBILE) as t, Peer() as peer:
        credentials, traffic = t.credentials(), Traffic()
        client = connect(t, "udp", credentials)
        proof = begin(t, client, peer)
        moves = 6
        for _ in range(moves):
            traffic.run(client, 0.2)
            client.close()
            time.sleep(gap)
            client = connect(t, "udp", credentials)
            proof = ticket(client.refresh(600, proof))
            traffic.run(client, 0.1)
        peer.stop()
        while traffic.take(client, 0.5):
            pass
        lost_up, lost_down = traffic.sent - len(peer.received), peer.sent - len(traffic.received)
        print(f"# {moves} moves: lost {lost_up} of {traffic.sent} sent, {lost_down} of {peer.sent} from the peer")
        assert lost_up == 0, lost_up
        assert lost_down <= moves * (gap + 0.2) * RATE, lost_down
        client.close()


@tap.test(limit=120)
def an_allocation_moves_between_all_transports():
    with Turnout(tls=True, server={"workers": 2}, relay=MOBILE) as t, Peer() as peer:
        credentials, traffic = t.credentials(), Traffic()
        client = connect(t, "udp", credentials)
        proof = begin(t, client, peer)
        way = ["tcp", "udp", "tls", "dtls", "tcp", "tls", "udp", "dtls", "udp"] * 2
        for transport in way:
            new = connect(t, transport, credentials)
            proof = ticket(new.refresh(600, proof))
            traffic.run(new, 0.1, also=[client])
            gauge = f'turnout_turn_allocations{{transport="{transport}"}}'
            assert t.metrics()[gauge] == 1 and t.allocations() == 1, (transport, t.metrics())
            while traffic.take(client, 0.05):
                pass
            client.close()
            client = new
        peer.stop()
        while traffic.take(client, 0.5):
            pass
        lost = traffic.sent - len(peer.received), peer.sent - len(traffic.received)
        print(f"# {len(way)} moves, {steered(t):.0f} messages steered: lost {lost[0]} of {traffic.sent} sent, "
              f"{lost[1]} of {peer.sent} from the peer")
        assert lost == (0, 0), lost
        assert client.refresh(0).ok
        t.expect_allocations(0)
        client.close()


@tap.test(limit=90)
def a_broken_connection_is_taken_up_again_wherever_it_arrives():
    with Turnout(tls=True, server={"workers": 2}, relay=MOBILE) as t, Peer() as peer:
        credentials = t.credentials()
        client = connect(t, "tcp", credentials)
        proof = begin(t, client, peer)
        for transport in ("tcp", "tls", "dtls", "tcp", "udp", "tls", "dtls", "tcp") * 2:
            t.mark_log()
            stream = client.link.stream
            client.close()
            if stream:
                t.expect_log("allocation without a connection")
            client = connect(t, transport, credentials)
            proof = ticket(client.refresh(600, proof))
            client.send_channel(CHANNEL, struct.pack("!I", 7))
            tap.wait_for(lambda: client.receive(1), 3, "a packet of the peer")
        assert steered(t) > 0
        client.close()


@tap.test
def a_connection_of_another_worker_that_ends_without_a_ticket_is_the_end():
    """Its allocation is steered: who owns it is told when the connection goes."""
    with Turnout(server={"workers": 2}, relay={**peers.LOOPBACK_PEERS}) as t:
        before = steered(t)
        for _ in range(12):
            first = stun.TurnClient(t.udp, t.credentials())
            token = first.allocate((stun.EVEN_PORT, b"\x80")).attributes[stun.RESERVATION_TOKEN]
            second = stun.TurnClient(t.tcp, t.credentials(), "tcp")
            assert second.allocate((stun.RESERVATION_TOKEN, token)).ok
            t.expect_allocations(2)
            second.close()
            t.expect_allocations(1)
            assert first.refresh(0).ok
            first.close()
        assert steered(t) > before, "every token happened to arrive at its owner"


def kills(transport):
    """By its id, while it is at home and after it has moved, perhaps to another worker."""
    with Turnout(tls=True, server={"workers": 2}, relay=MOBILE) as t:
        before = steered(t)
        for moves in [0] + 12 * [1]:
            client = connect(t, "udp" if moves else transport, t.credentials())
            proof = ticket(client.allocate(ASK))
            if moves:
                old, client = client, connect(t, transport, (client.user, client.password))
                ticket(client.refresh(600, proof))
                client.send_channel(CHANNEL, b"x")
                tap.wait_for(lambda: t.metrics()[f'turnout_turn_allocations{{transport="{transport}"}}'] == 1, 3, "the move")
                old.close()
            session = json.loads(t.ctl("sessions", "list", "--json").stdout)
            session = session if isinstance(session, list) else session["data"]
            assert len(session) == 1 and session[0]["transport"] == transport, session
            t.ctl("sessions", "kill", session[0]["id"])
            t.expect_allocations(0)
            if transport == "udp":
                assert client.refresh().error == 437
            else:
                assert client.link.receive(3) == b"", "the connection lives on"
            client.close()
            with stun.TurnClient(t.udp, (client.user, client.password)) as other:
                assert other.refresh(600, proof).error == 437  # and its ticket is worth nothing
        assert steered(t) > before, "no move came to the other worker"


for name in ("udp", "tcp", "tls", "dtls"):
    tap.case(f"a session is killed wherever it is, {name}", kills, name)


@tap.test
def mobility_is_forbidden_by_default_and_by_a_reload():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        with stun.TurnClient(t.udp, t.credentials()) as client:
            assert client.allocate(ASK).error == 405
            t.write_config(relay={"mobility": "yes"})
            t.ctl("config", "reload")
            tap.wait_for(lambda: client.allocate(ASK).ok, 3, "a ticket")
            assert client.refresh().ok
            t.write_config(relay={"mobility": "no"})
            t.ctl("config", "reload")
            with stun.TurnClient(t.udp, t.credentials()) as other:
                tap.wait_for(lambda: other.allocate(ASK).error == 405, 3, "mobility to be forbidden")
            assert client.refresh().ok  # what is there stays


@tap.test
def without_a_ticket_a_new_source_port_is_a_new_client():
    """What a NAT does that forgets a mapping."""
    with Turnout(relay=MOBILE) as t:
        credentials = t.credentials()
        with stun.TurnClient(t.udp, credentials) as client, stun.TurnClient(t.udp, credentials) as other:
            assert client.allocate(ASK).ok
            assert other.refresh().error == 437
            assert other.permit("127.0.0.1").error == 437
            assert other.allocate().ok


@tap.test
def a_strangers_ticket_is_refused():
    with Turnout(server={"workers": 2}, relay=MOBILE) as t:
        with stun.TurnClient(t.udp, t.credentials("ann")) as client:
            proof = ticket(client.allocate(ASK))
            for _ in range(6):  # at either worker
                with stun.TurnClient(t.udp, t.credentials("eve")) as eve:
                    assert eve.refresh(600, proof).error == 441
                    assert eve.refresh(600, (proof[0], proof[1][:-1] + b"x")).error == 437
            assert client.refresh().ok


tap.main()
