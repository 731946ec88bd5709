"""Peer rules of the database for one user: in force for him alone, and at once for running sessions."""
import json

import peers  # finds tests/lib
import stun
import tap
from turnoutd import Turnout


def allocated(t, user, count=1):
    clients = [stun.TurnClient(t.udp, t.credentials(user)) for _ in range(count)]
    assert all(c.allocate().ok for c in clients)
    return clients


def refused(client, host):
    """The error for a channel to that host, to a port that is no relay's; 0: none."""
    return client.bind_channel(stun.CHANNEL_FIRST + sum(map(int, host.split("."))), host, 9).error


@tap.test
def a_rule_for_one_user_is_no_rule_for_others():
    with Turnout() as t:
        (ann,), (ben,) = allocated(t, "ann"), allocated(t, "ben")
        t.ctl("peer", "allow", "127.0.0.1", "--user", "ann")
        tap.wait_for(lambda: refused(ann, "127.0.0.1") == 0, 5, "ann's rule")
        assert refused(ben, "127.0.0.1") == 403
        t.ctl("peer", "deny", "127.0.0.1", "--user", "ann", "--realm", "test.example")
        tap.wait_for(lambda: refused(ann, "127.0.0.1") == 403, 5, "the narrower rule to win the tie")
        t.ctl("peer", "allow", "127.0.0.0/8", "--realm", "test.example")
        tap.wait_for(lambda: refused(ben, "127.0.0.1") == 0, 5, "the realm's rule")
        assert refused(ann, "127.0.0.1") == 403 and refused(ann, "127.0.0.2") == 0
        t.ctl("peer", "allow", "10.0.0.0/8", "--realm", "other.example")
        assert refused(ben, "10.0.0.1") == 403, "another realm's rule"


@tap.test
def running_sessions_obey_at_once_on_every_worker():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t, peers.EchoPeer() as echo:
        anns, bens = allocated(t, "ann", 8), allocated(t, "ben", 2)
        assert {r["worker"] for r in t.ctl_json("sessions", "list")} == {0, 1}

        def relays(client):
            client.send_channel(stun.CHANNEL_FIRST, b"ping")
            return client.receive(0.3) is not None

        for c in anns + bens:
            assert c.bind_channel(stun.CHANNEL_FIRST, echo.host, echo.port).ok and relays(c)
        rule = json.loads(t.ctl("--json", "peer", "deny", echo.host, "--user", "ann").stdout)["id"]
        # The answer comes when the rule is stored; the workers have it some milliseconds later.
        tap.wait_for(lambda: not relays(anns[0]), 1, "the first of ann's sessions to be cut off")
        assert not any(relays(c) for c in anns), "a session of ann's goes on"
        assert all(relays(c) for c in bens), "ben's session ended too"
        assert {r["permissions"] for r in t.ctl_json("sessions", "list", "--user", "ann")} == {0}
        assert anns[0].bind_channel(stun.CHANNEL_FIRST, echo.host, echo.port).error == 403
        t.ctl("peer", "remove", str(rule))
        tap.wait_for(lambda: anns[0].bind_channel(stun.CHANNEL_FIRST, echo.host, echo.port).ok, 1, "the rule to end")


@tap.test
def rules_are_in_force_before_the_first_client_after_a_restart():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        t.ctl("peer", "deny", "127.0.0.1", "--user", "ann")
        t.stop()
        t.start()
        (ann,), (ben,) = allocated(t, "ann"), allocated(t, "ben")
        assert ann.permit("127.0.0.1").error == 403 and ben.permit("127.0.0.1").ok


tap.main()
