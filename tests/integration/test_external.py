"""external-address = auto: the public address is found by STUN, changes are noticed, and the self-test knows a wrong
one."""
import json
import re
import signal

import process
import stun
import tap
from netns import Network
from stunserver import StunServer
from turnoutd import Turnout, free_port


def relayed(t, family=None):
    with stun.TurnClient(t.udp, t.credentials()) as client:
        reply = client.allocate(*([(stun.REQUESTED_ADDRESS_FAMILY, bytes([family, 0, 0, 0]))] if family else []))
        assert reply.ok, reply.error
        assert client.refresh(0).ok
        return reply.address(stun.XOR_RELAYED_ADDRESS)[0]


def auto(*servers, interval="1s", **more):
    return {"external-address": "auto", "stun-server": [getattr(s, "at", s) for s in servers],
            "stun-interval": interval, **more}


def expect(t, address, family=None, timeout=10):
    tap.wait_for(lambda: relayed(t, family) == address, timeout, f"relays to be told as {address}")


def external(t):
    return json.loads(t.ctl("--json", "status").stdout)["external"]


@tap.test
def the_public_address_is_found_and_told():
    with StunServer("203.0.113.5") as s, Turnout(server=auto(s)) as t:
        expect(t, "203.0.113.5")
        assert s.sources == {"127.0.0.1"}
        t.expect_log("external: public address found local=127.0.0.1 address=203.0.113.5")
        rows = external(t)
        assert rows == [{"local": "127.0.0.1", "told": "203.0.113.5", "by": s.at, "agreeing": 1, "answers": 1,
                         "silent": False}], rows
        text = t.ctl("status").stdout
        assert re.search(rf"^127\.0\.0\.1 +203\.0\.113\.5 +{re.escape(s.at)}$", text, re.M), text
        assert t.metrics()["turnout_external_changes_total"] == 1


@tap.test
def a_change_is_noticed_and_running_allocations_stay():
    with StunServer("203.0.113.5") as s, Turnout(server=auto(s)) as t, \
            stun.TurnClient(t.udp, t.credentials()) as old:
        expect(t, "203.0.113.5")
        assert old.allocate().ok
        before = t.metrics()
        s.says = "203.0.113.99"
        expect(t, "203.0.113.99")
        t.expect_log("public address changed .*address=203.0.113.99 before=203.0.113.5")
        t.expect_metric(before, "turnout_external_changes_total")
        assert old.refresh().ok and t.allocations() == 1
        assert "203.0.113.5" in t.ctl("sessions", "list").stdout


@tap.test
def until_the_first_answer_the_local_address_is_told():
    with StunServer(None) as s, Turnout(server=auto(s)) as t:
        tap.wait_for(lambda: s.requests > 0, 5, "a question")
        assert relayed(t) == "127.0.0.1"
        assert external(t)[0]["told"] == "127.0.0.1" and "nobody" in external(t)[0]["by"]
        s.says = "203.0.113.5"  # the next retransmission is answered
        expect(t, "203.0.113.5")


@tap.test
def silence_keeps_what_is_known():
    with StunServer("203.0.113.5") as s, Turnout(server=auto(s)) as t:
        expect(t, "203.0.113.5")
        s.says = None
        asked = s.requests
        tap.wait_for(lambda: s.requests > asked + 2, 10, "more questions")
        assert relayed(t) == "203.0.113.5"


@tap.test
def of_three_servers_two_decide():
    with StunServer("203.0.113.5") as a, StunServer("203.0.113.5") as b, StunServer("203.0.113.66") as liar, \
            Turnout(server=auto(liar, a, b)) as t:
        t.expect_log("STUN servers disagree .*address=203.0.113.5 agreeing=2 answers=3")
        assert relayed(t) == "203.0.113.5"
        a.says = b.says = "203.0.113.7"
        expect(t, "203.0.113.7")


@tap.test
def each_relay_address_of_each_family_is_asked_for():
    port = free_port()
    with StunServer("203.0.113.5") as four, StunServer("2001:db8::5", host="::1") as six:
        listen = {"udp": [f"127.0.0.1:{port}", f"127.0.0.2:{port}"]}
        server = auto(four, six, **{"external-address": ["auto", "203.0.113.9/127.0.0.2"]})
        with Turnout(server=server, listen=listen, relay={"address": ["127.0.0.1", "127.0.0.2", "::1"]}) as t:
            t.udp = ("127.0.0.1", port)
            expect(t, "203.0.113.5")
            expect(t, "2001:db8::5", family=2)
            t.udp = ("127.0.0.2", port)
            expect(t, "203.0.113.9")
            assert four.sources == {"127.0.0.1"}, "a line of the configuration needs no question"
            by = {row["local"]: row["by"] for row in external(t)}
            assert by == {"127.0.0.1": four.at, "::1": six.at, "127.0.0.2": "configuration"}, by


@tap.test
def a_name_is_resolved():
    with StunServer("203.0.113.5") as s, Turnout(server=auto(f"localhost:{s.port}")) as t:
        expect(t, "203.0.113.5")


