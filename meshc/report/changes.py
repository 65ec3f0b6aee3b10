"""What a build did to its output, or would do: a few lines for a person, and diffs."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from meshc.report.paint import Paint, Style
from meshc.report.printable import printable

_SHOWN: Final = 10  # more names than these hide the rest of the summary


class Written(Protocol):
    """What the writer says of one target's tree."""

    @property
    def target(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def written(self) -> Sequence[str]: ...
    @property
    def removed(self) -> Sequence[str]: ...
    @property
    def unchanged(self) -> int: ...
    @property
    def edited(self) -> Sequence[str]: ...


def summary(one: Written, accepted: Iterable[str], notes: Iterable[str], *, colour: bool, width: int) -> str:
    """One target's tree: what changed, what was accepted, and what the files need from outside."""
    paint = Paint(enabled=colour)
    counts = [f"{len(one.written):,} written", *([f"{len(one.removed):,} removed"] if one.removed else []), f"{one.unchanged:,} unchanged"]
    lines = [f"{paint(one.target, Style.STRONG)} -> {printable(str(one.folder))}: {', '.join(counts)}"]
    lines += [f"  removed {printable(path)}" for path in one.removed[:_SHOWN]]
    if len(one.removed) > _SHOWN:
        lines.append(f"  ... and {len(one.removed) - _SHOWN:,} more")
    lines += [f"  {paint('undone', Style.WARNING)} changes by hand: {printable(path)}" for path in one.edited]
    said = list(notes)
    unsaid = [name for name in accepted if not any(name in note for note in said)]  # a target may explain what it means by one
    lines += [f"  {paint('accepted', Style.WARNING)} approximation: {printable(name)}" for name in unsaid]
    for note in said:
        lines += _wrapped(note, width)
    return "".join(f"{line}\n" for line in lines)


def _wrapped(note: str, width: int) -> list[str]:
    """A note as an item of a list; lines of its own that are indented are commands or settings, and stay whole."""
    first, *rest = [printable(line) for line in note.splitlines()] or [""]
    wrap = textwrap.TextWrapper(width, initial_indent="  - ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return [*wrap.wrap(first), *(f"    {line}" for line in rest)]


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
