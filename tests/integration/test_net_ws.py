"""WebSockets in net_server: by plain TCP and behind TLS, with and without compression, well-meant and hostile."""
import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from netserver import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Server, WebSocket, client_context, frame, process, tap,
                       upgrade_request)

try:
    import websockets
except ImportError:
    websockets = None

LIMIT = 256 * 1024
server = Server()


def both(function):
    """The test over plain TCP and over TLS."""
    name = function.__name__.replace("_", " ")
    tap.case(f"{name}, plain", function, False)
    tap.case(f"{name}, TLS", function, True)
    return function


def deflated(data, bits=15):
    c = zlib.compressobj(wbits=-bits)
    return (c.compress(data) + c.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(data):
    return zlib.decompressobj(wbits=-15).decompress(data + b"\0\0\xff\xff")


async def _converse(tls, compression):
    uri = f"{'wss' if tls else 'ws'}://127.0.0.1:{server.shared}/ws"
    async with websockets.connect(uri, ssl=client_context() if tls else None, compression=compression,
                                  subprotocols=["other", "test.v1"], max_size=None) as ws:
        assert ws.subprotocol == "test.v1" and bool(ws.extensions) == bool(compression)
        for size in (0, 1, 125, 126, 127, 255, 256, 65535, 65536, LIMIT):
            text = ("caf\u00e9 " * size)[:size] if size < 1000 else "0123456789abcdef" * (size // 16) + "z" * (size % 16)
            await ws.send(text)
            assert await ws.recv() == text, size
        await ws.send(["frag" * 100, "ment" * 100, "ed"])
        assert await ws.recv() == "frag" * 100 + "ment" * 100 + "ed"
        await asyncio.wait_for(await ws.ping(), 5)
        texts = [f"message {i} " + "x" * (i * 37 % 1000) for i in range(200)]
        for text in texts:
            await ws.send(text)
        assert [await ws.recv() for _ in texts] == texts


@tap.test
def library_client_converses_over_every_combination():
    if not websockets:
        raise tap.Skip("no python3-websockets")
    for tls in (False, True):
        for compression in (None, "deflate"):
            asyncio.run(asyncio.wait_for(_converse(tls, compression), 30))


@both
def frames_sent_with_the_request_are_not_lost(tls):
    texts = [b"a" * 10, b"b" * 2000, b"c" * 30000, b"d"]
    for count in range(1, 5):
        ws = WebSocket(server, tls, early=b"".join(frame(TEXT, t) for t in texts[:count]))
        assert [ws.text() for _ in range(count)] == texts[:count]
        ws.send(TEXT, b"after")
        assert ws.text() == b"after"
        ws.close()


@both
def frame_in_single_bytes_is_understood(tls):
    ws = WebSocket(server, tls)
    for byte in frame(TEXT, b"slowly"):
        ws.sock.sendall(bytes([byte]))
        time.sleep(0.002)
    assert ws.text() == b"slowly"
    ws.close()


@both
def control_frames_between_fragments(tls):
    ws = WebSocket(server, tls)
    ws.send(TEXT, b"one ", fin=False)
    ws.send(PING, b"are you there")
    assert ws.receive() == (PONG, b"are you there", 0)
    ws.send(CONTINUATION, b"two ", fin=False)
    ws.send(CONTINUATION, b"three")
    assert ws.text() == b"one two three"
    ws.close()


@both
def closing_handshake_carries_the_codes(tls):
    before = server.count("ws_closed")
    ws = WebSocket(server, tls)
    ws.send(CLOSE, struct.pack("!H", 4321) + b"bye")
    assert ws.close_code() == 4321
    server.expect("ws_closed", before + 1)
    assert server.count("ws_last_code") == 4321
    ws = WebSocket(server, tls)
    ws.send(TEXT, b"close")
    opcode, payload, _ = ws.receive()
    assert opcode == CLOSE and payload == struct.pack("!H", 4003) + b"kicked"
    ws.send(CLOSE, payload)
    server.expect("ws_closed", before + 2)
    assert server.count("ws_last_code") == 4003
    assert ws.close_code() == 1006


@tap.test
def client_that_does_not_answer_our_close_is_cut():
    before = server.count("ws_closed")
    ws = WebSocket(server)
    ws.send(TEXT, b"close")
    assert ws.receive()[0] == CLOSE
    server.expect("ws_closed", before + 1, timeout=9)
    ws.close()


def after(*frames, tls=False, deflate=False):
    ws = WebSocket(server, tls, deflate=deflate)
    try:
        ws.sock.sendall(b"".join(frames))
    except OSError:
        pass
    code = ws.close_code()
    ws.close()
    return code


@both
def message_over_the_bound_is_1009(tls):
    assert after(frame(TEXT, b"x" * (LIMIT + 1)), tls=tls) == 1009
    assert after(frame(TEXT, b"x" * 200000, fin=False), frame(CONTINUATION, b"x" * 70000), tls=tls) == 1009
    assert after(frame(TEXT, b"")[:1] + b"\xff" + struct.pack("!Q", 1 << 40) + bytes(4), tls=tls) == 1009


@tap.test
def deflate_bomb_is_1009():
    bomb = deflated(bytes(50 * 1024 * 1024))
    assert len(bomb) < LIMIT
    memory = server.memory_bytes()
    for _ in range(5):
        assert after(frame(TEXT, bomb, rsv=4), deflate=True) == 1009
    assert after(frame(TEXT, deflated(b"x" * (LIMIT + 1)), rsv=4), deflate=True) == 1009
    assert server.memory_bytes() - memory < 4 * 1024 * 1024


@tap.test
def compressed_messages_and_answers():
    ws = WebSocket(server, deflate=True)
    assert b"permessage-deflate; server_no_context_takeover; client_no_context_takeover" in ws.head
    for data in (b"small", b"x" * LIMIT, "caf\u00e9".encode() * 1000):
        ws.send(TEXT, deflated(data), rsv=4)
        opcode, payload, rsv = ws.receive()
        assert opcode == TEXT and (inflated(payload) if rsv else payload) == data
        assert bool(rsv) == (len(data) >= 256)
    final = zlib.compressobj(wbits=-15)
    ws.send(TEXT, final.compress(b"final block") + final.flush() + b"\0", rsv=4)
    assert ws.text() == b"final block"
    ws.send(TEXT, b"plain among compressed")
    assert ws.text() == b"plain among compressed"
    half = deflated(b"in two frames" * 100)
    ws.send(TEXT, half[:7], fin=False, rsv=4)
    ws.send(CONTINUATION, half[7:])
    opcode, payload, rsv = ws.receive()
    assert inflated(payload) == b"in two frames" * 100
    ws.close()


@tap.test
def wrong_text_is_1007():
    for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"ok\xf4\x90\x80\x80", b"cut\xe2\x82"):
        assert after(frame(TEXT, bad)) == 1007, bad
        assert after(frame(TEXT, deflated(bad), rsv=4), deflate=True) == 1007, bad
    assert after(frame(TEXT, b"\xde\xad\xbe\xef" * 10, rsv=4), deflate=True) == 1007


@tap.test
def broken_framing_is_1002():
    bad = [frame(TEXT, b"x", mask=False), frame(TEXT, b"x", rsv=4), frame(TEXT, b"x", rsv=2), frame(3, b"x"), frame(11, b""),
           frame(CONTINUATION, b"x"),
           frame(CLOSE, struct.pack("!H", 1005)), frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")]
    for data in bad:
        assert after(data) == 1002, data
    for data in (frame(PING, b"x" * 126), frame(PING, b"x", fin=False)):
        assert after(data) == 1005  # here wslay closes without a code
    assert after(frame(PING, b"x", rsv=4), deflate=True) == 1002
    assert after(frame(TEXT, b"x", fin=False, rsv=4), frame(CONTINUATION, b"y", rsv=4), deflate=True) == 1002


@tap.test
def binary_is_1003():
    assert after(frame(BINARY, b"\0\1")) == 1003


@tap.test
def bad_handshakes_are_refused():
    def status(**headers):
        return server.status_of(upgrade_request(**headers))

    assert status(Sec_WebSocket_Key=None) == 400
    assert status(Sec_WebSocket_Key="short") == 400
    assert status(Sec_WebSocket_Key="!" * 24) == 400
    assert status(Sec_WebSocket_Version="8") == 426
    assert status(Upgrade=None, Connection=None) == 426
    assert status(Upgrade="h2c") == 426
    assert status(Origin="https://evil.example") == 403
    assert status(Origin="null") == 403
    assert status(Origin="http://localhost:1") == 403
    assert status(path="/hello") == 200
    for fine in ("https://allowed.example", "http://localhost", "https://LOCALHOST"):
        WebSocket(server, Origin=fine).close()
    WebSocket(server, Sec_WebSocket_Extensions="permessage-deflate; nonsense, x-webkit-deflate-frame").close()


@both
def slow_reader_is_bounded_and_stays_in_step(tls):
    memory = server.memory_bytes()
    ws = WebSocket(server, tls)
    ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    ws.send(TEXT, b"flood")
    time.sleep(0.5)
    assert server.memory_bytes() - memory < 16 * 1024 * 1024
    assert server.request("GET", "/hello")[0] == 200
    ws.sock.settimeout(1)
    total = 0
    text = b""
    while text != b"still in step":
        try:
            opcode, text, _ = ws.receive()
        except (TimeoutError, socket.timeout):
            ws.send(TEXT, b"still in step")
            continue
        assert opcode == TEXT and (len(text) == 32768 or text[:7] in (b"flooded", b"still i")), text
        total += len(text)
        assert total < 32 * 1024 * 1024, "no bound"
    assert total > 512 * 1024
    assert server.count("ws_output_full_total{}") > 0
    ws.close()


@both
def close_frame_comes_after_what_was_queued(tls):
    ws = WebSocket(server, tls)
    ws.send(TEXT, b"leave")
    time.sleep(0.3)
    frames = 0
    while (received := ws.receive())[0] == TEXT:
        frames += 1
    assert frames >= 30 and received[:2] == (CLOSE, struct.pack("!H", 4004) + b"after all that"), (frames, received)
    ws.close()


@tap.test
def slow_reader_can_be_closed():
    before = server.count("ws_closed")
    ws = WebSocket(server)
    ws.send(TEXT, b"flood")
    ws.send(TEXT, b"close")
    server.expect("ws_closed", before + 1, timeout=10)
    ws.close()


@both
def silent_peer_counts_as_gone(tls):
    before = server.count("ws_closed")
    ws = WebSocket(server, tls)
    began = time.monotonic()
    server.expect("ws_closed", before + 1, timeout=15)
    assert time.monotonic() - began > 2  # pings every second here, 2.25 of them; a busy machine may be late
    assert server.count("ws_last_code") == 1006
    ws.close()


@both
def answered_pings_keep_it_open_and_measure(tls):
    ws = WebSocket(server, tls)
    end = time.monotonic() + 4
    ws.sock.settimeout(0.2)
    while time.monotonic() < end:
        try:
            opcode, payload, _ = ws.receive_any()
            assert opcode == PING
            time.sleep(0.05)
            ws.send(PONG, payload)
        except (TimeoutError, socket.timeout):
            pass
    ws.sock.settimeout(5)
    ws.send(TEXT, b"rtt")
    assert 45000 < int(ws.text()) < 200000
    ws.close()


CLIENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
import netserver
class At: pass
at = At(); at.shared = int(sys.argv[2]); at.connect = lambda port, tls: netserver.Server.connect(at, at.shared, tls)
ws = [netserver.WebSocket(at, tls) for tls in (False, True, False, True)]
print("up", flush=True)
time.sleep(60)
"""


@tap.test
def killed_client_is_noticed():
    before = server.count("ws_closed")
    child = process.start([sys.executable, "-c", CLIENT, os.path.dirname(os.path.abspath(__file__)), server.shared],
                          stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"up\n"
    process.stop(child, signal.SIGKILL)
    server.expect("ws_closed", before + 4, timeout=2)
    assert server.count("ws_last_code") == 1006


@tap.test(limit=120)
def a_thousand_idle_connections():
    with Server(ping_ms=20000) as crowd:
        start = crowd.memory_bytes()
        sockets = [WebSocket(crowd) for _ in range(1000)]
        plain = (crowd.memory_bytes() - start) / 1000
        for ws in sockets:
            ws.close()
        crowd.expect("ws_closed", 1000)
        assert crowd.count("websockets{}") == 0 and crowd.count("tcp_open{}") == 0
        behind = [WebSocket(crowd, tls=True) for _ in range(100)]
        for ws in behind:
            ws.send(TEXT, b"x" * 1000)
        for ws in behind:
            assert ws.text() == b"x" * 1000
        print(f"# {plain / 1024:.1f} kB of memory for a plain WebSocket")
        for ws in behind:
            ws.close()
        crowd.expect("ws_closed", 1100)
        tap.wait_for(lambda: crowd.count("tcp_open{}") == 0, what="seats to be given back")
        assert plain < 24 * 1024, plain


@tap.test
def flood_of_messages_in_does_not_grow_memory():
    memory = server.memory_bytes()
    ws = WebSocket(server)
    ws.sock.setblocking(False)
    data = frame(TEXT, b"y" * 100000)
    sent = 0
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            sent += ws.sock.send(data[sent % len(data):])
        except BlockingIOError:
            time.sleep(0.01)
    assert server.memory_bytes() - memory < 16 * 1024 * 1024
    ws.close()


@tap.test
def server_ends_clean_with_connections_open():
    held = [WebSocket(server, tls) for tls in (False, True, False, True)]
    server.stop()
    assert held


tap.main()
