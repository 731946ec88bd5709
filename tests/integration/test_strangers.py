"""What strangers get and cost: no memory, no answer longer than the standard asks for, and limits per source."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import time

import process
import stun
import tap
from dtls import fragment, hello, verify_cookie
from turnoutd import BUILD, Turnout

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD_ALGORITHMS = 0x8002
SOURCES = [f"127.0.0.{n}" for n in range(2, 6)]
FLOOD, BATCH, FIRST_PORT = 100000, 200, 10000
SILENCED = "turnout_stun_silenced_total"
ALLOCATE = [(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT)]


class HeapCounter:
    """Counts the daemon's heap bytes by a library preloaded into it."""

    def __init__(self, folder):
        if not shutil.which("cc"):
            raise tap.Skip("no cc")
        if b"__asan_init" in (BUILD / "turnoutd").read_bytes():
            raise tap.Skip("a sanitizer has an allocator of its own")
        library, self.file = folder / "heapcount.so", folder / "heap"
        process.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, HERE / "heapcount.c"])
        self.prefix = ["env", f"LD_PRELOAD={library}", f"HEAPCOUNT={self.file}"]

    def bytes(self):
        return struct.unpack("q", self.file.read_bytes()[:8])[0]


def resident(pid):
    return int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) * 1024


def udp_socket(host, port=0):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.suppress(OSError):  # somebody else has that port: any other does as well
        s.bind((host, port))
        return s
    s.bind((host, 0))
    return s


def read(s):
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        return s.recv(4096)
    return None


