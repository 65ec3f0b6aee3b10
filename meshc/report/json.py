"""Diagnostics as data for other programs; `schemas/diagnostics.v1.json` says what each field means."""

import json
from collections.abc import Iterable
from typing import Any

from meshc.diagnostics import Diagnostic, Place


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """The report as one JSON object; characters beyond ASCII are escaped, so that no terminal reads anything else into it."""
    return json.dumps({"diagnostics": [diagnostic(one) for one in diagnostics]}, indent=2) + "\n"


def diagnostic(one: Diagnostic) -> dict[str, Any]:
    """One diagnostic as plain data."""
    return {
        "code": one.code,
        "name": one.name,
        "severity": str(one.severity),
        "message": one.message,
        **_place(one.place),
        "help": one.help,
        "notes": list(one.notes),
        "related": [{"label": place.label, **_place(place)} for place in one.related],
    }


def _place(place: Place) -> dict[str, Any]:
    span = place.span
    return {
        "file": place.file,
        "line": span.line,
        "column": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
