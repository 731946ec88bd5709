"""turnout.v1 over real WebSockets: rooms, resume after a killed connection, limits, administration."""
import json
import re
import socket
import struct
import time
import urllib.error
import urllib.request

import peers  # finds tests/lib
import tap
from turnoutd import Turnout, jwt
from websocket import Participant, WebSocket


def post(t, path, body, method="POST", **headers):
    request = urllib.request.Request(f"http://{t.http[0]}:{t.http[1]}{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def token(t, identity, room="hall"):
    status, body = post(t, "/v1/dev/token", {"room": room, "identity": identity})
    assert status == 200, body
    return json.loads(body)["token"]


def join(t, identity, room="hall", **more):
    p = Participant(t.http, token(t, identity, room), **more)
    assert p.joined.get("ok"), p.joined
    return p


def api_key(t):
    """(id, secret) of a new API key."""
    printed = t.ctl("key", "add", "test").stdout
    match = re.search(r"^Key\s+(\S+)\s+Secret\s+(\S+)", printed)
    assert match, printed
    return match.groups()


def kill(participant):
    """The line goes dead: a reset, no close frame."""
    participant.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    participant.socket.close()


def resume(t, participant, seq):
    ws = WebSocket(t.http, "/v1/signal", "turnout.v1")
    ws.send({"id": 1, "method": "join", "resume": {"key": participant.joined["resumeKey"], "seq": seq}})
    return ws, ws.receive()


def closed_with(ws):
    while True:
        message = ws.receive()
        if isinstance(message, int):
            return message


@tap.test
def two_meet_talk_and_part():
    with Turnout() as t:
        alice, bob = join(t, "alice"), join(t, "bob")
        assert [p["identity"] for p in bob.joined["participants"]] == ["alice"]
        assert alice.expect("participant-joined")["participant"]["identity"] == "bob"
        urls = [u for s in bob.joined["iceServers"] for u in s["urls"]]
        assert f"turn:127.0.0.1:{t.udp[1]}?transport=udp" in urls, urls
        sid = alice.joined["self"]["sid"]
        assert bob.call("chat", text="h\u00e9llo \U0001f600")["ok"]
        assert alice.expect("chat")["text"] == "h\u00e9llo \U0001f600"
        sent = bob.call("peer", to=sid, generation=bob.joined["room"]["generation"], msg=1, type="offer", data={"sdp": "v=0"})
        assert sent["ok"], sent
        assert alice.expect("peer")["data"] == {"sdp": "v=0"}
        assert bob.call("publish", track={"id": "cam", "kind": "video", "source": "camera"})["ok"]
        assert alice.expect("track-published")["track"]["id"] == "cam"
        assert bob.call("leave")["ok"]
        assert closed_with(bob) == 1000
        assert alice.expect("participant-left")["reason"] == "left"


@tap.test
def a_killed_connection_resumes_with_what_it_missed():
    with Turnout() as t:
        before = t.metrics()
        alice, bob = join(t, "alice"), join(t, "bob")
        kill(bob)
        away = alice.expect("participant-updated")["participant"]
        assert (away["identity"], away["state"]) == ("bob", "away")
        for i in range(5):
            assert alice.call("chat", text=str(i))["ok"]
        ws, reply = resume(t, bob, 0)
        assert reply["resumed"] and not reply["snapshot"] and "participants" not in reply, reply
        assert [ws.receive()["text"] for _ in range(5)] == ["0", "1", "2", "3", "4"]
        assert alice.expect("participant-updated")["participant"]["state"] == "active"
        t.expect_metric(before, 'turnout_signal_resumes_total{result="replayed"}')


@tap.test
def who_does_not_come_back_is_gone():
    with Turnout(rooms={"resume-timeout": "1s", "empty-timeout": "1s"}) as t:
        alice, bob = join(t, "alice"), join(t, "bob")
        kill(bob)
        assert alice.expect("participant-left")["reason"] == "timeout"
        assert resume(t, bob, 0)[1]["error"]["code"] == "expired"
        alice.close()
        t.expect_log("room closed.*hall")
        assert t.metrics()["turnout_rooms"] == 0


@tap.test
def the_same_identity_replaces():
    with Turnout() as t:
        first = join(t, "alice")
        join(t, "alice")
        assert first.receive()["reason"] == "duplicate-identity"
        assert closed_with(first) == 4002


@tap.test
def a_slow_reader_is_cut_and_others_are_not():
    with Turnout() as t:
        before = t.metrics()
        slow = WebSocket(t.http, "/v1/signal", "turnout.v1")
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.send({"id": 1, "method": "join", "token": token(t, "slow")})
        joined = slow.receive()
        alice, bob = join(t, "alice"), join(t, "bob")
        data, longest, end = "x" * 60000, 0, time.monotonic() + 25
        name = 'turnout_signal_connections_closed_total{reason="slow-consumer"}'
        while t.metrics()[name] == before[name]:
            assert time.monotonic() < end, "the slow reader was never cut"
            for _ in range(20):
                alice.call("peer", to=joined["self"]["sid"], generation=joined["room"]["generation"], msg=1, type="offer",
                           data=data)
                start = time.monotonic()
                assert alice.call("chat", text="hello")["ok"]
                bob.expect("chat")
                longest = max(longest, time.monotonic() - start)
                time.sleep(0.02)
        assert longest < 1, f"a chat took {longest:.2f} s"
        gone = alice.expect("participant-updated")["participant"]
        assert (gone["identity"], gone["state"]) == ("slow", "away"), gone


@tap.test
def floods_and_nonsense_are_closed_with_their_codes():
    with Turnout() as t:
        before = t.metrics()
        flood = join(t, "flood")
        for i in range(250):
            flood.send({"id": i + 2, "method": "ping"})
        assert closed_with(flood) == 4007
        t.expect_metric(before, 'turnout_signal_connections_closed_total{reason="rate-limited"}')
        bad = WebSocket(t.http, "/v1/signal", "turnout.v1")
        bad.send(["not", "an", "object"])
        assert closed_with(bad) == 4000
        big = WebSocket(t.http, "/v1/signal", "turnout.v1")
        big.send({"id": 1, "method": "join", "token": "x" * 25000})
        assert closed_with(big) == 1009
        silent = WebSocket(t.http, "/v1/signal", "turnout.v1", timeout=15)
        start = time.monotonic()
        assert closed_with(silent) == 4006
        assert 9 < time.monotonic() - start < 13


@tap.test
def tokens_are_checked():
    with Turnout(auth={"development": "no"}) as t:
        before = t.metrics()
        key, secret = api_key(t)
        now = int(time.time())
        good = {"sub": "alice", "exp": now + 60, "video": {"room": "hall", "roomJoin": True}}

        def answer(text):
            ws = WebSocket(t.http, "/v1/signal", "turnout.v1")
            ws.send({"id": 1, "method": "join", "token": text})
            return ws, ws.receive()

        for claims, wrong_secret, code in [(good, "no-" + secret, "unauthorized"), ({**good, "exp": now - 120}, secret, "expired"),
                                           ({**good, "nbf": now + 600}, secret, "unauthorized")]:
            ws, reply = answer(jwt(claims, wrong_secret, key))
            assert reply["error"]["code"] == code, reply
            assert closed_with(ws) == 4001
        ws, reply = answer(jwt({**good, "video": {"room": "hall"}}, secret, key))
        assert reply["error"]["code"] == "forbidden", reply

        def joins():
            return answer(jwt(good, secret, key))[1].get("ok")

        tap.wait_for(joins, 5, "the new key to be known")
        t.expect_log("token refused")
        assert secret not in t.log()
        t.expect_metric(before, 'turnout_signal_joins_total{result="expired"}')
        assert post(t, "/v1/dev/token", {"room": "hall"})[0] == 404


@tap.test
def admins_see_kick_and_close_over_http():
    with Turnout() as t:
        key, secret = api_key(t)
        grants = {"exp": int(time.time()) + 60, "video": {"roomAdmin": True, "roomList": True, "roomCreate": True}}
        admin = {"Authorization": f"Bearer {jwt(grants, secret, key)}"}
        tap.wait_for(lambda: t.get("/v1/rooms", headers=admin)[0] == 200, 5, "the new key to be known")
        alice = join(t, "alice")
        bob = join(t, "bob \u00e4")
        assert [r["numParticipants"] for r in json.loads(t.get("/v1/rooms", headers=admin)[1])["rooms"]] == [2]
        shown = json.loads(t.get("/v1/rooms/hall", headers=admin)[1])
        assert [p["identity"] for p in shown["participants"]] == ["alice", "bob \u00e4"]
        assert t.get("/v1/rooms/none", headers=admin)[0] == 404
        assert post(t, "/v1/rooms/hall/participants/bob%20%C3%A4", None, "DELETE", **admin)[0] == 204
        assert closed_with(bob) == 4003
        assert alice.expect("participant-left")["reason"] == "kicked"
        assert post(t, "/v1/rooms/hall", None, "DELETE", **admin)[0] == 204
        assert closed_with(alice) == 4004


@tap.test
def a_stopping_server_says_so():
    with Turnout(server={"drain-timeout": "1s"}) as t:
        alice = join(t, "alice")
        t.signal(15)
        assert alice.receive() == {"event": "disconnect", "reason": "server-shutdown", "reconnect": True}
        assert closed_with(alice) == 1001


@tap.test
def hundreds_of_joins_leave_nothing():
    with Turnout(rooms={"resume-timeout": "1s", "empty-timeout": "1s"}) as t:
        crowd = []
        for i in range(400):
            crowd.append(join(t, f"p{i}", room=f"r{i % 60}"))
            if len(crowd) > 40:
                gone = crowd.pop(0)
                if i % 2:
                    kill(gone)
                else:
                    gone.call("leave")
                    gone.close()
        for p in crowd:
            p.close()
        tap.wait_for(lambda: t.metrics()["turnout_rooms"] == 0, 10, "all rooms to go")
        for name, value in t.metrics().items():
            if name.startswith(("turnout_participants{", "turnout_signal_connections{", "turnout_tracks")):
                assert value == 0, (name, value)


tap.main()
