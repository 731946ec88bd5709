"""tests/integration/net_server.c run for a test, and small clients that can say wrong things."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import process
import tap
from sources import ROOT

BUILD = pathlib.Path(os.environ.get("TURNOUT_BUILD", os.environ.get("top_builddir", ROOT / "build")))
SANITIZER_SIGNS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")
HOST = "127.0.0.1"
TURN_REQUEST = struct.pack("!HHI", 0x0001, 0, 0x2112A442) + b"transaction!"
HANG_UP = struct.pack("!HHI", 0x0055, 0, 0x2112A442) + b"transaction!"


def web_root(folder):
    web = folder / "web"
    (web / "sdk" / "1.0.0").mkdir(parents=True)
    (web / "dir").mkdir()
    (web / "index.html").write_text("<!doctype html><title>app</title>")
    (web / "room.html").write_text("<!doctype html><title>room</title>")
    (web / "dir" / "index.html").write_text("folder")
    (web / "app.js").write_text("export {};")
    (web / "app.css").write_text("body{}")
    (web / "sdk" / "1.0.0" / "client.js").write_text("export {};")
    (web / ".hidden").write_text("secret")
    (folder / "outside.txt").write_text("outside")
    (web / "inside").symlink_to("app.js")
    (web / "escape").symlink_to("../outside.txt")
    (web / "absolute").symlink_to("/etc/passwd")
    (web / "out").symlink_to("..")
    return web


class Server:
    """with Server() as s: s.shared, s.http and s.stats_port are its ports."""

    def __init__(self, workers=2, files=None, ping_ms=1000):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="net-test-"))
        command = [BUILD / "tests/integration/net_server", self.folder, web_root(self.folder), workers, ping_ms]
        if files:
            command = ["prlimit", f"--nofile={files}:{files}", "--", *command]
        self.log = open(self.folder / "log", "w+")
        self.child = process.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        ports = json.loads(self.child.stdout.readline() or "{}")
        assert ports, self.log_text()
        self.shared, self.http, self.stats_port = ports["shared"], ports["http"], ports["stats"]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def log_text(self):
        self.log.flush()
        return (self.folder / "log").read_text(errors="replace")

    def stop(self):
        self.child.stdin.close()
        try:
            status = self.child.wait(20)
        finally:
            process.stop(self.child)
        text = self.log_text()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert status == 0 and not any(sign in text for sign in SANITIZER_SIGNS), f"status {status}\n{text[-6000:]}"

    def reload_certificate(self):
        self.child.stdin.write(b"r\n")
        self.child.stdin.flush()

    def stats(self):
        c = http.client.HTTPConnection(HOST, self.stats_port, timeout=10)
        c.request("GET", "/stats")
        values = json.loads(c.getresponse().read())
        c.close()
        return values

    def count(self, name):
        return self.stats().get(name, 0)

    def expect(self, name, value, timeout=5):
        """Waits for a counter to come to at least that value."""
        tap.wait_for(lambda: self.count(name) >= value, timeout, f"{name} to reach {value}")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.server_pid()}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self):
        """Resident memory; 0 under a sanitizer, which needs its own."""
        maps = pathlib.Path(f"/proc/{self.server_pid()}/maps").read_text()
        if "libasan" in maps or "libtsan" in maps or b"__tsan_init" in (BUILD / "tests/integration/net_server").read_bytes():
            return 0
        text = pathlib.Path(f"/proc/{self.server_pid()}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    def server_pid(self):
        return self.child.pid  # prlimit replaces itself

    def connect(self, port=None, tls=False, source=None, timeout=10):
        s = socket.create_connection((HOST, port or self.shared), timeout, source and (source, 0))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client_context().wrap_socket(s, server_hostname="localhost") if tls else s

    def request(self, method, path, body=None, headers=None, tls=False, source=None, port=None):
        """(status, headers, body) over a connection of its own."""
        c = http.client.HTTPConnection(HOST, 1, timeout=10)
        c.sock = self.connect(port, tls, source)
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, r.headers, data

    def raw(self, data, tls=False, port=None):
        """Sends bytes, returns all that comes until the server closes or is silent for a second."""
        with self.connect(port, tls, timeout=1) as s:
            s.sendall(data)
            return read_all(s)

    def status_of(self, data, tls=False):
        """The status of the answer to raw bytes; 0: closed without one."""
        answer = b""
        with self.connect(tls=tls, timeout=5) as s:
            try:
                s.sendall(data)
                while b"\r\n" not in answer and (piece := s.recv(4096)):
                    answer += piece
            except OSError:
                pass
        return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def client_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def read_all(s):
    data = b""
    try:
        while piece := s.recv(65536):
            data += piece
    except (TimeoutError, socket.timeout, ConnectionResetError, ssl.SSLError):
        pass
    return data


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise EOFError(f"closed after {len(data)} of {n} bytes")
        data += piece
    return data


def is_closed_within(s, seconds):
    """Does the server close a connection that we keep silent?"""
    s.settimeout(seconds)
    try:
        return s.recv(4096) == b""
    except ConnectionResetError:
        return True
    except (TimeoutError, socket.timeout):
        return False


def frame(opcode, payload=b"", fin=True, rsv=0, mask=True):
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", bit | 127, len(payload))
    if not mask:
        return head + payload
    key = os.urandom(4)
    whole = int.from_bytes(payload, "big") ^ int.from_bytes((key * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + key + whole.to_bytes(len(payload), "big")


TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


def upgrade_request(path="/ws", **headers):
    fields = {"Host": "localhost", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
              "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}
    fields.update({k.replace("_", "-"): v for k, v in headers.items()})
    return (f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None)
            + "\r\n").encode()


class WebSocket:
    """A client that frames by hand. early: bytes sent in one piece with the request."""

    def __init__(self, server, tls=False, early=b"", deflate=False, port=None, **headers):
        if deflate:
            headers["Sec_WebSocket_Extensions"] = "permessage-deflate"
        self.sock = server.connect(port, tls)
        self.sock.sendall(upgrade_request(**headers) + early)
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            piece = self.sock.recv(65536)
            assert piece, "closed during the handshake"
            self.buffer += piece
        self.head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head

    def send(self, *args, **options):
        self.sock.sendall(frame(*args, **options))

    def receive_any(self):
        """(opcode, payload, rsv) of the next frame. A timeout loses nothing."""
        while (parsed := self.parse()) is None:
            piece = self.sock.recv(1 << 20)
            if not piece:
                raise EOFError
            self.buffer += piece
        return parsed

    def parse(self):
        if len(self.buffer) < 2:
            return None
        first, length = self.buffer[0], self.buffer[1]
        assert not length & 0x80, "a server does not mask"
        extended = {126: 2, 127: 8}.get(length, 0)
        if len(self.buffer) < 2 + extended:
            return None
        if extended:
            length = int.from_bytes(self.buffer[2:2 + extended], "big")
        end = 2 + extended + length
        if len(self.buffer) < end:
            return None
        payload, self.buffer = self.buffer[2 + extended:end], self.buffer[end:]
        return first & 15, payload, first >> 4 & 7

    def receive(self, pong=True):
        """The next frame that is no ping; pings are answered unless told otherwise."""
        while True:
            opcode, payload, rsv = self.receive_any()
            if opcode != PING:
                return opcode, payload, rsv
            if pong:
                self.send(PONG, payload)

    def text(self):
        opcode, payload, _ = self.receive()
        assert opcode == TEXT, (opcode, payload)
        return payload

    def close_code(self):
        """The code of the close frame that comes next; 1006 without one."""
        try:
            while True:
                opcode, payload, _ = self.receive()
                if opcode == CLOSE:
                    return struct.unpack("!H", payload[:2])[0] if payload else 1005
        except (EOFError, ConnectionResetError, ssl.SSLError):
            return 1006

    def close(self):
        self.sock.close()