def flood(server, count, request, check):
    """That many requests, each from a five-tuple of its own; check sees every answer. Returns how many came."""
    answers = 0
    for first in range(0, count, BATCH):
        sockets = [udp_socket(SOURCES[i % len(SOURCES)], FIRST_PORT + i // len(SOURCES))
                   for i in range(first, first + BATCH)]
        for s in sockets:
            s.setblocking(False)
            s.sendto(request(), server)
        time.sleep(0.004)
        for s in sockets:
            if data := read(s):
                check(data)
                answers += 1
            s.close()
    return answers


def expect_challenge(data):
    """A 401 with what RFC 8489 section 9.2.4 demands, and nothing else."""
    reply = stun.Message(data)
    assert reply.error == 401, reply.error
    assert set(reply.attributes) == {stun.ERROR_CODE, stun.REALM, stun.NONCE, PASSWORD_ALGORITHMS}, reply.attributes
    assert len(reply.attributes[PASSWORD_ALGORITHMS]) == 8 and len(reply.attributes[stun.NONCE]) <= 48
    assert len(reply.attributes[stun.ERROR_CODE]) <= 4 + len("Unauthenticated"), reply.attributes[stun.ERROR_CODE]


@tap.test(limit=120)
def a_hundred_thousand_allocates_of_strangers_add_no_memory():
    t = Turnout(listen={"challenge-rate": "unlimited"}, log={"level": "info"})
    heap = HeapCounter(t.folder)
    t.prefix = heap.prefix

    def request():
        return stun.encode(stun.ALLOCATE, attributes=ALLOCATE)

    with t:
        flood(t.udp, 4000, request, expect_challenge)  # what is made at the first use
        time.sleep(2)  # and what the first look at the database takes, a second after the start
        before = t.metrics()
        heap_before, resident_before = heap.bytes(), resident(t.pid)
        answers = flood(t.udp, FLOOD, request, expect_challenge)
        heap_after, resident_after = heap.bytes(), resident(t.pid)
        print(f"# {answers} of {FLOOD} answered; heap {heap_after - heap_before:+} bytes, "
              f"resident {resident_after - resident_before:+} bytes", flush=True)
        assert answers > FLOOD * 0.95 and heap_before > 100000, answers
        t.expect_metric(before, 'turnout_turn_denied_total{reason="challenge"}', FLOOD * 0.95)
        assert heap_after - heap_before < 4096, "the heap has grown"
        assert resident_after - resident_before < 256 * 1024, "resident memory has grown"


@tap.test(limit=120)
def beyond_its_rate_a_source_gets_silence():
    with Turnout() as t:
        before, start = t.metrics(), time.monotonic()
        answers = flood(t.udp, 20000, lambda: stun.encode(stun.ALLOCATE, attributes=ALLOCATE), expect_challenge)
        seconds = int(time.monotonic() - start) + 2
        assert answers <= 200 * 2 * len(SOURCES) * seconds, (answers, seconds)
        t.expect_metric(before, SILENCED, 20000 * 0.9 - answers)
        with stun.TurnClient(t.udp, t.credentials(), source="127.0.0.77") as other:
            assert other.allocate().ok, "another source is served"


@tap.test
def every_refusal_counts_not_only_challenges():
    with Turnout(server={"workers": 1}, listen={"challenge-rate": 5}) as t:
        before = t.metrics()
        malformed = stun.encode(stun.ALLOCATE, attributes=[*ALLOCATE, (stun.USERNAME, b"ann")], key=b"x" * 16)
        with stun.TurnClient(t.udp) as client:
            for _ in range(100):
                client.link.send(malformed)
            answers = 0
            while frame := client.link.receive(0.3):
                assert stun.Message(frame).error in (400, 401), stun.Message(frame).error
                answers += 1
        assert 1 <= answers <= 15, answers
        t.expect_metric(before, SILENCED, 80)


@tap.test
def bindings_have_a_rate_of_their_own():
    with Turnout(server={"workers": 1}, listen={"binding-rate": 20}) as t:
        before = t.metrics()
        with stun.TurnClient(t.udp) as client:
            time.sleep(1 - time.monotonic() % 1)  # the daemon counts by seconds of the same clock
            for _ in range(200):
                client.link.send(stun.encode(stun.BINDING))
            answers = 0
            while frame := client.link.receive(0.3):
                assert len(frame) == 32, "header and XOR-MAPPED-ADDRESS"
                answers += 1
            assert answers == 20, answers
            t.expect_metric(before, SILENCED, 180)
            t.mark_log()
            t.write_config(listen={"binding-rate": "unlimited"})
            t.signal(signal.SIGHUP)
            t.expect_log("reloaded")
            for _ in range(200):
                assert client.binding().ok


def connect(server, source="127.0.0.1"):
    s = socket.socket()
    s.bind((source, 0))
    s.settimeout(5)
    s.connect(server)
    return s


def is_served(s):
    """Does the server answer a Binding request on this connection?"""
    try:
        s.sendall(stun.encode(stun.BINDING))
        return len(s.recv(100)) == 32
    except OSError:
        return False


@tap.test
def a_source_holds_no_more_connections_than_it_may():
    with Turnout(server={"workers": 1}, listen={"source-connections": 10}) as t, contextlib.ExitStack() as stack:
        before = t.metrics()
        held = [stack.enter_context(connect(t.tcp)) for _ in range(13)]
        assert [is_served(s) for s in held] == [True] * 10 + [False] * 3
        t.expect_metric(before, 'turnout_tcp_refused_total{reason="source-limit"}', 3)
        assert is_served(stack.enter_context(connect(t.tcp, "127.0.0.9"))), "another source is served"
        held[0].close()
        assert tap.wait_for(lambda: is_served(stack.enter_context(connect(t.tcp))), 3, "the place that got free")
        t.mark_log()
        t.write_config(listen={"source-connections": "unlimited"})
        t.signal(signal.SIGHUP)
        t.expect_log("reloaded")
        assert all(is_served(stack.enter_context(connect(t.tcp))) for _ in range(20))


def shakes_hands(t, source):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with connect(t.tls, source) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False


@tap.test
def a_source_makes_no_more_tls_handshakes_than_it_may():
    with Turnout(server={"workers": 1}, tls=True, listen={"handshake-rate": 5}) as t:
        before = t.metrics()
        time.sleep(1 - time.monotonic() % 1)
        done = [shakes_hands(t, "127.0.0.1") for _ in range(12)]
        assert done[:5] == [True] * 5 and False in done, done
        t.expect_metric(before, 'turnout_tcp_refused_total{reason="handshake-rate"}', 1)
        assert shakes_hands(t, "127.0.0.9"), "another source is served"
        time.sleep(1)
        assert shakes_hands(t, "127.0.0.1"), "and so is this one a second later"


@tap.test
def dtls_hellos_with_a_good_cookie_have_a_rate_too():
    with Turnout(server={"workers": 1}, tls=True, listen={"handshake-rate": 5}) as t, contextlib.ExitStack() as stack:
        before = t.metrics()
        sockets = [stack.enter_context(udp_socket("127.0.0.1")) for _ in range(30)]
        hellos = []
        for s in sockets:
            s.connect(t.tls)
            s.settimeout(2)
            random = os.urandom(32)
            s.send(hello(random=random))
            hellos.append(hello(1, verify_cookie(s.recv(200)), random, 1))
        assert t.metrics()["turnout_dtls_sessions"] == before["turnout_dtls_sessions"], "a hello keeps nothing"
        time.sleep(1 - time.monotonic() % 1)
        for s, data in zip(sockets, hellos):
            s.send(data)
        t.expect_metric(before, 'turnout_dtls_dropped_total{reason="handshake-rate"}', 20)
        now = t.metrics()
        begun = sum(now[m] - before[m] for m in ("turnout_dtls_sessions", 'turnout_dtls_handshakes_total{result="failed"}'))
        assert 1 <= begun <= 10, begun


@tap.test
def a_hello_in_pieces_is_forgotten_after_five_seconds():
    with Turnout(server={"workers": 1}, tls=True) as t, contextlib.ExitStack() as stack:
        before = t.metrics()
        for _ in range(6):  # of one source prefix four may wait
            stack.enter_context(udp_socket("127.0.0.1")).sendto(fragment(3000, 0, bytes(100)), t.tls)
        tap.wait_for(lambda: t.metrics()["turnout_dtls_hellos_waiting"] == 4, 3, "four hellos to wait")
        t.expect_metric(before, 'turnout_dtls_dropped_total{reason="source-limit"}', 2)
        time.sleep(3)
        assert t.metrics()["turnout_dtls_hellos_waiting"] == 4
        tap.wait_for(lambda: t.metrics()["turnout_dtls_hellos_waiting"] == 0, 4, "them to be forgotten")


tap.main()
