"""Which addresses relays are bound on and what clients are told instead: NAT, several addresses, both families."""
import signal
import socket
import struct

import peers
import process
import stun
import tap
from turnoutd import Turnout, free_port


def both_hosts(port):
    """Listeners on several addresses of one port."""
    return {"udp": [f"127.0.0.1:{port}", f"127.0.0.2:{port}", f"127.0.0.3:{port}", f"[::1]:{port}"]}


def relayed(server, credentials, *extra, source=None):
    """Where an allocation's relay is; the allocation ends again."""
    with stun.TurnClient(server, credentials, source=source) as client:
        reply = client.allocate(*extra)
        assert reply.ok, reply.error
        assert client.refresh(0).ok
        return reply.address(stun.XOR_RELAYED_ADDRESS)[0]


@tap.test
def the_relay_is_on_the_address_the_client_came_to():
    port = free_port()
    with Turnout(listen=both_hosts(port), relay={"address": ["127.0.0.1", "127.0.0.2", "::1"]}) as t:
        for host in ("127.0.0.1", "127.0.0.2"):
            assert relayed((host, port), t.credentials()) == host


@tap.test
def clients_that_came_elsewhere_are_spread_and_stay():
    port = free_port()
    with Turnout(listen=both_hosts(port), relay={"address": ["127.0.0.1", "127.0.0.2"]}) as t:
        seen = {}
        for number in range(10, 30):
            source = f"127.0.1.{number}"
            seen[source] = relayed(("127.0.0.3", port), t.credentials(), source=source)
            assert seen[source] == relayed(("127.0.0.3", port), t.credentials(), source=source)
        assert set(seen.values()) == {"127.0.0.1", "127.0.0.2"}, seen


@tap.test
def each_family_has_its_own_addresses():
    port = free_port()
    with Turnout(listen=both_hosts(port), relay={"address": ["127.0.0.2", "::1"]}) as t:
        want_ipv6 = (stun.REQUESTED_ADDRESS_FAMILY, struct.pack("!Bxxx", 2))
        want_ipv4 = (stun.REQUESTED_ADDRESS_FAMILY, struct.pack("!Bxxx", 1))
        assert relayed(("127.0.0.1", port), t.credentials()) == "127.0.0.2"
        assert relayed(("127.0.0.1", port), t.credentials(), want_ipv6) == "::1"
        assert relayed(("::1", port), t.credentials(), want_ipv4) == "127.0.0.2"


EXTERNAL = {
    "one address for all": ("203.0.113.7", {"127.0.0.1": "203.0.113.7", "127.0.0.2": "203.0.113.7", "::1": "::1"}),
    "a pair per address": (["203.0.113.7/127.0.0.1", "203.0.113.8/127.0.0.2", "2001:db8::7/::1"],
                           {"127.0.0.1": "203.0.113.7", "127.0.0.2": "203.0.113.8", "::1": "2001:db8::7"}),
    "a pair beside one for all": (["203.0.113.7", "203.0.113.8/127.0.0.2"],
                                  {"127.0.0.1": "203.0.113.7", "127.0.0.2": "203.0.113.8", "::1": "::1"}),
}


def told(external, expected):
    port = free_port()
    with Turnout(server={"external-address": external}, listen=both_hosts(port),
                 relay={"address": ["127.0.0.1", "127.0.0.2", "::1"]}) as t:
        for host, public in expected.items():
            family = (stun.REQUESTED_ADDRESS_FAMILY, struct.pack("!Bxxx", 2 if ":" in host else 1))
            assert relayed((host, port), t.credentials(), family) == public, host


for _name, _case in EXTERNAL.items():
    tap.case(f"external-address: {_name}", told, *_case)


@tap.test
def the_listener_is_no_peer_at_its_public_address():
    with Turnout(server={"external-address": "9.9.9.7"}) as t, stun.TurnClient(t.udp, t.credentials()) as client:
        assert client.allocate().ok
        assert client.bind_channel(stun.CHANNEL_FIRST, "9.9.9.7", t.udp[1]).error == 403
        assert client.bind_channel(stun.CHANNEL_FIRST, "9.9.9.7", 50000).ok


@tap.test
def a_reload_of_the_address_list_keeps_sessions():
    port = free_port()
    with Turnout(listen=both_hosts(port), relay={**peers.LOOPBACK_PEERS, "address": ["127.0.0.1"]}) as t:
        with stun.TurnClient(("127.0.0.2", port), t.credentials()) as old, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(3)
            assert old.allocate().ok
            assert old.bind_channel(stun.CHANNEL_FIRST, *peer.getsockname()).ok
            t.write_config(relay={"address": ["127.0.0.2"]})
            t.signal(signal.SIGHUP)
            tap.wait_for(lambda: relayed(("127.0.0.2", port), t.credentials()) == "127.0.0.2", 5, "the new address")
            old.send_channel(stun.CHANNEL_FIRST, b"still here")
            data, relay = peer.recvfrom(100)
            assert data == b"still here" and relay[0] == "127.0.0.1"
            assert old.refresh().ok


FOREIGN = "192.0.2.99"


@tap.test
def check_warns_of_a_relay_address_of_another_machine():
    t = Turnout(relay={"address": FOREIGN})
    t.write_config()
    done = process.run([t.program, "--config", t.config_path, "--check"], check=False)
    assert done.returncode == 0 and FOREIGN in done.stdout and "warning" in done.stdout, done.stdout


@tap.test
def a_relay_address_of_another_machine_does_not_start():
    t = Turnout(relay={"address": ["127.0.0.1", FOREIGN]})
    t.write_config()
    done = process.run([t.program, "--config", t.config_path], check=False, timeout=10)
    assert done.returncode != 0 and FOREIGN in done.stdout and "[relay] address" in done.stdout, done.stdout


@tap.test
def a_reload_to_a_relay_address_of_another_machine_changes_nothing():
    with Turnout(relay={"user-quota": 1}) as t:
        t.write_config(relay={"user-quota": 2, "address": FOREIGN})
        t.mark_log()
        t.signal(signal.SIGHUP)
        t.expect_log(FOREIGN)
        t.expect_log("everything stays as it was")
        with stun.TurnClient(t.udp, t.credentials()) as a, stun.TurnClient(t.udp, t.credentials()) as b:
            assert a.allocate().ok and b.allocate().error == 486


tap.main()
