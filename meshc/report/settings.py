"""What a cluster's settings lack, for a person: a line for each, why it matters, and what to add."""

import textwrap
from collections.abc import Sequence
from typing import Protocol

from meshc.report.paint import Paint, Style
from meshc.report.printable import printable


class Setting(Protocol):
    """One that is not as it should be; `found` is None where it is missing."""

    @property
    def name(self) -> str: ...
    @property
    def wanted(self) -> str: ...
    @property
    def found(self) -> str | None: ...
    @property
    def why(self) -> str: ...


class Settings(Protocol):
    """What was looked for, what of it lacks, what gives it, and what could not be seen."""

    @property
    def asked(self) -> Sequence[str]: ...
    @property
    def lacking(self) -> Sequence[Setting]: ...
    @property
    def remedy(self) -> str: ...
    @property
    def unseen(self) -> Sequence[str]: ...


def report(settings: Settings, source: str, into: str, *, colour: bool, width: int) -> str:
    """All of it; `source` is where the settings were read, `into` where the remedy belongs. Lines to be copied are never wrapped."""
    paint, lines = Paint(enabled=colour), []
    count, source = len(settings.lacking), printable(source)
    if not count:
        lines += _wrapped(
            f"{source} has every setting that the mesh relies on: {printable(', '.join(settings.asked)) or 'none'}", width, "", "  "
        )
    else:
        lines.append(paint(f"{source} lacks {count} setting{'s' * (count != 1)} that the mesh relies on", Style.STRONG))
        for one in settings.lacking:
            word = "missing" if one.found is None else "different"
            there = "" if one.found is None else f"  # is {printable(one.found)}"
            lines.append(f"  {paint(f'{word}:', Style.ERROR)} {printable(f'{one.name}: {one.wanted}')}{there}")
            lines += _wrapped(printable(f"without it {one.why}"), width, "    ", "    ")
        lines += ["", paint(f"add to {printable(into)}:", Style.STRONG), ""]
        lines += [printable(line) for line in settings.remedy.splitlines()]
    if settings.unseen:
        lines += ["", f"not to be seen in {source}, and needed as well:"]
        lines += [f"  {printable(one)}" for one in settings.unseen]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _wrapped(text: str, width: int, indent: str, further: str) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)
