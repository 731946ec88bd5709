"""What somebody with an account, or with none, tries against the newer features, each against a running daemon."""
import os
import signal
import socket
import ssl
import struct
import threading
import time

import peers
import stun
import tap
from turnoutd import Turnout

TCP = (stun.REQUESTED_TRANSPORT, struct.pack("!Bxxx", 6))
ASK = (stun.MOBILITY_TICKET, b"")
ALL = {**peers.LOOPBACK_PEERS, "mobility": "yes", "tcp": "yes", "user-quota": "unlimited"}
RESPONSE_PORT, PADDING, CHANGE_REQUEST = 0x0027, 0x0026, 0x0003


def server(**relay):
    return Turnout(tls=True, server={"workers": 2}, relay={**ALL, **relay})


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def tls(plain):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


def got_no_answer(s):
    try:
        return s.recv(2000) == b""
    except (ConnectionResetError, TimeoutError):
        return True


def is_alive(t):
    with stun.TurnClient(t.udp, t.credentials("control")) as c:
        assert c.allocate().ok and c.refresh(0).ok


def handoffs(t):
    return sum(v for k, v in t.metrics().items() if "handoffs_total" in k)


def ticket(reply):
    assert reply.ok, reply.error
    return (stun.MOBILITY_TICKET, reply.attributes[stun.MOBILITY_TICKET])


@tap.test
def a_ticket_seen_on_the_wire_moves_nothing_for_other_users_nor_twice_for_the_owner():
    with server() as t:
        own = t.credentials("ann")
        with stun.TurnClient(t.udp, own) as a, stun.TurnClient(t.udp, own) as b, stun.TurnClient(t.udp, own) as c:
            first = ticket(a.allocate(ASK))
            for _ in range(4):
                with stun.TurnClient(t.udp, t.credentials("eve")) as eve:
                    assert eve.refresh(600, first).error == 441
                    assert eve.refresh(0, first).error in (437, 441), "eve ended it"
            second = ticket(b.refresh(600, first))
            assert c.refresh(600, first).error == 437, "the old ticket moved it again"
            assert c.refresh(600, (second[0], second[1][:-1])).error == 400
            b.send_indication("127.0.0.1", 9, b"x")
            tap.wait_for(lambda: t.metrics()["turnout_turn_allocations_moved_total"] == 1, 3, "the move")
            assert a.refresh().error == 437 and b.refresh().ok and t.allocations() == 1


@tap.test
def a_ticket_of_one_server_is_nothing_at_another():
    with server() as t, server() as other:
        with stun.TurnClient(t.udp, t.credentials("ann")) as a, \
                stun.TurnClient(other.udp, other.credentials("ann")) as b:
            assert b.refresh(600, ticket(a.allocate(ASK))).error == 437
            is_alive(other)


@tap.test
def connection_ids_that_are_guessed_join_nobody():
    with server() as t, socket.create_server(("127.0.0.1", 0)) as s:
        ann = stun.TurnClient(t.tcp, t.credentials("ann"), "tcp")
        assert ann.request(stun.ALLOCATE, [TCP]).ok
        reply = ann.request(stun.CONNECT, lambda x: [(stun.XOR_PEER_ADDRESS, stun.encode_address(*s.getsockname(), x))])
        real = struct.unpack("!I", reply.attributes[stun.CONNECTION_ID])[0]
        for guess in [real + 1, real - 1, real ^ 1, 0, 1, 0xFFFFFFFF] + [real ^ 1 << n for n in range(1, 32)]:
            with stun.TurnClient(t.tcp, t.credentials("eve"), "tcp") as eve:
                got = eve.request(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, struct.pack("!I", guess & 0xFFFFFFFF))])
                assert got.error == 400, (hex(guess), got.error)
        with stun.TurnClient(t.tcp, t.credentials("eve"), "tcp") as eve:
            assert eve.request(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, struct.pack("!I", real))]).error == 441
        ann.close()


