"""A turnoutd of the test's own: configuration, free ports, readiness, log, metrics, clean end.

    with Turnout(relay={"user-quota": 2}) as t:
        client = stun.TurnClient(t.udp, t.credentials())
        ...
        t.expect_log("quota")
"""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import process
import tap
from sources import ROOT

BUILD = pathlib.Path(os.environ.get("TURNOUT_BUILD", ROOT / "build"))
SANITIZER_SIGNS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "AddressSanitizer:DEADLYSIGNAL",
                   "WARNING: ThreadSanitizer")
SECRET = "a-secret-for-tests-only"
READY_TIMEOUT_S = 15


_given = set()


def free_port(host="127.0.0.1", count=1):
    """The first of `count` ports free for UDP and TCP, below the kernel's ephemeral range; none is given twice."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(200):
        first = random.SystemRandom().randrange(10000, 32000)
        if _given.intersection(range(first, first + count)):
            continue
        try:
            for port in range(first, first + count):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(family, kind) as s:
                        s.bind((host, port))
            _given.update(range(first, first + count))
            return first
        except OSError:
            continue
    raise RuntimeError("no free ports")


def certificate(folder, name="localhost", addresses=("127.0.0.1", "::1")):
    """A self-signed P-256 certificate; (certificate file, key file)."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ",".join([f"DNS:{name}", *(f"IP:{a}" for a in addresses)])
    process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", key, "-out", cert, "-days", "3", "-subj", f"/CN={name}", "-addext",
                 f"subjectAltName={names}"])
    return cert, key


def jwt(claims, secret, key_id):
    """An HS256 token (RFC 7519)."""

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    body = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + part(json.dumps(
        {"iss": key_id, **claims}).encode())
    return (body + b"." + part(hmac.digest(secret.encode(), body, "sha256"))).decode()


