"""coturn's own client and STUN client work against turnoutd, without losing a packet."""
import concurrent.futures

import peers
import process
import tap
from turnoutd import SECRET, Turnout

CLIENTS, MESSAGES = 4, 60

METHODS = {
    "channels over udp": ["-c"],
    "send indications over udp": ["-c", "-s"],
    "channels over tcp": ["-c", "-t"],
    "send indications over tcp": ["-c", "-t", "-s"],
    "padded channel data over udp": ["-c", "-D"],
    "channels between two allocations": ["-c", "-y"],
    "send indications between two allocations over tcp": ["-c", "-y", "-s", "-t"],
    "channels with rtcp ports by reservation": [],
    "extra permissions and binds": ["-c", "-G"],
}


def run_all():
    """One server per family; every method at once against it, as in life."""
    results = {}
    for family, host, flags in (("IPv4", "127.0.0.1", []), ("IPv6", "::1", ["-x"])):
        with Turnout(host=host, relay={**peers.LOOPBACK_PEERS, "user-quota": "unlimited"}) as t, \
                peers.EchoPeer(host) as echo, concurrent.futures.ThreadPoolExecutor(3) as pool:
            jobs = {f"{name}, {family}": pool.submit(peers.uclient, t.udp, echo, *own, *flags, clients=CLIENTS,
                                                     messages=MESSAGES) for name, own in METHODS.items()}
            for name, job in jobs.items():
                concurrent.futures.wait([job])
                results[name] = job
    return results


_results = {}


def loses_nothing(name):
    if not _results:
        peers.need("turnutils_uclient")
        _results.update(run_all())
    _results[name].result().expect_all(CLIENTS * MESSAGES)


for method in METHODS:
    for kind in ("IPv4", "IPv6"):
        tap.case(f"turnutils_uclient: {method}, {kind}", loses_nothing, f"{method}, {kind}", limit=150)


@tap.test
def turnutils_uclient_with_a_wrong_secret_is_refused():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t, peers.EchoPeer() as echo:
        before = t.metrics()
        result = peers.uclient(t.udp, echo, "-c", clients=1, messages=2, secret=SECRET + "x", timeout=40)
        assert result.status != 0 and result.received == 0, result.output
        t.expect_log("bad-integrity")
        t.expect_metric(before, 'turnout_turn_denied_total{reason="bad-integrity"}')


def stunclient(host):
    peers.need("turnutils_stunclient")
    with Turnout(host=host) as t:
        output = process.run(["turnutils_stunclient", "-p", t.udp[1], "-L", host, host]).stdout
        assert "reflexive addr" in output and host in output, output


tap.case("turnutils_stunclient learns its address, IPv4", stunclient, "127.0.0.1")
tap.case("turnutils_stunclient learns its address, IPv6", stunclient, "::1")
tap.main()
