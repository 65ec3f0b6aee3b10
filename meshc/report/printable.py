"""How text that anybody may have written is shown on a terminal: escapes made visible, tabs spaced, columns counted as drawn."""

import unicodedata
from typing import Final

from rich.cells import cell_len

TAB: Final = "    "

_HIDDEN: Final = frozenset(("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"))
"""Categories that move the cursor, hide or reorder what stands around them (bidirectional controls), or have no agreed look."""


def printable(text: str) -> str:
    """The text with tabs as spaces and every character that is no picture of itself as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(shown, text))


def shown(char: str) -> str:
    """One character as it is shown."""
    if char == "\t":
        return TAB
    if unicodedata.category(char) not in _HIDDEN:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what fits the digits


def columns(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    return cell_len(text)
