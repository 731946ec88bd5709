"""Credentials handed out over HTTP open the relay, and only to whom they belong."""
import base64
import hmac
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import peers
import stun
import tap
from turnoutd import Turnout, jwt


def post(t, path, body, **headers):
    """(status, parsed body) of a POST of JSON."""
    request = urllib.request.Request(f"http://{t.http[0]}:{t.http[1]}{path}", data=json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def development_token(t, room="room", **more):
    status, body = post(t, "/v1/dev/token", {"room": room, **more})
    assert status == 200, body
    return body["token"], body["identity"]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def ice_servers(t, token):
    status, body = t.get("/v1/ice-servers", headers=bearer(token))
    assert status == 200, body
    return json.loads(body)


def turn_entry(reply):
    return next(s for s in reply["iceServers"] if "username" in s)


def api_key(t):
    """(id, secret) of a new API key."""
    printed = t.ctl("key", "add", "test").stdout
    match = re.search(r"Key\s+(\S+)\s+Secret\s+(\S+)", printed)
    assert match, printed
    key, secret = match.groups()
    query = urllib.parse.urlencode({"service": "turn", "username": "probe", "key": f"{key}.{secret}"})
    for _ in range(12):  # a new key counts within about a second (turnoutctl(8))
        if t.get(f"/turn?{query}")[0] == 200:
            break
        time.sleep(0.2)
    return key, secret


@tap.test
def ice_servers_gives_credentials_that_open_the_relay():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        token, identity = development_token(t)
        reply = ice_servers(t, token)
        server = turn_entry(reply)
        expiry, subject = server["username"].split(":", 1)
        assert subject == identity and abs(int(expiry) - time.time() - reply["ttl"]) < 5, reply
        for transport in ("udp", "tcp"):
            url = f"turn:{t.udp[0]}:{t.udp[1]}?transport={transport}"
            assert url in server["urls"], f"{url} not in {server['urls']}"
            with stun.TurnClient(t.udp, (server["username"], server["credential"]), transport) as client:
                assert client.allocate().ok


@tap.test
def credentials_are_not_cached_and_need_a_token():
    with Turnout() as t:
        token, _ = development_token(t)
        request = urllib.request.Request(f"http://{t.http[0]}:{t.http[1]}/v1/ice-servers", headers=bearer(token))
        with urllib.request.urlopen(request) as reply:
            assert "no-store" in reply.headers["Cache-Control"], reply.headers
        assert t.get("/v1/ice-servers")[0] == 401
        assert t.get("/v1/ice-servers", headers=bearer(token[:-2] + "xx"))[0] == 401
        assert t.get("/v1/ice-servers", headers=bearer("a.b.c"))[0] == 401


@tap.test
def without_development_nobody_mints_tokens():
    with Turnout(auth={"development": "no"}) as t:
        assert post(t, "/v1/dev/token", {"room": "x"})[0] == 404
        assert json.loads(t.get("/v1/config")[1])["development"] is False


@tap.test
def a_token_signed_by_an_api_key_is_good_and_an_expired_one_is_not():
    with Turnout(auth={"development": "no"}) as t:
        key, secret = api_key(t)
        claims = {"sub": "ann", "video": {"room": "r", "roomJoin": True}}
        good = jwt({**claims, "exp": int(time.time()) + 60}, secret, key)
        assert turn_entry(ice_servers(t, good))["username"].endswith(":ann")
        for bad in (jwt({**claims, "exp": int(time.time()) - 60}, secret, key),
                    jwt({**claims, "exp": int(time.time()) + 60}, secret + "x", key),
                    jwt({**claims, "exp": int(time.time()) + 60}, secret, "nokey")):
            assert t.get("/v1/ice-servers", headers=bearer(bad))[0] == 401


@tap.test
def the_rest_api_of_turn_servers_is_served_to_api_keys():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        key = ".".join(api_key(t))
        query = urllib.parse.urlencode({"service": "turn", "username": "bob", "key": key})
        status, body = t.get(f"/turn?{query}")
        assert status == 200, body
        reply = json.loads(body)
        assert reply["username"].endswith(":bob") and reply["ttl"] > 0 and reply["uris"], reply
        with stun.TurnClient(t.udp, (reply["username"], reply["password"])) as client:
            assert client.allocate().ok
        wrong = urllib.parse.urlencode({"service": "turn", "username": "bob", "key": key + "x"})
        assert t.get(f"/turn?{wrong}")[0] in (401, 403)


@tap.test
def a_quota_is_not_evaded_by_inventing_names():
    with Turnout(relay={**peers.LOOPBACK_PEERS, "user-quota": 1}) as t:
        token, identity = development_token(t)
        status, body = t.get("/turn?service=turn&username=somebody-else", headers=bearer(token))
        assert status == 200, body
        name = json.loads(body)["username"]
        assert name.endswith(f":{identity}"), f"{name} is not bound to {identity}"


@tap.test
def requests_beyond_the_rate_get_429_with_retry_after():
    with Turnout(http={"request-rate": 5}) as t:
        token, _ = development_token(t)
        statuses = [t.get("/v1/ice-servers", headers=bearer(token))[0] for _ in range(12)]
        assert 200 in statuses and statuses[-1] == 429, statuses
        request = urllib.request.Request(f"http://{t.http[0]}:{t.http[1]}/v1/ice-servers", headers=bearer(token))
        try:
            urllib.request.urlopen(request)
            raise AssertionError("not limited")
        except urllib.error.HTTPError as error:
            assert error.code == 429 and int(error.headers["Retry-After"]) > 0, error.headers


def cors(t, origin, method="GET"):
    token, _ = development_token(t)
    request = urllib.request.Request(f"http://{t.http[0]}:{t.http[1]}/v1/ice-servers", method=method,
                                     headers={"Origin": origin, **bearer(token)})
    with urllib.request.urlopen(request) as reply:
        return reply.headers.get("Access-Control-Allow-Origin")


@tap.test
def other_origins_are_allowed_only_as_configured():
    with Turnout(http={"allowed-origin": "https://app.example"}) as t:
        assert cors(t, "https://app.example") == "https://app.example"
        try:
            assert cors(t, "https://evil.example") is None
        except urllib.error.HTTPError as error:
            assert error.code == 403 and error.headers.get("Access-Control-Allow-Origin") is None


@tap.test
def users_of_the_database_relay_with_their_password():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        t.ctl("user", "add", "carol", "correct horse")
        with stun.TurnClient(t.udp, ("carol", "correct horse")) as client:
            assert client.allocate().ok
        with stun.TurnClient(t.udp, ("carol", "wrong horse")) as client:
            assert client.allocate().error == 401
        t.ctl("user", "del", "carol")

        def gone():
            with stun.TurnClient(t.udp, ("carol", "correct horse")) as client:
                return client.allocate().error == 401

        tap.wait_for(gone, 5, "the user to be forgotten")


@tap.test
def counters_say_exactly_what_was_relayed():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t, peers.EchoPeer() as echo, \
            stun.TurnClient(t.udp, t.credentials()) as client:
        assert client.allocate().ok and client.bind_channel(stun.CHANNEL_FIRST, echo.host, echo.port).ok
        before = t.metrics()
        for _ in range(10):
            client.send_channel(stun.CHANNEL_FIRST, bytes(100))
            assert client.receive()[2] == bytes(100)
        after = t.metrics()
        for direction in ("from-client", "to-client"):
            for what, amount in (("packets", 10), ("bytes", 1000)):
                name = f'turnout_relay_{what}_total{{direction="{direction}",transport="udp"}}'
                assert after[name] - before[name] == amount, f"{name} grew by {after[name] - before[name]}"
        assert t.allocations() == 1


def created(t, user):
    made = t.ctl_json("credentials", "create", user)
    return made["username"], made["password"]


def allocated(t, credentials, count=8):
    """So many that both workers have some."""
    clients = [stun.TurnClient(t.udp, credentials) for _ in range(count)]
    for c in clients:
        reply = c.allocate()
        assert reply.ok, f"{credentials[0]}: {reply.error}"
    return clients


@tap.test
def rotating_a_secret_leaves_no_gap():
    with Turnout(auth={"secret": None, "strict-expiry": "yes"}, relay=peers.LOOPBACK_PEERS) as t:
        known = [created(t, "user0")]
        sessions = allocated(t, known[0])
        assert {r["worker"] for r in t.ctl_json("sessions", "list")} == {0, 1}
        for number in range(1, 4):
            # A broken configuration on the disk is none of the rotation's business.
            t.config_path.write_text(t.config_path.read_text() + "[relay]\nno-such-key = 1\n")
            t.ctl("secret", "rotate")
            t.write_config()
            known.append(created(t, f"user{number}"))
            for session in sessions:
                assert session.refresh().ok and session.permit("127.0.0.1").ok, "a session made before the rotation"
            for credentials in known:  # old and new, on both workers, at once
                for client in allocated(t, credentials):
                    assert client.refresh(0).ok
                    client.close()
        lines = (t.folder / "state/secret").read_text().split("\n")
        assert len(lines) == 5 and len({line.split()[0] for line in lines if line}) == 4, "four secrets, one of them signs"
        t.stop()
        t.start()
        for credentials in known:
            allocated(t, credentials, 2)
        assert all(line.split()[0] not in t.log() for line in lines if line), "a secret in the log"


@tap.test
def secrets_of_the_file_are_rotated_by_reload_and_the_servers_own_goes_on():
    with Turnout(auth={"secret": None}) as t:
        own = created(t, "ann")
        sessions = allocated(t, own)
        first, second = "first-secret-of-the-file", "second-secret-of-the-file"
        for secrets in ([first], [second, first], [second]):
            t.write_config(auth={"secret": secrets})
            t.ctl("config", "reload")
            signed = created(t, "ben")
            mac = hmac.digest(secrets[0].encode(), signed[0].encode(), "sha1")
            assert signed[1] == base64.b64encode(mac).decode(), "the first signs"
            for session in sessions:
                assert session.refresh().ok
            for credentials in [own, signed, *(t.credentials(secret=s) for s in secrets)]:
                for client in allocated(t, credentials, 4):
                    client.close()
        with stun.TurnClient(t.udp, t.credentials(secret=first)) as late:
            assert late.allocate().error == 401, "a secret that was taken out"


tap.main()
