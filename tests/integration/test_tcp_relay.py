"""Relayed TCP connections (RFC 6062): coturn's client, and clients and peers of our own on real sockets."""
import contextlib
import hashlib
import os
import select
import socket
import ssl
import struct
import threading
import time
import warnings

import peers
import process
import stun
import tap
from turnoutd import BUILD, SECRET, Turnout

TCP_TRANSPORT = struct.pack("!Bxxx", 6)
CLIENTS, MESSAGES = 4, 60
LARGE = 10 << 20
RELAY = {**peers.LOOPBACK_PEERS, "tcp": "yes", "user-quota": "unlimited"}


def wrap_tls(sock):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(sock)


class Control(stun.TurnClient):
    """A client's control connection, with an allocation of TCP, and its data connections."""

    def __init__(self, t, tls=False, credentials=None):
        self.server, self.wrap = (t.tls, wrap_tls) if tls else (t.tcp, None)
        super().__init__(self.server, credentials or t.credentials(), "tcp", wrap=self.wrap)
        reply = self.request(stun.ALLOCATE, [(stun.REQUESTED_TRANSPORT, TCP_TRANSPORT)])
        assert reply.ok, reply.error
        self.relayed = reply.address(stun.XOR_RELAYED_ADDRESS)

    def connect(self, host, port):
        return self.request(stun.CONNECT, lambda t: [(stun.XOR_PEER_ADDRESS, stun.encode_address(host, port, t))])

    def connected(self, address):
        """The id of a connection to that peer."""
        reply = self.connect(*address)
        assert reply.ok, reply.error
        return reply.attributes[stun.CONNECTION_ID]

    def attempt(self, timeout=3.0):
        """The next ConnectionAttempt: (peer's address, id), or None."""
        frame = self.pending.pop(0) if self.pending else self.link.receive(timeout)
        if not frame:
            return None
        message = stun.Message(frame)
        assert (message.method, message.kind) == (stun.CONNECTION_ATTEMPT, stun.INDICATION)
        return message.address(stun.XOR_PEER_ADDRESS), message.attributes[stun.CONNECTION_ID]

    def bind(self, identifier, **other):
        """A data connection for it: (reply, the TurnClient, whose link.socket is the data)."""
        data = stun.TurnClient(self.server, other.get("credentials") or (self.user, self.password), "tcp",
                               wrap=self.wrap)
        data.realm, data.nonce = self.realm, self.nonce
        return data.request(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, identifier)]), data

    def data(self, identifier):
        reply, data = self.bind(identifier)
        assert reply.ok, reply.error
        return Stream(data.link)


class Stream:
    """A socket with what was read too far."""

    def __init__(self, link):
        self.socket, self.early = link.socket, link.buffer

    def recv(self, size=65536):
        data, self.early = (self.early or self.socket.recv(size)), b""
        return data

    def read(self, size):
        data = b""
        while len(data) < size and (more := self.recv()):
            data += more
        return data

    def read_all(self):
        digest, size = hashlib.sha256(), 0
        while more := self.recv():
            digest.update(more)
            size += len(more)
        return size, digest.hexdigest()

    def sendall(self, data):
        self.socket.sendall(data)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()


def plain_stream(sock):
    link = stun.Link.__new__(stun.Link)
    link.socket, link.buffer = sock, b""
    sock.settimeout(20)
    return Stream(link)


