"""PROXY headers of load balancers: a real one (haproxy) for streams, headers of our own for what it would never send and
for datagrams. The proxy's address is 127.0.0.77; clients are wherever the headers say."""
import contextlib
import resource
import socket
import ssl
import struct
import threading
import time

import peers
import process
import stun
import tap
from dtlslink import DtlsLink
from turnoutd import Turnout, free_port

PROXY = "127.0.0.77"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LISTED = {"proxy-protocol": [f"{PROXY}/32", "2001:db8::/32"]}
PEERS = {"allow-peer": "127.0.0.0/8"}


def v1(client, server=("192.0.2.1", 443)):
    family = "TCP6" if ":" in client[0] else "TCP4"
    return f"PROXY {family} {client[0]} {server[0]} {client[1]} {server[1]}\r\n".encode()


def v2(client, server=("192.0.2.1", 3478), kind=1, command=0x21, extras=b""):
    """kind 1: a stream, 2: a datagram."""
    v6 = ":" in client[0]
    family = socket.AF_INET6 if v6 else socket.AF_INET
    server = ("2001:db8::1", server[1]) if v6 else server
    body = b"".join(socket.inet_pton(family, a[0]) for a in (client, server)) + struct.pack("!HH", client[1], server[1])
    return SIGNATURE + bytes([command, (0x20 if v6 else 0x10) | kind]) + struct.pack("!H", len(body + extras)) + body + extras


LOCAL = SIGNATURE + b"\x20\0\0\0"


def connect(server, source=PROXY, header=b""):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(5)
    s.bind((source, 0))
    s.connect(server)
    s.sendall(header)
    return s


def mapped(client):
    return client.binding().address(stun.XOR_MAPPED_ADDRESS)


class Through:
    """A wrap for stun.TurnClient: writes a header first, then perhaps TLS."""

    def __init__(self, header, tls=False):
        self.header, self.tls = header, tls

    def __call__(self, s):
        s.sendall(self.header)
        return unverified().wrap_socket(s) if self.tls else s


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


# --- a real proxy ---------------------------------------------------------------------------------


@contextlib.contextmanager
def haproxy(t):
    """{name: port}: its front ends lead to the TCP and TLS ports, with either version of the header."""
    peers.need("haproxy")
    ports = {name: free_port() for name in ("v1", "v2", "v2-tls", "v1-tls", "v2-checksum", "none")}
    backs = {"v1": (t.tcp, "send-proxy"), "v2": (t.tcp, "send-proxy-v2"), "v1-tls": (t.tls, "send-proxy"),
             "v2-tls": (t.tls, "send-proxy-v2"), "none": (t.tcp, ""),
             "v2-checksum": (t.tcp, "send-proxy-v2 proxy-v2-options crc32c,unique-id")}
    lines = ["global", "  maxconn 200", "defaults", "  mode tcp", "  timeout connect 5s", "  timeout client 20s",
             "  timeout server 20s"]
    for name, (back, option) in backs.items():
        lines += [f"listen {name}", f"  bind 127.0.0.1:{ports[name]}",
                  "  unique-id-format %[uuid]" if "unique-id" in option else "",
                  f"  server one {back[0]}:{back[1]} {option} source {PROXY}"]
    config = t.folder / "haproxy.cfg"
    config.write_text("\n".join(lines) + "\n")
    with open(t.folder / "haproxy.log", "w") as log:
        child = process.start(["haproxy", "-db", "-f", config], stdout=log, stderr=log)
    try:
        tap.wait_for(lambda: reachable(ports["none"]), 10, "haproxy")
        yield ports
    finally:
        process.stop(child)


