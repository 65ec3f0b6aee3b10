"""Diagnostics one a line, as editors and `grep` read them: `file:line:column: severity code message`."""

from collections.abc import Iterable

from meshc.diagnostics import Diagnostic
from meshc.report.paint import Paint, of_severity
from meshc.report.printable import printable


def concise(diagnostics: Iterable[Diagnostic], *, colour: bool) -> str:
    """One line each, in the order given."""
    return "".join(f"{_line(one, Paint(enabled=colour))}\n" for one in diagnostics)


def _line(one: Diagnostic, paint: Paint) -> str:
    place = one.place
    kind = paint(f"{one.severity} {one.code}", of_severity(one.severity))
    return f"{printable(place.file)}:{place.span.line}:{place.span.column}: {kind} {printable(one.message)}"
