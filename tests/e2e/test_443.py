"""The web page, TURN over TCP and TURN over TLS on one port, 443, the only one that a strict firewall leaves open. For TURN
browsers want a certificate that they believe, whatever they are told about pages: Chromium knows the key, Firefox the
authority."""
import base64
import hashlib

import browser  # finds tests/lib
import process
import tap
from scene import SERVER, Scene, call, expect_video

NAME = "calls.test"  # Firefox does not ask a TURN server by TLS that has an address only
ONLY_443 = ("udp dport != 53", "oifname eth0 tcp dport != 443")
_scene = []


def key_hash(certificate):
    """What --ignore-certificate-errors-spki-list takes."""
    public = process.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"]).stdout
    der = base64.b64decode("".join(line for line in public.splitlines() if "-----" not in line))
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def sign_anew(folder):
    """A certificate for the server's key by an authority; the authority's file."""
    authority, own = folder / "authority.pem", folder / "authority-key.pem"
    process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                 own, "-out", authority, "-days", "3", "-subj", "/CN=authority of a test"])
    (folder / "extensions").write_text(f"subjectAltName=DNS:{NAME},IP:{SERVER}\nbasicConstraints=CA:FALSE\n"
                                       "extendedKeyUsage=serverAuth\n")
    process.run(["openssl", "req", "-new", "-key", folder / "key.pem", "-subj", "/CN=server of a test", "-out",
                 folder / "request.pem"])
    process.run(["openssl", "x509", "-req", "-in", folder / "request.pem", "-CA", authority, "-CAkey", own, "-days", "3",
                 "-CAcreateserial", "-extfile", folder / "extensions", "-out", folder / "cert.pem"])
    return authority


class Port443(Scene):
    """A server of which all but STUN and TURN over UDP is on port 443."""

    def __init__(self):
        super().__init__(http={"tls-listen": f"{SERVER}:443"}, listen={"tls": "none", "dtls": "none"})
        self.server.https = self.server.tls = (SERVER, 443)
        for place in ("left", "right"):
            self.network.know(place, NAME, SERVER)
        authority = sign_anew(self.server.folder)
        self.server.ctl("config", "reload")
        self.host = NAME
        self.trusted = {"chromium": key_hash(self.server.folder / "cert.pem"), "firefox": str(authority)}


def scene():
    if not _scene:
        _scene.append(Port443())
    return _scene[0]


def through_tls(left, right):
    before = scene().metrics()
    with scene().blocked(*ONLY_443), call(scene(), left, right) as people:
        expect_video(*people, timeout=60)
        for person in people:
            path = person.path()
            assert path["localType"] == "relay" and path["relayProtocol"] == "tls", path
    after = scene().metrics()
    for direction in ("from-client", "to-client"):
        name = f'turnout_relay_packets_total{{direction="{direction}",transport="tls"}}'
        assert after[name] > before[name] + 100, f"{name} {before[name]} -> {after[name]}"
    for kind in ("turn", "http"):
        name = f'turnout_tcp_connections_total{{transport="tls",class="{kind}"}}'
        assert after[name] > before[name], name


PAIRS = {
    "two chromium": (("chromium", "left"), ("chromium", "right")),
    "chromium and firefox": (("chromium", "left"), ("firefox", "right")),
}
for _pair, _where in PAIRS.items():
    tap.case(f"{_pair}: page and TURN over TLS on port 443, all else is blocked", through_tls, *_where, limit=200)


@tap.test
def the_daemon_ends_well_after_all_calls():
    scene().end()


tap.main()
