"""HTTP in net_server: by plain TCP and behind TLS, well-meant and hostile."""
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from netserver import Server, is_closed_within, read_all, tap

server = Server()


def both(function):
    """The test over plain TCP and over TLS."""
    name = function.__name__.replace("_", " ")
    tap.case(f"{name}, plain", function, False)
    tap.case(f"{name}, TLS", function, True)
    return function


def get(path, **headers):
    fields = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()


def post(path, body, *fields):
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{''.join(f + chr(13) + chr(10) for f in fields)}\r\n".encode() + body


@both
def get_is_answered(tls):
    status, headers, body = server.request("GET", "/hello", tls=tls)
    assert (status, body, headers["Content-Type"]) == (200, b"hello\n", "text/plain")


@both
def head_is_answered_from_get(tls):
    status, headers, body = server.request("HEAD", "/hello", tls=tls)
    assert (status, body, headers["Content-Length"]) == (200, b"", "6")


@both
def post_gives_201_with_headers(tls):
    for size in (0, 1, 1000, 65536):
        body = os.urandom(size)
        status, headers, answer = server.request("POST", "/echo", body, tls=tls)
        assert (status, answer) == (201, body) and headers["Location"] == "/echo/1" and headers["ETag"] == '"1"'


@both
def connection_stays_for_the_next_request(tls):
    with server.connect(tls=tls) as s:
        for _ in range(20):
            s.sendall(get("/hello"))
            assert read_until(s, b"hello\n").startswith(b"HTTP/1.1 200")


def read_until(s, end):
    data = b""
    while not data.endswith(end):
        piece = s.recv(4096)
        assert piece, data
        data += piece
    return data


@both
def pipelined_requests_are_answered_in_order(tls):
    with server.connect(tls=tls) as s:
        s.sendall(get("/hello") + get("/late/told?ms=150") + post("/echo", b"third", "Content-Length: 5") + get("/show/4"))
        data = read_until(s, b"}")
    places = [data.index(word) for word in (b"hello\n", b"late\n", b"third", b'"name":"4"')]
    assert places == sorted(places) and data.count(b"HTTP/1.1 20") == 4


@both
def late_answers_come(tls):
    for kind in ("told", "deaf"):
        assert server.request("GET", f"/late/{kind}?ms=100", tls=tls)[2] == b"late\n"


@both
def client_that_leaves_is_told_to_the_handler(tls):
    before = server.count("aborted")
    for _ in range(5):
        s = server.connect(tls=tls)
        s.sendall(get("/late/told?ms=60000"))
        time.sleep(0.05)
        s.close()
    server.expect("aborted", before + 5)


@both
def client_that_leaves_a_deaf_handler_does_no_harm(tls):
    for _ in range(5):
        s = server.connect(tls=tls)
        s.sendall(get("/late/deaf?ms=300"))
        time.sleep(0.02)
        s.close()
    time.sleep(0.6)
    assert server.request("GET", "/hello", tls=tls)[0] == 200


@both
def body_over_the_cap_is_413(tls):
    for size in (65537, 300000, 5000000):
        body = bytes(min(size, 400000))
        answer = server.raw(post("/echo", body, f"Content-Length: {size}"), tls)
        assert answer.startswith(b"HTTP/1.1 413"), (size, answer[:60])


@both
def chunked_body_over_the_cap_is_413_or_cut(tls):
    def chunked(count):
        return b"".join(b"1000\r\n" + bytes(4096) + b"\r\n" for _ in range(count)) + b"0\r\n\r\n"

    assert server.status_of(post("/echo", chunked(15), "Transfer-Encoding: chunked", "Connection: close"), tls) == 201
    assert server.status_of(post("/echo", chunked(20), "Transfer-Encoding: chunked", "Connection: close"), tls) == 413
    with server.connect(tls=tls, timeout=5) as s:
        try:
            s.sendall(post("/echo", b"", "Transfer-Encoding: chunked"))
            for _ in range(5000):
                s.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")
            raise AssertionError("20 MB were taken")
        except OSError:
            pass


@both
def body_where_none_is_allowed_is_413(tls):
    assert server.status_of(b"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", tls) == 413


@both
def unknown_paths_are_404_and_methods_405(tls):
    assert server.request("GET", "/nothing", tls=tls)[0] == 404
    for method, path, allow in (("GET", "/echo", "POST, OPTIONS"), ("DELETE", "/hello", "GET, HEAD, OPTIONS"),
                                ("POST", "/late/x", "GET, HEAD, OPTIONS")):
        status, headers, _ = server.request(method, path, tls=tls)
        assert (status, headers["Allow"]) == (405, allow), (method, path, status, headers["Allow"])


