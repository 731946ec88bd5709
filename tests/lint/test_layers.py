"""Dependencies go down only: base < proto < net, store, config < the services < programs."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from sources import ROOT, code_of, complain, files, relative

LEVEL = {"base": 0, "proto": 1, "net": 2, "store": 2, "config": 2,
         "relay": 3, "forward": 3, "signal": 3, "cluster": 3, "auth": 3, "admin": 3,
         "daemon": 4, "ctl": 4, "bench": 4}
# The event loop lies under the rest of its level.
UNDER_ITS_LEVEL = {"net/loop.h"}

# What protocol code must not reach: sockets, clocks, event loops, files.
FORBIDDEN_SYMBOLS = re.compile(
    r"^(socket|bind|connect|send|recv|sendto|recvfrom|sendmsg|recvmsg|sendmmsg|recvmmsg|read|write|open|fopen"
    r"|clock_gettime|clock_now_us|clock_wall_s|gettimeofday|time|usleep|nanosleep|pthread_create|(event|evbuffer|bufferevent|sqlite3"
    r"|MHD|redis)_\w+)(@.*)?$")
FORBIDDEN_HEADERS = re.compile(r"^(event2/|sqlite3|microhttpd|hiredis|sys/epoll|sys/time|time\.h|pthread)")


def includes(path):
    text = path.read_text()
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def layer_of(path):
    return relative(path).split("/")[1]


@tap.test
def every_source_folder_has_a_layer():
    complain(sorted({layer_of(p) for p in files(".c", ".h", under=["src"])} - set(LEVEL)), "add it to LEVEL")


@tap.test
def includes_go_down_only():
    wrong = []
    for path in files(".c", ".h", under=["src"]):
        own = layer_of(path)
        for number, project, name in includes(path):
            target = name.split("/")[0]
            if (project and target in LEVEL and target != own and LEVEL[target] >= LEVEL.get(own, 9)
                    and not (name in UNDER_ITS_LEVEL and LEVEL[target] == LEVEL.get(own, 9))):
                wrong.append(f"{relative(path)}:{number}: {own} includes {name}")
    complain(wrong, "a module may include its own folder and lower layers; the daemon wires the rest by callbacks")


@tap.test
def project_includes_say_their_folder():
    wrong = [f"{relative(p)}:{n}: {name}" for p in files(".c", ".h", under=["src"])
             for n, project, name in includes(p)
             if project and not (ROOT / "src" / name).exists() and (p.parent / name).exists()]
    complain(wrong, 'write "module/file.h", relative to src/')


@tap.test
def protocol_code_includes_no_io_headers():
    wrong = [f"{relative(p)}:{n}: {name}" for p in files(".c", ".h", under=["src/proto"])
             for n, project, name in includes(p) if not project and FORBIDDEN_HEADERS.match(name)]
    complain(wrong, "time and datagrams are arguments in src/proto")


def library():
    path = os.path.join(os.environ.get("top_builddir", ROOT / "build"), "libproto.a")
    if not os.path.exists(path):
        raise tap.Skip("libproto.a is not built")
    return path


def tool(*command):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise tap.Skip(f"no {command[0]}") from None


@tap.test
def protocol_library_calls_no_io():
    names = {line.split()[-1] for line in tool("nm", "-u", library()).splitlines() if " U " in line}
    complain(sorted(n for n in names if FORBIDDEN_SYMBOLS.match(n)), "src/proto has no I/O and no clock")


@tap.test
def protocol_library_has_no_mutable_globals():
    dump = tool("objdump", "-t", library())
    if "__asan_" in dump or "__ubsan_" in dump or "__sancov" in dump:
        raise tap.Skip("instrumented build")
    found = []
    for line in dump.splitlines():
        fields = line.split()
        if " O " in line and re.match(r"\.(data|bss|tdata|tbss)(?!\.rel\.ro)", fields[-3] if len(fields) > 3 else ""):
            found.append(fields[-1])
    complain(found, "state belongs in structs the caller owns")


@tap.test
def headers_have_pragma_once():
    complain([relative(p) for p in files(".h") if "#pragma once" not in p.read_text()], "add #pragma once")


@tap.test
def sources_include_their_own_header_first():
    wrong = []
    for path in files(".c", under=["src"]):
        own = path.with_suffix(".h")
        first = next((name for _, _, name in includes(path)), None)
        if own.exists() and first != relative(own).removeprefix("src/"):
            wrong.append(f"{relative(path)}: first include is {first}")
    complain(wrong, "the own header first proves that it stands alone")


assert code_of('a("/*x*/"); /* b\n */ c') == 'a(""); \n c'
tap.main()
