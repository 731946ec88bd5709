"""Test programs in Python: mark functions with @test, end with tap.main(). Prints TAP.

A test passes by returning, fails by any exception, and is left out by raising Skip(reason).
"""
import os
import signal
import sys
import time
import traceback

_tests = []


class Skip(Exception):
    """The test cannot run here; the text says what is missing."""


class Timeout(Exception):
    """The test took longer than its limit."""


def test(function=None, *, limit=60, name=None):
    """Registers a test; limit in seconds. The name is the function's, with spaces."""

    def register(f):
        _tests.append((name or f.__name__.replace("_", " "), f, limit))
        return f

    return register(function) if function else register


def case(name, function, *args, limit=60):
    """Registers function(*args) under a name: for tables of cases."""
    _tests.append((name, lambda: function(*args), limit))


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def wait_for(condition, timeout=5.0, what="condition"):
    """The first true value of condition(), polled; AssertionError after the timeout."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"timed out waiting for {what}")
        time.sleep(0.02)


def _alarm(signum, frame):
    raise Timeout("the test's time limit is over")


def _diagnose(error):
    """An assertion that says something needs no traceback, only its place."""
    if isinstance(error, AssertionError) and str(error):
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == sys.argv[0]]
        place = f" (line {frames[-1].lineno})" if frames else ""
        for line in (str(error) + place).splitlines():
            print(f"# {line}")
        return
    for line in "".join(traceback.format_exception(error)).splitlines():
        print(f"# {line}")


def _run(number, name, function, limit):
    began = time.monotonic()
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(limit)
    try:
        function()
    except Skip as reason:
        print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        return True
    except (Exception, SystemExit) as error:
        signal.alarm(0)
        print(f"not ok {number} - {name}")
        _diagnose(error)
        sys.stdout.flush()
        return False
    finally:
        signal.alarm(0)
    took = time.monotonic() - began
    print(f"ok {number} - {name}" + (f" ({took:.1f} s)" if took > 1 else ""), flush=True)
    return True


def main():
    """Runs all; arguments select by substring of the name."""
    chosen = [t for t in _tests if not sys.argv[1:] or any(a in t[0] for a in sys.argv[1:])]
    print(f"1..{len(chosen)}", flush=True)
    good = [_run(i + 1, *t) for i, t in enumerate(chosen)]
    sys.exit(0 if good and all(good) else 1)
