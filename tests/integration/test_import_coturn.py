"""Moving from coturn: its configuration, and users that turnadmin made, work with turnout; docs/coturn.md knows every
option and names tests that exist."""
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile

import peers
import process
import tap
from sources import ROOT
from turnoutd import BUILD, Turnout, free_port

REALM, SECRET = "move.example", "the-secret-of-coturn"
DOCUMENT = ROOT / "docs/coturn.md"


class Coturn:
    """A configuration and a database of coturn's, in a folder of their own."""

    def __init__(self, *lines):
        peers.need("turnadmin")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="turnout-coturn-"))
        self.folder.chmod(0o755)
        self.port, self.tls_port = free_port(), free_port()
        self.database = self.folder / "turndb"
        self.config = self.folder / "turnserver.conf"
        low, high = relay_ports()
        self.config.write_text("\n".join([
            "# the site's relay", "listening-ip=127.0.0.1", f"listening-port={self.port}",
            f"tls-listening-port={self.tls_port}", "relay-ip=127.0.0.1", f"min-port={low}", f"max-port={high}",
            "lt-cred-mech", f"realm={REALM}", f"userdb={self.database}", "user=static:from-the-file",
            "allow-loopback-peers", "no-cli", "no-tls", "no-dtls", "no-stdout-log",
            f"log-file={self.folder}/coturn.log", "simple-log", f"pidfile={self.folder}/pid", "stale-nonce=600",
            "denied-peer-ip=203.0.113.0-203.0.113.255", "user-quota=50", "fingerprint", "cli-password=x", *lines]) + "\n")

    def admin(self, *arguments):
        process.run(["turnadmin", "-b", self.database, "-r", REALM, *arguments])

    def __enter__(self):
        self.admin("-a", "-u", "alice", "-p", "wonderland")
        self.admin("-a", "-u", "b\u00f6b", "-p", "p\u00e4ssword")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


def relay_ports():
    first = free_port()
    return first, first + 400


def imported(coturn, *arguments, check=True):
    """turnoutctl import-coturn; its output."""
    return process.run([BUILD / "turnoutctl", "import-coturn", coturn.config, *arguments], check=check)


def call(port, echo, user, password):
    """The same command line against both servers."""
    return process.run(["turnutils_uclient", "-e", echo.host, "-r", echo.port, "-p", port, "-n", 20, "-m", 2, "-l",
                        300, "-c", "-u", user, "-w", password, "127.0.0.1"], timeout=50, check=False)


def expect_all(done, packets=40):
    peers.Result(done).expect_all(packets)


def with_turnout(coturn, users=True):
    """A configuration that has been imported, with what a test needs of its own: folders and ports."""
    t = Turnout()
    path = t.folder / "imported.conf"
    imported(coturn, "--output", path)
    text = path.read_text()
    t.udp = t.tcp = ("127.0.0.1", coturn.port)
    own = {"server": ["user", "control-socket", "state-dir"], "database": ["path"], "stats": ["listen"]}
    lines = [f"[{section}]\n" + "\n".join(f"{key} = {t.sections[section][key]}" for key in keys)
             for section, keys in own.items()]
    text = re.sub(r"(?m)^target = .*$", "level = debug", text)
    t.config_path.write_text(text + "\n".join(lines) + "\n")
    t.write_config = lambda **_: None
    if users:
        done = process.run([BUILD / "turnoutctl", "-c", t.config_path, "import-coturn", coturn.config,
                            "--import-users"])
        assert "3 users added" in done.stdout, done.stdout
    return t