@contextlib.contextmanager
def listener(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.bind((host, 0))
        s.listen(64)
        s.settimeout(10)
        yield s


def accept(s):
    return plain_stream(s.accept()[0])


@contextlib.contextmanager
def joined(t, tls=False):
    """(control, the client's data connection, the peer's end)."""
    with Control(t, tls) as c, listener() as s:
        identifier = c.connected(s.getsockname())
        peer = accept(s)
        yield c, c.data(identifier), peer


def variants(function):
    name = function.__name__.replace("_", " ")
    for tls in (False, True):
        for workers in (1, 2):
            tap.case(f"{name}, {'tls' if tls else 'tcp'}, workers {workers}", in_server, function, tls, workers)
    return function


def in_server(function, tls, workers):
    with Turnout(tls=tls, server={"workers": workers}, relay=RELAY) as t:
        function(t, tls)


def send_in_background(stream, data):
    thread = threading.Thread(target=lambda: (stream.sendall(data), stream.end()), daemon=True)
    thread.start()
    return thread


def echo(a, b, word):
    a.sendall(word)
    assert b.read(len(word)) == word
    b.sendall(word[::-1])
    assert a.read(len(word)) == word[::-1]


def expect_end(stream, timeout=5):
    assert select.select([stream.socket], [], [], timeout)[0], "no end"
    try:
        assert stream.recv() == b"", "data instead of the end"
    except (ConnectionResetError, ssl.SSLError):
        pass


def expect_connections(t, state, number):
    name = f'turnout_turn_connections{{state="{state}"}}'
    tap.wait_for(lambda: t.metrics()[name] == number, 5, f"{number} connections {state}, there are {t.metrics()[name]}")


# ---- coturn's client

def uclient(tls, workers, flags):
    peers.need("turnutils_uclient")
    with Turnout(tls=tls, server={"workers": workers}, relay=RELAY) as t:
        server = t.tls if tls else t.tcp
        before = t.metrics()
        done = process.run(["turnutils_uclient", "-p", server[1], "-n", MESSAGES, "-m", CLIENTS, "-l", 400, "-u",
                            "uclient", "-W", SECRET, "-T", *flags, server[0]], timeout=50, check=False)
        result, grown = peers.Result(done), lambda name: t.metrics()[name] - before[name]
        if "-P" in flags:  # half of its clients only wait for connections, against any server
            assert result.sent == 2 * result.received == CLIENTS * MESSAGES, done.stdout[-1500:]
        else:
            result.expect_all(CLIENTS * MESSAGES)
            assert grown('turnout_stun_requests_total{method="connect",result="error"}') == 0
        assert grown('turnout_stun_requests_total{method="connection-bind",result="error"}') == 0
        t.expect_allocations(0)
        expect_connections(t, "joined", 0)
        expect_connections(t, "waiting", 0)


for many in (1, 2):
    tap.case(f"turnutils_uclient -T, workers {many}", uclient, False, many, [])
    tap.case(f"turnutils_uclient -T -S, workers {many}", uclient, True, many, ["-S"])
    tap.case(f"turnutils_uclient -T -t, workers {many}", uclient, False, many, ["-t"])
    tap.case(f"turnutils_uclient -T -t -S, workers {many}", uclient, True, many, ["-t", "-S"])
    tap.case(f"turnutils_uclient -T -P, workers {many}", uclient, False, many, ["-P"])


# ---- connections

@variants
def every_data_connection_reaches_its_peer_whatever_worker_takes_it(t, tls):
    with Control(t, tls) as c, listener() as s:
        for n in range(16):
            with listener() as other:
                identifier = c.connected(other.getsockname())
                peer = accept(other)
                assert peer.socket.getpeername() == c.relayed
                data = c.data(identifier)
                echo(data, peer, b"connection %d" % n)
                data.close()
                expect_end(peer)
    t.expect_allocations(0)
    expect_connections(t, "joined", 0)


@variants
def a_permitted_peer_connects_in(t, tls):
    with Control(t, tls) as c:
        assert c.permit("127.0.0.1").ok
        for n in range(8):
            with socket.create_connection(c.relayed) as raw:
                peer = plain_stream(raw)
                peer.sendall(b"before anybody listens")
                address, identifier = c.attempt()
                assert address == raw.getsockname()
                data = c.data(identifier)
                assert data.read(22) == b"before anybody listens"
                echo(data, peer, b"attempt %d" % n)
                peer.close()
                expect_end(data)
                data.close()


@tap.test
def a_peer_without_permission_is_turned_away():
    with Turnout(relay=RELAY) as t, Control(t) as c:
        before = t.metrics()
        with socket.create_connection(c.relayed) as raw:
            expect_end(plain_stream(raw))
        assert c.attempt(0.3) is None
        t.expect_metric(before, 'turnout_turn_connection_attempts_total{result="no-permission"}')


@variants
def large_transfers_arrive_intact_both_ways(t, tls):
    up, down = os.urandom(LARGE), os.urandom(LARGE)
    with joined(t, tls) as (c, data, peer):
        if tls:  # one thread per direction on an SSLSocket is not safe
            for a, b, content in ((data, peer, up), (peer, data, down)):
                sender = threading.Thread(target=a.sendall, args=(content,), daemon=True)
                sender.start()
                assert b.read(LARGE) == content
                sender.join()
        else:
            senders = [send_in_background(data, up), send_in_background(peer, down)]
            results = {}
            reader = threading.Thread(target=lambda: results.update(down=data.read_all()), daemon=True)
            reader.start()
            assert peer.read_all() == (LARGE, hashlib.sha256(up).hexdigest())
            reader.join(20)
            assert results["down"] == (LARGE, hashlib.sha256(down).hexdigest())
            for sender in senders:
                sender.join()
        tap.wait_for(lambda: sessions(t)[0]["bytes_from_client"] == LARGE, 5, "the counters")
        assert sessions(t)[0]["bytes_to_client"] == LARGE


def sessions(t):
    import json
    return json.loads(t.ctl("--json", "sessions", "list").stdout)


@tap.test
def an_end_is_passed_on_and_the_other_way_goes_on():
    with Turnout(relay=RELAY) as t:
        for first in (0, 1):
            with joined(t) as (c, data, peer):
                a, b = (data, peer) if first == 0 else (peer, data)
                a.sendall(b"the last")
                a.end()
                assert b.read_all() == (8, hashlib.sha256(b"the last").hexdigest())
                time.sleep(0.2)
                b.sendall(b"still here")
                b.end()
                assert a.read_all() == (10, hashlib.sha256(b"still here").hexdigest())
                expect_connections(t, "joined", 0)
                assert c.connect(*peer.socket.getsockname()).error != 446, "the old one is not forgotten"


@tap.test
def a_slow_reader_gets_all_and_costs_no_memory():
    content = os.urandom(4 << 20) * 8
    with Turnout(relay=RELAY) as t, joined(t) as (c, data, peer):
        before = resident(t.pid)
        sender = send_in_background(peer, content)
        time.sleep(2)
        assert sender.is_alive(), "32 MB went into buffers"
        growth = resident(t.pid) - before
        sanitized = b"__asan_init" in (BUILD / "turnoutd").read_bytes()  # its allocator keeps what is freed
        assert growth < (16384 if sanitized else 2048), f"{growth} KiB more"
        digest, size = hashlib.sha256(), 0
        while size < len(content):
            more = data.recv(1 << 20)
            assert more, f"ended after {size}"
            digest.update(more)
            size += len(more)
        assert digest.hexdigest() == hashlib.sha256(content).hexdigest()
        assert data.recv() == b""


@tap.test
def the_users_bandwidth_holds_and_nothing_is_lost():
    content = os.urandom(1 << 20)
    with Turnout(server={"workers": 2}, relay={**RELAY, "user-bandwidth": "4M"}) as t, Control(t) as c:
        for _ in range(2):  # one bucket for all connections, whatever their workers
            with listener() as s:
                identifier = c.connected(s.getsockname())
                peer, data = accept(s), c.data(identifier)
                start = time.monotonic()
                sender = send_in_background(peer, content)
                assert data.read_all() == (len(content), hashlib.sha256(content).hexdigest())
                seconds = time.monotonic() - start
                assert 1.4 < seconds < 6, f"1 MiB at 4 Mbit/s took {seconds:.1f} s"
                sender.join()
                data.end()
        t.write_config(relay={"user-bandwidth": None})
        t.ctl("config", "reload")


@tap.test
def a_slow_reader_gets_the_rest_after_both_have_ended():
    content = os.urandom(1 << 20)
    with Turnout(relay=RELAY) as t, joined(t) as (c, data, peer):
        data.end()
        sender = send_in_background(peer, content)
        time.sleep(4.5)
        assert data.read_all() == (len(content), hashlib.sha256(content).hexdigest())
        sender.join()


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


@tap.test
def bytes_sent_with_the_bind_request_reach_the_peer():
    with Turnout(server={"workers": 2}, relay=RELAY) as t, Control(t) as c, listener() as s:
        for _ in range(8):
            with listener() as other:
                identifier = c.connected(other.getsockname())
                peer = accept(other)
                link = stun.Link(t.tcp, "tcp")
                credentials = [(stun.USERNAME, c.user.encode()), (stun.REALM, c.realm.encode()), (stun.NONCE, c.nonce)]
                link.send(stun.encode(stun.CONNECTION_BIND, stun.REQUEST,
                                      [(stun.CONNECTION_ID, identifier), *credentials], c.key) + b"at once")
                assert stun.Message(link.receive()).ok
                assert peer.read(7) == b"at once"
                link.close()


# ---- ends

@variants
def killing_the_session_closes_all(t, tls):
    with joined(t, tls) as (c, data, peer), listener() as s:
        waiting = c.connected(s.getsockname())
        assert waiting
        other = accept(s)
        session = sessions(t)[0]
        assert session["relays"] == "tcp" and session["connections"] == 2
        shown = t.ctl("sessions", "show", session["id"]).stdout
        assert "TCP connections" in shown and "tcp" in shown, shown
        t.ctl("sessions", "kill", session["id"])
        for stream in (data, peer, other):
            expect_end(stream)
        expect_connections(t, "joined", 0)
        expect_connections(t, "waiting", 0)
        with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
            raw = socket.create_connection(c.relayed)
            raw.close()
            raise AssertionError("the relayed port is still open")


@variants
def a_lost_control_connection_closes_all(t, tls):
    with joined(t, tls) as (c, data, peer):
        c.close()
        expect_end(data)
        expect_end(peer)


@tap.test
def the_daemon_ends_with_connections_in_every_state():
    with Turnout(server={"workers": 2}, relay=RELAY) as t, joined(t) as (c, data, peer), listener() as s:
        c.connected(s.getsockname())
        t.stop()
        expect_end(peer)


@tap.test
def a_reload_keeps_connections_and_ends_those_with_denied_peers():
    with Turnout(relay=RELAY) as t, joined(t) as (c, data, peer):
        t.write_config(relay={"tcp": "no"})
        t.ctl("config", "reload")
        echo(data, peer, b"after the reload")
        with stun.TurnClient(t.tcp, t.credentials(), "tcp") as other:
            assert other.request(stun.ALLOCATE, [(stun.REQUESTED_TRANSPORT, TCP_TRANSPORT)]).error == 442
        t.write_config(relay={"deny-peer": ["127.0.0.1"]})
        t.ctl("config", "reload")
        expect_end(peer)
        expect_end(data)


# ---- refusals

@tap.test
def a_closed_port_gives_447_and_an_allocation_over_udp_400():
    with Turnout(relay=RELAY) as t, Control(t) as c:
        with listener() as s:
            closed = s.getsockname()
        assert c.connect(*closed).error == 447
        with stun.TurnClient(t.udp, t.credentials()) as udp:
            assert udp.request(stun.ALLOCATE, [(stun.REQUESTED_TRANSPORT, TCP_TRANSPORT)]).error == 400
            assert udp.request(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, bytes(4))]).error == 400


