"""./dev run: what a newcomer sees first."""
import json
import os
import re
import signal
import urllib.request

import peers  # finds tests/lib
import stun
import tap
from devrun import DevRun


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
