"""turnoutctl against a running daemon, and without one."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import process
import stun
import tap
from sources import ROOT
from turnoutd import BUILD, Turnout, certificate
from websocket import Participant


def ctl(t, *arguments, status=0, typed=None):
    """Output of a command that ends with that status. typed: its standard input."""
    command = [BUILD / "turnoutctl", "--config", t.config_path, *arguments]
    if t.child:  # a configuration with errors does not say where the socket is
        command += ["--socket", t.sections["server"]["control-socket"]]
    done = subprocess.run([str(c) for c in command], input=typed or "", capture_output=True, text=True, timeout=60)
    assert done.returncode == status, f"{arguments}: exit {done.returncode}, wanted {status}: {done.stdout}{done.stderr}"
    return done.stdout if status == 0 else done.stdout + done.stderr


def data(t, *arguments, **options):
    return json.loads(ctl(t, "--json", *arguments, **options))


def allocation(t, credentials=None):
    client = stun.TurnClient(t.udp, credentials or t.credentials())
    reply = client.allocate()
    assert reply.ok, f"allocate: error {reply.error}"
    return client


def soon(condition, what, timeout=5.0):
    """The first value that is not None; a change in the database takes up to a second to be noticed."""
    return tap.wait_for(condition, timeout, what)


@tap.test
def status_tells_what_the_daemon_carries():
    with Turnout() as t:
        with allocation(t), allocation(t):
            told = data(t, "status")
            assert told["ready"] is True and told["allocations"] == 2 and told["workers"] == 2, told
            assert {"kind": "udp", "address": f"{t.udp[0]}:{t.udp[1]}"} in told["listeners"], told["listeners"]
            assert told["pid"] == t.pid and told["process"]["open_fds"] > 5, told
            text = ctl(t, "status")
            assert re.search(r"^turnout \S+ is well\.$", text, re.M) and re.search(r"^Allocations +2$", text, re.M), text


@tap.test
def a_user_can_allocate_from_add_to_delete():
    def allocates(password):
        with stun.TurnClient(t.udp, ("alice", password)) as client:
            return client.allocate().ok

    with Turnout() as t:
        assert not allocates("correct horse")
        assert "was added" in ctl(t, "user", "add", "alice", typed="correct horse\n")
        soon(lambda: allocates("correct horse"), "the new user to be known")
        assert "already" in ctl(t, "user", "add", "alice", typed="other\n", status=1)
        ctl(t, "user", "passwd", "alice", typed="battery\n")
        soon(lambda: allocates("battery"), "the new password")
        assert not allocates("correct horse")
        (row,) = data(t, "user", "list")
        assert row["name"] == "alice" and row["realm"] == "test.example" and "password" not in row, row
        ctl(t, "user", "del", "alice")
        soon(lambda: not allocates("battery"), "the user to be gone")
        assert data(t, "user", "list") == []
        log = t.log()
        assert 'verb="user add"' in log and "battery" not in log and "correct horse" not in log, log[-2000:]


@tap.test
def a_password_on_the_command_line_is_warned_of():
    with Turnout() as t:
        done = subprocess.run([BUILD / "turnoutctl", "-c", t.config_path, "user", "add", "bob", "hunter2"],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and "command line" in done.stderr, done
        assert "empty" in ctl(t, "user", "add", "carol", typed="\n", status=2)
        assert "no password" in ctl(t, "user", "add", "carol", typed="", status=2)


@tap.test
def sessions_are_listed_shown_and_killed():
    with Turnout(relay={"user-quota": 0}) as t:
        clients = [allocation(t, t.credentials("ann" if i % 4 == 0 else "bob")) for i in range(150)]
        rows = data(t, "sessions", "list")
        assert len(rows) == 150 and len({r["id"] for r in rows}) == 150, len(rows)
        assert {r["worker"] for r in rows} == {0, 1}, "both workers have some"
        assert len(data(t, "sessions", "list", "--limit", "7")) == 7
        assert len(data(t, "sessions", "list", "--user", "ann")) == 38
        ports = {c.link.socket.getsockname()[1]: c for c in clients}
        row = next(r for r in rows if r["user"].endswith(":ann"))
        shown = data(t, "sessions", "show", row["id"])
        assert shown["id"] == row["id"] and shown["transport"] == "udp" and 0 < shown["expires_s"] <= 600, shown
        client = ports[int(row["client"].rsplit(":", 1)[1])]
        text = ctl(t, "sessions", "kill", row["id"])
        assert row["id"] in text, text
        t.expect_allocations(149)
        assert client.refresh().error == 437
        assert "no session" in ctl(t, "sessions", "kill", row["id"], status=1)
        assert "no session" in ctl(t, "sessions", "show", "nothing", status=1)
        for c in clients:
            c.close()


@tap.test
def credentials_and_rotated_secrets_open_the_relay():
    with Turnout(auth={"secret": None}) as t:
        old = data(t, "credentials", "create", "ann", "--ttl", "5m")
        assert old["username"].endswith(":ann") and 290 < old["expires"] - time.time() <= 300, old
        allocation(t, (old["username"], old["password"])).close()
        ctl(t, "secret", "rotate")
        new = data(t, "credentials", "create", "ann", "--ttl", "5m")
        assert new["password"] != old["password"] or new["username"] != old["username"]
        for made in (old, new):
            allocation(t, (made["username"], made["password"])).close()
    with Turnout() as t:
        assert "[auth] secret" in ctl(t, "secret", "rotate", status=1)


@tap.test
def peer_rules_take_effect_and_end():
    def refused():
        """By a channel to a port that is no relay's: those may be reached in any case."""
        return client.bind_channel(stun.CHANNEL_FIRST, "127.0.0.1", 9).error

    with Turnout() as t, allocation(t) as client:
        assert refused() == 403
        rule = data(t, "peer", "allow", "127.0.0.1", "--note", "test")
        soon(lambda: refused() == 0, "the rule that allows")
        (row,) = data(t, "peer", "list")
        assert row["id"] == rule["id"] and row["prefix"] == "127.0.0.1/32" and row["note"] == "test", row
        ctl(t, "peer", "remove", str(rule["id"]))
        soon(lambda: refused() == 403, "the rule to end")
        assert "no bits" in ctl(t, "peer", "deny", "10.0.0.1/8", status=1)


