"""The certificate: taken when its files change in whatever way, wrong ones refused with a remedy, sessions and tickets kept;
versions and ALPN as openssl's client sees them."""
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import process
import stun
import tap
from dtlslink import DtlsLink
from turnoutd import Turnout, certificate

EXPIRY = "turnout_tls_certificate_expiry_timestamp_seconds"


def at(server):
    return f"{server[0]}:{server[1]}"


def s_client(server, *flags, data=b"", wait=0.4):
    """openssl's client: what it says. It stays for `wait` seconds, so that tickets arrive."""
    child = process.start(["openssl", "s_client", "-connect", at(server), *flags], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        child.stdin.write(data)
        child.stdin.flush()
        time.sleep(wait)
        return child.communicate(timeout=10)[0].decode(errors="replace")
    finally:
        process.stop(child)


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def name_at(server):
    """The common name in the certificate that is shown now."""
    output = s_client(server, wait=0)
    return output.split("CN = ")[1].split()[0].strip() if "CN = " in output else None


def pair(name):
    """(certificate, key, folder), readable by whoever."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="turnout-pair-"))
    cert, key = certificate(folder, name=name, addresses=("127.0.0.1",))
    key.chmod(0o644)
    return cert.read_bytes(), key.read_bytes(), folder


def overwrite(t, cert, key):
    (t.folder / "key.pem").write_bytes(key)
    (t.folder / "cert.pem").write_bytes(cert)


def rename_over(t, cert, key):
    for name, data in (("key.pem", key), ("cert.pem", cert)):
        (t.folder / "new").write_bytes(data)
        os.rename(t.folder / "new", t.folder / name)


def shows(t, name):
    for server in (t.tls, t.https):
        tap.wait_for(lambda s=server: name_at(s) == name, 6, f"the certificate of {name}")


class Session:
    """A client with an allocation that must live through it all."""

    def __init__(self, t):
        self.client = stun.TurnClient(t.tls, t.credentials(), "tcp", wrap=lambda s: context().wrap_socket(s))
        assert self.client.allocate().ok

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.client.refresh().ok, "the session is lost"
        self.client.close()


WAYS = {"written in place": overwrite, "renamed over": rename_over}


def taken(way):
    cert, key, folder = pair("second.example")
    with Turnout(tls=True) as t, Session(t):
        before = t.metrics()
        t.mark_log()
        way(t, cert, key)
        shows(t, "second.example")
        t.expect_log("certificate loaded")
        t.expect_metric(before, 'turnout_tls_certificate_loads_total{result="ok"}')
    shutil.rmtree(folder)


for _name, _way in WAYS.items():
    tap.case(f"a certificate {_name} is taken, sessions live on", taken, _way, limit=40)


@tap.test(limit=40)
def certbot_s_links_are_followed():
    t = Turnout(tls=True)
    live, archive = t.folder / "live/a.example", t.folder / "archive/a.example"
    live.mkdir(parents=True), archive.mkdir(parents=True)

    def renew(number, name):
        cert, key, folder = pair(name)
        for kind, data in (("fullchain", cert), ("privkey", key)):
            (archive / f"{kind}{number}.pem").write_bytes(data)
            link = live / f"{kind}.pem"
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../archive/a.example/{kind}{number}.pem")
        shutil.rmtree(folder)

    renew(1, "one.example")
    t.sections["tls"] = {"certificate": live / "fullchain.pem", "private-key": live / "privkey.pem"}
    with t, Session(t):
        shows(t, "one.example")
        for number, name in ((2, "two.example"), (3, "three.example")):
            renew(number, name)
            shows(t, name)


@tap.test(limit=40)
def kubernetes_folders_are_followed():
    t = Turnout(tls=True)
    mount = t.folder / "mount"
    mount.mkdir()

    def publish(number, name):
        cert, key, folder = pair(name)
        data = mount / f"..{number}"
        data.mkdir()
        (data / "tls.crt").write_bytes(cert), (data / "tls.key").write_bytes(key)
        (mount / "..data_tmp").symlink_to(data.name)
        os.rename(mount / "..data_tmp", mount / "..data")
        if number > 1:
            shutil.rmtree(mount / f"..{number - 1}")
        shutil.rmtree(folder)

    publish(1, "one.example")
    for name in ("tls.crt", "tls.key"):
        (mount / name).symlink_to(f"..data/{name}")
    t.sections["tls"] = {"certificate": mount / "tls.crt", "private-key": mount / "tls.key"}
    with t, Session(t):
        shows(t, "one.example")
        for number, name in ((2, "two.example"), (3, "three.example")):
            publish(number, name)
            shows(t, name)


@tap.test(limit=40)
def a_certificate_without_its_key_is_refused_until_the_key_comes():
    cert, key, folder = pair("second.example")
    with Turnout(tls=True) as t, Session(t):
        before = t.metrics()
        t.mark_log()
        (t.folder / "cert.pem").write_bytes(cert)
        t.expect_log("private key does not belong to the certificate.*remedy=", timeout=5)
        t.expect_log("the certificate in force stays")
        t.expect_metric(before, 'turnout_tls_certificate_loads_total{result="failed"}')
        assert name_at(t.tls) == "localhost"
        assert t.metrics()[EXPIRY] == before[EXPIRY] > time.time()
        t.signal(signal.SIGHUP)
        t.expect_log("not reloaded")
        assert name_at(t.tls) == "localhost"
        (t.folder / "key.pem").write_bytes(key)
        shows(t, "second.example")
    shutil.rmtree(folder)


# --- what cannot be used --------------------------------------------------------------------------


def start_fails(change, *patterns):
    t = Turnout(tls=True)
    change(t)
    t.write_config()
    for arguments in ([], ["--check"]):
        done = process.run([t.program, "--config", t.config_path, *arguments], check=False, timeout=10)
        assert done.returncode != 0, done.stdout
        for pattern in patterns:
            assert pattern in done.stdout, (pattern, done.stdout)
    return t


@tap.test
def a_start_without_a_good_pair_says_what_to_do():
    start_fails(lambda t: (t.folder / "key.pem").unlink(), "cannot load private key", "key.pem", "put the file there")
    start_fails(lambda t: (t.folder / "cert.pem").write_text("nonsense"), "cannot load certificate", "must be PEM")

    def mismatch(t):
        cert, _, folder = pair("other.example")
        (t.folder / "cert.pem").write_bytes(cert)
        shutil.rmtree(folder)

    start_fails(mismatch, "private key does not belong", "fullchain.pem and privkey.pem")

    def passphrase(t):
        process.run(["openssl", "pkey", "-in", t.folder / "key.pem", "-out", t.folder / "locked.pem", "-aes256",
                     "-passout", "pass:secret"])
        os.rename(t.folder / "locked.pem", t.folder / "key.pem")
        (t.folder / "key.pem").chmod(0o644)

    start_fails(passphrase, "cannot load private key", "openssl pkey -in OLD -out NEW")


@tap.test
def a_key_that_only_root_can_read_works_until_it_is_renewed():
    if os.geteuid() != 0:
        raise tap.Skip("not root")
    with Turnout(tls=True, user="nobody") as t:
        assert "cannot be read again" not in t.log()
    t = Turnout(tls=True, user="nobody")
    (t.folder / "key.pem").chmod(0o600)
    with t:
        t.expect_log("file cannot be read again.*key.pem.*remedy=.*chgrp")
        assert name_at(t.tls) == "localhost"
        assert "cannot be read by the daemon's user" in t.ctl("-c", t.config_path, "selftest", check=False).stdout
        t.mark_log()
        t.write_config(relay={"user-quota": 7})
        t.ctl("config", "reload")  # the rest of the configuration need not wait
        t.expect_log("changed key=relay.user-quota")
        assert name_at(t.tls) == "localhost"
        cert, key, folder = pair("second.example")
        shutil.rmtree(folder)
        overwrite(t, cert, key)
        t.expect_log("cannot load private key.*remedy=.*chgrp", timeout=5)
        assert name_at(t.tls) == "localhost"
        (t.folder / "key.pem").chmod(0o644)  # rights count as a change
        shows(t, "second.example")


def dated(t, begin, end):
    """A certificate for these dates, by openssl's ca."""
    folder = t.folder / "ca"
    folder.mkdir()
    (folder / "index").write_text("")
    (folder / "conf").write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={folder}/index\nnew_certs_dir={folder}\nrand_serial=yes\n"
                                 "policy=p\ndefault_md=sha256\n[p]\ncommonName=supplied\n")
    process.run(["openssl", "req", "-new", "-key", t.folder / "key.pem", "-subj", "/CN=dated.example", "-out", folder / "csr"])
    process.run(["openssl", "ca", "-batch", "-selfsign", "-config", folder / "conf", "-keyfile", t.folder / "key.pem", "-in",
                 folder / "csr", "-startdate", begin, "-enddate", end, "-notext", "-out", t.folder / "cert.pem"])


