"""Sessions that relay to a peer which only listens."""
import contextlib
import socket
import ssl

import stun


class Flow:
    """A session with a channel to a peer that only listens."""

    def __init__(self, t, user, transport="udp"):
        server, wrap = (t.tls, tls) if transport == "tls" else (t.udp, None)
        self.client = stun.TurnClient(server, t.credentials(user), transport, wrap=wrap)
        assert self.client.allocate().ok
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.peer.setblocking(False)
        assert self.client.bind_channel(stun.CHANNEL_FIRST, *self.peer.getsockname()).ok
        self.relay = None

    def close(self):
        self.client.close()
        self.peer.close()

    def arrived(self):
        """Bytes that have come to the peer since the last look."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                data, self.relay = self.peer.recvfrom(2048)
                count += len(data)
        return count

    def arrived_at_client(self):
        """Bytes that have come back through the channel (UDP clients only)."""
        count = 0
        self.client.link.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                count += len(self.client.link.socket.recv(2048)) - 4
        self.client.link.socket.settimeout(5)
        return count


def tls(plain):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)
