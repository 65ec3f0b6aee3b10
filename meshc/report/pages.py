"""Pages of the catalogue for a terminal, and the table of what targets support: the one source is what code says of itself."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
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


def page(one: Page, *, colour: bool, width: int) -> str:
    """A page as it is read on a terminal; Markdown is plain enough for that, once its paragraphs fit."""
    paint = Paint(enabled=colour)
    head = paint(f"{one.code} {one.name}", Style.STRONG) + f" ({one.severity})"
    return "\n".join((head, "", *_blocks(one.text, paint, width))).rstrip() + "\n"


def _blocks(text: str, paint: Paint, width: int) -> Iterator[str]:
    """The lines of a page: code as it is, paragraphs filled anew, items of lists and tables left alone."""
    for index, part in enumerate(re.split(r"^(```[^\n]*\n.*?^```)$", text, flags=re.DOTALL | re.MULTILINE)):
        if index % 2:
            first, *code, last = part.split("\n")
            yield from (paint(first, Style.FRAME), *code, paint(last, Style.FRAME), "")
            continue
        for paragraph in part.split("\n\n"):
            lines = [line for line in paragraph.split("\n") if line.strip()]
            if any(line.lstrip().startswith(("- ", "|", "#")) for line in lines):
                yield from (*lines, "")
            elif lines:
                yield from (*textwrap.wrap(" ".join(lines), width, break_long_words=False, break_on_hyphens=False), "")


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
