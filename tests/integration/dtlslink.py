"""A client's DTLS session."""
import socket
import time

import tap


class DtlsLink:
    """DTLS in the place of stun.Link."""
    stream = False

    def __init__(self, server):
        try:
            from OpenSSL import SSL
        except ImportError:
            raise tap.Skip("no pyOpenSSL") from None
        self.errors, self.socket = SSL, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(server)
        self.tls = SSL.Connection(SSL.Context(SSL.DTLS_METHOD), None)
        self.tls.set_connect_state()
        tap.wait_for(self._shakes_hands, 5, "the DTLS handshake")

    def _shakes_hands(self):
        try:
            self.tls.do_handshake()
            self._flush()
            return True
        except self.errors.WantReadError:
            self._flush()
            self._feed(0.2)
            return False

    def _flush(self):
        try:
            self.socket.send(self.tls.bio_read(16000))
        except self.errors.WantReadError:
            pass

    def _feed(self, timeout):
        self.socket.settimeout(max(timeout, 0.001))
        try:
            self.tls.bio_write(self.socket.recv(4096))
        except TimeoutError:
            pass

    def send(self, data):
        self.tls.send(data)
        self._flush()

    def receive(self, timeout=3.0):
        """The next plaintext; b"" after the server's close_notify, None after the timeout."""
        end = time.monotonic() + timeout
        while True:
            try:
                return self.tls.recv(4096)
            except self.errors.ZeroReturnError:
                return b""
            except self.errors.WantReadError:
                if time.monotonic() > end:
                    return None
                self._feed(end - time.monotonic())

    def shutdown(self):
        self.tls.shutdown()
        self._flush()

    def close(self):
        self.socket.close()
