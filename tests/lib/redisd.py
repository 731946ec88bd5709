"""A Redis server of the test's own."""
import pathlib
import shutil
import socket
import subprocess
import tempfile

import process
import tap
from turnoutd import free_port


class Redis:
    """with Redis() as r: r.url, r.command("PING")"""

    def __init__(self, *arguments, host="127.0.0.1"):
        if not shutil.which("redis-server"):
            raise tap.Skip("no redis-server")
        self.host, self.port, self.arguments, self.child = host, free_port(host), arguments, None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="turnout-redis-"))
        self.url = f"redis://{host}:{self.port}/0"

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.child = process.start(["redis-server", "--bind", self.host, "--port", self.port, "--save", "",
                                        "--appendonly", "no", "--dir", self.folder, *self.arguments],
                                       stdout=log, stderr=subprocess.STDOUT)
        tap.wait_for(self._answers, 10, "redis-server")
        return self

    def _answers(self):
        try:
            return self.command("PING") == "+PONG"
        except OSError:
            return False

    def command(self, *words):
        """One command; the first line of the reply."""
        with socket.create_connection((self.host, self.port), 3) as s:
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode())
                                                          for w in words))
            return s.makefile().readline().strip()

    def stop(self):
        if self.child:
            process.stop(self.child)
            self.child = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
