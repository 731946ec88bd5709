"""The tables of the comparison."""
import dataclasses


@dataclasses.dataclass
class Row:
    label: str
    what: str  # the measurement it comes from
    key: str  # of turnout-bench's JSON
    unit: str
    goal: float | None = None  # the first column divided by the second, at most
    at_least: float | None = None  # the same, at least
    limit: float | None = None  # of the first column's figure, at most
    values: dict = dataclasses.field(default_factory=dict)

    def ratio(self, ours, theirs):
        ours, theirs = self.values.get(ours), self.values.get(theirs)
        return ours / theirs if ours is not None and theirs else None

    def verdict(self, ours, theirs):
        """("<= 0.50", "pass" or "miss"); empty without a goal, or without the figures."""
        ratio, own = self.ratio(ours, theirs), self.values.get(ours)
        for sign, bound, figure in (("<=", self.goal, ratio), (">=", self.at_least, ratio), ("<=", self.limit, own)):
            if bound is not None:
                text = f"{sign} {bound:.2f}" if figure is ratio else f"{sign} {bound:,.0f} {self.unit}"
                if figure is None:
                    return text, ""
                return text, "pass" if (figure <= bound if sign == "<=" else figure >= bound) else "miss"
        return "", ""

    def record(self, ours, theirs):
        goal, verdict = self.verdict(ours, theirs)
        return {"label": self.label, "unit": self.unit, **self.values, "ratio": self.ratio(ours, theirs), "goal": goal,
                "verdict": verdict}


def figure(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def print_table(rows, heads, ours, theirs):
    """heads: {key of a row's values: head}, in the order of the columns; the ratio is ours / theirs."""
    print(f"{'':44}" + "".join(f"{head[:20]:>21}" for head in heads.values()) + f"{'ratio':>7}  goal")
    for row in rows:
        if all(value is None for value in row.values.values()):
            continue
        ratio = row.ratio(ours, theirs)
        cells = "".join(f"{figure(row.values.get(key)) + ' ' + row.unit:>21}" for key in heads)
        print(f"{row.label:44}{cells}{'' if ratio is None else f'{ratio:.2f}':>7}  "
              f"{' '.join(row.verdict(ours, theirs))}".rstrip())
