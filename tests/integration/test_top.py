"""turnoutctl top: the busiest sessions of many, on a terminal, into a pipe and for programs."""
import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import struct
import subprocess
import termios
import time

import peers
import stun
import tap
from flows import Flow
from turnoutd import BUILD, Turnout

SESSIONS = 1500


@contextlib.contextmanager
def crowd():
    """Many idle sessions, and three that relay, one more than the other."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    with Turnout(listen={"challenge-rate": "unlimited"}, relay={**peers.LOOPBACK_PEERS, "user-quota": "unlimited"},
                 log={"level": "info"}) as t, contextlib.ExitStack() as stack:
        busy = [stack.enter_context(contextlib.closing(Flow(t, user))) for user in ("much", "some", "little")]
        for _ in range(SESSIONS):
            assert stack.enter_context(stun.TurnClient(t.udp, t.credentials("idle"))).allocate().ok
        yield t, busy


def relay(busy, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for flow, packets in zip(busy, (8, 4, 2)):
            for _ in range(packets):
                flow.client.send_channel(stun.CHANNEL_FIRST, bytes(500))
            flow.arrived()
        time.sleep(0.01)


def top(t, *arguments, **options):
    socket_path = str(t.sections["server"]["control-socket"])
    return subprocess.Popen([str(BUILD / "turnoutctl"), "--socket", socket_path, "top", *arguments], text=True, **options)


def names(rows):
    return [r["user"].split(":")[1] for r in rows]


def the_busiest_of_many_come_first(t, busy):
    with top(t, "--json", "--limit", "3", stdout=subprocess.PIPE) as child:
        relay(busy, 1.8)
        told = json.loads(child.communicate(timeout=10)[0])
    assert told["sessions"] == SESSIONS + 3 and names(told["busiest"]) == ["much", "some", "little"], told
    much, some = told["busiest"][:2]
    assert 1.5 < much["bits_per_s_from_client"] / some["bits_per_s_from_client"] < 2.5, told
    assert told["rates"]["bits_per_s_from_client"] > much["bits_per_s_from_client"], told["rates"]
    assert len(told["workers"]) == 2


def no_request_takes_long(t, busy):
    took = []
    for _ in range(3):
        began = time.monotonic()
        assert t.ctl("top", "--once").stdout
        took.append(time.monotonic() - began - 1)
    print(f"# two looks at {SESSIONS + 3} sessions, with the program's start: {min(took) * 1000:.0f} ms", flush=True)
    assert min(took) < 0.25, took


def into_a_pipe_frames_follow_each_other(t, busy):
    with top(t, "--limit", "2", stdout=subprocess.PIPE) as child:
        frames = [child.stdout.readline() for _ in range(20)]
        child.stdout.close()
        assert child.wait(10) == 0
    assert sum("sessions  by bitrate" in line for line in frames) == 2 and "\033" not in "".join(frames), frames


class Terminal:
    """turnoutctl top on a terminal of its own."""

    def __init__(self, t, columns, lines):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.child = top(t, stdin=slave, stdout=slave, stderr=slave, env=dict(os.environ, LC_ALL="C.UTF-8"))
        os.close(slave)
        self.text = ""

    def expect(self, pattern, timeout=6):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            left = end - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.text[-1500:]!r}"
            if stun.readable(self.master, left):
                with contextlib.suppress(OSError):  # the other end has closed
                    self.text += os.read(self.master, 65536).decode()

    def press(self, key):
        self.text = ""
        os.write(self.master, key.encode())


def keys_choose_the_order_and_end_it(t, busy):
    terminal = Terminal(t, 80, 24)
    terminal.expect("by bitrate")
    relay(busy, 1.5)
    terminal.expect(r"much\s+127\.0\.0\.1:\d+\s+udp")
    frame = terminal.text.split("\033[H\033[J")[-1]
    assert all(len(re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", line)) <= 80 for line in frame.split("\r\n")), frame
    terminal.press("x")
    terminal.expect("by dropped")
    terminal.press("s")
    terminal.expect("by bitrate")
    terminal.press("q")
    terminal.expect(re.escape("\033[?1049l"))
    assert terminal.child.wait(5) == 0
    os.close(terminal.master)


@tap.test(limit=120)
def top_works_among_fifteen_hundred_sessions():
    with crowd() as (t, busy):
        for part in (the_busiest_of_many_come_first, no_request_takes_long, into_a_pipe_frames_follow_each_other,
                     keys_choose_the_order_and_end_it):
            part(t, busy)
            print(f"# {part.__name__.replace('_', ' ')}", flush=True)


@tap.test
def without_the_daemon_it_says_so():
    t = Turnout()
    t.write_config()
    with top(t, "--once", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        _, errors = child.communicate(timeout=10)
    assert child.returncode == 3 and "not running" in errors, errors


tap.main()
