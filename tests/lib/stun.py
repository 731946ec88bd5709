"""A small STUN and TURN client of our own (RFC 8489, RFC 8656), able to say wrong things: messages are
built attribute by attribute, nothing is checked on the way out."""
import base64
import hashlib
import hmac
import os
import select
import socket
import struct
import time
import zlib

COOKIE = 0x2112A442
FINGERPRINT_XOR = 0x5354554E

BINDING, ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND = 1, 3, 4, 6, 7, 8, 9
CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 10, 11, 12
REQUEST, INDICATION, SUCCESS, ERROR = 0, 1, 2, 3

USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0006, 0x0008, 0x0009, 0x000A
CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, DATA_ATTRIBUTE = 0x000C, 0x000D, 0x0012, 0x0013
REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_ADDRESS_FAMILY = 0x0014, 0x0015, 0x0016, 0x0017
EVEN_PORT, REQUESTED_TRANSPORT, DONT_FRAGMENT = 0x0018, 0x0019, 0x001A
USERHASH, CONNECTION_ID = 0x001E, 0x002A
XOR_MAPPED_ADDRESS, RESERVATION_TOKEN, SOFTWARE, FINGERPRINT = 0x0020, 0x0022, 0x8022, 0x8028
ICMP, ALTERNATE_SERVER, MOBILITY_TICKET = 0x8004, 0x8023, 0x8030

UDP_TRANSPORT = struct.pack("!Bxxx", 17)
CHANNEL_FIRST = 0x4000


def message_type(method, kind):
    """RFC 8489 section 5: the two class bits sit inside the method's."""
    m = (method & 0xF) | (method & 0x70) << 1 | (method & 0xF80) << 2
    return m | (kind & 1) << 4 | (kind & 2) << 7


def long_term_key(user, realm, password):
    return hashlib.md5(f"{user}:{realm}:{password}".encode()).digest()


def userhash(user, realm):
    return hashlib.sha256(f"{user}:{realm}".encode()).digest()


def encode(method, kind=REQUEST, attributes=(), key=None, fingerprint=False, transaction=None, cookie=COOKIE):
    """attributes: (type, value) pairs in order. key adds MESSAGE-INTEGRITY."""
    transaction = transaction or os.urandom(12)
    body = b"".join(attribute(t, v) for t, v in attributes)

    def header(length):
        return struct.pack("!HHI", message_type(method, kind), length, cookie) + transaction

    if key is not None:
        mac = hmac.digest(key, header(len(body) + 24) + body, hashlib.sha1)
        body += attribute(MESSAGE_INTEGRITY, mac)
    if fingerprint:
        crc = zlib.crc32(header(len(body) + 8) + body) ^ FINGERPRINT_XOR
        body += attribute(FINGERPRINT, struct.pack("!I", crc))
    return header(len(body)) + body


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


class Message:
    """A parsed message: method, kind, transaction, attributes (first of each type counts)."""

    def __init__(self, data):
        word, self.length, self.cookie = struct.unpack_from("!HHI", data)
        self.raw, self.transaction = data, data[8:20]
        self.kind = (word >> 4 & 1) | (word >> 7 & 2)
        self.method = (word & 0xF) | (word >> 1 & 0x70) | (word >> 2 & 0xF80)
        assert self.cookie == COOKIE and 20 + self.length == len(data), "not one whole STUN message"
        self.attributes = {}
        at = 20
        while at < len(data):
            kind, size = struct.unpack_from("!HH", data, at)
            value = data[at + 4:at + 4 + size]
            assert len(value) == size, "attribute beyond the message"
            padding = data[at + 4 + size:at + 4 + size + -size % 4]
            assert not any(padding), "padding is not zero"
            self.attributes.setdefault(kind, value)
            at += 4 + size + -size % 4

    @property
    def ok(self):
        return self.kind == SUCCESS

    @property
    def error(self):
        """The error code, or 0."""
        value = self.attributes.get(ERROR_CODE)
        return (value[2] & 7) * 100 + value[3] if value else 0

    def address(self, kind):
        return decode_address(self.attributes[kind], self.transaction)

    def has_integrity(self, key):
        """Does MESSAGE-INTEGRITY verify?"""
        at = 20
        while at < len(self.raw):
            kind, size = struct.unpack_from("!HH", self.raw, at)
            if kind == MESSAGE_INTEGRITY:
                head = self.raw[:2] + struct.pack("!H", at + 24 - 20) + self.raw[4:at]
                return hmac.compare_digest(hmac.digest(key, head, hashlib.sha1), self.raw[at + 4:at + 24])
            at += 4 + size + -size % 4
        return False


def _mask(address, transaction):
    pad = struct.pack("!I", COOKIE) + transaction
    return bytes(a ^ b for a, b in zip(address, pad))


def encode_address(host, port, transaction, family=None):
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    family = family or (1 if len(packed) == 4 else 2)
    return struct.pack("!BBH", 0, family, port ^ COOKIE >> 16) + _mask(packed, transaction)


def decode_address(value, transaction):
    _, family, port = struct.unpack_from("!BBH", value)
    packed = _mask(value[4:], transaction)
    return socket.inet_ntop(socket.AF_INET if family == 1 else socket.AF_INET6, packed), port ^ COOKIE >> 16


