"""The configuration: checked before it counts, swapped whole while traffic flows."""
import signal
import socket
import threading

import peers
import process
import stun
import tap
from turnoutd import Turnout, free_port


def check(text):
    """turnoutd --check on a configuration text; (status, output)."""
    t = Turnout()
    t.config_path.write_text(text)
    done = process.run([t.program, "--config", t.config_path, "--check"], check=False)
    return done.returncode, done.stdout


BAD = {
    "an unknown key": ("[relay]\nuser-quotta = 5\n", 2, "user-quota"),
    "an unknown section": ("[relais]\nports = 5\n", 1, "relay"),
    "a value out of range": ("[relay]\nports = 70000-80000\n", 2, "ports"),
    "a malformed peer rule": ("[relay]\nallow-peer = 10.0.0.0/99\n", 2, "allow-peer"),
    "a line that is no line": ("[relay]\nports\n", 2, ""),
}


def check_names(text, line, hint):
    status, output = check(text)
    assert status != 0, output
    assert f"turnout.conf:{line}: " in output and hint in output, output


for _name, _case in BAD.items():
    tap.case(f"--check tells file, line and remedy of {_name}", check_names, *_case)


@tap.test
def check_reports_every_error_at_once():
    status, output = check("[relay]\nuser-quotta = 5\nports = x\n[log]\nlevel = loud\n")
    assert status != 0 and all(f"turnout.conf:{n}: " in output for n in (2, 3, 5)), output


@tap.test
def check_accepts_a_good_file_and_starts_nothing():
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        status, output = check(f"[server]\nrealm = a.example\n[listen]\nudp = 127.0.0.1:{port}\n")
        assert status == 0, output


@tap.test
def a_bad_file_does_not_start_the_daemon():
    t = Turnout(relay={"allow-peer": "not-an-address"})
    t.write_config()
    done = process.run([t.program, "--config", t.config_path], check=False, timeout=10)
    assert done.returncode != 0 and "allow-peer" in done.stdout, done.stdout


class Traffic:
    """Packets to a peer and back through a channel, all the while; counts what gets lost."""

    def __init__(self, t):
        self.client = stun.TurnClient(t.udp, t.credentials())
        reply = self.client.allocate()
        assert reply.ok, reply.error
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(2)
        assert self.client.bind_channel(stun.CHANNEL_FIRST, *self.peer.getsockname()).ok
        self.going, self.there, self.lost = True, 0, 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.going:
            data = b"packet %d" % self.there
            self.client.send_channel(stun.CHANNEL_FIRST, data)
            try:
                got, relay = self.peer.recvfrom(2048)
                self.peer.sendto(got, relay)
                back = self.client.receive(2)
            except TimeoutError:
                got = back = None
            self.lost += got != data or back != ("channel", stun.CHANNEL_FIRST, data)
            self.there += 1

    def stop(self):
        self.going = False
        self.thread.join(10)
        return self


@tap.test
def sighup_changes_the_configuration_while_traffic_flows():
    with Turnout(relay={**peers.LOOPBACK_PEERS, "user-quota": 1}) as t:
        traffic = Traffic(t)
        with stun.TurnClient(t.udp, t.credentials()) as second:
            assert second.allocate().error == 486
            t.write_config(relay={"user-quota": 2, "allow-peer": ["127.0.0.0/8", "192.168.77.0/24"]})
            t.mark_log()
            t.signal(signal.SIGHUP)
            t.expect_log("reload|configuration")
            tap.wait_for(lambda: second.allocate().ok, 5, "the new quota")
            tap.wait_for(lambda: second.permit("192.168.77.1").ok, 5, "the new peer rule")
        before = traffic.there
        tap.wait_for(lambda: traffic.there > before + 20, 5, "traffic after the reload")
        traffic.stop()
        assert traffic.lost == 0, f"{traffic.lost} of {traffic.there} packets lost"


@tap.test
def a_bad_reload_changes_nothing_and_says_why():
    with Turnout(relay={**peers.LOOPBACK_PEERS, "user-quota": 1}) as t:
        t.mark_log()
        t.write_config(relay={"user-quota": "many"})
        t.signal(signal.SIGHUP)
        t.expect_log("user-quota")
        with stun.TurnClient(t.udp, t.credentials()) as a, stun.TurnClient(t.udp, t.credentials()) as b:
            assert a.allocate().ok and b.allocate().error == 486


@tap.test
def ten_reloads_under_traffic_lose_nothing():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t:
        traffic = Traffic(t)
        for number in range(10):
            t.write_config(relay={"user-quota": 10 + number})
            t.signal(signal.SIGHUP)
            before = traffic.there
            tap.wait_for(lambda b=before: traffic.there > b + 10, 5, "traffic")
        traffic.stop()
        assert traffic.lost == 0, f"{traffic.lost} of {traffic.there} packets lost"


tap.main()
