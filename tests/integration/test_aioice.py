"""aioice, a Python implementation of ICE and TURN, relays through turnoutd."""
import asyncio
import ssl

import peers
import tap
from turnoutd import Turnout

try:
    import aioice
    import aioice.turn
except ImportError:
    aioice = None


def need_aioice():
    if aioice is None:
        raise tap.Skip("no python3-aioice")


class Sink(asyncio.DatagramProtocol):
    def __init__(self):
        self.received = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.received.put_nowait((data, addr))


async def relay_both_ways(t, transport, trust):
    user, password = t.credentials("aioice")
    relay, inside = await aioice.turn.create_turn_endpoint(
        Sink, server_addr=t.tls if trust else t.udp, username=user, password=password, lifetime=600, transport=transport,
        ssl=trust)
    loop = asyncio.get_running_loop()
    peer, outside = await loop.create_datagram_endpoint(Sink, local_addr=("127.0.0.1", 0))
    try:
        for number in range(20):
            relay.sendto(b"there %d" % number, peer.get_extra_info("sockname"))
            data, source = await asyncio.wait_for(outside.received.get(), 5)
            assert data == b"there %d" % number and source == relay.get_extra_info("sockname"), (data, source)
            peer.sendto(b"back %d" % number, source)
            data, _ = await asyncio.wait_for(inside.received.get(), 5)
            assert data == b"back %d" % number, data
    finally:
        relay.close()
        peer.close()


def relays(transport, tls=False):
    need_aioice()
    with Turnout(tls=tls, relay=peers.LOOPBACK_PEERS) as t:
        trust = ssl.create_default_context(cafile=t.folder / "cert.pem") if tls else False
        asyncio.run(asyncio.wait_for(relay_both_ways(t, transport, trust), 30))
        t.expect_allocations(0)


async def connect_agents(t):
    user, password = t.credentials("aioice")

    def agent(controlling):
        return aioice.Connection(ice_controlling=controlling, turn_server=t.udp, turn_username=user,
                                 turn_password=password, transport_policy=aioice.TransportPolicy.RELAY)

    left, right = agent(True), agent(False)
    try:
        for a, b in ((left, right), (right, left)):
            await a.gather_candidates()
            assert [c.type for c in a.local_candidates] == ["relay"], a.local_candidates
            for candidate in a.local_candidates:
                await b.add_remote_candidate(candidate)
            await b.add_remote_candidate(None)
            b.remote_username, b.remote_password = a.local_username, a.local_password
        await asyncio.gather(left.connect(), right.connect())
        await left.send(b"through two relays")
        assert await right.recv() == b"through two relays"
        await right.send(b"and back")
        assert await left.recv() == b"and back"
    finally:
        await left.close()
        await right.close()


@tap.test
def two_ice_agents_connect_by_relay_candidates_only():
    need_aioice()
    if not hasattr(aioice, "TransportPolicy"):
        raise tap.Skip("this aioice cannot restrict candidates")
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        asyncio.run(asyncio.wait_for(connect_agents(t), 30))


tap.case("an aioice client relays over udp", relays, "udp")
tap.case("an aioice client relays over tcp", relays, "tcp")
tap.case("an aioice client relays over tls", relays, "tcp", True)
tap.main()