@tap.test
def dates_are_told_of():
    for begin, end, line, found in (("20200101000000Z", "20210101000000Z", "certificate has expired.*remedy=", "has expired"),
                                    ("20990101000000Z", "21000101000000Z", "not valid yet.*remedy=", "not valid yet")):
        t = Turnout(tls=True)
        dated(t, begin, end)
        with t:
            t.expect_log(line)
            assert found in t.ctl("-c", t.config_path, "selftest", check=False).stdout
            assert t.metrics()[EXPIRY] == {"2": 1609459200, "": 4102444800}["2" if end < "2050" else ""]


@tap.test
def a_first_certificate_needs_a_restart_and_that_is_told():
    with Turnout() as t:
        cert, key = certificate(t.folder)
        key.chmod(0o644)
        t.mark_log()
        t.write_config(tls={"certificate": cert, "private-key": key})
        t.ctl("config", "reload")
        t.expect_log("restart")
        assert t.metrics()[EXPIRY] == 0


# --- versions, tickets, ALPN ----------------------------------------------------------------------


@tap.test
def min_version_counts_and_can_be_reloaded():
    def speaks(*flags):
        return "Cipher is (NONE)" not in s_client(t.tls, *flags, wait=0)

    with Turnout(tls=True) as t:
        assert speaks("-tls1_2") and speaks("-tls1_3")
        assert not speaks("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        with stun.TurnClient(t.tls, t.credentials(), "tcp", wrap=tls_1_2) as old:
            assert old.allocate().ok
            t.write_config(tls={"min-version": "1.3"})
            t.ctl("config", "reload")
            assert not speaks("-tls1_2") and speaks("-tls1_3")
            assert old.refresh().ok  # who is there stays
        t.write_config(tls={"min-version": "1.2"})
        t.ctl("config", "reload")
        assert speaks("-tls1_2")


def tls_1_2(s):
    made = context()
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made.wrap_socket(s)


def resumes(version):
    with Turnout(tls=True, server={"workers": 2}) as t:
        ticket, renewed = t.folder / "ticket", t.folder / "renewed"
        full = s_client(t.tls, version, "-sess_out", ticket)
        assert "\nNew, " in full and ticket.exists(), full[-1500:]
        for _ in range(4):  # whichever worker it comes to
            again = s_client(t.tls, version, "-sess_in", ticket)
            assert "\nReused, " in again, again[-1500:]
        cert, key, folder = pair("second.example")
        shutil.rmtree(folder)
        t.mark_log()
        overwrite(t, cert, key)
        t.expect_log("certificate loaded", timeout=6)
        t.ctl("config", "reload")
        again = s_client(t.tls, version, "-sess_in", ticket, "-sess_out", renewed)
        assert "\nReused, " in again, again[-1500:]
        last = renewed if renewed.exists() else ticket  # only TLS 1.3 gives a new one each time
        assert "\nReused, " in s_client(t.tls, version, "-sess_in", last)
        t.stop()
        t.start()
        assert "\nNew, " in s_client(t.tls, version, "-sess_in", last)  # another process has other keys


for _version, _flag in (("TLS 1.2", "-tls1_2"), ("TLS 1.3", "-tls1_3"), ("DTLS 1.2", "-dtls1_2")):
    tap.case(f"tickets of {_version} survive a new certificate and a reload", resumes, _flag, limit=60)


REQUEST = stun.encode(stun.BINDING)
HTTP = b"GET /livez HTTP/1.0\r\n\r\n"
OFFERS = [None, ["stun.turn"], ["stun.nat-discovery"], ["http/1.1"], ["h2", "http/1.1"], ["h2"], ["stun.turn", "http/1.1"],
          ["webrtc", "c-webrtc"]]


@tap.test(limit=60)
def alpn_is_a_hint_and_the_first_bytes_decide():
    with Turnout(tls=True) as t:
        for server in (t.tls, t.https):
            for offer in OFFERS:
                for data in (REQUEST, HTTP):
                    made = context()
                    if offer:
                        made.set_alpn_protocols(offer)
                    with socket.create_connection(server) as plain, made.wrap_socket(plain) as s:
                        s.settimeout(5)
                        known = [p for p in offer or [] if p in ("stun.turn", "stun.nat-discovery", "http/1.1")]
                        assert (s.selected_alpn_protocol() in known) if known else s.selected_alpn_protocol() is None
                        s.sendall(data)
                        reply = s.recv(1000)
                        assert reply[:5] == b"HTTP/" if data is HTTP else stun.Message(reply).ok, (server, offer, reply)


@tap.test
def plain_and_tls_share_every_port():
    with Turnout(tls=True) as t:
        for server in (t.tcp, t.tls, t.https):
            for wrap in (None, lambda s: context().wrap_socket(s)):
                with stun.TurnClient(server, t.credentials(), "tcp", wrap=wrap) as client:
                    assert client.allocate().ok
                with socket.create_connection(server) as plain:
                    s = wrap(plain) if wrap else plain
                    s.settimeout(5)
                    s.sendall(HTTP)
                    assert s.recv(1000).startswith(b"HTTP/1.")
                    s.close()


@tap.test(limit=40)
def a_dtls_session_outlives_the_certificate():
    cert, key, folder = pair("second.example")
    with Turnout(tls=True) as t:
        client = stun.TurnClient(t.tls, t.credentials())
        client.link.close()
        client.link = DtlsLink(t.tls)
        with client:
            assert client.allocate().ok
            t.mark_log()
            overwrite(t, cert, key)
            t.expect_log("certificate loaded", timeout=6)
            assert client.refresh().ok
        assert "second.example" in s_client(t.tls, "-dtls1_2")
    shutil.rmtree(folder)


tap.main()
