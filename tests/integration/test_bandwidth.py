"""Bandwidth limits with real traffic: what is offered beyond a limit is dropped and counted, what is below it passes."""
import contextlib
import json
import random
import signal
import time

import peers
import stun
import tap
from flows import Flow
from turnoutd import Turnout

PAYLOAD = bytes(1000)
MEGABIT = 1000000
USER_DROPS = 'turnout_relay_dropped_total{reason="user-bandwidth"}'
TOTAL_DROPS = 'turnout_relay_dropped_total{reason="total-bandwidth"}'


def offer(flows, bps, seconds):
    """Every flow sends that much, evenly; the bytes that arrive of each within the time."""
    got, start, sent = [0] * len(flows), time.monotonic(), 0
    while (passed := time.monotonic() - start) < seconds:
        while sent < passed * bps / 8 / len(PAYLOAD):
            for f in random.sample(flows, len(flows)):
                f.client.send_channel(stun.CHANNEL_FIRST, PAYLOAD)
            sent += 1
        for i, f in enumerate(flows):
            got[i] += f.arrived()
        time.sleep(0.002)
    return got


@contextlib.contextmanager
def flows_of(*users, transport="udp", **relay):
    with Turnout(tls=transport == "tls", relay={**peers.LOOPBACK_PEERS, **relay}) as t, contextlib.ExitStack() as stack:
        yield t, [stack.enter_context(contextlib.closing(Flow(t, u, transport))) for u in users]


def expect_rate(got, seconds, bps, percent=5):
    rate = got * 8 / seconds
    print(f"# {rate / 1000:.0f} kbit/s, wanted {bps / 1000:.0f}", flush=True)
    assert abs(rate - bps) <= bps * percent / 100, f"{rate:.0f} bit/s, wanted {bps} within {percent} %"


def a_user_gets_his_limit(transport):
    with flows_of("ann", transport=transport, user_bandwidth="1M") as (t, flows):
        before = t.metrics()
        offer(flows, 3 * MEGABIT, 1)  # the burst
        expect_rate(offer(flows, 3 * MEGABIT, 5)[0], 5, MEGABIT)
        t.expect_metric(before, USER_DROPS, 1000)
        session = json.loads(t.ctl("sessions", "list", "--json").stdout)[0]
        assert session["dropped"] > 1000, session


for _transport in ("udp", "tcp", "tls"):
    tap.case(f"of 3 Mbit/s offered over {_transport} a user's limit of 1 Mbit/s passes", a_user_gets_his_limit, _transport)


@tap.test
def two_workers_hold_a_user_to_one_limit():
    with flows_of(*["ann"] * 8, user_bandwidth="1M") as (t, flows):
        workers = {s["worker"] for s in json.loads(t.ctl("sessions", "list", "--json").stdout)}
        assert workers == {0, 1}, f"eight flows are all on workers {workers}"
        offer(flows, MEGABIT / 2, 1)
        expect_rate(sum(offer(flows, MEGABIT / 2, 5)), 5, MEGABIT)


@tap.test
def both_directions_count_together():
    with flows_of("ann", user_bandwidth="1M") as (t, flows):
        flow, got, sent = flows[0], 0, 0
        offer(flows, 2 * MEGABIT, 1)
        start = time.monotonic()
        while (passed := time.monotonic() - start) < 5:
            while sent < passed * MEGABIT / 8 / len(PAYLOAD):
                flow.client.send_channel(stun.CHANNEL_FIRST, PAYLOAD)
                flow.peer.sendto(PAYLOAD, flow.relay)
                sent += 1
            got += flow.arrived() + flow.arrived_at_client()
            time.sleep(0.002)
        expect_rate(got, 5, MEGABIT)


@tap.test
def all_users_together_get_the_total_and_nobody_is_left_out():
    with flows_of("ann", "bob", "cyd", "dan", user_bandwidth="1M", total_bandwidth="2M") as (t, flows):
        before = t.metrics()
        offer(flows, MEGABIT, 1)
        got = offer(flows, MEGABIT, 5)
        expect_rate(sum(got), 5, 2 * MEGABIT)
        assert min(got) > sum(got) / 16, got
        t.expect_metric(before, TOTAL_DROPS, 100)


@tap.test
def below_the_limit_nothing_is_lost():
    with flows_of("ann", "ann", user_bandwidth="2M", total_bandwidth="4M") as (t, flows):
        before = t.metrics()
        offer(flows, 0.8 * MEGABIT, 3)
        after = t.metrics()
        assert after[USER_DROPS] == before[USER_DROPS] and after[TOTAL_DROPS] == before[TOTAL_DROPS]


@tap.test
def a_reload_changes_the_limit_of_running_sessions():
    with flows_of("ann", "ann") as (t, flows):
        before = t.metrics()
        expect_rate(sum(offer(flows, 1.5 * MEGABIT, 2)), 2, 3 * MEGABIT)
        assert t.metrics()[USER_DROPS] == before[USER_DROPS]
        for limit, bps in (("500k", 0.5 * MEGABIT), ("2M", 2 * MEGABIT), ("unlimited", 3 * MEGABIT)):
            t.mark_log()
            t.write_config(relay={"user-bandwidth": limit})
            t.signal(signal.SIGHUP)
            t.expect_log("reloaded")
            offer(flows, 1.5 * MEGABIT, 1)
            expect_rate(sum(offer(flows, 1.5 * MEGABIT, 4)), 4, bps)
        assert t.allocations() == 2


tap.main()