@tap.test
def the_servers_own_ports_are_no_peers():
    with Turnout(tls=True, relay=RELAY) as t, Control(t) as c:
        for address in (t.tcp, t.tls, t.http, t.https, t.stats):
            assert c.connect(*address).error == 403, address


@tap.test
def another_users_bind_gets_441_and_the_owners_works_after():
    with Turnout(server={"workers": 2}, relay=RELAY) as t, Control(t) as c, listener() as s:
        identifier = c.connected(s.getsockname())
        peer = accept(s)
        reply, other = c.bind(identifier, credentials=t.credentials("mallory"))
        assert reply.error == 441, reply.error
        other.close()
        reply, other = c.bind(struct.pack("!I", struct.unpack("!I", identifier)[0] ^ 0x00400000))
        assert reply.error == 400, reply.error
        echo(c.data(identifier), peer, b"mine")
        other.close()


@tap.test
def relays_of_ipv6_connect_and_are_connected_to():
    with Turnout(host="::1", relay=RELAY) as t:
        c = Control.__new__(Control)
        c.server, c.wrap = t.tcp, None
        stun.TurnClient.__init__(c, t.tcp, t.credentials(), "tcp")
        reply = c.request(stun.ALLOCATE, [(stun.REQUESTED_TRANSPORT, TCP_TRANSPORT),
                                          (stun.REQUESTED_ADDRESS_FAMILY, b"\2\0\0\0")])
        assert reply.ok, reply.error
        relayed = reply.address(stun.XOR_RELAYED_ADDRESS)
        with c, listener("::1") as s:
            data = c.data(c.connected(s.getsockname()[:2]))
            echo(data, accept(s), b"six out")
            assert c.permit("::1").ok
            with socket.create_connection(relayed) as raw:
                echo(c.data(c.attempt()[1]), plain_stream(raw), b"six in")


tap.main()
