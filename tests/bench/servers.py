"""The servers under comparison, each started afresh, pinned to one core, with one relay thread."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import pathlib
import socket

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import process
from turnoutd import SECRET, Turnout, free_port

HOST = "127.0.0.1"
PORTS = (32768, 60999)  # as large a range as turnoutd's helper gives


def answers(address, timeout=5.0):
    """Waits for a STUN Binding reply."""
    request = bytes.fromhex("000100002112a442") + os.urandom(12)
    end = time.monotonic() + timeout
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.1)
        while time.monotonic() < end:
            try:
                s.sendto(request, address)
                if s.recv(512)[8:20] == request[8:20]:
                    return True
            except OSError:
                time.sleep(0.05)
    return False


class Coturn:
    """Debian's coturn: shared secret, no TLS, no CLI, no log, its own folder."""

    name = "coturn"

    def __init__(self, prefix=(), host=HOST):
        self.prefix = prefix
        self.host = host
        self.address = (host, free_port(host))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="turnout-bench-"))
        self.child = None

    def __enter__(self):
        config = self.folder / "turnserver.conf"
        config.write_text(f"""listening-ip={self.host}
relay-ip={self.host}
listening-port={self.address[1]}
min-port={PORTS[0]}
max-port={PORTS[1]}
relay-threads=1
no-tls
no-dtls
no-cli
use-auth-secret
static-auth-secret={SECRET}
realm=bench.example
allow-loopback-peers
log-file=/dev/null
simple-log
no-stdout-log
userdb={self.folder}/turndb
pidfile={self.folder}/pid
""")
        self.child = process.start([*self.prefix, "turnserver", "-c", config], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not answers(self.address):
            raise RuntimeError("coturn does not answer")
        return self

    def __exit__(self, *_):
        process.stop(self.child, timeout=2)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self):
        return self.child.pid

    @staticmethod
    def version():
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "coturn"], capture_output=True, text=True)
        return done.stdout.strip() or "of unknown version"


class Turnoutd:
    """turnoutd of the build folder: one secret, no TLS, errors only in the log."""

    name = "turnout"

    def __init__(self, prefix=(), host=HOST, tls=False, workers=1):
        relay = {"allow-peer": ["127.0.0.0/8", "::1/128"], "user-quota": "unlimited"}
        listen = {"challenge-rate": "unlimited", "handshake-rate": "unlimited", "source-connections": "unlimited"}
        self.daemon = Turnout(host=host, prefix=prefix, tls=tls, server={"workers": workers}, relay=relay, listen=listen,
                              log={"level": "error"})
        self.address = self.daemon.tls if tls else self.daemon.udp

    def __enter__(self):
        self.daemon.__enter__()
        if not answers(self.daemon.udp):
            raise RuntimeError("turnoutd does not answer")
        return self

    def __exit__(self, *_):
        self.daemon.__exit__(None, None, None)

    @property
    def pid(self):
        return self.daemon.pid

    @staticmethod
    def version():
        from turnoutd import BUILD
        done = subprocess.run([BUILD / "turnoutd", "--version"], capture_output=True, text=True)
        match = re.search(r"\d+\.\d+\S*", done.stdout)
        return match.group() if match else "of unknown version"


class TurnoutdBefore(Turnoutd):
    """turnoutd of another build folder, to compare with."""

    name = "before"
    build = None

    def __enter__(self):
        self.daemon.build = self.build
        return super().__enter__()

    @staticmethod
    def version():
        return str(TurnoutdBefore.build)


SERVERS = {server.name: server for server in (Coturn, Turnoutd)}