@tap.test
def a_token_opens_a_room_that_can_be_managed():
    with Turnout() as t:
        assert "key add" in ctl(t, "token", "create", "--room", "lobby", "--identity", "ann", status=1)
        key = data(t, "key", "add", "test")
        assert data(t, "key", "list")[0]["id"] == key["id"] and key["secret"] not in ctl(t, "key", "list")

        def join(identity):
            token = ctl(t, "token", "create", "--room", "lobby", "--identity", identity).strip()
            joined = Participant(t.http, token)
            return joined if joined.joined.get("ok") else joined.close()

        ann = soon(lambda: join("ann"), "the key to be known")
        ben = join("ben")
        assert ben.call("publish", track={"id": "mic", "kind": "audio", "source": "microphone", "muted": False})["ok"]
        (room,) = data(t, "rooms", "list")
        assert room["name"] == "lobby" and room["numParticipants"] == 2, room
        shown = data(t, "rooms", "show", "lobby")
        assert {p["identity"] for p in shown["participants"]} == {"ann", "ben"}, shown
        assert "ann" in ctl(t, "rooms", "show", "lobby")
        ctl(t, "participants", "mute", "lobby", "ben")
        assert ann.expect("track-muted")["muted"] is True
        ctl(t, "participants", "kick", "lobby", "ben", "--ban", "1h")
        assert ben.expect("disconnect")["reason"] == "kicked"
        assert ann.expect("participant-left")["reason"] == "kicked"
        assert not join("ben"), "a ban holds"
        assert "no participant ben" in ctl(t, "participants", "kick", "lobby", "ben", status=1)
        ctl(t, "rooms", "close", "lobby")
        assert ann.expect("disconnect")["reason"] == "room-closed"
        assert data(t, "rooms", "list") == []
        assert "no room lobby" in ctl(t, "rooms", "close", "lobby", status=1)


