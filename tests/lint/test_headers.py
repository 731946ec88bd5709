"""Each header compiles alone, with gcc and with clang."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from sources import ROOT, complain, files, relative

WARNINGS = ["-std=gnu17", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
PACKAGES = ["libevent", "libcrypto", "libssl", "sqlite3", "hiredis", "libmicrohttpd", "jansson", "cmocka"]


def package_flags():
    flags = []
    for package in PACKAGES:
        done = subprocess.run(["pkg-config", "--cflags", package], capture_output=True, text=True)
        flags += done.stdout.split() if done.returncode == 0 else []
    return flags


def compiles(compiler):
    if not shutil.which(compiler):
        raise tap.Skip(f"no {compiler}")
    build = os.environ.get("top_builddir", str(ROOT / "build"))
    wrong = []
    flags = [*WARNINGS, "-D_GNU_SOURCE", f"-I{ROOT}/src", f"-I{build}/src", f"-I{ROOT}/tests", *package_flags()]
    for path in files(".h", under=["src", "tests"]):
        done = subprocess.run([compiler, "-fsyntax-only", *flags, "-include", str(path), "-x", "c", "/dev/null"],
                              capture_output=True, text=True)
        if done.returncode:
            wrong.append(f"{relative(path)}\n{done.stderr[:600]}")
    complain(wrong, "a header includes what it needs")


tap.case("headers compile alone with gcc", compiles, "gcc", limit=120)
tap.case("headers compile alone with clang", compiles, "clang", limit=120)
tap.main()
