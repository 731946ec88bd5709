"""TURN over DTLS (RFC 7350): coturn's client, openssl's, and strangers who never finish."""
import concurrent.futures
import os
import socket
import struct
import subprocess
import time

import peers
import process
import stun
import tap
from dtls import RECORD, fragment, hello
from dtlslink import DtlsLink
from turnoutd import Turnout, certificate

CLIENTS, MESSAGES = 4, 60
METHODS = {"channels": ["-c"], "send indications": ["-c", "-s"], "two allocations": ["-c", "-y"]}


def dtls_uclient(server, echo, *flags):
    """The client takes DTLS 1.0 or 1.2 by chance, and after our alert tries again."""
    return peers.uclient(server, echo, "-S", *flags, clients=CLIENTS, messages=MESSAGES)


def run_all():
    """Every method at once, at the DTLS port and at the plain UDP port, on two workers."""
    results = {}
    for family, host, flags in (("IPv4", "127.0.0.1", []), ("IPv6", "::1", ["-x"])):
        with Turnout(host=host, tls=True, relay={**peers.LOOPBACK_PEERS, "user-quota": "unlimited"}) as t, \
                peers.EchoPeer(host) as echo, concurrent.futures.ThreadPoolExecutor(3) as pool:
            jobs = {f"{name}, {port}, {family}": pool.submit(dtls_uclient, getattr(t, port), echo, *own, *flags)
                    for name, own in METHODS.items() for port in ("tls", "udp")}
            concurrent.futures.wait(jobs.values())
            results.update(jobs)
    return results


_results = {}


def loses_nothing(name):
    if not _results:
        peers.need("turnutils_uclient")
        _results.update(run_all())
    _results[name].result().expect_all(CLIENTS * MESSAGES)


for method in METHODS:
    for where in ("tls", "udp"):
        for kind in ("IPv4", "IPv6"):
            tap.case(f"turnutils_uclient -S: {method}, {'DTLS' if where == 'tls' else 'plain UDP'} port, {kind}",
                     loses_nothing, f"{method}, {where}, {kind}", limit=150)


def dtls_turn_client(t):
    client = stun.TurnClient(t.tls, t.credentials())
    client.link.close()
    client.link = DtlsLink(t.tls)
    return client


@tap.test
def an_allocation_ends_with_its_session():
    with Turnout(tls=True) as t, dtls_turn_client(t) as client, dtls_turn_client(t) as other:
        assert client.allocate().ok and other.allocate().ok
        t.expect_allocations(2)
        client.link.shutdown()
        t.expect_allocations(1)
        assert client.link.receive() == b"", "no close_notify"
        assert other.refresh().ok
        assert t.metrics()["turnout_dtls_sessions"] == 1


@tap.test
def strangers_at_a_session_s_address_do_not_end_it():
    forged = [hello(), RECORD.pack(21, 0xFEFD, 0, 0, 9, 2) + b"\x02\x28", RECORD.pack(23, 0xFEFD, 1, 0, 90, 40) + b"x" * 40,
              RECORD.pack(21, 0xFEFD, 1, 0, 91, 40) + b"x" * 40, b"\x16\xfe\xfd", hello(1, b"x" * 20)]
    with Turnout(tls=True) as t, dtls_turn_client(t) as client:
        assert client.allocate().ok
        for datagram in forged:
            client.link.socket.send(datagram)
        assert client.refresh().ok
        assert t.allocations() == 1 and t.metrics()["turnout_dtls_sessions"] == 1


@tap.test
def the_server_s_end_is_told():
    with Turnout(tls=True) as t, dtls_turn_client(t) as client:
        assert client.binding().ok
        t.stop()
        assert client.link.receive() == b"", "no close_notify"


def s_client(server, *flags):
    """openssl's client; it ends with its standard input."""
    return process.run(["openssl", "s_client", "-dtls1_2", "-connect", f"{server[0]}:{server[1]}", *flags],
                       timeout=15, check=False).stdout


@tap.test
def openssl_shakes_hands_also_with_small_datagrams():
    with Turnout(tls=True) as t:
        before = t.metrics()
        for flags in ([], ["-mtu", "256"]):
            output = s_client(t.tls, *flags)
            assert "Protocol  : DTLSv1.2" in output and "Cipher    : ECDHE" in output, output[-2000:]
        t.expect_metric(before, 'turnout_dtls_handshakes_total{result="ok"}', 2)