def reachable(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def relays_through(t, port, tls, echo):
    wrap = (lambda s: unverified().wrap_socket(s)) if tls else None
    with stun.TurnClient(("127.0.0.1", port), t.credentials(), "tcp", source="127.0.0.9", wrap=wrap) as client:
        own = client.link.socket.getsockname()
        assert mapped(client) == own
        reply = client.allocate()
        assert reply.ok and reply.address(stun.XOR_MAPPED_ADDRESS) == own, (reply.error, own)
        assert client.bind_channel(0x4000, echo.host, echo.port).ok
        client.send_channel(0x4000, b"through the balancer")
        assert client.receive() == ("channel", 0x4000, b"through the balancer")
        listed = t.ctl("sessions", "list").stdout
        assert f"127.0.0.9:{own[1]}" in listed, listed


@tap.test(limit=60)
def haproxy_hides_no_client():
    with Turnout(tls=True, listen=LISTED, relay=PEERS) as t, haproxy(t) as ports, peers.EchoPeer() as echo:
        before = t.metrics()
        for name in ("v1", "v2", "v2-checksum", "v1-tls", "v2-tls"):
            relays_through(t, ports[name], "tls" in name, echo)
        t.expect_metric(before, 'turnout_proxy_headers_total{transport="tcp"}', 5)
        t.mark_log()
        with stun.TurnClient(("127.0.0.1", ports["v2"]), ("nobody", "wrong"), "tcp", source="127.0.0.8") as client:
            assert client.allocate().error == 401
        t.expect_log("127.0.0.8")


@tap.test
def a_balancer_without_headers_is_refused():
    with Turnout(tls=True, listen=LISTED) as t, haproxy(t) as ports:
        before = t.metrics()
        with socket.create_connection(("127.0.0.1", ports["none"])) as s:
            s.settimeout(5)
            s.sendall(stun.encode(stun.BINDING))
            assert s.recv(100) == b""
        t.expect_metric(before, 'turnout_tcp_refused_total{reason="proxy"}')
        t.expect_log("no PROXY header")


# --- headers of our own: streams ------------------------------------------------------------------


def is_refused(t, server, source, data):
    before = t.metrics()
    with connect(server, source, data) as s, contextlib.suppress(ConnectionResetError):
        assert s.recv(100) == b"", "an answer"
    t.expect_metric(before, 'turnout_tcp_refused_total{reason="proxy"}')


@tap.test
def others_may_not_write_headers():
    request = stun.encode(stun.BINDING)
    with Turnout(listen=LISTED) as t:
        for header in (v1(("192.0.2.7", 1)), v2(("192.0.2.7", 1)), LOCAL):
            is_refused(t, t.tcp, "127.0.0.1", header + request)
            is_refused(t, t.http, "127.0.0.1", header + b"GET /livez HTTP/1.0\r\n\r\n")
    with Turnout() as t:  # nobody is listed
        is_refused(t, t.tcp, PROXY, v1(("192.0.2.7", 1)) + request)


@tap.test
def broken_headers_are_refused():
    bad = [b"PROXY TCP4 1.2.3.4 5.6.7.8 9\r\n", b"PROXY " + b"x" * 200, SIGNATURE + b"\x21\x11\xff\xff", b"GET / HTTP/1.0\r\n\r\n",
           SIGNATURE + b"\x21\x11\0\x04abcd", v2(("192.0.2.7", 1), kind=2), v2(("192.0.2.7", 1), extras=b"\x03\0\x04nope"),
           v2(("192.0.2.7", 1), command=0x31), stun.encode(stun.BINDING)]
    with Turnout(listen=LISTED) as t:
        for data in bad:
            is_refused(t, t.tcp, PROXY, data)


@tap.test
def clients_are_who_the_header_says():
    clients = [("192.0.2.7", 4711), ("2001:db8::7", 65535)]
    with Turnout(tls=True, listen=LISTED) as t:
        for client in clients:
            for header in (v1(client, ("2001:db8::1", 1) if ":" in client[0] else ("192.0.2.1", 1)), v2(client)):
                for server, tls in ((t.tcp, False), (t.tls, False), (t.tls, True)):
                    with stun.TurnClient(server, None, "tcp", PROXY, Through(header, tls)) as c:
                        assert mapped(c) == client


@tap.test
def health_checks_and_unknown_clients_are_the_proxy_itself():
    with Turnout(listen=LISTED) as t:
        unix = SIGNATURE + b"\x21\x31\0\xd8" + bytes(216)
        for header in (LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ff:: x 1\r\n", SIGNATURE + b"\x21\0\0\0", unix,
                       v2(("192.0.2.7", 1), command=0x20)):
            with stun.TurnClient(t.tcp, None, "tcp", PROXY, Through(header)) as c:
                assert mapped(c) == c.link.socket.getsockname()
        with connect(t.tcp, PROXY, LOCAL):
            pass  # a check that only connects


@tap.test
def headers_may_come_byte_by_byte():
    client = ("192.0.2.7", 4711)
    request = stun.encode(stun.BINDING)
    with Turnout(listen=LISTED) as t:
        for header in (v1(client), v2(client, extras=b"\x04\0\x20" + bytes(32))):
            with connect(t.tcp) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in header + request:
                    s.sendall(bytes([byte]))
                    time.sleep(0.002)
                assert stun.Message(s.recv(1000)).address(stun.XOR_MAPPED_ADDRESS) == client


@tap.test(limit=40)
def a_header_that_never_ends_meets_a_deadline():
    with Turnout(listen=LISTED) as t:
        before = t.metrics()
        slow = [connect(t.tcp, PROXY, data) for data in (b"", b"PROXY TCP4 1", SIGNATURE + b"\x21\x11\x07\xf0")]
        begin = time.monotonic()
        for s in slow:
            s.settimeout(15)
            with contextlib.suppress(ConnectionResetError):
                assert s.recv(10) == b""
            s.close()
        assert 8 < time.monotonic() - begin < 14
        t.expect_metric(before, 'turnout_tcp_refused_total{reason="deadline"}', 3)


def http_status(server, header, request):
    with connect(server, PROXY, header) as s:
        s.sendall(request)
        return int(s.recv(2000).split()[1])


@tap.test
def http_limits_count_the_client_and_not_the_proxy():
    request = b"GET /v1/ice-servers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n"
    forwarded = request % b"X-Forwarded-For: 203.0.113.9\r\n"
    with Turnout(listen=LISTED, http={"request-rate": 2, "trusted-proxy": f"{PROXY}/32"}) as t:
        assert [http_status(t.http, v1(("192.0.2.7", 1)), request % b"") for _ in range(3)] == [401, 401, 429]
        assert http_status(t.http, v2(("192.0.2.8", 1)), request % b"") == 401
        # A client is not the proxy: what it says of itself in X-Forwarded-For is not believed.
        assert http_status(t.http, v1(("192.0.2.7", 1)), forwarded) == 429
        # The proxy's own requests may forward: it is trusted by its address.
        assert http_status(t.http, LOCAL, forwarded) == 401


@tap.test(limit=60)
def connection_limits_count_the_client_and_not_the_proxy():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4000:
        raise tap.Skip("too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4000, hard))
    with Turnout(listen=LISTED, server={"workers": 1}) as t, contextlib.ExitStack() as stack:
        before = t.metrics()
        held = [stack.enter_context(connect(t.tcp, PROXY, v1((f"192.0.2.{i % 2}", 1000 + i)))) for i in range(1998)]
        tap.wait_for(lambda: t.metrics()['turnout_proxy_headers_total{transport="tcp"}'] >= len(held), 10, "headers")
        more = [stack.enter_context(connect(t.tcp, PROXY, v1(("192.0.2.1", i + 1)))) for i in range(3)]
        t.expect_metric(before, 'turnout_tcp_refused_total{reason="source-limit"}', 2)
        assert answers(t.tcp, v1(("192.0.2.9", 9)) + stun.encode(stun.BINDING))
        assert sum(closed(s) for s in more) == 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def closed(s):
    s.settimeout(0.3)
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


# --- datagrams ------------------------------------------------------------------------------------


class ProxiedSocket:
    """A datagram socket of the proxy for one client: a header before each datagram, none in answers."""

    def __init__(self, s, client):
        self.socket, self.client = s, client

    def __getattr__(self, name):
        return getattr(self.socket, name)

    def sendall(self, data):
        self.socket.send(v2(self.client, kind=2) + data)

    send = sendall


def behind(client):
    return lambda s: ProxiedSocket(s, client)


def proxied(server, client, credentials=None):
    return stun.TurnClient(server, credentials, "udp", PROXY, behind(client))


@tap.test
def datagrams_are_the_client_s_and_answers_come_back_bare():
    with Turnout(listen=LISTED, relay=PEERS) as t, peers.EchoPeer() as echo:
        before = t.metrics()
        for address in (("192.0.2.7", 4711), ("2001:db8::7", 4712)):
            with proxied(t.udp, address, t.credentials()) as client:
                assert mapped(client) == address
                reply = client.allocate()
                assert reply.ok and reply.address(stun.XOR_MAPPED_ADDRESS) == address
                assert client.bind_channel(0x4000, echo.host, echo.port).ok
                for _ in range(20):
                    client.send_channel(0x4000, b"over there")
                    assert client.receive() == ("channel", 0x4000, b"over there")
                assert address[0] in t.ctl("sessions", "list").stdout
                assert client.refresh(0).ok
        t.expect_metric(before, 'turnout_proxy_headers_total{transport="udp"}', 50)


@tap.test
def a_client_whose_path_changes_keeps_its_allocation():
    address = ("192.0.2.7", 4711)
    with Turnout(listen=LISTED, relay=PEERS, server={"workers": 1}) as t, peers.EchoPeer() as echo:
        with proxied(t.udp, address, t.credentials()) as client, proxied(t.udp, address, t.credentials()) as moved:
            assert client.allocate().ok and client.bind_channel(0x4000, echo.host, echo.port).ok
            moved.send_channel(0x4000, b"by another port of the proxy")
            assert moved.receive() == ("channel", 0x4000, b"by another port of the proxy")
            assert t.allocations() == 1


@tap.test
def datagrams_without_a_header_or_of_others_with_one_are_dropped():
    request, address = stun.encode(stun.BINDING), ("192.0.2.7", 1)
    with Turnout(listen=LISTED) as t:
        before = t.metrics()
        for source, data, reason in ((PROXY, request, "proxy"), (PROXY, v1(address) + request, "proxy"),
                                     (PROXY, v2(address) + request, "proxy"), (PROXY, v2(address, kind=2)[:-1], "proxy"),
                                     (PROXY, SIGNATURE + b"\x21\x12\xff\xff" + request, "proxy"), (PROXY, b"", "proxy"),
                                     ("127.0.0.1", v2(address, kind=2) + request, "unknown")):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind((source, 0))
                s.sendto(data, t.udp)
                t.expect_metric(before, f'turnout_ingress_dropped_total{{reason="{reason}"}}')
                before = t.metrics()
                s.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    raise AssertionError(f"an answer: {s.recv(1000)}")
        with stun.TurnClient(t.udp, None, "udp", PROXY, lambda s: LocalSocket(s)) as c:
            assert mapped(c) == c.link.socket.getsockname()


class LocalSocket(ProxiedSocket):
    """The proxy's own health check."""

    def __init__(self, s):
        super().__init__(s, None)

    def sendall(self, data):
        self.socket.send(LOCAL + data)


@tap.test
def dtls_comes_through_the_proxy():
    address = ("192.0.2.7", 4711)
    with Turnout(tls=True, listen=LISTED) as t:
        client = stun.TurnClient(t.tls, t.credentials())
        client.link.close()
        client.link = DtlsLink(t.tls, source=PROXY, wrap=behind(address))
        with client:
            assert mapped(client) == address
            assert client.allocate().ok
            assert "dtls" in t.ctl("sessions", "list").stdout


@tap.test(limit=60)
def the_owner_of_a_steered_flow_answers_through_the_proxy():
    """Reserved ports lead a client's second flow to the worker of its first, wherever it arrives."""
    with Turnout(listen=LISTED, server={"workers": 2}) as t:
        before = t.metrics()
        for i in range(12):
            with proxied(t.udp, ("192.0.2.7", 2 * i + 2), t.credentials()) as first, \
                    proxied(t.udp, ("192.0.2.7", 2 * i + 3), t.credentials()) as second:
                reply = first.allocate((stun.EVEN_PORT, b"\x80"))
                assert reply.ok, reply.error
                token = (stun.RESERVATION_TOKEN, reply.attributes[stun.RESERVATION_TOKEN])
                reply = second.allocate(token)
                assert reply.ok, reply.error
                assert second.refresh().ok
        t.expect_metric(before, "turnout_ingress_steered_total", 2)


@tap.test
def a_reload_lists_and_unlists_proxies():
    address, request = ("192.0.2.7", 4711), stun.encode(stun.BINDING)
    with Turnout() as t:
        with stun.TurnClient(t.udp, t.credentials(), source=PROXY) as plain:
            assert plain.allocate().ok
            t.write_config(listen=LISTED)
            t.ctl("config", "reload")
            tap.wait_for(lambda: answers(t.tcp, v1(address) + request), 5, "the proxy to be believed")
            with proxied(t.udp, address) as client:
                assert mapped(client) == address
            t.write_config(listen={"proxy-protocol": None})
            t.ctl("config", "reload")
            tap.wait_for(lambda: answers(t.tcp, request), 5, "the proxy to be a client again")
            assert plain.refresh().ok
            is_refused(t, t.tcp, PROXY, v1(address) + request)


def answers(server, data):
    with connect(server, PROXY, data) as s:
        s.settimeout(1)
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            return len(s.recv(1000)) >= 20
    return False


@tap.test(limit=60)
def strangers_behind_a_proxy_cost_no_memory():
    with Turnout(listen=LISTED) as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((PROXY, 0))
        s.connect(t.udp)
        request = stun.encode(stun.ALLOCATE, attributes=[(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT)])
        flood(s, request, 0, 20000)
        before = rss_kib(t.pid)
        flood(s, request, 1, 40000)
        growth = rss_kib(t.pid) - before
        print(f"# 40000 strangers behind a proxy: {growth} KiB more memory")
        assert growth < 512, growth


def flood(s, request, network, count):
    done = threading.Event()

    def drain():
        s.settimeout(0.2)
        while not done.is_set():
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                s.recv(2000)

    thread = threading.Thread(target=drain)
    thread.start()
    for i in range(count):
        s.send(v2((f"10.{network}.{i >> 8 & 255}.{i & 255}", 1024 + i % 60000), kind=2) + request)
    time.sleep(0.3)
    done.set()
    thread.join()


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


tap.main()