@tap.test
def of_many_binds_that_race_for_one_connection_one_wins():
    with server() as t, socket.create_server(("127.0.0.1", 0)) as s:
        ann = stun.TurnClient(t.tcp, t.credentials("ann"), "tcp")
        assert ann.request(stun.ALLOCATE, [TCP]).ok
        reply = ann.request(stun.CONNECT, lambda x: [(stun.XOR_PEER_ADDRESS, stun.encode_address(*s.getsockname(), x))])
        identifier, results = reply.attributes[stun.CONNECTION_ID], []

        def bind():
            data = stun.TurnClient(t.tcp, (ann.user, ann.password), "tcp")
            data.realm, data.nonce = ann.realm, ann.nonce
            results.append(data.request(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, identifier)]).error)

        threads = [threading.Thread(target=bind) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [0] + [400] * 11, results
        ann.close()
        t.expect_allocations(0)


@tap.test
def a_proxy_header_of_a_stranger_or_within_a_stream_is_not_believed():
    header = b"PROXY TCP4 10.9.8.7 127.0.0.1 4000 3478\r\n"
    with server() as t:
        with socket.create_connection(t.tcp) as s:
            s.settimeout(5)
            s.sendall(header + stun.encode(stun.BINDING))
            assert got_no_answer(s)
        with socket.create_connection(t.tcp) as s:
            s.settimeout(5)
            s.sendall(stun.encode(stun.BINDING))
            assert stun.Message(s.recv(2000)).address(stun.XOR_MAPPED_ADDRESS)[0] == "127.0.0.1"
            s.settimeout(0.5)
            s.sendall(header + stun.encode(stun.BINDING))
            assert got_no_answer(s), "an answer"
        is_alive(t)


@tap.test
def response_port_and_change_request_reflect_nothing_without_the_key():
    with server() as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        victim.bind(("127.0.0.1", 0))
        victim.settimeout(0.5)
        s.settimeout(2)
        port = victim.getsockname()[1]
        s.sendto(stun.encode(stun.BINDING, attributes=[(RESPONSE_PORT, struct.pack("!Hxx", port)),
                                                       (PADDING, b"x" * 1200)]), t.udp)
        assert stun.Message(s.recv(2000)).error == 420
        try:
            raise AssertionError(victim.recv(2000))
        except TimeoutError:
            pass


@tap.test
def a_userhash_tells_no_more_about_who_exists_than_a_name():
    with server() as t:
        real, answers = t.credentials("real")[0], set()
        for user in (real, "nobody"):
            with stun.TurnClient(t.udp, (user, "wrong"), hashed=True) as c:
                reply = c.allocate()
                answers.add((reply.error, len(reply.raw), tuple(sorted(reply.attributes))))
        assert len(answers) == 1 and next(iter(answers))[0] == 401, answers


@tap.test
def a_storm_of_reloads_loses_no_session_and_leaks_no_file():
    with server() as t, stun.TurnClient(t.udp, t.credentials()) as c, peers.EchoPeer() as echo:
        assert c.allocate().ok and c.bind_channel(stun.CHANNEL_FIRST, echo.host, echo.port).ok
        files, got = len(os.listdir(f"/proc/{t.pid}/fd")), 0
        for n in range(150):
            t.signal(signal.SIGHUP)
            c.send_channel(stun.CHANNEL_FIRST, b"x%d" % n)
            got += c.receive(3) is not None
        assert got == 150, got
        time.sleep(1)
        assert len(os.listdir(f"/proc/{t.pid}/fd")) <= files + 2


@tap.test
def half_open_tls_and_dtls_hold_nobody_up():
    with server() as t:
        held = []
        for n in range(60):
            s = socket.create_connection(t.tls, source_address=(f"127.0.5.{n % 250 + 1}", 0))
            s.sendall(b"\x16\x03\x01\x02\x00\x01")  # a hello that does not come
            held.append(s)
        begin = time.monotonic()
        with stun.TurnClient(t.tls, t.credentials(), "tcp", wrap=tls) as c:
            assert c.allocate().ok
        assert time.monotonic() - begin < 2
        for s in held:
            s.close()
        is_alive(t)


@tap.test
def a_peer_that_reads_nothing_costs_bounded_memory():
    with server() as t, socket.create_server(("127.0.0.1", 0)) as s:
        before, ends = resident_kib(t.pid), []
        ann = stun.TurnClient(t.tcp, t.credentials("ann"), "tcp")
        assert ann.request(stun.ALLOCATE, [TCP]).ok
        for _ in range(16):
            reply = ann.request(stun.CONNECT,
                                lambda x: [(stun.XOR_PEER_ADDRESS, stun.encode_address(*s.getsockname(), x))])
            if not reply.ok:  # one connection to a peer at a time
                assert reply.error == 446, reply.error
                break
            data = stun.TurnClient(t.tcp, (ann.user, ann.password), "tcp")
            data.realm, data.nonce = ann.realm, ann.nonce
            assert data.request(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, reply.attributes[stun.CONNECTION_ID])]).ok
            ends.append((data, s.accept()[0]))
        for data, _ in ends:
            data.link.socket.setblocking(False)
            try:
                while True:
                    data.link.socket.send(b"z" * 65536)
            except BlockingIOError:
                pass
        assert resident_kib(t.pid) - before < 8192 * max(1, len(ends)), resident_kib(t.pid) - before
        is_alive(t)


