"""STUN/TURN streams in net_server beside HTTP on the same port: first bytes, framing, bounds, TLS."""
import os
import socket
import ssl
import struct
import sys
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from netserver import HANG_UP, TURN_REQUEST, Server, client_context, is_closed_within, process, read_all, read_exactly, tap

server = Server()


def both(function):
    """The test over plain TCP and over TLS."""
    name = function.__name__.replace("_", " ")
    tap.case(f"{name}, plain", function, False)
    tap.case(f"{name}, TLS", function, True)
    return function


def message(size):
    return struct.pack("!HHI", 0x0001, size, 0x2112A442) + os.urandom(12 + size)


def channel(size):
    return struct.pack("!HH", 0x4001, size) + os.urandom(size) + bytes(-size % 4)


@both
def turn_and_http_share_the_port(tls):
    for _ in range(5):
        with server.connect(tls=tls) as s:
            s.sendall(TURN_REQUEST)
            assert read_exactly(s, 20) == TURN_REQUEST
        assert server.request("GET", "/hello", tls=tls)[0] == 200


@both
def frames_come_whole_however_they_are_cut(tls):
    frames = [message(0), channel(0), channel(1), channel(2), channel(3), channel(4), message(4), channel(1000), message(400)]
    data = b"".join(frames)
    with server.connect(tls=tls) as s:
        s.sendall(data * 50)
        assert read_exactly(s, len(data) * 50) == data * 50
    for step in (1, 3, 7, 100):
        with server.connect(tls=tls) as s:
            for at in range(0, len(data), step):
                s.sendall(data[at:at + step])
            assert read_exactly(s, len(data)) == data


@both
def largest_frames_pass(tls):
    for data in (channel(65535), message(65532)):
        with server.connect(tls=tls) as s:
            s.sendall(TURN_REQUEST + data)
            assert read_exactly(s, 20 + len(data)) == TURN_REQUEST + data


@both
def lost_framing_ends_the_stream(tls):
    before = server.count("tcp_streams_malformed_total{}")
    for bad in (b"\xff" * 20, struct.pack("!HH", 0x8001, 4) + bytes(16), struct.pack("!HHI", 1, 0, 0x12345678) + bytes(12)):
        with server.connect(tls=tls) as s:
            s.sendall(TURN_REQUEST + bad)
            assert read_exactly(s, 20) == TURN_REQUEST
            assert is_closed_within(s, 3), bad
    assert server.count("tcp_streams_malformed_total{}") == before + 3


@both
def what_is_queued_leaves_before_a_flushing_close(tls):
    with server.connect(tls=tls) as s:
        s.sendall(TURN_REQUEST + channel(60000) + HANG_UP + channel(100))
        assert len(read_all(s)) == 20 + 60004 + 20


@both
def client_that_does_not_read_loses_frames_but_not_the_framing(tls):
    before = server.count("tcp_output_full_total{}")
    with server.connect(tls=tls) as s:
        s.settimeout(0.2)
        s.sendall(TURN_REQUEST)
        block = channel(1000) * 64
        deadline = time.monotonic() + 10
        while server.count("tcp_output_full_total{}") == before and time.monotonic() < deadline:
            try:
                s.sendall(block)
            except (TimeoutError, socket.timeout):
                raise AssertionError("the server stopped reading") from None
        assert server.count("tcp_output_full_total{}") > before
        s.settimeout(2)
        assert read_exactly(s, 20) == TURN_REQUEST
        data = read_all(s)
        assert len(data) % 1004 == 0 and all(data[i:i + 4] == b"\x40\x01\x03\xe8" for i in range(0, len(data), 1004))


@tap.test
def what_is_not_served_is_refused_and_counted():
    def refused(data, reason, port=None, tls=False):
        name = f"tcp_refused_total{{reason='{reason}'}}"
        before = server.count(name)
        with server.connect(port, tls=tls) as s:
            s.sendall(data)
            assert is_closed_within(s, 3), (data, reason)
        assert server.count(name) == before + 1, (data, reason)

    for tls in (False, True):
        refused(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "proxy", tls=tls)
        refused(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12), "proxy", tls=tls)
        refused(struct.pack("!H", 20) + TURN_REQUEST, "ice-tcp", tls=tls)
        refused(b"\x80\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a", "unknown", tls=tls)
        refused(b"SSH-2.0-OpenSSH\r\n", "unknown", tls=tls)
        refused(TURN_REQUEST, "not-offered", port=server.http, tls=tls)
    assert server.request("GET", "/hello", port=server.http)[0] == 200
    assert server.request("GET", "/hello", port=server.http, tls=True)[0] == 200


