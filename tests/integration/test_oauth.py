"""Third-party authorization (RFC 7635): tokens made by coturn's tool open the relay, and so does coturn's client."""
import base64
import os
import re
import signal
import struct
import time

import peers  # finds tests/lib
import process
import stun
import tap
from turnoutd import Turnout

THIRD_PARTY_AUTHORIZATION, ACCESS_TOKEN = 0x802E, 0x001B
SERVER = "turn.example"
KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
KEY128 = base64.b64encode(b"0123456789abcdef").decode()
OAUTH = {"oauth-key": [f"north:{KEY}", f"union:{KEY128}"], "oauth-server-name": SERVER}


def made_by_coturn(kid="north", key=KEY, algorithm="A256GCM", server=SERVER, lifetime=900, age=0):
    """(token, the client's key) by turnutils_oauth."""
    peers.need("turnutils_oauth")
    # Without a zero: the tool takes the key for a string that ends there.
    mac_key, now = bytes(1 + b % 255 for b in os.urandom(20)), int(time.time()) - age
    done = process.run(["turnutils_oauth", "-e", "-i", server, "-j", kid, "-k", key, "-l", now, "-m", "86400",
                              "-n", algorithm, "-o", base64.b64encode(os.urandom(12)).decode(),
                              "-p", base64.b64encode(mac_key).decode(), "-q", now << 16, "-r", lifetime]).stdout
    return base64.b64decode(re.search(r'"access_token":"([^"]+)"', done).group(1)), mac_key


class Holder(stun.TurnClient):
    """A client that shows a token instead of knowing a password."""

    def __init__(self, server, kid, grant, **options):
        super().__init__(server, (kid, None), **options)
        self.token, self.mac_key = grant

    @property
    def key(self):
        return self.mac_key

    def allocate(self, **options):
        return super().allocate((ACCESS_TOKEN, self.token), **options)


@tap.test
def tokens_of_coturns_tool_open_the_relay():
    with Turnout(relay=peers.LOOPBACK_PEERS, auth=OAUTH) as t, peers.EchoPeer() as echo:
        for kid, key, algorithm in (("north", KEY, "A256GCM"), ("union", KEY128, "A128GCM")):
            grant = made_by_coturn(kid, key, algorithm)
            for _ in range(4):  # both workers
                with Holder(t.udp, kid, grant) as c:
                    reply = c.allocate(lifetime=3600)
                    assert reply.ok and reply.has_integrity(c.mac_key), f"{kid}: {reply.error}"
                    granted = struct.unpack("!I", reply.attributes[stun.LIFETIME])[0]
                    assert 890 <= granted <= 905, f"a token of 900 s bounds the allocation: {granted}"
                    assert c.bind_channel(stun.CHANNEL_FIRST, echo.host, echo.port).ok, "later requests need no token"
                    c.send_channel(stun.CHANNEL_FIRST, b"hello")
                    assert c.receive()[2] == b"hello"
        users = {r["user"] for r in t.ctl_json("sessions", "list")}
        assert len(users) == 2 and {u.split(":")[0] for u in users} == {"north", "union"}, users
        assert not any(grant[1].hex() in line or KEY in line for line in t.log().splitlines()), "a key in the log"


@tap.test
def tokens_that_are_not_good_get_401():
    with Turnout(auth=OAUTH) as t:
        cases = {"another server's": made_by_coturn(server="turn.other"), "too old": made_by_coturn(age=1000),
                 "of another key": made_by_coturn(key=base64.b64encode(bytes(32)).decode())}
        good, mac_key = made_by_coturn()
        cases["cut"] = good[:-1], mac_key
        cases["with a nonce beyond its end"] = b"\xff\xff" + good[2:], mac_key
        cases["with another holder"] = good, os.urandom(20)
        cases["empty"] = b"", mac_key
        for name, grant in cases.items():
            with Holder(t.udp, "north", grant) as c:
                reply = c.allocate()
                assert reply.error == 401, f"{name}: {reply.error or 'allowed'}"
                assert reply.attributes[THIRD_PARTY_AUTHORIZATION] == SERVER.encode()
        with Holder(t.udp, "south", (good, mac_key)) as c:
            assert c.allocate().error == 401


@tap.test
def without_a_key_tokens_are_neither_offered_nor_taken_and_keys_come_by_reload():
    with Turnout() as t:
        grant = made_by_coturn(server="test.example")
        with Holder(t.udp, "north", grant) as c:
            reply = c.allocate()
            assert reply.error == 401 and THIRD_PARTY_AUTHORIZATION not in reply.attributes
        t.write_config(auth={"oauth-key": f"north:{KEY}"})
        t.signal(signal.SIGHUP)

        def opens():
            with Holder(t.udp, "north", grant) as c:
                return c.allocate().ok

        tap.wait_for(opens, 5, "the key; the realm is the server's name")
        assert KEY not in t.ctl("config", "show").stdout


@tap.test
def keys_of_one_realm_are_of_no_use_in_another():
    with Turnout(auth=OAUTH, realms={"address": "b.example 127.0.0.9", "oauth-key": f"b.example east:{KEY}"}) as t:
        t.stop()
        t.sections["listen"]["udp"] = [f"127.0.0.1:{t.udp[1]}", f"127.0.0.9:{t.udp[1]}"]
        t.start()
        b = ("127.0.0.9", t.udp[1])
        for kid, home, other in (("north", t.udp, b), ("east", b, t.udp)):
            grant = made_by_coturn(kid)
            with Holder(home, kid, grant) as c:
                assert c.allocate().ok, kid
            with Holder(other, kid, grant) as c:
                assert c.allocate().error == 401, kid


@tap.test
def coturns_client_relays_with_its_tokens():
    peers.need("turnutils_uclient")
    digits = b"12345678901234567890123456789012"  # its test keys
    secrets = {"north": b"01234567890123456789012345678901", "oldempire": digits, "union": digits[:16]}
    keys = [f"{kid}:{base64.b64encode(key).decode()}" for kid, key in secrets.items()]
    with Turnout(relay=peers.LOOPBACK_PEERS, auth={"oauth-key": keys, "oauth-server-name": "blackdow.carleon.gov"}) as t, \
            peers.EchoPeer() as echo:
        result = peers.uclient(t.udp, echo, "-J", clients=6, messages=10, user="north")
        result.expect_all(60)
        t.expect_log("allocation created.*user=(north|oldempire|union):")


tap.main()
