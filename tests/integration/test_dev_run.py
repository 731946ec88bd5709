"""./dev run, from the built tree on: what a newcomer sees first."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request

import peers  # finds tests/lib
import process
import stun
import tap
from sources import ROOT
from turnoutd import BUILD


class DevRun:
    """tests/lib/run-dev.sh with a folder of its own."""

    def __init__(self, *arguments):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="turnout-dev-"))
        environment = dict(os.environ, TURNOUT_BUILD=str(BUILD), TURNOUT_VAR=str(self.folder / "var"))
        self.output = open(self.folder / "output", "wb")
        self.child = process.start([ROOT / "tests/lib/run-dev.sh", *arguments], env=environment,
                                   stdout=self.output, stderr=subprocess.STDOUT)

    def said(self):
        return (self.folder / "output").read_text(errors="replace")

    def wait_for_page(self):
        """(URL, its page)"""

        def page():
            assert self.child.poll() is None, self.said()
            match = re.search(r"open (http://\S+)", self.said())
            try:
                return match and (match.group(1), urllib.request.urlopen(match.group(1), timeout=2).read().decode())
            except OSError:
                return None

        return tap.wait_for(page, 15, "the page")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        process.stop(self.child)
        self.output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@tap.test
def dev_run_serves_the_page_at_the_url_it_prints():
    with DevRun() as d:
        url, page = d.wait_for_page()
        assert "<!doctype html>" in page.lower() and "turnout" in page.lower(), page[:300]
        config = json.load(urllib.request.urlopen(url + "v1/config"))
        assert config["development"] is True, config
        assert "<!doctype html>" in urllib.request.urlopen(url + "r/some-room").read().decode().lower()


@tap.test
def two_dev_runs_choose_different_ports():
    with DevRun() as first:
        one, _ = first.wait_for_page()
        with DevRun() as second:
            two, _ = second.wait_for_page()
            assert one != two, one


@tap.test
def dev_run_passes_settings_on_and_relays_to_this_machine():
    with DevRun("--set", "relay.user-quota=1") as d:
        url, _ = d.wait_for_page()
        token = json.load(urllib.request.urlopen(urllib.request.Request(
            url + "v1/dev/token", data=b'{"room":"a"}', headers={"Content-Type": "application/json"})))["token"]
        reply = json.load(urllib.request.urlopen(urllib.request.Request(
            url + "v1/ice-servers", headers={"Authorization": f"Bearer {token}"})))
        server = next(s for s in reply["iceServers"] if "username" in s)
        host, port = re.search(r"turn:([\d.]+|localhost):(\d+)", " ".join(server["urls"])).groups()
        credentials = server["username"], server["credential"]
        with stun.TurnClient((host, int(port)), credentials) as one, \
                stun.TurnClient((host, int(port)), credentials) as two:
            assert one.allocate().ok and one.permit("127.0.0.1").ok and one.permit("192.168.1.1").ok
            assert two.allocate().error == 486


@tap.test
def ctrl_c_ends_it():
    with DevRun() as d:
        d.wait_for_page()
        os.kill(d.child.pid, signal.SIGINT)
        d.child.wait(5)


@tap.test
def a_wrong_setting_is_explained():
    with DevRun("--set", "relay.user-quotta=1") as d:
        assert d.child.wait(15) != 0 and "user-quota" in d.said(), d.said()


tap.main()
