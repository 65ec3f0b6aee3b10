"""Which formats a report has, and what every one of them is given: diagnostics with their places, and the texts they point into."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

from meshc.diagnostics import Diagnostic
from meshc.report.concise import concise
from meshc.report.json import as_json
from meshc.report.text import full

__all__ = ["Format", "render"]


class Format(StrEnum):
    """How diagnostics are shown."""

    FULL = "full"
    CONCISE = "concise"
    JSON = "json"


def render(
    diagnostics: Sequence[Diagnostic],
    format: Format | str,  # noqa: A002 - named as the option is
    sources: Mapping[str, str],
    *,
    colour: bool = False,
    width: int = 80,
) -> str:
    """
    Diagnostics as text that ends in a line break, or as nothing where there is nothing to say.

    `sources` holds the text of each file; a file that is not there is named without a snippet. `width` counts terminal columns.
    """
    match Format(format):
        case Format.FULL:
            return full(diagnostics, sources, colour=colour, width=width)
        case Format.CONCISE:
            return concise(diagnostics, colour=colour)
        case Format.JSON:
            return as_json(diagnostics)
        case never:
            assert_never(never)