@tap.test
def dtls_1_0_is_refused_at_once():
    with Turnout(tls=True) as t:
        before, begin = t.metrics(), time.monotonic()
        done = subprocess.run(["timeout", "5", "openssl", "s_client", "-dtls1", "-cipher", "ALL:@SECLEVEL=0", "-connect",
                               f"{t.tls[0]}:{t.tls[1]}"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert "alert protocol version" in done.stderr and done.returncode == 1, done.stderr
        assert time.monotonic() - begin < 0.9, "it waited for a retransmission"
        t.expect_metric(before, 'turnout_dtls_dropped_total{reason="version"}')
        assert t.metrics()["turnout_dtls_sessions"] == 0


@tap.test
def an_alert_for_dtls_1_0_is_shorter_than_any_hello_and_not_for_clients_with_a_session():
    old = bytearray(hello())
    old[25:27] = b"\xfe\xff"
    with Turnout(tls=True) as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, dtls_turn_client(t) as client:
        s.settimeout(3)
        s.sendto(old, t.tls)
        assert s.recv(100) == RECORD.pack(21, 0xFEFF, 0, 0, 0, 2) + b"\x02\x46" and len(old) > 15
        client.link.socket.send(old)
        t.expect_metric({}, 'turnout_dtls_dropped_total{reason="version"}', 2)
        assert client.allocate().ok


@tap.test
def plain_stun_gets_no_answer_at_the_dtls_port():
    with Turnout(tls=True) as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        before = t.metrics()
        s.sendto(struct.pack("!HHI12s", 1, 0, 0x2112A442, os.urandom(12)), t.tls)
        t.expect_metric(before, 'turnout_ingress_dropped_total{reason="unknown"}')
        s.settimeout(0.3)
        try:
            raise AssertionError(f"an answer: {s.recv(2000)}")
        except TimeoutError:
            pass


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def sources(count):
    """Many sockets on addresses of 127.0.0.0/8."""
    made = []
    for i in range(count):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((f"127.{1 + i % 200}.{i % 250}.1", 0))
        s.setblocking(False)
        made.append(s)
    return made


def answers(sockets):
    sizes = []
    for s in sockets:
        try:
            while True:
                sizes.append(len(s.recv(4096)))
        except BlockingIOError:
            pass
    return sizes


def flood(t, rounds, width):
    """rounds * width hellos, each from its own address and port. The sizes of what comes back."""
    sizes = []
    for _ in range(rounds):
        sockets = sources(width)
        for s in sockets:
            s.sendto(hello(), t.tls)
        time.sleep(0.05)
        sizes += answers(sockets)
        for s in sockets:
            s.close()
    return sizes


@tap.test(limit=120)
def twenty_thousand_hellos_cost_no_memory_and_are_not_amplified():
    with Turnout(tls=True) as t:
        flood(t, 10, 200)  # what the first ones fill stays
        before, metrics = rss_kib(t.pid), t.metrics()
        sizes = flood(t, 100, 200)
        t.expect_metric(metrics, "turnout_dtls_cookies_total", 19000)
        growth = rss_kib(t.pid) - before
        print(f"# 20000 hellos of {len(hello())} bytes, {len(sizes)} answers of at most {max(sizes)}, "
              f"{growth} KiB more memory")
        assert len(sizes) > 19000 and max(sizes) <= len(hello()), (len(sizes), max(sizes))
        assert growth < 1024, growth
        assert t.metrics()["turnout_dtls_sessions"] == 0
        assert "Protocol  : DTLSv1.2" in s_client(t.tls)


@tap.test(limit=60)
def pieces_of_hellos_wait_in_a_bounded_set():
    with Turnout(tls=True, server={"workers": 1}) as t:
        before = t.metrics()
        sockets = sources(300)
        for s in sockets:
            s.sendto(fragment(1000, 0, b"\xfe" * 200), t.tls)
        t.expect_metric(before, 'turnout_dtls_dropped_total{reason="full"}', 44)
        assert t.metrics()["turnout_dtls_hellos_waiting"] == 256
        time.sleep(5.1)
        crowd = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(6)]
        for s in crowd:
            s.sendto(fragment(1000, 0, b"\xfe" * 200), t.tls)
        t.expect_metric(before, 'turnout_dtls_dropped_total{reason="source-limit"}', 2)
        assert t.metrics()["turnout_dtls_hellos_waiting"] == 4
        assert not answers(sockets)
        for s in sockets + crowd:
            s.close()


@tap.test
def broken_datagrams_are_dropped():
    whole = hello()
    bad = [fragment(650000, 0, b"x" * 10), fragment(1000, 995, b"x" * 10), fragment(1000, 0, b""),
           fragment(100, 0, b"x" * 5, claimed=50), whole[:30], whole[:13], b"\x16", whole[:60] + b"\xff" * 20]
    strangers = [RECORD.pack(23, 0xFEFD, 0, 0, 1, 4) + b"data", RECORD.pack(21, 0xFEFD, 0, 0, 1, 2) + b"\x02\x28",
                 RECORD.pack(23, 0xFEFD, 1, 0, 1, 40) + b"x" * 40]
    with Turnout(tls=True) as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        before = t.metrics()
        for datagram in bad + strangers:
            s.sendto(datagram, t.tls)
        t.expect_metric(before, 'turnout_dtls_dropped_total{reason="no-session"}', len(strangers) + 2)
        t.expect_metric(before, 'turnout_dtls_dropped_total{reason="malformed"}', len(bad) - 2)
        s.settimeout(0.3)
        try:
            raise AssertionError(f"an answer: {s.recv(2000)}")
        except TimeoutError:
            pass
        assert t.metrics()["turnout_dtls_hellos_waiting"] == 0


@tap.test
def new_sessions_use_the_certificate_loaded_last():
    with Turnout(tls=True) as t:
        assert "CN = localhost" in s_client(t.tls)
        certificate(t.folder, name="second.example", addresses=("127.0.0.1",))[1].chmod(0o644)
        t.mark_log()
        t.ctl("config", "reload")
        t.expect_log("certificate loaded")
        output = s_client(t.tls)
        assert "CN = second.example" in output, output[-1500:]


@tap.test
def browsers_are_not_told_of_dtls_but_the_operator_is():
    with Turnout(tls=True) as t:
        assert "transport=udp" not in "".join(
            line for line in t.get("/v1/ice-servers")[1].splitlines() if "turns:" in line)
        output = t.ctl("selftest", check=False).stdout
        assert "An answer from STUN over DTLS" in output, output


@tap.test
def without_a_certificate_there_is_no_dtls():
    with Turnout() as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        before = t.metrics()
        s.sendto(hello(), t.udp)
        t.expect_metric(before, 'turnout_ingress_dropped_total{reason="unknown"}')


tap.main()
