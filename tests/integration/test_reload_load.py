"""A reload of everything at once under load: 10,000 packets/s through 500 allocations, none of them dropped, and
the new certificate, secrets, quotas and peer rules in force."""
import json
import signal
import ssl
import subprocess
import tempfile

import peers
import process
import stun
import tap
from turnoutd import BUILD, SECRET, Turnout, certificate

ALLOCATIONS, RATE, SECONDS = 500, 10000, 12
NEW_SECRET = "the-secret-that-comes-after"
RELOADS = 3


class Load:
    """turnout-bench beside the test."""

    def __init__(self, t):
        self.secret = tempfile.NamedTemporaryFile("w")
        self.secret.write(SECRET)
        self.secret.flush()
        self.child = process.start(
            [BUILD / "turnout-bench", "turn", "--json", "--quiet", "--allocations", ALLOCATIONS, "--rate", RATE,
             "--burst", 1, "--size", 200, "--duration", SECONDS, "--warmup", 1, "--spread", 1000, "--user", "load",
             "--secret-file", self.secret.name, f"{t.udp[0]}:{t.udp[1]}"], stdout=subprocess.PIPE, text=True)

    def result(self):
        output, _ = self.child.communicate(timeout=SECONDS + 20)
        assert self.child.returncode == 0, output
        self.secret.close()
        return json.loads(output)


def served_certificate(t):
    return ssl.get_server_certificate(t.tls)


def dropped(metrics):
    """Everything of the packet path that the server itself did not pass on."""
    return sum(v for k, v in metrics.items() if "_dropped_total" in k)


def external(number):
    return f"203.0.113.{number}"


def change_everything(t, number):
    """Another certificate, first secret, quota, bandwidth, external address and rules, mobility and TCP relays on or off;
    then SIGHUP. A rule for the realm comes by the control socket meanwhile."""
    t.mark_log()
    certificate(t.folder, name=f"new-{number}.example", addresses=(t.host,))
    (t.folder / "key.pem").chmod(0o644)
    switch = "yes" if number % 2 else "no"
    t.write_config(auth={"secret": [f"{NEW_SECRET}-{number}", SECRET]},
                   server={"external-address": external(number)},
                   relay={"user-quota": ALLOCATIONS + number, "deny-peer": "127.0.0.77/32",
                          "user-bandwidth": f"{number}G", "mobility": switch, "tcp": switch,
                          "allow-peer": ["127.0.0.0/8", f"192.168.{number}.0/24"]})
    t.signal(signal.SIGHUP)
    t.ctl("peer", "deny", f"127.0.1.{number}", "--realm", "test.example")
    t.expect_log("reload|configuration")


def new_rules_hold(t, number, old_certificate):
    tap.wait_for(lambda: served_certificate(t) != old_certificate, 5, "the new certificate")
    with stun.TurnClient(t.udp, t.credentials("other", secret=f"{NEW_SECRET}-{number}")) as client:
        reply = client.allocate()
        assert reply.ok, "the new secret is not taken"
        assert reply.address(stun.XOR_RELAYED_ADDRESS)[0] == external(number), "the external address is the old one"
        tap.wait_for(lambda: client.permit(f"192.168.{number}.1").ok, 5, "the new rule that allows")
        tap.wait_for(lambda: client.permit("127.0.0.77").error == 403, 5, "the new rule that denies")
        tap.wait_for(lambda: client.permit(f"127.0.1.{number}").error == 403, 5, "the realm's new rule")
    with stun.TurnClient(t.udp, t.credentials("other")) as client:
        reply = client.allocate((stun.MOBILITY_TICKET, b""))
        assert reply.error == (0 if number % 2 else 405), f"mobility: {reply.error}"
    with stun.TurnClient(t.udp, t.credentials("load")) as client:
        for _ in range(number):  # what the quota has grown by
            with_room = stun.TurnClient(t.udp, t.credentials("load"))
            assert with_room.allocate().ok, "the quota did not grow"
            extra.append(with_room)
        assert client.allocate().error == 486, "the quota is not in force"


extra = []


@tap.test(limit=90)
def a_reload_of_everything_under_load_drops_nothing():
    with Turnout(tls=True, relay={**peers.LOOPBACK_PEERS, "user-quota": ALLOCATIONS}) as t:
        load = Load(t)
        t.expect_allocations(ALLOCATIONS, 15)
        before = t.metrics()
        for number in range(1, RELOADS + 1):
            old = served_certificate(t)
            change_everything(t, number)
            new_rules_hold(t, number, old)
            while extra:
                client = extra.pop()
                client.refresh(0)
                client.close()
        assert load.child.poll() is None, "the load ended before the reloads did"
        result = load.result()
        after = t.metrics()
    assert result["sent"] >= 0.95 * RATE * SECONDS, result
    assert dropped(after) == dropped(before), {k: v for k, v in after.items() if "_dropped_total" in k and v}
    assert result["received"] == result["sent"], result


tap.main()