def readable(sock, seconds):
    """True when there is something to read; select() would not take more than 1024 descriptors."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


class Link:
    """A socket that carries STUN messages and ChannelData: a datagram one, or a stream with its framing."""

    def __init__(self, server, transport="udp", source=None, wrap=None):
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.stream = transport != "udp"
        self.socket = socket.socket(family, socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(5)
        self.socket.connect(server)
        if wrap:
            self.socket = wrap(self.socket)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data + bytes(-len(data) % 4) if self.stream and data[0] & 0xC0 == 0x40 else data)

    def receive(self, timeout=3.0):
        """One message or frame; None after the timeout, b"" when a stream has ended."""
        end = time.monotonic() + timeout
        while True:
            if self.stream and (frame := self._take()) is not None:
                return frame
            left = end - time.monotonic()
            if left <= 0 or not readable(self.socket, left):
                return None
            try:
                data = self.socket.recv(65536)
            except (ConnectionResetError, ConnectionRefusedError):
                return b""
            if not self.stream or not data:
                return data
            self.buffer += data

    def _take(self):
        if len(self.buffer) < 4:
            return None
        kind, length = struct.unpack_from("!HH", self.buffer)
        channel = kind & 0xC000 == 0x4000
        whole = 4 + length if channel else 20 + length
        padded = whole + -whole % 4 if channel else whole
        if len(self.buffer) < padded:
            return None
        frame, self.buffer = self.buffer[:whole], self.buffer[padded:]
        return frame

    def close(self):
        self.socket.close()


def offers_anonymity(nonce):
    """Does the nonce cookie say that USERHASH is to be sent (RFC 8489 section 9.2)?"""
    return nonce[:9] == b"obMatJos2" and base64.b64decode(nonce[9:13])[0] & 0x40 != 0


class TurnClient:
    """One five-tuple to a TURN server. Methods return the reply; they raise only when there is none."""

    def __init__(self, server, credentials=None, transport="udp", source=None, wrap=None, hashed=False):
        self.link = Link(server, transport, source, wrap)
        self.user, self.password = credentials or (None, None)
        self.hashed = hashed  # name the user by USERHASH
        self.realm = self.nonce = None
        self.pending = []

    def close(self):
        self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def key(self):
        return long_term_key(self.user, self.realm, self.password)

    def exchange(self, data, tries=3):
        """Sends bytes that begin a transaction; the reply with that id. Datagrams are sent again."""
        for _ in range(tries if not self.link.stream else 1):
            self.link.send(data)
            end = time.monotonic() + (1.0 if not self.link.stream else 5.0)
            while (left := end - time.monotonic()) > 0:
                frame = self.link.receive(left)
                if frame == b"":
                    raise ConnectionError("the server closed the connection")
                if frame and len(frame) >= 20 and frame[0] & 0xC0 == 0 and frame[8:20] == data[8:20]:
                    return Message(frame)
                if frame:
                    self.pending.append(frame)
        raise TimeoutError("no reply")

    def request(self, method, attributes=(), retry=True):
        """A request with credentials; answers one challenge or stale nonce. attributes: pairs, or a
        function from the transaction id to pairs."""
        transaction = os.urandom(12)
        own = list(attributes(transaction) if callable(attributes) else attributes)
        key = None
        if self.nonce is not None and self.user is not None:
            name = (USERHASH, userhash(self.user, self.realm)) if self.hashed else (USERNAME, self.user.encode())
            own += [name, (REALM, self.realm.encode()), (NONCE, self.nonce)]
            key = self.key
        reply = self.exchange(encode(method, REQUEST, own, key, transaction=transaction))
        if reply.error in (401, 438) and retry and self.user is not None and NONCE in reply.attributes:
            self.nonce = reply.attributes[NONCE]
            self.realm = reply.attributes[REALM].decode()
            return self.request(method, attributes, retry=False)
        return reply

    def binding(self):
        return self.exchange(encode(BINDING))

    def allocate(self, *extra, lifetime=None):
        pairs = [(REQUESTED_TRANSPORT, UDP_TRANSPORT), *extra]
        if lifetime is not None:
            pairs.append((LIFETIME, struct.pack("!I", lifetime)))
        return self.request(ALLOCATE, pairs)

    def refresh(self, lifetime=600, *extra):
        return self.request(REFRESH, [(LIFETIME, struct.pack("!I", lifetime)), *extra])

    def permit(self, *hosts):
        return self.request(CREATE_PERMISSION, lambda t: [(XOR_PEER_ADDRESS, encode_address(h, 9, t)) for h in hosts])

    def bind_channel(self, number, host, port):
        return self.request(CHANNEL_BIND, lambda t: [(CHANNEL_NUMBER, struct.pack("!Hxx", number)),
                                                     (XOR_PEER_ADDRESS, encode_address(host, port, t))])

    def send_indication(self, host, port, data, *extra):
        t = os.urandom(12)
        self.link.send(encode(SEND, INDICATION, [(XOR_PEER_ADDRESS, encode_address(host, port, t)), *extra,
                                                 (DATA_ATTRIBUTE, data)], transaction=t))

    def send_channel(self, number, data):
        self.link.send(struct.pack("!HH", number, len(data)) + data)

    def receive(self, timeout=3.0):
        """What is relayed next: ("channel", number, data), ("data", address, data), ("icmp", address, value), or None."""
        end = time.monotonic() + timeout
        while True:
            frame = self.pending.pop(0) if self.pending else self.link.receive(max(0, end - time.monotonic()))
            if not frame:
                return None
            if frame[0] & 0xC0 == 0x40:
                number, length = struct.unpack_from("!HH", frame)
                return "channel", number, frame[4:4 + length]
            message = Message(frame)
            if message.method == DATA and message.kind == INDICATION:
                if ICMP in message.attributes:
                    return "icmp", message.address(XOR_PEER_ADDRESS), message.attributes[ICMP]
                return "data", message.address(XOR_PEER_ADDRESS), message.attributes[DATA_ATTRIBUTE]
