"""NAT behaviour discovery (RFC 5780) with coturn's turnutils_natdiscovery: every mode, one worker and several, both
families, and verdicts about real NATs."""
import json
import re
import socket
import struct

import peers
import process
import stun
import tap
from netns import Network
from turnoutd import Turnout, free_port

CHANGE_REQUEST, PADDING, RESPONSE_PORT = 0x0003, 0x0026, 0x0027
CHANGE_IP, CHANGE_PORT = 4, 2


def pair(port, first="127.0.0.1", second="127.0.0.2"):
    """The value of nat-discovery on two addresses."""
    return "/".join(f"[{a}]:{p}" if ":" in a else f"{a}:{p}" for a, p in ((first, port), (second, port + 1)))


def tool(*flags, server, port, inside=(), source="127.0.0.1", timeout=40):
    peers.need("turnutils_natdiscovery")
    local = ["-L", source] if source else []
    done = process.run([*inside, "turnutils_natdiscovery", *flags, *local, "-p", port, server], timeout=timeout,
                       check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def every_mode(workers):
    port = free_port(count=2)
    listen = {"udp": f"127.0.0.1:{port}", "nat-discovery": pair(port)}
    with Turnout(server={"workers": workers}, listen=listen) as t:
        at = {"server": "127.0.0.1", "port": port}
        for _ in range(4):  # another source port, another worker
            output = tool("-m", **at)
            assert "No NAT! (Endpoint Independent Mapping)" in output, output
            assert output.count("No ALG") == 2 and output.count("Response origin") >= 2, output
            output = tool("-f", **at)
            assert "NAT with Endpoint Independent Filtering" in output, output
        output = tool("-t", "-T", 1, **at)
        assert output.count("reflexive addr") == 2 and "timeout" not in output, output
        output = tool("-c", "-A", "127.0.0.3", **at)
        assert "timeout" not in output and "RFC 5780 response" in output, output
        output = tool("-H", **at)
        assert "successful hairpinning" in output, output
        for mode in ("-m", "-f"):
            output = tool(mode, "-P", **at)
            assert "timeout" not in output and "Endpoint Independent" in output, output
        assert t.metrics()['turnout_stun_requests_total{method="binding",result="error"}'] == 0


for _workers in (1, 2):
    tap.case(f"turnutils_natdiscovery in every mode, {_workers} worker(s)", every_mode, _workers, limit=120)


def change(server, flags):
    """Asks, and says from where the answer came."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.sendto(stun.encode(stun.BINDING, attributes=[(CHANGE_REQUEST, struct.pack("!I", flags))]), server)
        data, source = s.recvfrom(2048)
        assert stun.Message(data).ok
        return source[:2]


@tap.test
def all_four_addresses_answer_for_each_other_beside_a_wildcard_listener():
    port = free_port(count=2)
    with Turnout(listen={"udp": f"0.0.0.0:{port}", "nat-discovery": pair(port)}):
        hosts, ports = ("127.0.0.1", "127.0.0.2"), (port, port + 1)
        for h in range(2):
            for p in range(2):
                for flags in (0, CHANGE_PORT, CHANGE_IP, CHANGE_IP | CHANGE_PORT):
                    wanted = hosts[h ^ bool(flags & CHANGE_IP)], ports[p ^ bool(flags & CHANGE_PORT)]
                    assert change((hosts[h], ports[p]), flags) == wanted, (h, p, flags)


def behind_nat(nat, forward_ports, mapping, filtering):
    """The tool behind a real NAT of the kernel; what it makes of it."""
    with Network(server=["10.58.0.1", "10.58.0.2"], router="10.58.0.3") as net:
        net.hide("client", "router", nat, forward_ports)
        with net.enter("server"), Turnout(host="10.58.0.1", listen={"udp": "10.58.0.1:3478",
                                                                    "nat-discovery": pair(3478, "10.58.0.1", "10.58.0.2")}):
            at = {"server": "10.58.0.1", "port": 3478, "inside": net.inside("client"), "source": "192.168.77.2"}
            assert re.search(mapping, tool("-m", **at)), tool("-m", **at)
            assert re.search(filtering, tool("-f", **at)), tool("-f", **at)


NATS = {
    "masquerade": ("masquerade", False, "NAT with Endpoint Independent Mapping",
                   "NAT with Address and Port Dependent Filtering"),
    "masquerade with random ports": ("masquerade fully-random", False, "NAT with Address and Port Dependent Mapping",
                                     "NAT with Address and Port Dependent Filtering"),
    "one to one": ("masquerade", True, "NAT with Endpoint Independent Mapping",
                   "NAT with Endpoint Independent Filtering"),
}
for _name, _case in NATS.items():
    tap.case(f"turnutils_natdiscovery behind nftables: {_name}", behind_nat, *_case, limit=90)


@tap.test
def ipv6_works_and_ports_cross_workers():
    with Network(server=["fd58::1", "fd58::2"], client="fd58::3") as net:
        with net.enter("server"), Turnout(host="fd58::1", listen={"udp": "[fd58::1]:3478",
                                                                  "nat-discovery": pair(3478, "fd58::1", "fd58::2")}):
            at = {"server": "fd58::1", "port": 3478, "inside": net.inside("client"), "source": "fd58::3"}
            assert "No NAT! (Endpoint Independent Mapping)" in tool("-m", **at)
            assert "NAT with Endpoint Independent Filtering" in tool("-f", **at)
            with net.enter("client"):
                assert change(("fd58::1", 3478), CHANGE_IP | CHANGE_PORT) == ("fd58::2", 3479)
                assert change(("fd58::2", 3479), CHANGE_IP) == ("fd58::1", 3479)


@tap.test
def turnutils_stunclient_goes_through_its_rfc_5780_steps():
    peers.need("turnutils_stunclient")
    port = free_port(count=2)
    with Turnout(listen={"udp": f"127.0.0.1:{port}", "nat-discovery": pair(port)}):
        done = process.run(["turnutils_stunclient", "-f", "-L", "127.0.0.1", "-p", port, "127.0.0.1"], timeout=40)
        origins = set(re.findall(r"Response origin: : (\S+)", done.stdout))
        assert origins == {f"127.0.0.1:{port}", f"127.0.0.2:{port + 1}"}, done.stdout


@tap.test
def without_the_key_nothing_of_it_is_there():
    with Turnout() as t, stun.TurnClient(t.udp) as client:
        for kind, value in ((CHANGE_REQUEST, struct.pack("!I", 6)), (RESPONSE_PORT, struct.pack("!Hxx", 5000)),
                            (PADDING, bytes(100))):
            reply = client.exchange(stun.encode(stun.BINDING, attributes=[(kind, value)]))
            assert reply.error == 420 and reply.attributes[stun.UNKNOWN_ATTRIBUTES] == struct.pack("!H", kind)
        assert len(client.binding().raw) == 32


@tap.test
def its_listeners_are_shown_and_are_no_peers():
    port = free_port(count=2)
    with Turnout(listen={"udp": f"127.0.0.1:{port}", "nat-discovery": pair(port)}, relay=peers.LOOPBACK_PEERS) as t, \
            stun.TurnClient(("127.0.0.1", port), t.credentials()) as client:
        told = json.loads(t.ctl("--json", "status").stdout)["listeners"]
        extra = {x["address"] for x in told if x["kind"] == "nat-discovery"}
        assert extra == {f"127.0.0.1:{port + 1}", f"127.0.0.2:{port}", f"127.0.0.2:{port + 1}"}, told
        assert client.allocate().ok
        for host in ("127.0.0.1", "127.0.0.2"):
            for p in (port, port + 1):
                assert client.bind_channel(stun.CHANNEL_FIRST, host, p).error == 403, (host, p)
        assert client.bind_channel(stun.CHANNEL_FIRST, "127.0.0.2", port + 2).ok


@tap.test
def config_ports_lists_both_ports():
    t = Turnout(listen={"udp": "203.0.113.1:3478", "nat-discovery": pair(3478, "203.0.113.1", "203.0.113.2")})
    t.write_config()
    output = process.run([t.program.parent / "turnoutctl", "--config", t.config_path, "config", "ports"]).stdout
    assert re.search(r"3479.*NAT behaviour discovery", output), output
    assert re.search(r"3478.*STUN and TURN, NAT behaviour discovery", output), output


WRONG = {
    "one address only": ("203.0.113.1:3478", {}, "203.0.113.1:3478/203.0.113.2:3479"),
    "the same address twice": ("203.0.113.1:3478/203.0.113.1:3479", {}, "must differ"),
    "the same port twice": ("203.0.113.1:3478/203.0.113.2:3478", {}, "must differ"),
    "no port": ("203.0.113.1/203.0.113.2", {}, "two ports"),
    "a wildcard": ("0.0.0.0:3478/203.0.113.2:3479", {}, "wildcard"),
    "both families mixed": ("203.0.113.1:3478/[2001:db8::1]:3479", {}, "line for each"),
    "two lines of one family": (["203.0.113.1:3478/203.0.113.2:3479", "203.0.113.3:3478/203.0.113.4:3479"], {},
                                "one line per family"),
    "one public address for both": ("10.0.0.1:3478/10.0.0.2:3479", {"external-address": "203.0.113.1"},
                                    "PUBLIC/PRIVATE"),
}


def wrong(value, server, hint):
    t = Turnout(server=server, listen={"nat-discovery": value})
    t.write_config()
    done = process.run([t.program, "--config", t.config_path, "--check"], check=False)
    assert done.returncode != 0 and "nat-discovery" in done.stdout and hint in done.stdout, done.stdout


for _name, _case in WRONG.items():
    tap.case(f"--check explains nat-discovery with {_name}", wrong, *_case)


@tap.test
def an_address_of_another_machine_does_not_start():
    port = free_port(count=2)
    t = Turnout(listen={"udp": f"0.0.0.0:{port}", "nat-discovery": pair(port, "127.0.0.1", "192.0.2.99")})
    t.write_config()
    done = process.run([t.program, "--config", t.config_path], check=False, timeout=10)
    assert done.returncode != 0 and "192.0.2.99" in done.stdout and "nat-discovery" in done.stdout, done.stdout


tap.main()
