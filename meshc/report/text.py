"""Diagnostics for a person: the line at fault with carets under it, the other places that take part, and what to do."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meshc.diagnostics import Diagnostic, Place, Severity
from meshc.report.paint import Paint, Style, of_severity
from meshc.report.printable import columns, printable, shown
from meshc.source import Lines

_NARROWEST: Final = 40
_CUT: Final = "..."


@dataclass(frozen=True, slots=True)
class _Page:
    """What all parts of one diagnostic share: the texts, the room, and how wide its line numbers are."""

    sources: Mapping[str, Lines]
    paint: Paint
    width: int
    gutter: int

    def bar(self, number: str = "", mark: str = "|") -> str:
        """The frame at the left of a line."""
        return self.paint(f"{number:>{self.gutter}} {mark}", Style.FRAME)

    @property
    def room(self) -> int:
        """Columns that are left for a line of the file."""
        return self.width - self.gutter - 3


def full(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], *, colour: bool, width: int) -> str:
    """All diagnostics, a blank line between them, and how many there are."""
    if not diagnostics:
        return ""
    paint = Paint(enabled=colour)
    texts = {file: Lines(text) for file, text in sources.items()}
    parts = [_diagnostic(one, texts, paint, max(width, _NARROWEST)) for one in diagnostics]
    return "\n".join((*parts, f"{paint(summary(diagnostics), Style.STRONG)}\n"))


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`: what there is none of is left out."""
    severities = [one.severity for one in diagnostics]
    counts = ((severities.count(severity), str(severity)) for severity in Severity)
    return ", ".join(f"{count:,} {word}{'s' * (count != 1)}" for count, word in counts if count)


def _diagnostic(one: Diagnostic, sources: Mapping[str, Lines], paint: Paint, width: int) -> str:
    places = (one.place, *one.related)
    gutter = max(len(str(_last_line(place, sources))) for place in places)
    page = _Page(sources, paint, width, gutter)
    style = of_severity(one.severity)
    kind = f"{one.severity}[{one.code} {one.name}]"
    head, *rest = _wrapped(f"{kind}: {printable(one.message)}", width, "  ")
    lines = [paint(kind, style) + paint(head.removeprefix(kind), Style.STRONG), *(paint(line, Style.STRONG) for line in rest)]
    lines += _snippet(one.place, page, style, "-->")
    for place in one.related:
        lines.append(page.bar())
        lines += _snippet(place, page, Style.RELATED, ":::")
    notes = [*(("note", note) for note in one.notes), *([("help", one.help)] if one.help else [])]
    if notes:
        lines.append(page.bar())
    for word, text in notes:
        lines += _note(word, text, page)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _last_line(place: Place, sources: Mapping[str, Lines]) -> int:
    return place.span.line if place.file in sources else 1


def _note(word: str, text: str, page: _Page) -> list[str]:
    room = page.width - page.gutter - len(f" = {word}: ")
    first, *rest = [line for part in text.split("\n") for line in _wrapped(printable(part), room, "")]
    margin = " " * (page.gutter + len(f" = {word}: "))
    painted = page.paint(f"{word}:", Style.HELP if word == "help" else Style.STRONG)
    return [f"{page.bar(mark='=')} {painted} {first}", *(margin + line for line in rest)]


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, max(width, 20), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


# --- a place of a file ----------------------------------------------------------------------------------------------------------


def _snippet(place: Place, page: _Page, style: Style, arrow: str) -> list[str]:
    span, lines = place.span, page.sources.get(place.file)
    where = f"{printable(place.file)}:{span.line}:{span.column}" if place.file else "."  # a folder in which no file is to blame
    head = " " * page.gutter + page.paint(arrow, Style.FRAME) + f" {where}"
    if lines is None or span.line > len(lines.starts):
        return [f"{head}: {printable(place.label)}" if place.label else head]
    text = _line(lines, span.line)
    start = span.column - 1
    goes_on = span.end_line > span.line
    end = len(text.rstrip()) if goes_on else span.end_column - 1
    code, caret, length = _fit(text, start, max(end, start + 1), page.room)
    marks = page.paint(("^" if style is not Style.RELATED else "-") * length, style)
    body = [page.bar(), f"{page.bar(str(span.line))} {code}", f"{page.bar()} {' ' * caret}{marks}"]
    return [head, *body[:2], *_labelled(body[2], caret + length, place.label, page, style)]


def _labelled(marks: str, used: int, label: str, page: _Page, style: Style) -> list[str]:
    """The carets and what they say: behind them where there is room, else below."""
    text = printable(label)
    if not text:
        return [marks]
    if used + 1 + columns(text) <= page.room:
        return [f"{marks} {page.paint(text, style)}"]
    return [marks, *(f"{page.bar()} {page.paint(line, style)}" for line in _wrapped(text, page.room, ""))]


def _line(lines: Lines, number: int) -> str:
    starts = lines.starts
    end = starts[number] if number < len(starts) else len(lines.text)
    return lines.text[starts[number - 1] : end].rstrip("\r\n")


def _fit(text: str, start: int, end: int, room: int) -> tuple[str, int, int]:
    """
    A line as it is shown, the column of the first caret, and how many carets there are.

    A line that is too long is cut around the place: what comes before it matters more than what comes after.
    """
    cells = [shown(char) for char in text]
    widths = [columns(cell) for cell in cells]
    caret, length = sum(widths[:start]) + max(0, start - len(text)), max(1, sum(widths[start:end]))
    if sum(widths) <= room:
        return "".join(cells), caret, length
    first, last = _window(widths, start, end, room)
    left, right = _CUT if first else "", _CUT if last < len(cells) else ""
    caret = len(left) + sum(widths[first:start])
    length = min(max(1, sum(widths[start : min(end, last)])), room - caret)
    return left + "".join(cells[first:last]) + right, caret, length


def _window(widths: list[int], start: int, end: int, room: int) -> tuple[int, int]:
    """The characters that stay of a line that is too long, without the dots at either side."""
    head = room - len(_CUT)
    if sum(widths[:end]) <= head:
        first, space = 0, head
    else:
        space = room - 2 * len(_CUT)
        spare = max(space - sum(widths[start:end]), space // 3)
        before, first = 0, start
        while first > 0 and before + widths[first - 1] <= spare * 2 // 3:
            first -= 1
            before += widths[first]
        if first == 0:
            space = head
    last, used = first, 0
    while last < len(widths) and used + widths[last] <= space:
        used += widths[last]
        last += 1
    return first, last
