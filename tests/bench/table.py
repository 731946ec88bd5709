"""The one table of the comparison."""
import dataclasses


@dataclasses.dataclass
class Row:
    label: str
    what: str  # the measurement it comes from
    key: str  # of turnout-bench's JSON
    unit: str
    goal: float | None = None  # turnout divided by coturn, at most
    values: dict = dataclasses.field(default_factory=dict)

    def ratio(self):
        ours, theirs = self.values.get("turnout"), self.values.get("coturn")
        return ours / theirs if ours is not None and theirs else None

    def verdict(self):
        """"pass", "miss", or "" without a goal or without both figures."""
        if self.goal is None or self.ratio() is None:
            return ""
        return "pass" if self.ratio() <= self.goal else "miss"

    def record(self):
        return {"label": self.label, "unit": self.unit, **self.values, "ratio": self.ratio(), "goal": self.goal,
                "verdict": self.verdict()}


def figure(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def print_table(rows, versions, notes):
    """versions: {server: version}, in the order of the columns."""
    heads = [f"{name} {version}"[:22] for name, version in versions.items()]
    print(f"{'':42}" + "".join(f"{head:>24}" for head in heads) + f"{'ratio':>8}{'goal':>9}")
    for row in rows:
        if all(value is None for value in row.values.values()):
            continue
        ratio = row.ratio()
        cells = "".join(f"{figure(row.values[name]) + ' ' + row.unit:>24}" for name in versions)
        print(f"{row.label:42}{cells}{'' if ratio is None else f'{ratio:.2f}':>8}"
              f"{'' if row.goal is None else f'<= {row.goal:.2f}':>9} {row.verdict()}".rstrip())
    for note in notes:
        print(f"* {note}")
