"""The daemon as a process: privileges, workers, log, signals."""
import json
import os
import pwd
import re
import signal
import socket
import time

import peers
import process
import stun
import tap
from turnoutd import Turnout


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@tap.test
def started_by_root_it_serves_as_the_configured_user():
    tap.need_root()
    nobody = pwd.getpwnam("nobody")
    with Turnout(user="nobody", relay=peers.LOOPBACK_PEERS) as t:
        status = status_of(t.pid)
        assert status["Uid"].split() == [str(nobody.pw_uid)] * 4, status["Uid"]
        assert status["Gid"].split() == [str(nobody.pw_gid)] * 4, status["Gid"]
        assert int(status["CapEff"], 16) & ~(1 << 10) == 0, "at most the right to bind low ports: " + status["CapEff"]
        assert status["NoNewPrivs"].strip() == "1"
        for task in os.listdir(f"/proc/{t.pid}/task"):
            assert status_of(f"{t.pid}/task/{task}")["Uid"] == status["Uid"], "a thread kept its rights"
        with stun.TurnClient(t.udp, t.credentials()) as client:
            assert client.allocate().ok
        t.write_config(relay={"user-quota": 3})
        t.mark_log()
        t.signal(signal.SIGHUP)
        t.expect_log("reload|configuration")


@tap.test
def an_unknown_user_stops_the_start():
    tap.need_root()
    t = Turnout(user="nobody-of-that-name")
    t.write_config()
    done = process.run([t.program, "--config", t.config_path], check=False, timeout=10)
    assert done.returncode != 0 and "nobody-of-that-name" in done.stdout, done.stdout


def reserve(t):
    """An allocation with its neighbour port reserved: (client, port, token)."""
    client = stun.TurnClient(t.udp, t.credentials())
    reply = client.allocate((stun.EVEN_PORT, b"\x80"))
    assert reply.ok, reply.error
    port = reply.address(stun.XOR_RELAYED_ADDRESS)[1]
    assert port % 2 == 0, port
    return client, port, reply.attributes[stun.RESERVATION_TOKEN]


@tap.test
def a_reservation_token_works_at_whichever_worker_it_arrives():
    with Turnout(server={"workers": 2}, relay=peers.LOOPBACK_PEERS) as t:
        for _ in range(12):
            first, port, token = reserve(t)
            with first, stun.TurnClient(t.udp, t.credentials()) as second:
                reply = second.allocate((stun.RESERVATION_TOKEN, token))
                assert reply.ok, reply.error
                assert reply.address(stun.XOR_RELAYED_ADDRESS)[1] == port + 1
                # The flow stays with the worker that owns the reservation.
                assert second.refresh().ok and second.permit("127.0.0.1").ok
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                    peer.bind(("127.0.0.1", 0))
                    peer.settimeout(3)
                    second.send_indication(*peer.getsockname(), b"there")
                    data, relay = peer.recvfrom(100)
                    assert data == b"there" and relay[1] == port + 1
                    peer.sendto(b"back", relay)
                    assert second.receive() == ("data", peer.getsockname(), b"back")
                assert second.refresh(0).ok and first.refresh(0).ok
        assert t.metrics()["turnout_ingress_steered_total"] > 0, "every token happened to arrive at its owner"


@tap.test
def a_used_or_made_up_reservation_token_gets_508():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        first, _, token = reserve(t)
        with first, stun.TurnClient(t.udp, t.credentials()) as second, stun.TurnClient(t.udp, t.credentials()) as third:
            assert second.allocate((stun.RESERVATION_TOKEN, token)).ok
            assert third.allocate((stun.RESERVATION_TOKEN, token)).error == 508
            assert third.allocate((stun.RESERVATION_TOKEN, os.urandom(8))).error == 508


@tap.test
def sessions_spread_over_the_workers():
    with Turnout(server={"workers": 2}, relay=peers.LOOPBACK_PEERS) as t:
        threads = {open(f"/proc/{t.pid}/task/{n}/comm").read().strip() for n in os.listdir(f"/proc/{t.pid}/task")}
        assert len([name for name in threads if re.search(r"work.*\d", name)]) == 2, threads


@tap.test
def text_log_lines_have_time_level_subsystem_and_fields():
    with Turnout(log={"level": "info"}, relay=peers.LOOPBACK_PEERS) as t:
        with stun.TurnClient(t.udp, t.credentials("ann")) as client:
            assert client.allocate().ok
        line = t.expect_log("allocation created")
        assert re.search(r"turn: allocation created .*session=\w+ .*user=\"?\d+:ann", line), line


@tap.test
def json_log_lines_are_objects_with_the_same_fields():
    with Turnout(log={"level": "info", "format": "json"}, auth={"development": "no"}, relay=peers.LOOPBACK_PEERS) as t:
        with stun.TurnClient(t.udp, ("evil\"\n}{\r\x01", "x")) as client:
            client.allocate()
        with stun.TurnClient(t.udp, t.credentials("ann")) as client:
            assert client.allocate().ok
        t.expect_log("allocation created")
        lines = [json.loads(line) for line in t.log().splitlines()]
        created = next(line for line in lines if line["event"] == "allocation created")
        assert created["subsystem"] == "turn" and created["user"].endswith(":ann") and created["session"], created
        assert any(line.get("user") == "evil\"\n}{\r\x01" for line in lines), "the hostile name is not in the log"


@tap.test
def a_hostile_user_name_cannot_forge_a_text_line():
    with Turnout(log={"level": "info"}, relay=peers.LOOPBACK_PEERS) as t:
        t.mark_log()
        with stun.TurnClient(t.udp, ("x\n2026 error forged: line", "x")) as client:
            client.allocate()
        t.expect_log("unknown-user")
        assert not any("forged" in line and "unknown-user" not in line for line in t.log().splitlines()), t.log()


@tap.test
def sigusr1_reopens_a_log_file():
    t = Turnout(log={})
    path = t.folder / "state/turnout.log"
    t.sections["log"]["target"] = f"file:{path}"
    with t:
        tap.wait_for(lambda: path.exists() and path.stat().st_size, 5, "the log file")
        path.rename(path.with_suffix(".1"))
        t.signal(signal.SIGUSR1)
        tap.wait_for(path.exists, 5, "a new log file")


@tap.test
def sigterm_without_sessions_ends_at_once():
    with Turnout() as t:
        began = time.monotonic()
        t.signal(signal.SIGTERM)
        t.child.wait(5)
        assert time.monotonic() - began < 3


@tap.test
def sigterm_drains_and_a_second_one_ends():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t, stun.TurnClient(t.udp, t.credentials()) as client, \
            stun.TurnClient(t.udp, t.credentials()) as late:
        assert client.allocate().ok
        t.signal(signal.SIGTERM)
        tap.wait_for(lambda: t.get("/readyz", stats=True)[0] == 503, 5, "not ready while draining")
        assert client.refresh().ok, "an established session goes on"
        assert not late.allocate().ok, "no new session while draining"
        t.signal(signal.SIGTERM)
        t.child.wait(10)


@tap.test
def listening_sockets_in_use_stop_the_start_with_their_name():
    with Turnout() as t:
        other = Turnout()
        other.sections["listen"]["tcp"] = f"{t.tcp[0]}:{t.tcp[1]}"
        other.write_config()
        done = process.run([other.program, "--config", other.config_path], check=False, timeout=10)
        assert done.returncode != 0 and str(t.tcp[1]) in done.stdout, done.stdout


tap.main()
