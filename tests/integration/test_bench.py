"""turnout-bench against real servers: what it sends comes out, in every transport and form."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import tap
from servers import SERVERS
from turnoutd import BUILD, SECRET

IPV6 = "::1"


def bench(server, command, *options, status=0):
    """The JSON of a short, slow run; or with another status the complaint."""
    host, port = server.address
    with tempfile.NamedTemporaryFile("w") as secret:
        secret.write(SECRET)
        secret.flush()
        credentials = ["--secret-file", secret.name] if command == "turn" else []
        done = subprocess.run([BUILD / "turnout-bench", command, "--json", "--duration", "0.4", "--warmup", "0.1",
                               *credentials, *options, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"],
                              capture_output=True, text=True, timeout=50)
    assert done.returncode == status, f"exit {done.returncode}: {done.stderr}{done.stdout}"
    return json.loads(done.stdout) if status == 0 else done.stderr


def start(name, **options):
    if name == "coturn" and not shutil.which("turnserver"):
        raise tap.Skip("no coturn")
    return SERVERS[name](**options)


def comes_out(name, host, *options, **of_server):
    with start(name, host=host, **of_server) as server:
        result = bench(server, "turn", "--allocations", "4", "--rate", "2000", "--burst", "4", "--pid", str(server.pid),
                       *options)
    # On a busy machine the generator skips what it is late for, and a starved server may lose some.
    assert result["sent"] > 100 and result["received"] > 0.9 * result["sent"], result
    assert result["misdelivered"] == 0, result
    assert result["latency_p50_us"] <= result["latency_p99_us"] <= result["latency_max_us"], result
    assert result["cpu_per_packet_us"] > 0.1, result
    return result


def both_ways(name, host, *options, **of_server):
    result = comes_out(name, host, *options, **of_server)
    assert min(result["received_up"], result["received_down"]) > 40, result


def allocations_are_counted(name):
    with start(name) as server:
        result = bench(server, "turn", "--mode", "allocate", "--window", "4", "--spread", "1000", "--pid",
                       str(server.pid))
    assert result["allocations_per_s"] > 10 and result["failed"] == 0, result


def bindings_are_answered(name):
    with start(name) as server:
        result = bench(server, "stun", "--flows", "4", "--rate", "2000", "--burst", "1")
    assert result["sent"] > 100 and result["received"] > 0.9 * result["sent"], result


def saturation_finds_a_rate(name):
    with start(name) as server:
        result = bench(server, "turn", "--mode", "saturate", "--allocations", "4", "--rate", "20000", "--size", "100",
                       "--duration", "0.2", "--loss", "20")
    assert result["relayed_rate_pps"] > 5000, result
    assert result["generator_limited"] in ("yes", "no"), result


def tls_carries_both_ways():
    both_ways("turnout", "127.0.0.1", "--transport", "tls", tls=True)


def wrong_password_is_told(name):
    with start(name) as server:
        said = bench(server, "turn", "--secret-file", os.devnull, status=2)
        assert "cannot be read" in said, said
        host, port = server.address
        done = subprocess.run([BUILD / "turnout-bench", "turn", "--user", "nobody", "--password", "wrong",
                               f"{host}:{port}"], capture_output=True, text=True, timeout=50)
    assert done.returncode == 1 and "50 of 50 flows failed: error 401" in done.stderr, done.stderr


for one in SERVERS:
    tap.case(f"{one}: udp", both_ways, one, "127.0.0.1")
    tap.case(f"{one}: tcp", both_ways, one, "127.0.0.1", "--transport", "tcp")
    tap.case(f"{one}: ipv6", both_ways, one, IPV6)
    tap.case(f"{one}: indications, odd size", both_ways, one, "127.0.0.1", "--indications", "--size", "333")
    tap.case(f"{one}: odd size over tcp", both_ways, one, "127.0.0.1", "--transport", "tcp", "--size", "333")
    tap.case(f"{one}: indications over tcp and ipv6", both_ways, one, IPV6, "--indications", "--transport", "tcp")
    tap.case(f"{one}: only up", comes_out, one, "127.0.0.1", "--direction", "up")
    tap.case(f"{one}: only down, no gso, no gro", comes_out, one, "127.0.0.1", "--direction", "down", "--no-gso",
             "--no-gro")
    tap.case(f"{one}: allocations are counted", allocations_are_counted, one)
    tap.case(f"{one}: bindings are answered", bindings_are_answered, one)
    tap.case(f"{one}: a wrong password is told", wrong_password_is_told, one)
tap.case("turnout: tls", tls_carries_both_ways)
tap.case("saturation finds a rate", saturation_finds_a_rate, "turnout")
tap.main()
