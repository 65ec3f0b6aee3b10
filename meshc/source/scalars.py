"""What an unquoted YAML scalar means by the core schema of YAML 1.2 (section 10.3.2): `on` is text, `0o17` a number."""

import re
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
NUMBER_START: Final = frozenset("-+.0123456789")

_INT: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NAN: Final = frozenset((".nan", ".NaN", ".NAN"))

MAX_DIGITS: Final = 1000
"""Python refuses to turn integers of more than 4,300 decimal digits into text, so none of that size may get into the tree."""


class TooManyDigits(ValueError):  # noqa: N818 - named after what is wrong
    """An integer that is longer than any program downstream can print."""


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMBER_START:
        return text
    return _number(text)


def _number(text: str) -> Scalar:
    if _INT.fullmatch(text):
        return int(_short(text))
    if _OCTAL.fullmatch(text):
        return int(_short(text), 0)
    if _HEX.fullmatch(text):
        return int(_short(text), 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return float("-inf") if text[0] == "-" else float("inf")
    return float("nan") if text in _NAN else text


def _short(text: str) -> str:
    if len(text) > MAX_DIGITS:
        raise TooManyDigits
    return text
