"""Pages of the catalogue for a terminal, and the table of what targets support: the one source is what code says of itself."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from meshc.report.paint import Paint, Style


@dataclass(frozen=True, slots=True)
class Page:
    """What one code means. `text` is Markdown whose first sentence says what it is."""

    code: str
    name: str
    severity: str
    text: str

    @property
    def summary(self) -> str:
        """The first sentence, on one line."""
        return " ".join(self.text.split("\n\n", 1)[0].split())


@dataclass(frozen=True, slots=True)
class Column:
    """A target in the table: the features it expresses exactly."""

    target: str
    title: str
    supports: frozenset[str]


def page(one: Page, *, colour: bool) -> str:
    """A page as it is read on a terminal; Markdown is plain enough for that."""
    paint = Paint(enabled=colour)
    head = paint(f"{one.code} {one.name}", Style.STRONG) + f" ({one.severity})"
    lines = [_line(line, paint) for line in one.text.rstrip().split("\n")]
    return "".join(f"{line}\n" for line in (head, "", *lines))


def _line(line: str, paint: Paint) -> str:
    return paint(line, Style.FRAME) if line.startswith("```") else line


def contents(pages: Iterable[Page], *, colour: bool, width: int) -> str:
    """All codes, one a line, cut to the width."""
    paint = Paint(enabled=colour)
    every = list(pages)
    longest = max((len(one.name) for one in every), default=0)
    return "".join(f"{paint(one.code, Style.STRONG)} {one.name:{longest}}  {_cut(one.summary, width - longest - 8)}\n" for one in every)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 3, 0)].rstrip() + "..."


def feature_table(features: Sequence[str], columns: Sequence[Column], *, colour: bool) -> str:
    """Features by target: `yes`, or `-` for what is an error at its line."""
    paint = Paint(enabled=colour)
    widths = [max(len(one.target), 3) for one in columns]
    longest = max(map(len, features), default=0)
    head = " ".join((f"{'':{longest}}", *(f"{one.target:{width}}" for one, width in zip(columns, widths, strict=True))))
    lines = [f"{one.target}: {one.title}" for one in columns] + ["", paint(head.rstrip(), Style.STRONG)]
    for feature in features:
        cells = []
        for one, width in zip(columns, widths, strict=True):
            has = feature in one.supports
            cells.append(paint(f"{'yes' if has else '-':{width}}", Style.HELP if has else Style.WARNING))
        lines.append(" ".join((f"{feature:{longest}}", *cells)).rstrip())
    return "".join(f"{line}\n" for line in lines)


def features_as_json(features: Sequence[str], columns: Sequence[Column]) -> str:
    """The table for programs."""
    targets = [
        {"name": one.target, "title": one.title, "features": {feature: feature in one.supports for feature in features}} for one in columns
    ]
    return json.dumps({"targets": targets}, indent=2) + "\n"