@tap.test
def client_that_closes_within_its_first_bytes_is_let_go():
    for data in (b"", b"\x00", b"\x00\x01\x00\x00\x21", b"GE", b"\r\n\r\n\0"):
        s = server.connect()
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        assert is_closed_within(s, 2), data
        s.close()
    tap.wait_for(lambda: server.count("tcp_open{}") == 0, what="connections to be let go")


@tap.test
def failed_handshakes_are_counted():
    before = server.stats()
    with server.connect() as s:
        s.sendall(bytes.fromhex("1603010005") + b"\x01\x00\x00\x01\x00")
        read_all(s)
    warnings.simplefilter("ignore", DeprecationWarning)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        old.wrap_socket(server.connect())
        raise AssertionError("TLS 1.1 was accepted")
    except ssl.SSLError:
        pass
    name = "tls_handshakes_total{result='protocol'}"
    assert server.count(name) == before.get(name, 0) + 2


@tap.test
def sessions_resume_on_any_worker():
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    first = context.wrap_socket(server.connect())
    session = first.session
    first.close()
    reused = 0
    for _ in range(8):
        with context.wrap_socket(server.connect(), session=session) as s:
            reused += s.session_reused
    assert reused == 8


@tap.test
def alpn_is_a_hint_only():
    for names, chosen in ((["stun.turn"], "stun.turn"), (["h2", "http/1.1"], "http/1.1"), (["h2"], None), (["stun.turn", "http/1.1"], "http/1.1")):
        context = client_context()
        context.set_alpn_protocols(names)
        with context.wrap_socket(server.connect()) as s:
            assert s.selected_alpn_protocol() == chosen, names
            s.sendall(TURN_REQUEST)
            assert read_exactly(s, 20) == TURN_REQUEST


@tap.test
def reloaded_certificate_serves_new_connections_only():
    with server.connect(tls=True) as old:
        before = old.getpeercert(True)
        process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                     server.folder / "key.pem", "-out", server.folder / "cert.pem", "-days", "3", "-subj", "/CN=second"])
        server.reload_certificate()

        def changed():
            with server.connect(tls=True) as s:
                return s.getpeercert(True) != before

        tap.wait_for(changed, what="the new certificate")
        old.sendall(TURN_REQUEST)
        assert read_exactly(old, 20) == TURN_REQUEST


@tap.test
def self_signed_certificate_names_the_machine():
    with Server() as fresh:
        text = process.run(["openssl", "x509", "-in", fresh.folder / "cert.pem", "-noout", "-text"]).stdout
        assert "DNS:localhost" in text and "IP Address:127.0.0.1" in text and "prime256v1" in text
        assert (fresh.folder / "key.pem").stat().st_mode & 0o777 == 0o600
        context = ssl.create_default_context(cafile=fresh.folder / "cert.pem")
        context.wrap_socket(fresh.connect(), server_hostname="localhost").close()


@tap.test
def running_out_of_descriptors_pauses_and_recovers():
    with Server(workers=1, files=64) as poor:
        crowd = [socket.create_connection(("127.0.0.1", poor.shared), 5) for _ in range(100)]
        time.sleep(1.5)
        cpu = poor.cpu_seconds()
        time.sleep(1.5)
        assert poor.cpu_seconds() - cpu < 0.3, "the server spins"
        for s in crowd:
            s.close()

        def answers():
            try:
                return poor.request("GET", "/hello")[0] == 200
            except OSError:
                return False

        tap.wait_for(answers, 10, "an answer after the crowd has gone")
        assert poor.count("tcp_accept_pauses_total{}") > 0


@tap.test
def everything_was_given_back():
    tap.wait_for(lambda: server.count("tcp_open{}") == 0, 8, "connections to end")
    server.stop()


tap.main()