@tap.test(limit=120)
def the_same_command_line_works_against_both():
    peers.need("turnserver")
    with Coturn() as c, peers.EchoPeer() as echo:
        server = process.start(["turnserver", "-c", c.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            tap.wait_for(lambda: peers.udp_port_open(c.port), 10, "turnserver")
            expect_all(call(c.port, echo, "alice", "wonderland"))
        finally:
            process.stop(server)
        with with_turnout(c) as t:
            expect_all(call(c.port, echo, "alice", "wonderland"))
            expect_all(call(c.port, echo, "b\u00f6b", "p\u00e4ssword"))
            expect_all(call(c.port, echo, "static", "from-the-file"))
            refused = peers.Result(call(c.port, echo, "alice", "wrong"))
            assert refused.received == 0, refused.output
            t.expect_log("bad-integrity")


@tap.test(limit=90)
def secrets_of_the_database_open_the_relay():
    with Coturn("use-auth-secret") as c, peers.EchoPeer() as echo:
        c.admin("-s", SECRET)
        with with_turnout(c) as t:
            assert f"secret = {SECRET}" in t.config_path.read_text()
            peers.uclient(t.udp, echo, "-c", clients=2, messages=20, secret=SECRET).expect_all(40)


@tap.test
def what_is_written_passes_the_daemons_check():
    with Coturn("syslog", "mobility", "max-bps=1000", "no-such-option=5") as c:
        path = c.folder / "turnout.conf"
        told = imported(c, "--output", path).stdout
        assert path.stat().st_mode & 0o777 == 0o600
        assert "no-such-option: not supported" in told and "3 users and 0 peer rules would be imported" in told, told
        text = path.read_text()
        assert "no-such-option" in text and "# realm, line 9\nrealm = move.example" in text, text
        process.run([BUILD / "turnoutd", "--check", "--config", path])


@tap.test
def an_existing_file_is_replaced_only_when_forced():
    with Coturn() as c:
        path = c.folder / "turnout.conf"
        path.write_text("mine")
        refused = imported(c, "--output", path, check=False)
        assert refused.returncode == 1 and "--force" in refused.stdout and path.read_text() == "mine"
        imported(c, "--output", path, "--force")
        assert "realm = move.example" in path.read_text()
        assert not path.with_name("turnout.conf.new").exists()


@tap.test
def importing_again_changes_nothing_unless_forced():
    with Coturn() as c:
        rows = sqlite3.connect(c.database)
        rows.execute("INSERT INTO denied_peer_ip VALUES ('', '198.51.100.0-198.51.100.255')")
        rows.execute("INSERT INTO allowed_peer_ip VALUES (?, '10.1.2.3')", (REALM,))
        rows.execute("INSERT INTO turn_realm_option VALUES (?, 'max-bps', '1000')", (REALM,))
        rows.commit()
        t = with_turnout(c)
        command = [BUILD / "turnoutctl", "-c", t.config_path, "import-coturn", c.config, "--import-users"]
        try:
            again = process.run(command).stdout
            assert "0 users added, 0 changed, 3 left" in again and "0 peer rules added" in again, again
            assert "max-bps: not supported" in again, again
            assert "3 changed" in process.run([*command, "--force"]).stdout
            listed = process.run([BUILD / "turnoutctl", "-c", t.config_path, "peer", "list"]).stdout
            assert "198.51.100.0/24" in listed and "10.1.2.3/32" in listed and REALM in listed, listed
            users = process.run([BUILD / "turnoutctl", "-c", t.config_path, "user", "list"]).stdout
            assert all(name in users for name in ("alice", "b\u00f6b", "static")), users
        finally:
            shutil.rmtree(t.folder, ignore_errors=True)


@tap.test
def what_cannot_be_read_is_said():
    with Coturn() as c:
        c.database.write_text("this is no database, and long enough to be seen as none" * 20)
        done = imported(c, check=False)
        assert done.returncode == 1 and "not a database" in done.stdout, done.stdout
        c.database.unlink()
        done = imported(c, check=False)
        assert done.returncode == 1 and "No such file" in done.stdout, done.stdout
        done = process.run([BUILD / "turnoutctl", "import-coturn", c.folder / "nowhere"], check=False)
        assert done.returncode == 1 and "nowhere" in done.stdout, done.stdout
        os.truncate(c.config, 2 << 20)
        done = imported(c, check=False)
        assert done.returncode == 1 and "larger than a megabyte" in done.stdout, done.stdout


def rows(start, end):
    part = DOCUMENT.read_text().split(start)[1].split(end)[0] if end else DOCUMENT.read_text().split(start)[1]
    return [line for line in part.splitlines() if line.startswith("|")][2:]


@tap.test
def every_option_of_the_installed_coturn_has_a_row():
    peers.need("turnserver")
    known = {re.match(r"\| `([^`]+)`", row).group(1) for row in rows("## Every option", "## Every RFC")}
    usage = process.run(["turnserver", "--help"], check=False).stdout
    page = process.run(["man", "turnserver"], check=False, env=dict(os.environ, MANWIDTH="300")).stdout
    page = re.sub(r".\x08", "", page)
    named = set()
    for line in usage.splitlines():
        if re.match(r"\s{0,8}-", line):
            head = re.split(r"\t|  +<", line.strip())[0]
            named |= set(re.findall(r"--([A-Za-z][\w-]*)", head))
    for line in page.splitlines():
        if re.match(r" {1,8}-", line):
            named |= set(re.findall(r"--([A-Za-z][\w-]*)", re.split(r"\s{2,}", line.strip())[0]))
    sample = pathlib.Path("/etc/turnserver.conf")
    if sample.exists():
        named |= set(re.findall(r"(?m)^#?([a-z][\w-]*)(?:=\S*)?$", sample.read_text()))
    named -= {"version", "help"}
    assert len(named) > 90, sorted(named)
    missing = sorted(named - known)
    assert not missing, f"docs/coturn.md has no row for {missing}"


@tap.test
def every_rfc_names_tests_that_exist():
    rfcs = rows("## Every RFC", None)
    assert len(rfcs) >= 10
    for row in rfcs:
        tests = re.findall(r"tests/[\w/.-]+", row.split("|")[-2])
        assert tests, row
        missing = [t for t in tests if not (ROOT / t).exists()]
        assert not missing, missing


@tap.test
def what_the_document_calls_later_is_not_there():
    """So that the table is changed when a part arrives: the daemon says of each key that it has no effect yet."""
    later = " ".join(row for row in rows("## Every RFC", None) if "| later |" in row)
    for rfc, key in (("RFC 7350", "[listen] dtls"), ("RFC 8016", "[relay] mobility"), ("RFC 6062", "[relay] tcp")):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            section, name = re.match(r"\[(\w+)\] (\w+)", key).groups()
            file.write(f"[{section}]\n{name} = {'5349' if name == 'dtls' else 'yes'}\n")
            file.flush()
            said = process.run([BUILD / "turnoutd", "--check", "--config", file.name], check=False).stdout
        assert (f"{key} has no effect yet" in said) == (rfc in later), f"{rfc}: docs/coturn.md and turnoutd disagree"


tap.main()
