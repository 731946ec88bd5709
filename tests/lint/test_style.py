"""Sizes, forbidden functions, formatting: what STYLE asks and a machine can see."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from sources import ROOT, code_of, complain, files, relative

FUNCTION_LINES = 60
PACKET_FUNCTION_LINES = 40
FILE_LINES = 500
ARGUMENTS = 5

# The files a relayed packet passes through.
PACKET_PATH = {"src/net/udp.c", "src/daemon/ingress.c", "src/relay/data.c", "src/forward/slot_write.c"}

# Each exception has its reason: {file or file:function: why}.
EXCEPTIONS = {
    "src/forward/data_sctp.c:on_receive": "libusrsctp's callback",
    "src/net/http_request.c:http_request_access": "libmicrohttpd's callback",
    "src/net/http_request.c:note_header": "libmicrohttpd's callback",
    "src/net/http_upgrade.c:on_upgraded": "libmicrohttpd's callback",
    "src/net/tls.c:select_alpn": "OpenSSL's callback",
    "src/net/tls_tickets.c:context_freed": "OpenSSL's callback",
    "src/net/tls_tickets.c:ticket_key": "OpenSSL's callback",
}

FORBIDDEN = {
    "strcpy strcat strncat strncpy stpcpy sprintf vsprintf gets": "text_copy or snprintf",
    "strtok atoi atol atof": "text_parse_u64, strcspn",
    "rand srand random drand48": "base/rng.h",
    "system popen tmpnam mktemp tempnam": "fork and exec, mkstemp",
    "asctime ctime gmtime localtime inet_ntoa inet_addr gethostbyname": "the reentrant forms, base/addr.h",
    "alloca": "a bounded buffer",
}


def c_files():
    return files(".c", ".h", under=["src", "tests"])


def functions(path):
    """(name, first line, lines, arguments) of each function: the format puts its braces in column one."""
    lines = code_of(path.read_text()).splitlines()
    start = None
    for i, line in enumerate(lines):
        short = re.match(r"^[A-Za-z_].*?(\w+)\((.*?)\) \{ .* \}$", line)
        if start is None and short:
            yield short.group(1), i + 1, 1, argument_count(short.group(2))
        elif start is None and re.match(r"^[A-Za-z_ ].*\)\s*\{$", line):
            start = i
        elif start is not None and line == "}":
            head = start
            while head > 0 and not re.match(r"^[A-Za-z_]", lines[head]):
                head -= 1
            signature = " ".join(lines[head:start + 1])
            match = re.search(r"(\w+)\s*\((.*)\)\s*\{$", signature)
            if match:
                yield match.group(1), start + 1, i - start + 1, argument_count(match.group(2))
            start = None


def argument_count(text):
    """Bytes and their length count as one."""
    text = re.sub(r",\s*size_t (len|n|cap|size)\b", "", text)
    depth = commas = 0
    for c in text:
        depth += (c == "(") - (c == ")")
        commas += c == "," and depth == 0
    return 0 if text.strip() in ("", "void") else commas + 1


def excused(path, function=None):
    return relative(path) in EXCEPTIONS or f"{relative(path)}:{function}" in EXCEPTIONS


@tap.test
def functions_are_short():
    wrong = []
    for path in c_files():
        limit = PACKET_FUNCTION_LINES if relative(path) in PACKET_PATH else FUNCTION_LINES
        wrong += [f"{relative(path)}:{line}: {name} has {length} lines, the limit is {limit}"
                  for name, line, length, _ in functions(path) if length >= limit and not excused(path, name)]
    complain(wrong, "split it")


@tap.test
def functions_take_few_arguments():
    wrong = [f"{relative(path)}:{line}: {name} takes {count} arguments" for path in c_files()
             for name, line, _, count in functions(path) if count > ARGUMENTS and not excused(path, name)]
    complain(wrong, f"more than {ARGUMENTS} arguments want a struct")


@tap.test
def files_are_short():
    lengths = [(relative(p), len(p.read_text().splitlines())) for p in c_files() if not excused(p)]
    complain([f"{name} has {n} lines" for name, n in lengths if n >= FILE_LINES], f"the limit is {FILE_LINES}")


@tap.test
def exceptions_still_exist():
    complain([e for e in EXCEPTIONS if not (ROOT / e.split(":")[0]).exists()], "remove it from EXCEPTIONS")


@tap.test
def forbidden_functions_are_not_called():
    banned = {name: instead for names, instead in FORBIDDEN.items() for name in names.split()}
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(banned) + r")\s*\(")
    wrong = []
    for path in c_files():
        for number, line in enumerate(code_of(path.read_text()).splitlines(), 1):
            wrong += [f"{relative(path)}:{number}: {m.group(1)}: use {banned[m.group(1)]}"
                      for m in pattern.finditer(line)]
    complain(wrong, "")


@tap.test
def structs_have_no_typedef():
    wrong = [f"{relative(p)}:{n}" for p in c_files()
             for n, line in enumerate(code_of(p.read_text()).splitlines(), 1)
             if re.match(r"\s*typedef\s+(struct|union|enum)\b", line)]
    complain(wrong, "write struct module_thing")


def text_files():
    for path in files():
        if path.suffix in {".c", ".h", ".py", ".sh", ".am", ".js", ".mjs", ".ts", ".html", ".css", ".json", ".conf",
                           ".in", ".md"} or path.parent.name in {"man", "etc"}:
            yield path
    for name in ("README", "HACKING", "ARCHITECTURE", "Makefile.am", "configure.ac", "dev"):
        yield ROOT / name


@tap.test
def no_file_names_a_machine_or_leaves_a_mark():
    paths = "|".join(["/wo" + "rk/", "/tmp/br" + "ief", "/tmp/w" + "t/", "/ho" + r"me/\w", "/ro" + "ot/", "py" + "env"])
    marks = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"])
    pattern = re.compile(f"({paths})|\\b({marks})\\b")
    wrong = []
    for path in text_files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if pattern.search(line):
                wrong.append(f"{relative(path)}:{number}: {line.strip()[:100]}")
    complain(wrong, "")


@tap.test(limit=120, name="c sources are formatted (./dev format does it)")
def c_sources_are_formatted():
    if not shutil.which("clang-format-14"):
        raise tap.Skip("no clang-format-14")
    done = subprocess.run(["clang-format-14", "--dry-run", "-Werror", f"--style=file:{ROOT}/.clang-format",
                           *map(str, c_files())], capture_output=True, text=True)
    wrong = sorted({line for line in done.stderr.splitlines() if "clang-formatted" in line})
    complain([line.replace(f"{ROOT}/", "") for line in wrong], "run ./dev format")


tap.main()
