"""A STUN server that says what a test wants: which public address a client has."""
import select
import socket
import threading

import stun


class StunServer:
    """with StunServer(says="203.0.113.5") as s: s.host, s.port; s.says may be changed, None: silence."""

    def __init__(self, says, host="127.0.0.1"):
        self.says, self.requests, self.sources = says, 0, set()
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.host, self.port = host, self.socket.getsockname()[1]
        self.going = True
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def at(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        self.thread.join(2)
        self.socket.close()

    def _run(self):
        while self.going:
            if not select.select([self.socket], [], [], 0.05)[0]:
                continue
            data, source = self.socket.recvfrom(2048)
            message = stun.Message(data)
            assert message.method == stun.BINDING and message.kind == stun.REQUEST
            self.requests += 1
            self.sources.add(source[0])
            if self.says:
                value = stun.encode_address(self.says, source[1], message.transaction)
                self.socket.sendto(stun.encode(stun.BINDING, stun.SUCCESS, [(stun.XOR_MAPPED_ADDRESS, value)],
                                               transaction=message.transaction), source)
