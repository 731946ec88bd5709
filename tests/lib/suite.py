"""Runs the test programs (test_*.py) of some folders, two at a time, passes their output on and
prints `@cases passed failed skipped` for tests/lib/check.sh. A program that crashes, hangs or runs
fewer cases than it planned is a failure."""
import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys

PROGRAM_LIMIT_S = 240


def run_program(path, environment):
    """(program, output, passed, failed, skipped)"""
    process = subprocess.Popen([sys.executable, str(path)], env=environment, text=True, errors="replace",
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=PROGRAM_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0] + f"\nnot ok - {path.name} ran longer than {PROGRAM_LIMIT_S} s\n"
    return (path, output, process.returncode) + count(output, process.returncode)


def count(output, status):
    results = re.findall(r"^(ok|not ok)\b(.*)$", output, re.M)
    skipped = sum(1 for word, rest in results if word == "ok" and "# SKIP" in rest)
    passed = sum(1 for word, _ in results if word == "ok") - skipped
    failed = sum(1 for word, _ in results if word == "not ok")
    plan = re.search(r"^1\.\.(\d+)$", output, re.M)
    complete = plan and int(plan.group(1)) == len(results) > 0
    if failed == 0 and (status != 0 or not complete):
        failed = 1
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build", help="the build tree")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    library = str(pathlib.Path(__file__).resolve().parent)
    environment = dict(os.environ, TURNOUT_BUILD=os.path.abspath(options.build), PYTHONPATH=library,
                       PYTHONDONTWRITEBYTECODE="1")
    programs = [p for path in options.paths for p in (sorted(path.glob("test_*.py")) if path.is_dir() else [path])]
    totals = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, output, status, *counts in pool.map(lambda p: run_program(p, environment),
                                                      programs * options.repeat):
            print(f"# {path} (exit {status})\n{output}", flush=True)
            totals = [a + b for a, b in zip(totals, counts)]
    print("@cases", *totals)
    sys.exit(0 if totals[1] == 0 and programs else 1)


if __name__ == "__main__":
    main()
