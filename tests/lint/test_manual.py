"""The manual pages: mandoc is content, and turnoutctl(8) says what the program says."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from sources import ROOT, complain, files, relative

# Of no matter here: pages of other packages, the date's form, the operating system's own style.
IGNORED = re.compile(r"referenced manual not found|outdated mandoc.db|operating system explicitly specified")


def mandoc(*arguments):
    if not shutil.which("mandoc"):
        raise tap.Skip("no mandoc")
    return subprocess.run(["mandoc", *arguments], capture_output=True, text=True).stdout


def turnoutctl(*arguments):
    program = os.path.join(os.environ.get("top_builddir", str(ROOT / "build")), "turnoutctl")
    if not os.path.exists(program):
        raise tap.Skip("turnoutctl is not built")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def page(name):
    text = mandoc("-T", "utf8", "-O", "width=500", str(ROOT / "man" / name))
    return re.sub(r".\x08", "", text)


def verbs():
    listed = turnoutctl("--help").split("Verbs:\n")[1].split("\n\n")[0]
    return [re.match(r"  ([\w-]+(?: \w+)?)  ", line).group(1) for line in listed.splitlines()]


@tap.test
def mandoc_finds_nothing():
    pages = [p for p in files(under=["man"]) if re.fullmatch(r"\.[1-8]", p.suffix)]
    assert pages
    wrong = [line for p in pages for line in mandoc("-T", "lint", str(p)).splitlines() if not IGNORED.search(line)]
    complain(wrong, "mandoc -T lint")


@tap.test
def every_verb_has_its_entry_with_the_same_arguments():
    # A short entry shares its line with its text, two blanks apart.
    text = [re.split(r"\s\s+", line.strip())[0] for line in page("turnoutctl.8").splitlines()]
    usages = [re.match(r"Usage: turnoutctl (.*)", turnoutctl(*v.split(), "--help")).group(1) for v in verbs()]
    assert len(usages) > 20
    complain([u for u in usages if u not in text], "man/turnoutctl.8 has no entry of this form")


@tap.test
def the_page_has_no_verb_the_program_lacks():
    source = (ROOT / "man/turnoutctl.8").read_text().split(".Sh VERBS")[1].split(".Sh FILES")[0]
    entries = re.findall(r"^\.It (?:Xo )?Cm ((?:[a-z-]+ ?)+)", source, re.M)
    assert entries
    complain([e.strip() for e in entries if e.strip() not in verbs()], "")


@tap.test
def verbs_that_work_offline_say_so():
    source = (ROOT / "man/turnoutctl.8").read_text()
    wrong = []
    for verb in verbs():
        entry = re.split(r"\n\.It |\n\.El", re.search(rf"^\.It (?:Xo )?Cm {verb}\b(.*)", source, re.M | re.S).group(1))[0]
        offline = "without the daemon" in turnoutctl(*verb.split(), "--help")
        if offline != (".Pq offline" in entry) and verb != "selftest":
            wrong.append(verb)
    complain(wrong, "offline")


def program(name):
    path = os.path.join(os.environ.get("top_builddir", str(ROOT / "build")), name)
    if not os.path.exists(path):
        raise tap.Skip(f"{name} is not built")
    return path


@tap.test
def turnoutd_has_the_options_of_its_page():
    done = subprocess.run([program("turnoutd"), "--help"], capture_output=True, text=True)
    if "--config" not in done.stdout:
        raise tap.Skip("turnoutd has no --help")
    shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", done.stdout))
    documented = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page("turnoutd.8")))
    complain(sorted(shown ^ documented), "on one side only")


tap.main()
