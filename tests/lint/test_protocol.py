"""turnout-protocol(7) and the code's tables say the same: methods, events, codes, reasons, limits, addresses."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from sources import ROOT

PAGE = (ROOT / "man/turnout-protocol.7").read_text()


def source(name):
    return (ROOT / "src/signal" / name).read_text()


def section(title):
    match = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", PAGE, re.M | re.S)
    assert match, f"the page has no section {title}"
    return match.group(1)


def items(title):
    """The names of a section's list."""
    return set(re.findall(r"^\.It Cm (\S+)", section(title), re.M))


def table(name, start):
    """The body of an initialised table."""
    match = re.search(re.escape(start) + r".*?\{\n(.*?)\n\};", source(name), re.S)
    assert match, f"{name} has no {start}"
    return match.group(1)


def same(page, code):
    assert code, "the table was not understood"
    assert page == code, f"only in the page: {sorted(page - code)}; only in the code: {sorted(code - page)}"


def dooms():
    return re.findall(r'\{(\d+), "([a-z-]+)", METRIC_\w+, (true|false), (true|false)\}', table("link.c", "dooms[DOOM_COUNT]"))


@tap.test
def methods_are_those_of_the_table():
    same(items("METHODS"), set(re.findall(r'\{"([a-z-]+)", method_', source("dialect.c"))))


@tap.test
def events_are_those_of_the_table():
    named = set(re.findall(r'= "([a-z-]+)"', table("event.c", "event_names[ROOM_EVENT_SHOWN]")))
    same(items("EVENTS"), named | {"disconnect"})


@tap.test
def error_codes_are_those_of_the_table():
    same(items("ERROR CODES"), set(re.findall(r'\] = \{"([a-z-]+)"', table("dialect.c", "errors[DIALECT_ERROR_COUNT]"))))


@tap.test
def close_codes_are_those_of_the_table():
    sent = {code for code, *_ in dooms()} | set(re.findall(r"ws_close\(ws, (\d+)", source("gateway.c")))
    same(set(re.findall(r"^\.It (\d+)", section("CLOSE CODES"), re.M)), sent)


@tap.test
def reasons_of_a_disconnect_are_those_told():
    text = section("CLOSE CODES").split("disconnect", 1)[1]
    same(set(re.findall(r"^\.Ql ([a-z-]+)", text, re.M)), {reason for _, reason, told, _ in dooms() if told == "true"})


@tap.test
def reasons_of_leaving_are_those_of_the_table():
    text = re.search(r"\.It Cm participant-left\n(.*?)\.It Cm", section("EVENTS"), re.S).group(1)
    names = set(re.findall(r'= "([a-z-]+)"', table("event.c", "reason_names[]")))
    same(set(re.findall(r"^\.Ql ([a-z-]+)", text, re.M)), names - {"taken-over"})


@tap.test
def addresses_are_those_of_the_routes():
    shown = {(method, re.sub(r" Ns ?(Li|Ar)? ?", "", path).strip()) for method, path in
             re.findall(r"(GET|POST|DELETE) (/[^,\n]*)", section("HTTP"))}
    shown = {(method, re.sub(r"(room|identity)(?=/|$)", r"{\1}", path)) for method, path in shown}
    routes = set(re.findall(r'\{"(GET|POST|DELETE)", "([^"]+)"', source("service.c")))
    same(shown, routes - {("GET", "/v1/signal")})


@tap.test
def limits_are_those_of_the_header():
    header = source("limits.h")
    for name, value, phrase in [("SIGNAL_MESSAGE_MAX", "256 * 1024", "256 kB each"),
                                ("SIGNAL_JOIN_MAX", "24 * 1024", "24 kB before the join"),
                                ("SIGNAL_DEPTH_MAX", "16", "at most 16\ndeep"),
                                ("SIGNAL_TRACKS_MAX", "16", "at most 16 tracks"),
                                ("SIGNAL_CHAT_CHARS_MAX", "4000", "1 to 4000 characters"),
                                ("SIGNAL_CHAT_TO_MAX", "64", "at most 64 entries"),
                                ("SIGNAL_PEER_DATA_MAX", "64 * 1024", "any JSON of at most 64 kB"),
                                ("SIGNAL_HISTORY_EVENTS", "256", "at most 256 of them"),
                                ("SIGNAL_HISTORY_BYTES", "256 * 1024", "of at most 256 kB\ntogether"),
                                ("SIGNAL_JOIN_SECONDS", "10", "within 10 seconds"),
                                ("SIGNAL_RATE", "100", "100 per second"),
                                ("SIGNAL_BURST", "200", "200 at once"),
                                ("SIGNAL_LAG_HIGH", "128 * 1024", "more than 128 kB wait"),
                                ("SIGNAL_LAG_SECONDS", "10", "behind for 10 seconds"),
                                ("SIGNAL_MESH_CAPACITY", "8", "never more than 8 while")]:
        assert re.search(rf"\b{name} = {re.escape(value)},", header), f"{name} is no longer {value}: say so in the page"
        assert phrase in PAGE, f"the page does not say {phrase!r} for {name}"


tap.main()
