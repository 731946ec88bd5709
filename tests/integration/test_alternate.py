"""300 Try Alternate (RFC 8489 section 10): clients go where they are sent, reloads and drains."""
import signal

import peers
import stun
import tap
from turnoutd import Turnout


def at(address):
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def sent_to(reply):
    """ALTERNATE-SERVER is not XORed."""
    assert reply.error == 300, reply.error
    value = reply.attributes[stun.ALTERNATE_SERVER]
    cookie = stun.struct.pack("!I", stun.COOKIE) + reply.transaction
    masked = value[:2] + bytes(a ^ b for a, b in zip(value[2:4], cookie)) + bytes(
        a ^ b for a, b in zip(value[4:], cookie))
    return stun.decode_address(masked, reply.transaction)


def goes_to_the_alternate(transport):
    with Turnout(tls=True, relay=peers.LOOPBACK_PEERS) as other:
        address = getattr(other, transport)
        with Turnout(relay={"alternate-server": at(address)}) as t:
            before = t.metrics()
            with stun.TurnClient(getattr(t, transport), t.credentials(), transport) as client:
                reply = client.allocate()
                assert sent_to(reply) == address and reply.has_integrity(client.key)
                assert client.binding().ok
            with stun.TurnClient(address, other.credentials(), transport) as client:
                assert client.allocate().ok
            t.expect_metric(before, 'turnout_turn_denied_total{reason="redirected"}')
            t.expect_log("request denied .*reason=redirected code=300")


tap.case("a client goes to the alternate server, udp", goes_to_the_alternate, "udp")
tap.case("a client goes to the alternate server, tcp", goes_to_the_alternate, "tcp")


@tap.test(limit=60)
def coturns_client_follows():
    with Turnout(relay=peers.LOOPBACK_PEERS) as other, Turnout(relay={"alternate-server": at(other.udp)}) as t, \
            peers.EchoPeer() as echo:
        peers.uclient(t.udp, echo, "-c", clients=2, messages=20).expect_all(40)
        assert t.metrics()["turnout_turn_allocations_created_total"] == 0
        assert other.metrics()["turnout_turn_allocations_created_total"] >= 2


@tap.test
def an_ipv4_client_is_not_sent_to_an_ipv6_server():
    with Turnout(relay={"alternate-server": "[::1]:3478"}) as t, stun.TurnClient(t.udp, t.credentials()) as client:
        assert client.allocate().ok


@tap.test
def the_list_may_come_and_go_without_touching_sessions():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t, stun.TurnClient(t.udp, t.credentials()) as first:
        assert first.allocate().ok
        for servers, wanted in ((["127.0.0.2:3478", "127.0.0.3:3478"], 300), (None, 0), ("127.0.0.2:3478", 300), (None, 0)):
            t.write_config(relay={"alternate-server": servers})
            t.ctl("config", "reload")

            def new_client():
                with stun.TurnClient(t.udp, t.credentials()) as client:
                    return client.allocate().error

            tap.wait_for(lambda: new_client() == wanted, 3, f"{wanted} for new clients")
            assert first.refresh().ok and first.permit("127.0.0.1").ok


@tap.test
def of_several_servers_each_is_named():
    servers = ["127.0.0.2:3478", "127.0.0.3:3479"]
    with Turnout(relay={"alternate-server": servers}) as t:
        seen = set()
        for _ in range(40):
            with stun.TurnClient(t.udp, t.credentials()) as client:
                seen.add(at(sent_to(client.allocate())))
        assert seen == set(servers), seen


def drains(servers, wanted):
    with Turnout(relay={**peers.LOOPBACK_PEERS}) as t:
        own = at(t.udp)
        t.write_config(relay={"alternate-server": [own, *servers] if servers else None})
        t.ctl("config", "reload")
        clients = [stun.TurnClient(t.udp, t.credentials()) for _ in range(2)]
        t.write_config(relay={"alternate-server": own})  # that is nobody else
        t.ctl("config", "reload")
        tap.wait_for(lambda: clients[0].allocate().error in (0, 437), 3, "the first to be served")
        t.write_config(relay={"alternate-server": [own, *servers]})
        t.ctl("config", "reload")
        t.signal(signal.SIGTERM)
        tap.wait_for(lambda: clients[1].allocate().error == wanted, 3, f"{wanted} from a draining server")
        if wanted == 300:
            assert at(sent_to(clients[1].allocate())) in servers
        assert clients[0].refresh().ok and clients[0].permit("127.0.0.1").ok
        assert clients[0].refresh(0).ok
        for client in clients:
            client.close()


tap.case("a draining server sends new clients to another one", drains, ["127.0.0.2:3478"], 300)
tap.case("a draining server without another one answers 508", drains, [], 508)
tap.main()
