"""base/metrics.def follows the rules that make counters readable for whoever did not write them."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from sources import ROOT, complain, files

ROW = re.compile(r'METRIC\(\s*(\w+)\s*,\s*(\w+)\s*,\s*"((?:[^"\\]|\\.)*)"\s*,\s*"((?:[^"\\]|\\.)*)"\s*,'
                 r'\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')
LABELS = re.compile(r'^[a-z][a-z0-9_]*="[a-zA-Z0-9_.:/ -]+"(,[a-z][a-z0-9_]*="[a-zA-Z0-9_.:/ -]+")*$')

# What would make a series per user, room or client.
PERSONAL = {"user", "username", "name", "realm", "room", "identity", "participant", "client", "peer", "ip", "address",
            "session", "id", "token", "key"}
# Units that are not base units (https://prometheus.io/docs/practices/naming/).
UNITS = re.compile(r"_(ms|us|ns|milliseconds|microseconds|minutes|hours|kb|mb|kilobytes|megabytes|kbps|mbps|bits|percent)"
                   r"(_|$)")


def source():
    text = (ROOT / "src/base/metrics.def").read_text()
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def rows():
    for id_, kind, name, labels, help_ in ROW.findall(source()):
        yield id_, kind, name, labels.replace('\\"', '"'), "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', help_))


@tap.test
def every_row_is_understood():
    found = list(rows())
    assert found, "no row"
    complain([f"{len(found)} rows of {source().count('METRIC(')} were read"]
             if len(found) != source().count("METRIC(") else [], "write METRIC(ID, TYPE, \"name\", \"labels\", \"help\")")


@tap.test
def names_are_snake_case_without_our_prefix():
    complain([n for _, _, n, _, _ in rows() if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", n)
              or n.startswith("turnout_")], "the prefix turnout_ is added when they are shown")


@tap.test
def counters_end_in_total_and_gauges_do_not():
    complain([n for _, kind, n, _, _ in rows() if kind not in ("COUNTER", "GAUGE")
              or n.endswith("_total") != (kind == "COUNTER") or n.endswith("_info")], "")


@tap.test
def units_are_base_units():
    complain([n for _, _, n, _, _ in rows() if UNITS.search(n.removesuffix("_total"))], "use seconds and bytes")


@tap.test
def rows_of_one_name_stand_together_with_one_help_and_type():
    wrong = []
    seen, kinds = [], {}
    for _, kind, name, _, help_ in rows():
        first = name not in seen
        if not first and seen[-1] != name:
            wrong.append(f"{name}: its rows are apart")
        if first and len(help_) < 8:
            wrong.append(f"{name}: the first row says what it counts")
        if kinds.setdefault(name, kind) != kind:
            wrong.append(f"{name}: two types")
        seen.append(name)
    complain(wrong, "")


@tap.test
def labels_are_well_formed_and_of_one_kind_per_name():
    wrong = []
    keys = {}
    series = set()
    for _, _, name, labels, _ in rows():
        if labels and not LABELS.match(labels):
            wrong.append(f"{name}: labels {labels}")
        names = tuple(re.findall(r"(\w+)=", labels))
        if keys.setdefault(name, names) != names:
            wrong.append(f"{name}: rows with other labels than the first")
        if (name, labels) in series:
            wrong.append(f"{name}{{{labels}}} twice")
        series.add((name, labels))
    complain(wrong, "")


@tap.test
def no_label_makes_a_series_per_person():
    complain([f"{n}: {label}" for _, _, n, labels, _ in rows() for label in re.findall(r"(\w+)=", labels)
              if label in PERSONAL], "such series grow without bound")


@tap.test
def every_counter_is_counted_somewhere():
    """Ids may be made from a base row and an offset (METRIC_X_UDP + transport): then the first row of a name counts."""
    code = "\n".join(p.read_text() for p in files(".c", ".h", under=["src"]))
    used = set(re.findall(r"\bMETRIC_(\w+)", code))
    names = {}
    for id_, _, name, _, _ in rows():
        names.setdefault(name, []).append(id_)
    complain([n for n, ids in names.items() if not used & set(ids)], "no code mentions any row of it")


tap.main()
