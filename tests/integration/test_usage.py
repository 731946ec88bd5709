"""What sessions have moved is kept in the database, and nobody waits for it."""
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import time

import peers
import process
import stun
import tap
from turnoutd import BUILD, Turnout


def ctl(t, *arguments):
    return json.loads(t.ctl("usage", *arguments, "--json").stdout)


def records(t, count, *arguments, timeout=6):
    """The records once there are that many."""
    return tap.wait_for(lambda: (rows := ctl(t, "list", *arguments)) and len(rows) >= count and rows, timeout,
                        f"{count} usage records")


@contextlib.contextmanager
def session(t, user="ann", transport="udp", packets=0):
    """A session that has sent so many packets of 100 bytes to a peer, and got one back."""
    with stun.TurnClient(t.udp, t.credentials(user), transport) as client, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        assert client.allocate().ok
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(3)
        assert client.bind_channel(stun.CHANNEL_FIRST, *peer.getsockname()).ok
        for _ in range(packets):
            client.send_channel(stun.CHANNEL_FIRST, bytes(100))
            _, relay = peer.recvfrom(200)
        if packets:
            peer.sendto(bytes(50), relay)
            assert client.receive()
        yield client


@tap.test
def every_end_leaves_a_record_with_its_reason():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        with session(t, packets=5) as client:
            assert client.refresh(0).ok
        with session(t, "bob", "tcp", packets=1):
            pass
        with session(t, "cyd"):
            ids = [s["id"] for s in json.loads(t.ctl("sessions", "list", "--json").stdout)]
            t.ctl("sessions", "kill", ids[0])
        rows = {r["user"]: r for r in records(t, 3)}
        ann, bob = rows["ann"], rows["bob"]
        assert (ann["packets_from_client"], ann["bytes_from_client"]) == (5, 500), ann
        assert (ann["packets_to_client"], ann["bytes_to_client"]) == (1, 50), ann
        assert ann["transport"] == "udp" and bob["transport"] == "tcp" and ann["realm"] == "test.example", rows
        assert [rows[u]["reason"] for u in ("ann", "bob", "cyd")] == ["client", "disconnected", "killed"], rows
        assert rows["cyd"]["session"] == ids[0] and abs(ann["ended"] - time.time()) < 10, rows
        assert all(r["client"] == "" for r in rows.values()), "addresses are kept only when that is configured"
        assert [r["user"] for r in ctl(t, "list", "--user", "bob")] == ["bob"]
        assert len(ctl(t, "list", "--limit", "2")) == 2 and ctl(t, "list", "--since", "1h")


@tap.test
def a_summary_adds_up_by_user():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        for user, packets in (("ann", 2), ("bob", 9), ("ann", 3)):
            with session(t, user, packets=packets):
                pass
        for s in json.loads(t.ctl("sessions", "list", "--json").stdout):
            t.ctl("sessions", "kill", s["id"])
        records(t, 3)
        rows = ctl(t, "summary")
        assert [(r["user"], r["sessions"], r["bytes_from_client"]) for r in rows] == [("bob", 1, 900), ("ann", 2, 500)]
        text = t.ctl("usage", "summary").stdout
        assert text.splitlines()[0].split()[:3] == ["USER", "REALM", "SESSIONS"], text


@tap.test
def what_runs_at_the_end_is_written_too_and_read_without_the_daemon():
    with Turnout(relay=peers.LOOPBACK_PEERS, database={"usage-address": "yes"}) as t, contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(session(t, packets=1))
        t.stop()
        done = process.run([BUILD / "turnoutctl", "--config", t.config_path, "usage", "list", "--json"])
        rows = json.loads(done.stdout)
        assert len(rows) == 20 and {r["reason"] for r in rows} == {"shutdown"}, rows
        assert all(r["client"].startswith("127.0.0.1:") for r in rows), rows[0]


@tap.test
def a_locked_database_delays_records_and_nothing_else():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        with session(t):
            pass
        with contextlib.closing(sqlite3.connect(t.sections["database"]["path"], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with session(t, "bob", packets=1) as client:
                began = time.monotonic()
                for _ in range(200):
                    assert client.refresh(600).ok
                assert time.monotonic() - began < 3
                assert client.refresh(0).ok
            time.sleep(2)
            other.execute("COMMIT")
        assert {r["user"] for r in records(t, 1, "--user", "bob", timeout=12)} == {"bob"}


@tap.test(limit=90)
def a_database_that_is_gone_costs_records_and_is_counted():
    with Turnout(relay={**peers.LOOPBACK_PEERS, "user-quota": "unlimited"}) as t:
        before = t.metrics()
        state = t.folder / "state"
        for name in os.listdir(state):
            if name.startswith("turnout.db"):
                os.unlink(state / name)
        (state / "turnout.db").mkdir()  # no file can be made there
        with session(t, packets=1) as client:
            assert client.refresh(0).ok
        with session(t, packets=1):
            t.expect_metric(before, 'turnout_usage_dropped_total{reason="database"}', 1, timeout=60)
        shutil.rmtree(state / "turnout.db")


@tap.test
def retention_and_limit_are_kept_after_a_reload():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        for i in range(6):
            with session(t, f"user{i}") as client:
                assert client.refresh(0).ok
        records(t, 6)
        t.mark_log()
        t.write_config(database={"usage-limit": 2})
        t.signal(signal.SIGHUP)
        t.expect_log("reloaded")
        tap.wait_for(lambda: len(ctl(t, "list")) == 2, 5, "the oldest to go")
        assert [r["user"] for r in ctl(t, "list")] == ["user5", "user4"]
        t.write_config(database={"usage-retention": "0s"})
        t.signal(signal.SIGHUP)
        tap.wait_for(lambda: not ctl(t, "list"), 5, "all to go")
        with session(t) as client:
            assert client.refresh(0).ok
        time.sleep(2)
        assert not ctl(t, "list"), "no record is made"


tap.main()
