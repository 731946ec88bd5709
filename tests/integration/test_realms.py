"""Several realms on one server: by the address reached, the TLS name asked for, the ORIGIN sent."""
import signal
import ssl

import peers  # finds tests/lib
import stun
import tap
from turnoutd import Turnout

OTHER = "127.0.0.9"  # another local address
ORIGIN = 0x802F
REALMS = {"address": [f"b.example {OTHER}"], "server-name": ["c.example turn.c.example"],
          "origin": ["d.example https://app.d.example"], "secret": ["b.example the-secret-of-realm-b"]}


def server(**changes):
    t = Turnout(tls=True, relay=peers.LOOPBACK_PEERS, realms={**REALMS, **changes})
    for kind in ("udp", "tcp"):
        port = t.udp[1] if kind == "udp" else t.tcp[1]
        t.sections["listen"][kind] = [f"127.0.0.1:{port}", f"{OTHER}:{port}"]
    return t


def at_other(t):
    return OTHER, t.udp[1]


def named(name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return lambda s: context.wrap_socket(s, server_hostname=name)


def realm_of(*arguments, extra=(), **options):
    with stun.TurnClient(*arguments, **options) as c:
        return c.allocate(*extra).attributes[stun.REALM].decode()


@tap.test
def a_client_is_challenged_in_the_realm_it_comes_to():
    with server() as t:
        assert realm_of(t.udp) == "test.example"
        assert realm_of(at_other(t)) == "b.example"
        assert realm_of(at_other(t), transport="tcp") == "b.example"
        assert realm_of(t.tls, transport="tls", wrap=named("turn.c.example")) == "c.example"
        assert realm_of(t.tls, transport="tls", wrap=named("TURN.C.Example")) == "c.example"
        assert realm_of(t.tls, transport="tls", wrap=named("turn.x.example")) == "test.example"
        assert realm_of(t.udp, extra=[(ORIGIN, b"https://app.d.example")]) == "d.example"
        assert realm_of(at_other(t), extra=[(ORIGIN, b"https://app.d.example")]) == "d.example"
        assert realm_of(at_other(t), extra=[(ORIGIN, b"https://app.x.example")]) == "b.example"


@tap.test
def credentials_of_one_realm_are_of_no_use_in_another():
    with server() as t:
        t.ctl("user", "add", "carol", "correct horse", "--realm", "b.example")
        t.ctl("user", "add", "dora", "battery staple")
        users = {"carol": "correct horse", "dora": "battery staple"}
        for name, home in (("carol", at_other(t)), ("dora", t.udp)):
            for at in (at_other(t), t.udp):
                with stun.TurnClient(at, (name, users[name])) as c:
                    reply = c.allocate()
                    assert (reply.ok if at == home else reply.error == 401), f"{name} at {at}: {reply.error}"
        for secret, home in (("the-secret-of-realm-b", at_other(t)), ("a-secret-for-tests-only", t.udp)):
            for at in (at_other(t), t.udp):
                with stun.TurnClient(at, t.credentials(secret=secret)) as c:
                    reply = c.allocate()
                    assert (reply.ok if at == home else reply.error == 401), f"{secret} at {at}: {reply.error}"


@tap.test
def a_realm_claimed_without_its_nonce_is_not_entered():
    with server() as t:
        with stun.TurnClient(t.udp, t.credentials(secret="the-secret-of-realm-b")) as c:
            c.nonce = c.allocate().attributes[stun.NONCE]  # of the default realm
            c.realm = "b.example"
            reply = c.request(stun.ALLOCATE, [(stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT)], retry=False)
            assert reply.error == 401 and reply.attributes[stun.REALM] == b"test.example", reply.error


@tap.test
def an_origin_need_not_be_sent_again():
    with server() as t:
        t.ctl("user", "add", "eve", "correct horse", "--realm", "d.example")
        with stun.TurnClient(t.udp, ("eve", "correct horse")) as c:
            challenge = c.exchange(stun.encode(stun.ALLOCATE, attributes=[
                (stun.REQUESTED_TRANSPORT, stun.UDP_TRANSPORT), (ORIGIN, b"https://app.d.example")]))
            c.realm, c.nonce = challenge.attributes[stun.REALM].decode(), challenge.attributes[stun.NONCE]
            assert c.realm == "d.example" and c.allocate().ok and c.refresh().ok


@tap.test
def sessions_and_log_show_the_realm():
    with server() as t:
        for at, secret in ((at_other(t), "the-secret-of-realm-b"), (t.udp, "a-secret-for-tests-only")):
            c = stun.TurnClient(at, t.credentials(secret=secret))
            assert c.allocate().ok and c.refresh().ok
        rows = t.ctl_json("sessions", "list")
        assert {r["realm"] for r in rows} == {"b.example", "test.example"}, rows
        assert "b.example" in t.ctl("sessions", "list").stdout
        t.expect_log("allocation created.*realm=b.example")


@tap.test
def quotas_are_per_realm():
    with server(**{"user-quota": ["b.example 1"], "total-quota": ["b.example 2", "test.example 3"]}) as t:
        def allocate(at, user, secret):
            c = stun.TurnClient(at, t.credentials(user, secret=secret))
            held.append(c)
            return c, c.allocate().error

        held, b, default = [], (at_other(t), "the-secret-of-realm-b"), (t.udp, "a-secret-for-tests-only")
        first, error = allocate(b[0], "ann", b[1])
        assert error == 0
        assert allocate(b[0], "ann", b[1])[1] == 486, "ann's second in a realm of one for each"
        assert allocate(default[0], "ann", default[1])[1] == 0, "another ann"
        assert allocate(default[0], "ann", default[1])[1] == 0, "[relay] user-quota counts here"
        assert allocate(b[0], "ben", b[1])[1] == 0
        assert allocate(b[0], "cat", b[1])[1] == 508, "the realm is full"
        assert allocate(default[0], "cat", default[1])[1] == 0
        assert allocate(default[0], "dan", default[1])[1] == 508
        assert first.refresh(0).ok
        assert allocate(b[0], "cat", b[1])[1] == 0


@tap.test
def realms_come_and_go_with_a_reload_and_sessions_stay():
    with server() as t:
        c = stun.TurnClient(at_other(t), t.credentials(secret="the-secret-of-realm-b"))
        assert c.allocate().ok
        t.ctl("user", "add", "fay", "correct horse", "--realm", "e.example")
        t.write_config(realms={"address": [f"e.example {OTHER}"], "secret": None}, server={"realm": "new.example"})
        t.signal(signal.SIGHUP)
        tap.wait_for(lambda: realm_of(at_other(t)) == "e.example", 5, "the new realm")
        assert realm_of(t.udp) == "new.example"
        assert c.refresh().ok and c.permit("127.0.0.1").ok, "a session of a realm that is gone"
        with stun.TurnClient(at_other(t), ("fay", "correct horse")) as fay:
            assert fay.allocate().ok

        def hashed():
            with stun.TurnClient(at_other(t)) as d:
                return stun.offers_anonymity(d.allocate().attributes[stun.NONCE])

        tap.wait_for(hashed, 5, "USERHASH to be offered in a realm with users")


@tap.test
def peer_rules_of_a_realm_count_in_it_alone():
    with server() as t:
        t.ctl("peer", "deny", "127.0.0.1", "--realm", "b.example")
        clients = {}
        for at, secret in ((at_other(t), "the-secret-of-realm-b"), (t.udp, "a-secret-for-tests-only")):
            clients[at] = stun.TurnClient(at, t.credentials(secret=secret))
            assert clients[at].allocate().ok
        tap.wait_for(lambda: clients[at_other(t)].permit("127.0.0.1").error == 403, 5, "the rule")
        assert clients[t.udp].permit("127.0.0.1").ok


tap.main()