@tap.test
def the_configuration_is_shown_checked_and_reloaded():
    with Turnout() as t:
        assert data(t, "config", "show", "log")["log"]["level"] == "debug"
        assert "a-secret-for-tests-only" not in ctl(t, "config", "show")
        assert "good" in ctl(t, "config", "check")
        t.write_config(log={"level": "info"}, relay={"max-lifetime": "30m"})
        changes = data(t, "config", "check")["changes"]
        assert {c["name"] for c in changes} == {"log.level", "relay.max-lifetime"}, changes
        assert data(t, "log", "level")["level"] == "debug", "a check changes nothing"
        assert "log.level" in ctl(t, "config", "reload")
        assert data(t, "log", "level")["level"] == "info"
        assert data(t, "config", "reload")["changes"] == []
        t.write_config(log={"level": "loud"})
        assert re.search(r"turnout\.conf:\d+: error: ", ctl(t, "config", "check", status=1))
        assert "Nothing was changed" in ctl(t, "config", "reload", status=1)
        assert data(t, "log", "level")["level"] == "info"
        ports = {(p["first"], p["protocol"]) for p in data(t, "config", "ports")}
        assert (32768, "udp") in ports, ports


@tap.test
def the_log_level_changes_at_once():
    with Turnout(log={"level": "info"}) as t:
        assert "info" in ctl(t, "log", "level")
        assert "debug" in ctl(t, "log", "level", "debug")
        t.expect_log("log level changed.*to=debug")
        assert "choices" in ctl(t, "log", "level", "loud", status=2)


@tap.test
def drain_ends_the_daemon_when_nothing_is_left():
    with Turnout() as t:
        client = allocation(t)
        ctl(t, "drain")
        status, body = t.get("/readyz", stats=True)
        assert status == 503 and "draining" in body, body
        assert data(t, "status", status=1)["draining"] is True
        assert t.child.poll() is None, "an allocation is still there"
        assert client.refresh(0).ok
        client.close()
        tap.wait_for(lambda: t.child.poll() is not None, 10, "the daemon to end")
        assert t.child.returncode == 0


@tap.test
def exit_statuses_tell_what_went_wrong():
    with Turnout() as t:
        ctl(t, "sessions", "kill", status=2)
        ctl(t, "reboot", status=2)
        ctl(t, status=2)
        ctl(t, "key", "del", "nothing", status=1)
        error = json.loads(ctl(t, "--json", "key", "del", "nothing", status=1))
        assert error["ok"] is False and error["error"]["code"] == "not-found", error
        t.stop()
        assert "not running" in ctl(t, "status", status=3)


@tap.test
def what_is_done_offline_counts_when_the_daemon_comes():
    t = Turnout()
    t.write_config()
    ctl(t, "user", "add", "alice", typed="secret\n")
    assert data(t, "user", "list")[0]["name"] == "alice"
    key = data(t, "key", "add")
    assert "deny" in ctl(t, "peer", "deny", "192.0.2.0/24")
    made = data(t, "credentials", "create", "ann")
    with t:
        with stun.TurnClient(t.udp, ("alice", "secret")) as client:
            assert client.allocate().ok
        allocation(t, (made["username"], made["password"])).close()
        assert data(t, "key", "list")[0]["id"] == key["id"]
        assert len(data(t, "peer", "list")) == 1


@tap.test
def offline_files_belong_to_the_daemons_user():
    tap.need_root()
    t = Turnout(user="nobody")
    t.write_config()
    ctl(t, "key", "add")
    owner = os.stat(t.sections["database"]["path"]).st_uid
    assert owner == 65534, owner
    t.write_config(server={"user": "no-such-user"})
    assert "no-such-user" in ctl(t, "key", "add", status=1)


def findings(t, **options):
    rows = data(t, "selftest", **options)
    return rows, {r["text"]: r for r in rows if r["result"] == "failed"}


