"""coturn's own client and STUN client work against turnoutd, without losing a packet."""
import concurrent.futures

import peers
import process
import tap
from turnoutd import SECRET, Turnout

CLIENTS, MESSAGES = 4, 40

# What the client can do, by name. Its other modes have tests of their own: -T and -P in test_tcp_relay.py, -M over every
# transport in test_mobility.py, -J in test_oauth.py, -S alone, at two ports, in test_dtls.py.
METHODS = {
    "channels over udp": ["-c"],
    "send indications over udp": ["-c", "-s"],
    "channels over tcp": ["-c", "-t"],
    "send indications over tcp": ["-c", "-t", "-s"],
    "channels over tls": ["-c", "-t", "-S"],
    "send indications over tls": ["-c", "-t", "-S", "-s"],
    "channels over dtls": ["-c", "-S"],
    "padded channel data over udp": ["-c", "-D"],
    "channels between two allocations": ["-c", "-y"],
    "rtcp ports between two allocations": ["-y", "-s"],
    "send indications between two allocations over tcp": ["-c", "-y", "-s", "-t"],
    "channels with rtcp ports by reservation": [],
    "rtcp ports by reservation over tcp": ["-t"],
    "extra permissions and binds": ["-c", "-G"],
    "dont fragment": ["-c", "-g"],
    "dont fragment, extra requests, send indications": ["-c", "-g", "-G", "-s"],
    "dont fragment over tls": ["-c", "-g", "-t", "-S"],
    "origin and bandwidth": ["-c", "-o", "https://page.example", "-a", "100000"],
    "random disconnects": ["-c", "-B"],
    "a moving client": ["-c", "-M"],
}
# With relays of both families. Half of the refreshes of -Z name a family: both must be there.
DUAL = {
    "two families over udp": ["-Z"],
    "two families over tcp": ["-Z", "-t"],
    "two families over tls": ["-Z", "-t", "-S"],
    "two families over dtls": ["-Z", "-S"],
    "two families, send indications": ["-Z", "-s"],
    "two families between two allocations": ["-Z", "-y"],
    "two families, a moving client": ["-Z", "-M"],
    "ipv4 asked for": ["-c", "-X"],
}

# What this client (4.6.1) cannot do with any server, by what it does itself:
#   -b  SCTP: "socket: Protocol not supported", not served by turnout either (docs/coturn.md has no such option).
#   -h  never ends; -O ends before it sends; -R and -N send what must be refused.
#   -t with -S  reads one TLS record for each time its socket is readable: what came together is read late and the last not
#       at all, most of all with -y (test_handoff.py counts at the server instead).
#   -y with -M  closes its old socket at once, but does not send from the new one before its turn comes, seconds later: the
#       other side's packets go to where it was, as RFC 8016 section 3.2.2 wants, until it sends.
SETUPS = {"IPv4": ("127.0.0.1", [], METHODS), "IPv6": ("::1", ["-x"], METHODS), "dual": ("127.0.0.1", [], DUAL)}


def run_setup(kind, workers):
    """One server; every method at once against it, as in life."""
    host, flags, methods = SETUPS[kind]
    relay = {**peers.LOOPBACK_PEERS, "user-quota": "unlimited", "mobility": "yes"}
    if kind == "dual":
        relay["address"] = ["127.0.0.1", "::1"]
    with Turnout(host=host, tls=True, server={"workers": workers}, relay=relay) as t, peers.EchoPeer(host) as echo, \
            concurrent.futures.ThreadPoolExecutor(10) as pool:
        inside = peers.uclient_of_dtls_1_2(t.folder)
        jobs = {name: pool.submit(peers.uclient, t.tls if "-S" in own else t.udp, echo, *own, *flags, clients=CLIENTS,
                                  messages=MESSAGES, inside=inside) for name, own in methods.items()}
        concurrent.futures.wait(jobs.values())
    return jobs


_results = {}


def loses_nothing(kind, workers, name):
    if (kind, workers) not in _results:
        peers.need("turnutils_uclient")
        _results[kind, workers] = run_setup(kind, workers)
    result, packets = _results[kind, workers][name].result(), CLIENTS * MESSAGES
    if "over tls" in name:  # it reads late what came together: on a busy machine it never sees the last packets
        assert result.status == 0 and result.sent == packets and result.received >= 0.9 * packets, result.output[-1500:]
    else:
        result.expect_all(packets)


for number in (1, 2):
    for family, (_, _, names) in SETUPS.items():
        for method in names:
            tap.case(f"turnutils_uclient: {method}, {family}, workers {number}", loses_nothing, family, number, method,
                     limit=150)


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