class Turnout:
    """Sections of turnout.conf are keyword arguments: dicts whose values are scalars or lists (repeated
    keys); None leaves a default of the helper out. host: the address everything listens on."""

    def __init__(self, host="127.0.0.1", tls=False, prefix=(), arguments=(), user=None, **sections):
        self.host, self.prefix, self.arguments = host, list(prefix), list(arguments)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="turnout-test-"))
        self.folder.chmod(0o755)
        self.log_path = self.folder / "log"
        self.config_path = self.folder / "turnout.conf"
        self.child = None
        self.build = BUILD
        self.log_mark = 0
        self.udp = self.tcp = (host, free_port(host))
        self.tls = (host, free_port(host))
        self.http, self.https = (host, free_port(host)), (host, free_port(host))
        self.stats = (host, free_port(host))
        self.sections = self._defaults(tls, user or pwd.getpwuid(os.getuid()).pw_name)
        if user:
            os.chmod(self.folder, 0o777)
        for name, keys in sections.items():
            self.sections.setdefault(name, {}).update({k.replace("_", "-"): v for k, v in keys.items()})

    def _defaults(self, tls, user):
        def at(pair):
            return f"[{pair[0]}]:{pair[1]}" if ":" in pair[0] else f"{pair[0]}:{pair[1]}"

        (self.folder / "state").mkdir(mode=0o777)
        (self.folder / "state").chmod(0o777)
        sections = {
            "server": {"realm": "test.example", "workers": 2, "user": user, "control-socket": self.folder / "state/control.sock",
                       "state-dir": self.folder / "state"},
            "listen": {"udp": at(self.udp), "tcp": at(self.tcp), "tls": None, "dtls": None},
            "relay": {"address": self.host, "ports": "32768-60999"},
            "auth": {"secret": SECRET, "development": "yes"},
            "http": {"listen": at(self.http), "tls-listen": None, "web-root": ROOT / "web"},
            "stats": {"listen": at(self.stats)},
            "database": {"path": self.folder / "state/turnout.db"},
            "log": {"level": "debug"},
        }
        if tls:
            cert, key = certificate(self.folder, addresses=(self.host,))
            key.chmod(0o644)
            sections["tls"] = {"certificate": cert, "private-key": key}
            sections["listen"]["tls"] = sections["listen"]["dtls"] = at(self.tls)
            sections["http"]["tls-listen"] = at(self.https)
        return sections

    def write_config(self, **sections):
        """Writes the file anew, with changes; for reloads."""
        for name, keys in sections.items():
            self.sections.setdefault(name, {}).update({k.replace("_", "-"): v for k, v in keys.items()})
        lines = []
        for name, keys in self.sections.items():
            lines.append(f"[{name}]")
            for key, value in keys.items():
                for one in value if isinstance(value, (list, tuple)) else [value]:
                    if one is not None:
                        lines.append(f"{key} = {one}")
        self.config_path.write_text("\n".join(lines) + "\n")

    @property
    def program(self):
        path = self.build / "turnoutd"
        if not path.exists():
            raise AssertionError(f"{path} is not built")
        return path

    def start(self):
        self.write_config()
        with open(self.log_path, "ab") as log:
            self.child = process.start([*self.prefix, self.program, "--config", self.config_path, *self.arguments],
                                       stdout=log, stderr=log, cwd=self.folder,
                                       env=dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
                                                UBSAN_OPTIONS="print_stacktrace=1"))
        end = time.monotonic() + READY_TIMEOUT_S
        while True:
            if self.child.poll() is not None:
                raise AssertionError(f"turnoutd ended with {self.child.returncode}:\n{self.log()[-3000:]}")
            try:
                if self.get("/readyz", stats=True)[0] == 200:
                    return self
            except OSError:
                pass
            if time.monotonic() > end:
                raise AssertionError(f"turnoutd does not get ready:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def stop(self, check=True):
        """SIGTERM twice: end now, not after the drain. Fails on a bad status or a sanitizer's report."""
        if self.child is None:
            return
        child, self.child = self.child, None
        for patience in (0.3, 15):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(patience)
        if child.poll() is None:
            process.stop(child, signal.SIGABRT)
            if check:
                raise AssertionError(f"turnoutd does not end after SIGTERM:\n{self.log()[-3000:]}")
        status = process.stop(child)
        log = self.log()
        if check:
            assert not any(sign in log for sign in SANITIZER_SIGNS), f"sanitizer report:\n{log[-6000:]}"
            assert status == 0, f"turnoutd ended with {status}:\n{log[-3000:]}"

    def signal(self, number):
        os.kill(self.pid, number)

    @property
    def pid(self):
        """The daemon's process; with a prefix (ip netns exec) it has been exec'ed in place."""
        return self.child.pid

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop(check=False)
            raise

    def __exit__(self, kind, value, trace):
        try:
            self.stop(check=kind is None)
            if kind is not None:
                for line in self.log().splitlines()[-25:]:
                    print(f"# turnoutd: {line}")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- what it says -----------------------------------------------------------------------------

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def mark_log(self):
        self.log_mark = len(self.log())

    def expect_log(self, pattern, timeout=3.0):
        """A line after the last mark_log() that matches."""

        def found():
            return next((line for line in self.log()[self.log_mark:].splitlines() if re.search(pattern, line)), None)

        try:
            return tap.wait_for(found, timeout, f"log line {pattern}")
        except AssertionError:
            raise AssertionError(f"no log line {pattern!r} in:\n{self.log()[self.log_mark:][-2500:]}") from None

    def get(self, path, stats=False, headers=None, timeout=5.0):
        """(status, body text) of an HTTP GET."""
        host, port = self.stats if stats else self.http
        host = f"[{host}]" if ":" in host else host
        request = urllib.request.Request(f"http://{host}:{port}{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def metrics(self):
        """{'name{labels}': value} of /metrics."""
        status, text = self.get("/metrics", stats=True)
        assert status == 200, text
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in pairs}

    def expect_metric(self, before, name, least=1, timeout=3.0):
        """Waits until a metric has grown by at least `least` since `before` (an earlier metrics())."""

        def grown():
            return self.metrics().get(name, 0) - before.get(name, 0) >= least

        assert name in self.metrics(), f"no metric {name}; there are {sorted(self.metrics())}"
        tap.wait_for(grown, timeout, f"{name} to grow by {least}")

    def allocations(self):
        """How many allocations are in force."""
        return sum(v for k, v in self.metrics().items() if k.startswith("turnout_turn_allocations{"))

    def expect_allocations(self, number, timeout=5.0):
        tap.wait_for(lambda: self.allocations() == number, timeout, f"{number} allocations in force")

    # --- credentials ------------------------------------------------------------------------------

    def credentials(self, user="alice", expires_in=600, secret=SECRET):
        """(user name, password) by the shared secret."""
        name = f"{int(time.time()) + expires_in}:{user}"
        return name, base64.b64encode(hmac.digest(secret.encode(), name.encode(), hashlib.sha1)).decode()

    def ctl(self, *arguments, check=True):
        """turnoutctl against this daemon."""
        socket_path = self.sections["server"]["control-socket"]
        return process.run([BUILD / "turnoutctl", "--socket", socket_path, *arguments], check=check)

    def ctl_json(self, *arguments):
        """What turnoutctl --json says, read."""
        return json.loads(self.ctl("--json", *arguments).stdout)
