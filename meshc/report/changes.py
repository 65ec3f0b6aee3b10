"""What a build did to its output, or would do: a few lines for a person, and diffs."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from meshc.report.paint import Paint, Style
from meshc.report.printable import columns, printable

_SHOWN: Final = 10  # more names than these hide the rest of the summary
_OTHERS: Final = 3  # files that are no objects are named up to this many
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
CHECKLIST: Final = "you must"
"""How the lines of a target's checklist begin."""


class Written(Protocol):
    """What the writer says of one target's tree."""

    @property
    def folder(self) -> Path: ...
    @property
    def added(self) -> Sequence[str]: ...
    @property
    def changed(self) -> Sequence[str]: ...
    @property
    def removed(self) -> Sequence[str]: ...
    @property
    def unchanged(self) -> int: ...


def written(one: Written, kinds: Mapping[str, str | None], *, colour: bool, width: int) -> str:
    """
    One target's tree: how many files were written, of which kinds and, where there was a tree before, which.

    `kinds` says of each file which kind of object it is, if it is one.
    """
    paint, place = Paint(enabled=colour), printable(str(one.folder))
    new = [*one.added, *one.changed]
    count = len(new) + one.unchanged
    before = bool(one.changed or one.removed or one.unchanged)
    files = f"{count:,} file{'s' * (count != 1)}"
    if new:
        share = f"{len(new):,} of {files}" if one.unchanged else files
        head, rest = f"wrote {share} to {place}", f": {', '.join(_kinds([(path, kinds.get(path)) for path in sorted(new)]))}"
    elif one.removed:
        head, rest = f"removed {len(one.removed):,} file{'s' * (len(one.removed) != 1)} from {place}", f", which has {files} now"
    else:
        head, rest = f"{place} is up to date", f": {files}"
    lines = _wrapped(head + rest, width, "", "  ")
    if lines[0].startswith(head):
        lines[0] = paint(head, Style.STRONG) + lines[0].removeprefix(head)
    if before:
        steps = [*(("added", path) for path in one.added), *(("changed", path) for path in one.changed)]
        steps += [("removed", path) for path in one.removed]
        lines += [f"  {word:7} {printable(path)}" for word, path in steps[:_SHOWN]]
        lines += [f"  ... and {len(steps) - _SHOWN:,} more"] if len(steps) > _SHOWN else []
    return _ended(lines)


def _kinds(files: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    """`2 Gateway`, `3 Sidecar`, each on one line, and the files that are no objects."""
    counts = Counter(kind for _, kind in files if kind is not None)
    yield from (f"{count:,}{_NO_BREAK}{kind}" for kind, count in sorted(counts.items()))
    others = [path for path, kind in files if kind is None]
    if len(others) > _OTHERS:
        yield f"{len(others):,}{_NO_BREAK}other{_NO_BREAK}files" if counts else f"{printable(others[0])} and {len(others) - 1:,} more"
    else:
        yield from map(printable, others)


def given_up(accepted: Iterable[tuple[str, str]], back_doors: Iterable[tuple[str, str, str]], *, colour: bool, width: int) -> str:
    """
    What a build always says: each approximation that the user accepts (name, what it gives up), and each object in the engine's back door.

    Of the latter: what it is, why it is there, and the place that asks for it.
    """
    paint, lines = Paint(enabled=colour), []
    for name, what in accepted:
        head = f"accepted {printable(name)}"
        lines += _headed(head, f": {printable(what)}" if what else "", paint, Style.WARNING, width)
    by_object: dict[str, list[str]] = {}
    for made, why, place in back_doors:
        by_object.setdefault(printable(made), []).append(printable(f"{why}, at {place}"))
    for made, reasons in by_object.items():
        whole = f"  {made}: {reasons[0]}"
        if len(reasons) == 1 and columns(whole) <= width:
            lines += _headed(made, f": {reasons[0]}", paint, Style.WARNING, width)
        else:
            lines += [
                f"  {paint(made, Style.WARNING)}:",
                *(line for reason in reasons for line in _wrapped(reason, width, "    ", "      ")),
            ]
    return _ended(lines)


def _headed(head: str, rest: str, paint: Paint, style: Style, width: int) -> list[str]:
    first, *others = _wrapped(head + rest, width, "  ", "    ")
    whole = f"  {head}"  # colours come last: they take no columns
    return [f"  {paint(head, style)}{first.removeprefix(whole)}" if first.startswith(whole) else first, *others]


def checklist(notes: Iterable[str], *, quiet: bool, width: int) -> str:
    """What has to be there for the files to do what the mesh says; `quiet` leaves out all but notes that are no part of the checklist."""
    return _ended([line for note in notes if not (quiet and note.startswith(CHECKLIST)) for line in _note(note, width)])


def _note(note: str, width: int) -> list[str]:
    """A note as an item of a list; lines of its own behind the first are commands or settings, and stay whole."""
    first, *rest = [printable(line) for line in note.splitlines()] or [""]
    return [*_wrapped(first, width, "  - ", "    "), *(f"      {line}" for line in rest)]


def _wrapped(text: str, width: int, indent: str, further: str) -> list[str]:
    wrap = textwrap.TextWrapper(width, initial_indent=indent, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in wrap.wrap(text)] or [indent.rstrip()]


def _ended(lines: Iterable[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)


def drifts(found: Sequence[tuple[str, str, str]], *, colour: bool) -> str:
    """Files that are not as the build makes them (path, how, diff): the diffs, then a summary that fits a screen."""
    paint = Paint(enabled=colour)
    diffs = "".join(_painted(diff, paint) for _, _, diff in found)
    shown = [f"  {kind}: {printable(path)}" for path, kind, _ in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown.append(f"  ... and {len(found) - _SHOWN:,} more")
    files = "1 file is" if len(found) == 1 else f"{len(found):,} files are"
    head = paint("error[MC801 output-drift]", Style.ERROR) + paint(f": {files} not what the mesh builds to", Style.STRONG)
    advice = f"  {paint('help:', Style.HELP)} run `meshc build` with the same options, and commit the result"
    return diffs + "\n" + "".join(f"{line}\n" for line in (head, *shown, advice))


def _painted(diff: str, paint: Paint) -> str:
    lines = []
    for line in diff.splitlines():
        style = {"+": Style.HELP, "-": Style.ERROR, "@": Style.RELATED}.get(line[:1])
        style = Style.STRONG if line.startswith(("+++ ", "--- ")) else style
        lines.append(paint(printable(line), style) if style else printable(line))
    return "".join(f"{line}\n" for line in lines)