@tap.test
def two_allocations_that_send_to_each_other_make_no_loop():
    """What is handed to a client ends there: the server answers nothing by itself, whatever is inside."""
    with server() as t, stun.TurnClient(t.udp, t.credentials("a")) as a, \
            stun.TurnClient(t.udp, t.credentials("b")) as b:
        one, two = (c.allocate().address(stun.XOR_RELAYED_ADDRESS) for c in (a, b))
        assert a.bind_channel(stun.CHANNEL_FIRST, *two).ok and b.bind_channel(stun.CHANNEL_FIRST, *one).ok
        a.bind_channel(stun.CHANNEL_FIRST + 1, *one)  # and to itself
        inner = stun.encode(stun.BINDING)
        for _ in range(200):
            a.send_channel(stun.CHANNEL_FIRST, inner)
            a.send_channel(stun.CHANNEL_FIRST + 1, struct.pack("!HH", stun.CHANNEL_FIRST + 1, 4) + b"loop")
        time.sleep(0.5)
        count = handoffs(t)
        time.sleep(0.5)
        assert handoffs(t) == count <= 400, count
        is_alive(t)


@tap.test
def icmp_errors_that_a_client_causes_come_back_ten_a_second():
    with server() as t, stun.TurnClient(t.udp, t.credentials()) as c:
        assert c.allocate().ok and c.bind_channel(stun.CHANNEL_FIRST, "127.0.0.1", 9).ok
        for _ in range(2000):
            c.send_channel(stun.CHANNEL_FIRST, b"x")
        got = 0
        while c.receive(0.5):
            got += 1
        assert got <= 25, got
        is_alive(t)


@tap.test
def a_server_that_is_its_own_alternate_answers_each_request_once():
    with Turnout(relay=ALL) as a:
        host, port = a.udp
        a.write_config(relay={"alternate-server": f"{host}:{port}"})  # itself
        a.signal(signal.SIGHUP)
        time.sleep(0.5)
        with stun.TurnClient(a.udp, a.credentials()) as c:
            replies = [c.allocate().error for _ in range(3)]
            assert set(replies) <= {300, 0, 437}, replies


@tap.test
def sessions_by_the_hundred_leave_their_records_and_stop_nothing():
    with server() as t:
        before = resident_kib(t.pid)
        with stun.TurnClient(t.udp, t.credentials("flood")) as c:
            for _ in range(1500):
                assert c.allocate().ok
                assert c.refresh(0).ok
        assert resident_kib(t.pid) - before < 8192 * (8 if "san" in str(t.program) else 1)
        is_alive(t)


@tap.test
def a_stream_that_claims_lengths_it_has_not_ends_alone():
    with server() as t:
        for data in (b"\x40\x00\xff\xff" + b"x" * 100, b"\x00\x03\xff\xfc" + stun.encode(1)[4:20], b"\x7f\xff\xff\xff",
                     b"\x00\x01\x00\x01" + b"\x21\x12\xa4\x42" + b"x" * 40):
            with socket.create_connection(t.tcp) as s:
                s.sendall(data)
        is_alive(t)


@tap.test
def three_hundred_connects_at_once_each_get_an_answer():
    with server() as t:
        ann = stun.TurnClient(t.tcp, t.credentials("ann"), "tcp")
        assert ann.request(stun.ALLOCATE, [TCP]).ok
        answers = []
        for n in range(300):  # all at once, without waiting for answers
            tid = os.urandom(12)
            pairs = [(stun.XOR_PEER_ADDRESS, stun.encode_address("127.0.0.1", 2000 + n, tid)),
                     (stun.USERNAME, ann.user.encode()), (stun.REALM, ann.realm.encode()), (stun.NONCE, ann.nonce)]
            ann.link.send(stun.encode(stun.CONNECT, stun.REQUEST, pairs, ann.key, transaction=tid))
        end = time.monotonic() + 8
        while len(answers) < 300 and time.monotonic() < end:
            frame = ann.link.receive(1)
            if frame is None:
                break
            answers.append(stun.Message(frame).error)
        assert len(answers) == 300 and set(answers) <= {0, 447, 446, 486, 508, 403}, (len(answers), set(answers))
        ann.close()
        t.expect_allocations(0)


tap.main()
