"""coturn's tools as peers."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import process
import tap
from turnoutd import SECRET, free_port

HERE = pathlib.Path(__file__).resolve().parent

# What a test on one machine needs: its peers are loopback addresses, denied by default.
LOOPBACK_PEERS = {"allow-peer": ["127.0.0.0/8", "::1/128"]}


def need(program):
    if not shutil.which(program):
        raise tap.Skip(f"no {program}")


class EchoPeer:
    """turnutils_peer: sends every datagram back. with EchoPeer() as p: p.host, p.port"""

    def __init__(self, host="127.0.0.1", inside=()):
        need("turnutils_peer")
        self.host, self.port, self.inside = host, free_port(host, 2), list(inside)

    def __enter__(self):
        self.child = process.start([*self.inside, "turnutils_peer", "-L", self.host, "-p", self.port],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        tap.wait_for(lambda: udp_port_open(self.port), 5, "turnutils_peer")
        return self

    def __exit__(self, *_):
        process.stop(self.child)


def udp_port_open(port):
    tables = ("/proc/net/udp", "/proc/net/udp6")
    return any(f":{port:04X} " in open(t).read() for t in tables if os.path.exists(t))


def uclient_of_dtls_1_2(folder):
    """What to put before turnutils_uclient. Left alone it speaks DTLS 1.0, which is refused, half of the time."""
    if not shutil.which("cc"):
        raise tap.Skip("no cc")
    library = folder / "dtls12.so"
    process.run(["cc", "-shared", "-fPIC", "-Wno-deprecated-declarations", "-o", library, HERE / "dtls12_only.c"])
    return ["env", f"LD_PRELOAD={library}"]


def uclient(server, peer, *flags, clients=4, messages=60, length=400, secret=SECRET, user="uclient", inside=(),
            timeout=50):
    """Runs turnutils_uclient; its result: sent, received, lost. Every client sends `messages` packets."""
    need("turnutils_uclient")
    done = process.run([*inside, "turnutils_uclient", "-e", peer.host, "-r", peer.port, "-p", server[1], "-n",
                        messages, "-m", clients, "-l", length, "-u", user, "-W", secret, *flags, server[0]],
                       timeout=timeout, check=False)
    return Result(done)


class Result:
    def __init__(self, done):
        self.output, self.status = done.stdout, done.returncode
        totals = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", self.output)
        self.sent, self.received = map(int, totals[-1]) if totals else (0, 0)
        lost = re.search(r"Total lost packets (\d+)", self.output)
        self.lost = int(lost.group(1)) if lost else None

    def expect_all(self, packets):
        """All packets that were asked for went there and back."""
        assert self.status == 0 and self.lost == 0 and self.sent == self.received == packets, (
            f"status {self.status}, sent {self.sent}, received {self.received}, lost {self.lost}, "
            f"wanted {packets}:\n{self.output[-1500:]}")
