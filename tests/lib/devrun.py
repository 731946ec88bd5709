"""./dev run, from the built tree on, with a folder of its own."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.request

import process
import tap
from sources import ROOT
from turnoutd import BUILD


class DevRun:
    """with DevRun("--set", "log.level=debug") as d: url, page = d.wait_for_page()"""

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
