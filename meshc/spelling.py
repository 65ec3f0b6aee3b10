"""
How a path may be spelled by the time a proxy compares it (L4).

A proxy that has removed dot segments, merged slashes and decoded escaped unreserved characters (RFC 3986 section 6.2.2) still sees the
spellings that RFC 3986 calls equivalent only by scheme: a reserved character raw or escaped, the letters of an escape in either case, and
in requests that HTTP forbids a bracket or a percent sign that stands for itself. A path of unreserved characters alone has one spelling.
"""

from itertools import product
from typing import Final

from meshc import regex
from meshc.paths import RAW, UNRESERVED, PathPattern, Segment

_BRACKETS: Final = frozenset(b"[]")
_PERCENT: Final = ord("%")


def has_one(pattern: PathPattern) -> bool:
    """Whether each of the pattern's literal segments is spelled in one way."""
    return all(len(_ways(character)) == 1 for segment in pattern.segments for character in segment or "")


def count(segments: tuple[Segment, ...]) -> int:
    """How many spellings a literal path has."""
    found = 1
    for segment in segments:
        for character in segment or "":
            found *= len(_ways(character))
    return found


def every(segments: tuple[Segment, ...], wildcard: str = "") -> tuple[str, ...]:
    """Every spelling of a path, its canonical one first; `wildcard` stands for a segment of any text."""
    if segments == ("",):
        return ("/", "//")  # merging slashes leaves a path of nothing else as two
    parts = [[wildcard] if segment is None else [_joined(way) for way in product(*map(_ways, segment))] for segment in segments]
    return tuple("".join(f"/{part}" for part in way) for way in product(*parts))


def _joined(way: tuple[str, ...]) -> str:
    return "".join(way)


def _ways(character: str) -> tuple[str, ...]:
    """The spellings of a character, the canonical one first."""
    data = character.encode()
    if len(data) > 1:
        return tuple("".join(way) for way in product(*map(_escapes, data)))
    byte = data[0]
    if byte in UNRESERVED:
        return (character,)
    if byte in RAW:
        return (character, *_escapes(byte))
    return (*_escapes(byte), character) if byte in _BRACKETS or byte == _PERCENT else _escapes(byte)


def _escapes(byte: int) -> tuple[str, ...]:
    """The escapes of a byte, the letters among its digits in either case."""
    digits = f"{byte:02X}"
    return tuple("%" + "".join(way) for way in product(*((digit, digit.lower()) if digit.isalpha() else (digit,) for digit in digits)))


def expression(pattern: PathPattern, *, closed: bool = False) -> str:
    """
    A regex for RE2, PCRE2 and Python that, as a full match, takes every spelling of the pattern's paths.

    `closed`: for what denies or requires; it takes as well what only some readers take for such a path.
    """
    if pattern.regex is not None:
        every_one = regex.encode_every(regex.parse(pattern.regex), closed=closed)
        return f"(?:{every_one}|//)" if closed and _takes(pattern.regex, "/") and not _takes(pattern.regex, "//") else every_one
    if closed and pattern.segments == ("",) and not pattern.below:
        return "//?"
    parts = "".join("/" + ("[^/]+" if segment is None else "".join(map(_one_of, segment))) for segment in pattern.segments)
    if not pattern.below:
        return parts
    return f"{parts}(?:/.*)?" if parts else "/.*"


def mistakes_slashes(pattern: PathPattern) -> bool:
    """Whether the expression takes `//`, which merging slashes leaves of a path of slashes, and the pattern not the `/` that it means."""
    return pattern.regex is not None and _takes(pattern.regex, "//") and not _takes(pattern.regex, "/")


def _takes(expression_of_paths: str, path: str) -> bool:
    return regex.matcher(expression_of_paths).fullmatch(path)


def _one_of(character: str) -> str:
    ways = _ways(character)
    if len(ways) == 1:
        return regex.escape(ways[0])
    escaped = "".join(f"%{_digit(f'{byte:02X}'[0])}{_digit(f'{byte:02X}'[1])}" for byte in character.encode())
    return f"(?:{regex.escape(character)}|{escaped})" if character in ways else escaped


def _digit(digit: str) -> str:
    return f"[{digit}{digit.lower()}]" if digit.isalpha() else digit