@tap.test
def selftest_passes_on_a_good_server():
    with Turnout(tls=True) as t:
        rows, failed = findings(t)
        assert not failed, failed
        texts = "\n".join(r["text"] for r in rows)
        for part in ("STUN over UDP", "STUN over TCP", "STUN over TLS", "web server", "/readyz", "relay address",
                     "cert.pem expires in", "configuration"):
            assert part in texts, f"{part} is missing in {texts}"
        assert re.search(r"\d+ ok, \d+ warnings, 0 failed\.", ctl(t, "selftest"))


@tap.test
def selftest_finds_what_is_broken_and_says_how_to_mend_it():
    with Turnout(tls=True) as t:
        certificate(t.folder)  # the running daemon keeps the old pair; the files now hold another
        other = t.folder / "other"
        other.mkdir()
        certificate(other)
        (other / "key.pem").replace(t.folder / "key.pem")
        t.write_config(log={"level": "loud"})
        rows, failed = findings(t, status=1)
        assert any("level" in text or "turnout.conf:" in text for text in failed), failed
        t.write_config(log={"level": "info"})
        rows, failed = findings(t, status=1)
        assert any("is not the key of" in text for text in failed), failed
        assert all(r.get("remedy") for r in failed.values()), failed
        t.stop()
        rows, failed = findings(t, status=3)
        assert any("cannot be reached" in text for text in failed), failed


@tap.test
def a_hanging_or_hostile_client_does_not_disturb_others():
    with Turnout() as t:
        path = str(t.sections["server"]["control-socket"])
        clients = []
        for _ in range(20):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.sendall(b'{"verb":"sessions list"' * 100)
            clients.append(s)
        assert data(t, "status")["ready"] is True
        for s in clients:
            s.close()
        big = socket.socket(socket.AF_UNIX)
        big.settimeout(5)
        big.connect(path)
        try:
            big.sendall(b"x" * 200000)
        except BrokenPipeError:
            pass
        assert b"too-large" in big.recv(4096)
        assert data(t, "status")["ready"] is True
        assert os.stat(path).st_mode & 0o777 == 0o660


@tap.test
def stats_pages_are_for_programs():
    with Turnout() as t:
        status, text = t.get("/metrics", stats=True, headers={"Accept": "application/openmetrics-text"})
        assert status == 200 and text.endswith("# EOF\n") and "# TYPE turnout_control_requests counter" in text
        assert "turnout_build_info{" in t.get("/metrics", stats=True)[1]
        with allocation(t):
            stats = json.loads(t.get("/stats", stats=True)[1])
            assert stats["allocations"] == 1 and stats["metrics"]["turn"]["allocations"]["transport=udp"] == 1, stats
            assert stats["uptime_s"] >= 0 and stats["version"]
        assert t.get("/livez", stats=True)[0] == 200
        status, body = t.get("/readyz", stats=True)
        assert status == 200 and {c["name"] for c in json.loads(body)["checks"]} >= {"listeners", "store", "threads"}


@tap.test
def coturns_names_come_and_go_with_a_reload():
    with Turnout() as t:
        with stun.TurnClient(t.udp) as client:
            assert client.binding().ok
        assert "\nstun_binding_request" not in t.get("/metrics", stats=True)[1]
        t.write_config(stats={"coturn-names": "yes"})
        ctl(t, "config", "reload")
        assert t.metrics()["stun_binding_request"] == 1, t.metrics()


@tap.test
def a_process_that_was_stopped_is_ready_again():
    with Turnout() as t:
        t.signal(signal.SIGSTOP)
        time.sleep(6)
        t.signal(signal.SIGCONT)
        tap.wait_for(lambda: t.get("/readyz", stats=True)[0] == 200, 3, "readiness after a pause")


@tap.test
def bash_completes_verbs_and_options():
    script = f"""
        PATH={BUILD}:$PATH
        source {ROOT}/contrib/completion/turnoutctl
        complete_line() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _turnoutctl; echo "${{COMPREPLY[@]}}"; }}
        complete_line turnoutctl sess
        complete_line turnoutctl sessions ''
        complete_line turnoutctl log level d
        complete_line turnoutctl sessions list --l
    """
    done = process.run(["bash", "-c", script])
    assert done.stdout.split("\n")[:4] == ["sessions", "list show kill", "debug", "--limit"], done.stdout


tap.main()
