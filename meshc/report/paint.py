"""Which part of a report has which colour, and whether it has any."""

from dataclasses import dataclass
from enum import StrEnum

from meshc.diagnostics import Severity


class Style(StrEnum):
    """A part's look, as the numbers of SGR (ECMA-48 section 8.3.117); only colours that light and dark terminals both show well."""

    ERROR = "1;31"
    WARNING = "1;33"
    RELATED = "1;36"
    FRAME = "1;34"
    STRONG = "1"
    HELP = "1;32"


@dataclass(frozen=True, slots=True)
class Paint:
    """Puts colours around text, or leaves it alone."""

    enabled: bool

    def __call__(self, text: str, style: Style) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.enabled and text else text


def of_severity(severity: Severity) -> Style:
    """The colour of an error or warning."""
    return Style.ERROR if severity is Severity.ERROR else Style.WARNING
