"""The build knows every source, scripts parse, the lists are kept."""
import ast
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from sources import ROOT, complain, files, relative


@tap.test
def every_source_is_listed_in_a_fragment():
    listed = "\n".join(p.read_text() for p in files(".am"))
    words = set(re.findall(r"[\w./-]+", listed.replace("$(srcdir)/", "").replace("$(top_srcdir)/", "")))
    missing = [relative(p) for p in files(".c", ".h", under=["src", "tests"])
               if not {relative(p), relative(p).removesuffix(".c")} & words]
    complain(missing,
             "list it in its folder's module.am")


@tap.test
def every_fragment_is_included():
    included = set()
    for path in [ROOT / "Makefile.am", *files(".am")]:
        included |= set(re.findall(r"^include (\S+)", path.read_text(), re.M))
    complain([relative(p) for p in files(".am") if relative(p) not in included], "include it from its parent")


def scripts():
    for path in [ROOT / "dev", *files(under=["tests", "web", "contrib", "etc", "debian"])]:
        if path.suffix in {".sh", ".py", ""}:
            with open(path, "rb") as file:
                first = file.readline(100)
            if first.startswith(b"#!") or path.suffix in {".sh", ".py"}:
                yield path, first.decode(errors="replace")


@tap.test
def scripts_parse():
    wrong = []
    for path, first in scripts():
        if path.suffix == ".py" or "python" in first:
            try:
                ast.parse(path.read_text(), relative(path))
            except SyntaxError as error:
                wrong.append(f"{relative(path)}: {error}")
        elif "sh" in first or path.suffix == ".sh":
            shell = "bash" if "bash" in first else "sh"
            done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True)
            wrong += [done.stderr] if done.returncode else []
    complain(wrong, "")


@tap.test
def python_programs_run_with_the_systems_python():
    wrong = [relative(p) for p, first in scripts() if "python" in first and first.strip() != "#!/usr/bin/python3"]
    complain(wrong, "write #!/usr/bin/python3: another python3 may be first on PATH")


@tap.test(limit=120)
def javascript_parses():
    if not shutil.which("node"):
        raise tap.Skip("no node")
    wrong = []
    for path in files(".js", ".mjs"):
        module = ["--input-type=module", "--check"] if path.suffix == ".js" else ["--check", str(path)]
        done = subprocess.run(["node", *module], input=path.read_text() if path.suffix == ".js" else None,
                              capture_output=True, text=True)
        wrong += [f"{relative(path)}: {done.stderr[:300]}"] if done.returncode else []
    complain(wrong, "")


@tap.test
def metrics_table_names_are_sound():
    text = (ROOT / "src/base/metrics.def").read_text()
    rows = re.findall(r'^METRIC\((\w+), (COUNTER|GAUGE), "([^"]*)", "((?:[^"\\]|\\.)*)",', text, re.M)
    wrong = [f"{i} {name}" for i, kind, name, _ in rows
             if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or (kind == "COUNTER") != name.endswith("_total")]
    pairs = [(name, labels) for _, _, name, labels in rows]
    wrong += sorted({f"{p} twice" for p in pairs if pairs.count(p) > 1})
    assert rows, "no metrics found"
    complain(wrong, "counters end in _total, names are lower case, name and labels are unique")


tap.main()
