"""Records of DTLS 1.2 that a stranger may send, byte by byte."""
import os
import struct

RECORD = struct.Struct("!BHHHIH")  # type, version, epoch, sequence (16 + 32 bits), length


def hello(message_seq=0, cookie=b"", random=None, sequence=0):
    """A ClientHello of DTLS 1.2 without extensions: the smallest there is but for its two suites."""
    body = struct.pack("!H", 0xFEFD) + (random or os.urandom(32)) + b"\0" + bytes([len(cookie)]) + cookie
    body += struct.pack("!HHH", 4, 0xC02B, 0xC02F) + b"\x01\0"
    size = len(body).to_bytes(3, "big")
    message = b"\x01" + size + struct.pack("!H", message_seq) + b"\0\0\0" + size + body
    return RECORD.pack(22, 0xFEFF, 0, 0, sequence, len(message)) + message


def fragment(total, offset, data, message_seq=0, claimed=None):
    """A record with one piece of a ClientHello."""
    message = b"\x01" + total.to_bytes(3, "big") + struct.pack("!H", message_seq) + offset.to_bytes(3, "big")
    message += (len(data) if claimed is None else claimed).to_bytes(3, "big") + data
    return RECORD.pack(22, 0xFEFF, 0, 0, offset, len(message)) + message


def verify_cookie(datagram):
    """The cookie of a HelloVerifyRequest."""
    assert datagram[0] == 22 and datagram[13] == 3, datagram
    return datagram[28:28 + datagram[27]]