@tap.test
def ambiguous_framing_is_refused():
    bad = [
        post("/echo", b"0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"),
        post("/echo", b"12345", "Content-Length: 5", "Content-Length: 6"),
        post("/echo", b"12345", "Content-Length: 5, 5"),
        post("/echo", b"12345", "Content-Length: +5"),
        post("/echo", b"12345", "Content-Length: 0x5"),
        post("/echo", b"12345", "Content-Length: -5"),
        post("/echo", b"12345", "Content-Length: 99999999999999999999999"),
        post("/echo", b"12345", "Transfer-Encoding: gzip, chunked"),
        post("/echo", b"0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        post("/echo", b"0\r\n\r\n", "Transfer-Encoding: xchunked"),
        post("/echo", b"0\r\n\r\n", "Transfer-Encoding : chunked"),
        post("/echo", b"12345", "Content-Length: 5", "X: y\rTransfer-Encoding: chunked"),
        post("/echo", b"12345", "Content-Length : 5"),
    ]
    for request in bad:
        answer = server.raw(request + get("/hello"))
        assert answer[9:12] in (b"400", b"413", b"501") and b"HTTP/1.1 2" not in answer, (request, answer)


@tap.test
def malformed_chunks_are_refused():
    for body in (b"zz\r\nabc\r\n0\r\n\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\nabc", b"3\r\nabcdef\r\n0\r\n\r\n"):
        answer = server.raw(post("/echo", body, "Transfer-Encoding: chunked"))
        assert b" 201 " not in answer, (body, answer)


@tap.test
def bad_targets_are_400():
    for target in ("/../etc/passwd", "/a/../b", "/%2e%2e/etc/passwd", "/a/%2E%2e", "/..%2fetc", "/a%2fb", "/a%00b", "/%zz",
                   "/%", "/%4", "/a//b", "//", "/./a", "/%ff%fe", "/a?x=%zz", "/a?x=%ff", "/%0d%0ax", "http://x/hello", "*"):
        assert server.status_of(get(target)) == 400, target


@tap.test
def long_targets_and_many_headers_are_refused():
    assert server.status_of(get("/hello?" + "a" * 9000)) == 414
    assert server.status_of(get("/hello?" + "a" * 60000)) in (414, 431)
    assert server.status_of(get("/hello", **{f"X_{i}": "v" for i in range(90)})) == 200
    assert server.status_of(get("/hello", **{f"X_{i}": "v" for i in range(120)})) == 431
    assert server.status_of(get("/hello", X="v" * 60000)) == 431


@tap.test
def parameters_and_query_are_decoded():
    _, _, body = server.request("GET", "/show/caf%C3%A9%20x?q=a%2Bb+c&q=second")
    assert b'"name":"caf\xc3\xa9 x"' in body and b'"q":"a+b c"' in body and b'"path":"/show/caf\xc3\xa9 x"' in body


@tap.test
def forged_answer_headers_are_refused():
    assert server.request("GET", "/forge?v=fine")[1]["X-Name"] == "fine"
    status, headers, _ = server.request("GET", "/forge?v=a%0d%0aSet-Cookie:%20x")
    assert status == 500 and "Set-Cookie" not in headers and "X-Name" not in headers


@tap.test
def garbage_headers_are_refused():
    assert server.status_of(b"GET /hello HTTP/1.1\r\n\r\n") == 400  # no Host
    assert server.status_of(b"GET /hello HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n") in (400, 0)
    assert server.status_of(b"GET /hello HTTP/1.1\r\nHost: x\r\nX\x00: a\r\n\r\n") == 400
    assert server.status_of(b"GET /hello HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n") == 400
    assert server.status_of(b"GET /hello HTTP/9.9\r\nHost: x\r\n\r\n") in (400, 505)
    assert server.status_of(b"GEXX" + b"X" * 100000) in (0, 400, 414, 431, 501)


@tap.test
def forwarded_addresses_count_only_from_trusted_proxies():
    def peer(source, **headers):
        _, _, body = server.request("GET", "/show/x", headers={k.replace("_", "-"): v for k, v in headers.items()}, source=source)
        return body

    forwarded = {"X_Forwarded_For": "203.0.113.9, 198.51.100.7", "X_Forwarded_Proto": "https"}
    assert b'"peer":"127.0.0.1","secure":0' in peer("127.0.0.1", **forwarded)
    assert b'"peer":"198.51.100.7","secure":1' in peer("127.0.0.2", **forwarded)
    assert b'"peer":"203.0.113.9"' in peer("127.0.0.2", X_Forwarded_For="203.0.113.9, 127.0.0.2")
    assert b'"peer":"2001:db8::1"' in peer("127.0.0.2", X_Forwarded_For="2001:db8::1")
    assert b'"peer":"127.0.0.2"' in peer("127.0.0.2", X_Forwarded_For="203.0.113.9, nonsense")
    two = b"GET /show/x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\nConnection: close\r\n\r\n"
    with server.connect(source="127.0.0.2") as s:
        s.sendall(two)
        assert b'"peer":"192.0.2.2"' in read_all(s)


@tap.test
def cross_origin_reading_is_for_listed_origins():
    _, headers, _ = server.request("GET", "/hello", headers={"Origin": "https://allowed.example"})
    assert headers["Access-Control-Allow-Origin"] == "https://allowed.example" and "Origin" in headers["Vary"]
    _, headers, _ = server.request("GET", "/hello", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in headers
    preflight = {"Origin": "https://allowed.example", "Access-Control-Request-Method": "POST"}
    status, headers, body = server.request("OPTIONS", "/echo", headers=preflight)
    assert status == 204 and body == b"" and "POST" in headers["Access-Control-Allow-Methods"]
    assert "Authorization" in headers["Access-Control-Allow-Headers"] and "Access-Control-Allow-Credentials" not in headers
    assert server.request("OPTIONS", "/hello")[1]["Allow"] == "GET, HEAD, OPTIONS"


@tap.test
def static_files_have_types_validators_and_security_headers():
    for path, kind in (("/", "text/html"), ("/r/my-room", "text/html"), ("/app.js", "text/javascript"), ("/app.css", "text/css"),
                       ("/dir/", "text/html"), ("/inside", "application/octet-stream")):
        status, headers, body = server.request("GET", path)
        assert status == 200 and headers["Content-Type"].startswith(kind) and body, path
        assert headers["X-Content-Type-Options"] == "nosniff" and "default-src 'none'" in headers["Content-Security-Policy"]
        assert "camera=(self)" in headers["Permissions-Policy"] and headers["Cache-Control"] == "no-cache"
        etag = headers["ETag"]
        for matching in (etag, f'"x", W/{etag}', "*"):
            status, again, body = server.request("GET", path, headers={"If-None-Match": matching})
            assert (status, body) == (304, b"") and again["ETag"] == etag, matching
        assert server.request("GET", path, headers={"If-None-Match": '"other"'})[0] == 200
        status, headers, body = server.request("HEAD", path)
        assert status == 200 and body == b"" and int(headers["Content-Length"]) > 0


@tap.test
def versioned_sdk_may_be_embedded_and_cached():
    _, headers, _ = server.request("GET", "/sdk/1.0.0/client.js")
    assert "immutable" in headers["Cache-Control"] and headers["Access-Control-Allow-Origin"] == "*"


@tap.test
def nothing_outside_the_web_root_is_served():
    for path in ("/escape", "/absolute", "/out/outside.txt", "/.hidden", "/dir", "/nothing.js", "/r/", "/r/a/b", "/web/"):
        assert server.request("GET", path)[0] == 404, path
    with server.connect() as s:
        s.sendall(b"GET /../outside.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"outside" not in s.recv(4096)


@tap.test
def one_source_gets_a_bounded_number_of_connections():
    held = [server.connect(server.stats_port) for _ in range(140)]
    time.sleep(0.3)
    refused = sum(is_closed_within(s, 0.01) for s in held)
    for s in held:
        s.close()
    assert refused == 12, refused  # the statistics listener has the default of 128
    tap.wait_for(lambda: server.count("http_connections{}") < 20, what="connections to end")


@tap.test(limit=90)
def slow_clients_are_cut_off_without_a_spinning_server():
    def partial(data, tls=False, port=None):
        s = server.connect(port, tls)
        s.sendall(data)
        return s

    hello = bytes.fromhex("160301020001")
    slow = {
        "no byte": partial(b""),
        "two letters": partial(b"GE"),
        "half a head": partial(b"GET /hello HTTP/1.1\r\nHost: x\r\n"),
        "half a head behind TLS": partial(b"GET /hello HTTP/1.1\r\nHost: x\r\n", tls=True),
        "no byte behind TLS": partial(b"", tls=True),
        "half a ClientHello": partial(hello),
        "half a STUN header": partial(b"\x00\x01\x00"),
        "half a cookie": partial(b"\x00\x01\x00\x00\x21\x12"),
    }
    dripping = partial(b"GET /hello HTTP/1.1\r\n")
    began, cpu = time.monotonic(), server.cpu_seconds()
    dripped = 0
    open_ = dict(slow)
    closed = {}
    while (open_ or dripped >= 0) and time.monotonic() - began < 25:
        for name, s in list(open_.items()):
            if is_closed_within(s, 0.02):
                closed[name] = time.monotonic() - began
                del open_[name]
        try:
            if dripped >= 0:
                dripping.sendall(b"X: y\r\n")
                dripped += 1
                time.sleep(0.3)
        except OSError:
            closed["dripping"] = time.monotonic() - began
            dripped = -1
    assert len(closed) == len(slow) + 1, f"still open: {list(open_)}"
    assert all(8 < t < 21 for t in closed.values()), closed
    assert server.cpu_seconds() - cpu < 1.5, "the server was busy meanwhile"


@tap.test(limit=90)
def body_that_drips_is_cut_off():
    began = time.monotonic()
    with server.connect() as s:
        s.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n")
        try:
            while time.monotonic() - began < 60:
                s.sendall(b"x")
                time.sleep(0.5)
        except OSError:
            pass
    assert 25 < time.monotonic() - began < 40


@tap.test
def reader_that_stops_does_not_hold_up_others():
    stalled = []
    for tls in (False, True):
        for _ in range(20):
            s = server.connect(tls=tls)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(post("/echo", bytes(60000), "Content-Length: 60000") * 20)
            stalled.append(s)
    began = time.monotonic()
    for _ in range(20):
        assert server.request("GET", "/hello")[0] == 200
    assert time.monotonic() - began < 2
    for s in stalled:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()


@tap.test
def server_ends_clean():
    server.stop()


tap.main()
