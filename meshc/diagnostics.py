"""The one channel for complaints: a Finding says what is wrong and at which node, a Diagnostic says it with line and column."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias

ABOUT_KEYS: Final = frozenset(("MC003", "MC011", "MC013", "MC015", "MC016", "MC017", "MC018", "MC026", "MC505"))
"""Codes of complaints about a key, such as an unknown one; all others are about what stands behind it."""

Step: TypeAlias = str | int
"""One step of a path into a YAML tree: a map key or a list index."""


class Severity(StrEnum):
    """How bad it is: an `error` stops a build, a `warning` does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Where a node was written: a file and the path of keys and indices inside it.

    `file` is relative to the folder that was given to meshc, with `/`; the place in the file is looked up when it is printed.
    """

    file: str
    path: tuple[Step, ...] = ()

    def at(self, *steps: Step) -> "Origin":
        """The node below this one."""
        return Origin(self.file, (*self.path, *steps))


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a file: 1-based lines and columns (in characters), the end exclusive in its column."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that is wrong with what the user wrote.

    `message` says what is wrong and what was expected, lower-case and without a full stop; `help` says what to do; `notes` are facts;
    `related` are other places that take part in it, each with its part in a few words. `span` is set only where no tree exists (bad YAML).
    """

    code: str
    message: str
    origin: Origin
    severity: Severity = Severity.ERROR
    help: str | None = None
    notes: tuple[str, ...] = ()
    related: tuple[tuple[Origin, str], ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file, and what it has to do with the diagnostic. `value` is where the text behind a key stands, on the key's line."""

    file: str
    span: Span
    label: str = ""
    value: Span | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding whose places have been looked up: what a person or a program is shown."""

    code: str
    name: str
    severity: Severity
    message: str
    place: Place
    help: str | None = None
    notes: tuple[str, ...] = ()
    related: tuple[Place, ...] = field(default=())


Locate: TypeAlias = Callable[[Origin], Place]
"""Finds where a node stands, the file named as the reader knows it; falls back to its nearest holder, so there always is a place."""


def diagnose(findings: Iterable[Finding], locate: Locate, name_of: Callable[[str], str]) -> list[Diagnostic]:
    """Findings as diagnostics: places looked up, duplicates dropped, sorted by file, line, column and code."""
    found = {
        Diagnostic(
            code=finding.code,
            name=name_of(finding.code),
            severity=finding.severity,
            message=finding.message,
            place=_place(finding, locate),
            help=finding.help,
            notes=finding.notes,
            related=tuple(replace(locate(origin), label=label, value=None) for origin, label in finding.related),
        )
        for finding in findings
    }
    return sorted(found, key=lambda one: (one.place.file, one.place.span.line, one.place.span.column, one.code, one.message))


def _place(finding: Finding, locate: Locate) -> Place:
    found = locate(finding.origin)
    behind = None if finding.code in ABOUT_KEYS else found.value
    return replace(found, span=finding.span or behind or found.span, value=None)
