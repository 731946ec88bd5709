"""turnout-bench(1) and --help say the same: options, arguments, defaults, words."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from sources import ROOT, complain

BENCH = os.path.join(os.environ.get("top_builddir", str(ROOT / "build")), "turnout-bench")


def of_help():
    """{option: (argument, commands, default, words)} as --help has it."""
    text = subprocess.run([BENCH, "--help"], capture_output=True, text=True, check=True).stdout
    options, command = {}, None
    for line in text.splitlines():
        if re.match(r"\w+ \[options\]", line):
            command = line.split()[0]
        match = re.match(r"  --(\S+)(?: (\S+))?\s{2,}(.*?)(?: \[([^\]]*)\])?$", line)
        if match and command:
            name, argument, words, default = match.groups()
            commands = options.get(name, (None, [], None, None))[1]
            options[name] = (argument, commands + [command], default, words)
    return options


def of_manual():
    """The same as the manual page has it."""
    options = {}
    text = (ROOT / "man" / "turnout-bench.1").read_text()
    for item in re.split(r"^\.It Fl -", text, flags=re.M)[1:]:
        head, *lines = re.split(r"^\.(?:El|Sh)", item, flags=re.M)[0].strip().splitlines()
        name, *rest = head.split()
        commands = re.findall(r"\w+", lines[0][len(".Pq"):])
        words, default = [], None
        for line in lines[1:]:
            if line.startswith(".Bq "):
                default = line.split()[1]
                break
            if line.startswith("."):
                break
            words.append(line)
        options[name] = (rest[1] if rest else None, commands, default, " ".join(words))
    return options


@tap.test
def help_lists_options_of_every_command():
    found = {command for _, commands, _, _ in of_help().values() for command in commands}
    assert found == {"stun", "turn", "sink"}, found


@tap.test
def every_option_is_in_the_manual_and_no_other():
    complain(sorted(set(of_help()) ^ set(of_manual())), "in one of --help and turnout-bench(1) only")


@tap.test
def arguments_commands_defaults_and_words_agree():
    wrong = []
    manual = of_manual()
    for name, (argument, commands, default, words) in of_help().items():
        other = manual.get(name, (None, [], None, ""))
        if (argument, sorted(commands), default) != (other[0], sorted(other[1]), other[2]):
            wrong.append(f"--{name}: {argument} {commands} {default} but {other[:3]}")
        if not other[3].startswith(words):
            wrong.append(f"--{name}: {words!r} but {other[3]!r}")
    complain(wrong, "--help against turnout-bench(1)")


tap.main()
