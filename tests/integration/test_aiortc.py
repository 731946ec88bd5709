"""aiortc, a WebRTC implementation in Python: two of its peers meet through turnoutd alone, over UDP, TCP and TLS. (Of DTLS
to a TURN server it knows nothing.)"""
import asyncio
import os

import peers
import tap
from turnoutd import Turnout

try:
    import aiortc
except ImportError:
    aiortc = None

URLS = {"udp": ("turn", "udp", "udp"), "tcp": ("turn", "tcp", "tcp"), "tls": ("turns", "tls", "tcp")}


def peer(t, transport):
    scheme, listener, how = URLS[transport]
    host, port = getattr(t, listener)
    user, password = t.credentials("aiortc")
    server = aiortc.RTCIceServer(f"{scheme}:{host}:{port}?transport={how}", username=user, credential=password)
    return aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[server]))


def relayed_only(description):
    """What the other side learns: no way but the relay."""
    lines = [line for line in description.sdp.splitlines() if "a=candidate" not in line or " typ relay" in line]
    assert any(" typ relay" in line for line in lines), description.sdp
    return aiortc.RTCSessionDescription("\r\n".join(lines) + "\r\n", description.type)


async def talk(t, transport):
    left, right = peer(t, transport), peer(t, transport)
    answers = asyncio.Queue()
    try:
        channel = left.createDataChannel("talk")
        channel.on("message", answers.put_nowait)
        right.on("datachannel", lambda c: c.on("message", lambda m: c.send("heard " + m)))
        opened = asyncio.Event()
        channel.on("open", opened.set)
        await left.setLocalDescription(await left.createOffer())
        await right.setRemoteDescription(relayed_only(left.localDescription))
        await right.setLocalDescription(await right.createAnswer())
        await left.setRemoteDescription(relayed_only(right.localDescription))
        await asyncio.wait_for(opened.wait(), 20)
        for number in range(20):
            channel.send(f"message {number}")
            assert await asyncio.wait_for(answers.get(), 5) == f"heard message {number}"
        t.expect_allocations(2)
    finally:
        await left.close()
        await right.close()


def through(transport):
    if aiortc is None:
        raise tap.Skip("no python3-aiortc")
    with Turnout(tls=True, relay=peers.LOOPBACK_PEERS) as t:
        os.environ["SSL_CERT_FILE"] = str(t.folder / "cert.pem")  # which aiortc's ssl believes then
        before = t.metrics()
        asyncio.run(asyncio.wait_for(talk(t, transport), 60))
        t.expect_metric(before, f'turnout_relay_packets_total{{direction="from-client",transport="{transport}"}}', 20)
        t.expect_allocations(0)


for _transport in URLS:
    tap.case(f"two aiortc peers talk through the relay over {_transport}", through, _transport, limit=90)
tap.main()