@tap.test
def a_name_that_does_not_resolve_stops_nothing():
    with StunServer("203.0.113.5") as s, Turnout(server=auto("no.such.host.invalid", s)) as t:
        expect(t, "203.0.113.5")


@tap.test
def a_reload_takes_other_servers_and_switches_auto_on_and_off():
    with StunServer("203.0.113.5") as s, StunServer("203.0.113.6") as other, Turnout(server=auto(s)) as t:
        expect(t, "203.0.113.5")
        t.write_config(server=auto(other))
        t.signal(signal.SIGHUP)
        expect(t, "203.0.113.6")
        t.write_config(server={"external-address": "203.0.113.77"})
        t.signal(signal.SIGHUP)
        expect(t, "203.0.113.77")
        asked = s.requests + other.requests
        t.write_config(server={"external-address": None})
        t.signal(signal.SIGHUP)
        expect(t, "127.0.0.1")
        assert s.requests + other.requests == asked, "nobody is asked without auto"


@tap.test
def the_listener_is_no_peer_at_the_address_found():
    with StunServer("9.9.9.7") as s, Turnout(server=auto(s)) as t:
        expect(t, "9.9.9.7")
        with stun.TurnClient(t.udp, t.credentials()) as client:
            assert client.allocate().ok
            assert client.bind_channel(stun.CHANNEL_FIRST, "9.9.9.7", t.udp[1]).error == 403


@tap.test
def behind_a_real_nat_the_addresses_of_the_interfaces_are_asked_for():
    """The daemon is inside, on a wildcard, without relay address; the NAT's address changes while it runs."""
    with Network(server="10.59.0.1", router=["10.59.0.3", "10.59.0.4"]) as net:
        net.hide("inside", "router", "snat to 10.59.0.3")
        with net.enter("server"), Turnout(host="10.59.0.1", listen={"udp": "10.59.0.1:3478"}):
            with net.enter("inside"), Turnout(host="192.168.77.2", server=auto("10.59.0.1"), relay={"address": None}) as t:
                expect(t, "10.59.0.3")
                process.run(net.inside("router", "nft", "flush chain ip nat post; add rule ip nat post oifname eth0 "
                                                        "meta l4proto udp snat to 10.59.0.4"))
                expect(t, "10.59.0.4")  # although flows that exist keep the old one


def selftest(t):
    """{text: result} of the self-test's findings."""
    done = process.run([t.program.parent / "turnoutctl", "--config", t.config_path, "--json", "selftest"], check=False)
    return {row["text"]: row["result"] for row in json.loads(done.stdout)}, done.returncode


def expect_finding(t, result, pattern):
    rows, status = selftest(t)
    assert any(re.search(pattern, text) and r == result for text, r in rows.items()), rows
    return status


@tap.test
def the_selftest_finds_a_wrong_external_address():
    with StunServer("203.0.113.5") as s:
        with Turnout(server={"external-address": "203.0.113.9", "stun-server": s.at}) as t:
            status = expect_finding(t, "failed", "external-address says 203.0.113.9, but 127.0.0.1 sees this machine as "
                                                 "203.0.113.5")
            assert status == 1
        with Turnout(server={"external-address": "203.0.113.5/127.0.0.1", "stun-server": s.at}) as t:
            expect_finding(t, "ok", "STUN servers see this machine as 203.0.113.5")


@tap.test
def the_selftest_tells_what_auto_found_and_when_it_found_nothing():
    with StunServer("203.0.113.5") as s, Turnout(server=auto(s)) as t:
        expect(t, "203.0.113.5")
        expect_finding(t, "ok", "127.0.0.1 is 203.0.113.5 outside")
    with StunServer(None) as s, Turnout(server=auto(s)) as t:
        expect_finding(t, "failed", "No public address is known for 127.0.0.1")


@tap.test
def an_address_that_leads_nowhere_is_no_failure_beside_one_that_does():
    with StunServer("203.0.113.5") as s, Turnout(server=auto(s), relay={"address": ["127.0.0.1", "::1"]}) as t:
        expect(t, "203.0.113.5")
        tap.wait_for(lambda: len(external(t)) == 2, 5, "both addresses")
        expect_finding(t, "warning", "No public address is known for ::1, but for another")


@tap.test
def the_selftest_tells_when_servers_disagree():
    with StunServer("203.0.113.5") as s, StunServer("203.0.113.6") as other, \
            Turnout(server={"external-address": "203.0.113.5", "stun-server": [s.at, other.at]}) as t:
        expect_finding(t, "warning", "so do 1 of 2 STUN servers")


@tap.test
def auto_without_a_server_is_an_error_that_says_what_to_do():
    t = Turnout(server={"external-address": "auto"})
    t.write_config()
    done = process.run([t.program, "--config", t.config_path, "--check"], check=False)
    assert done.returncode != 0 and "[server] stun-server = HOST:PORT" in done.stdout, done.stdout


tap.main()
