"""The source tree as the lints see it."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tests", "web", "etc", "man", "contrib", "debian")
IGNORED = {"node_modules", "__pycache__"}


def files(*suffixes, under=FOLDERS):
    """Paths below the given folders, sorted; of all suffixes when none is given."""
    found = []
    for folder in under:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not IGNORED & set(path.parts) and (not suffixes or path.suffix in suffixes):
                found.append(path)
    return found


def relative(path):
    return path.relative_to(ROOT).as_posix()


_NOISE = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code_of(text):
    """C text with comments and the insides of literals blanked; lines keep their numbers."""

    def blank(match):
        token = match.group(0)
        kept = token[0] + token[-1] if token[0] in "\"'" else ""
        return kept + "\n" * token.count("\n")

    return _NOISE.sub(blank, text)


def complain(problems, advice):
    """Fails with one line for each problem."""
    if problems:
        raise AssertionError("\n".join([*map(str, problems), advice]))
