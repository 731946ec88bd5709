"""Child processes that cannot outlive the test: killed with their group at the end, and by the kernel
when the test itself dies."""
import atexit
import ctypes
import os
import signal
import subprocess

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_alive = set()


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(command, **options):
    """subprocess.Popen in a session of its own, without standard input."""
    options.setdefault("stdin", subprocess.DEVNULL)
    child = subprocess.Popen(list(map(str, command)), start_new_session=True, preexec_fn=_die_with_parent, **options)
    _alive.add(child)
    return child


def stop(child, sig=signal.SIGTERM, timeout=10.0):
    """Ends a child and its group; returns its status. SIGKILL when it does not go within the timeout."""
    _alive.discard(child)
    if child.poll() is None:
        child.send_signal(sig)
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    return child.wait(5)


def run(command, timeout=30, check=True, **options):
    """Runs to the end; CompletedProcess with text output (stdout and stderr together)."""
    child = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    try:
        output, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        stop(child, signal.SIGKILL)
        raise AssertionError(f"{command[0]} ran longer than {timeout} s:\n{child.communicate()[0][-2000:]}") from None
    finally:
        stop(child, signal.SIGKILL)
    if check and child.returncode:
        raise AssertionError(f"{command} ended with {child.returncode}:\n{output[-4000:]}")
    return subprocess.CompletedProcess(command, child.returncode, output)


@atexit.register
def _stop_all():
    for child in list(_alive):
        stop(child, signal.SIGKILL)
