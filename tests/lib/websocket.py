"""A WebSocket client in a few lines (RFC 6455), text messages only: for tests of what the server says."""
import base64
import json
import os
import socket
import struct


class WebSocket:
    def __init__(self, server, path, protocol=None, timeout=5.0):
        self.socket = socket.create_connection(server, timeout)
        self.buffer = b""
        offered = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {server[0]}:{server[1]}\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{offered}"
                            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n")[0], head.decode(errors="replace")

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data

    def _take(self, n):
        while len(self.buffer) < n:
            self._more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def _send(self, opcode, data):
        mask = os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 0xFE, len(data))
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def send(self, message):
        """A dict as JSON, at most 64 kB."""
        self._send(1, json.dumps(message).encode())

    def receive(self):
        """The next message as a dict, or the code of the close frame."""
        text = b""
        while True:
            first, second = self._take(2)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack("!H", self._take(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self._take(8))[0]
            data = self._take(length)
            opcode = first & 0x0F
            if opcode == 8:
                return struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
            if opcode == 9:
                self._send(10, data)
            elif opcode in (0, 1):
                text += data
                if first & 0x80:
                    return json.loads(text)

    def close(self):
        self.socket.close()


class Participant(WebSocket):
    """Somebody in a room by turnout.v1."""

    def __init__(self, server, token, **more):
        super().__init__(server, "/v1/signal", "turnout.v1")
        self.id = 0
        self.events = []
        self.joined = self.call("join", token=token, client="test/1", **more)

    def call(self, method, **fields):
        """The answer; events that come before it are kept."""
        self.id += 1
        self.send({"id": self.id, "method": method, **fields})
        while True:
            message = self.receive()
            assert isinstance(message, dict), f"closed with {message}"
            if message.get("id") == self.id:
                return message
            self.events.append(message)

    def expect(self, event):
        """The next event of that name; others before it are dropped."""
        while True:
            message = self.events.pop(0) if self.events else self.receive()
            assert isinstance(message, dict), f"closed with {message} before {event}"
            if message.get("event") == event:
                return message
