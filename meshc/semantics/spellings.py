"""
What becomes of an odd path (L4, L18 a): how a proxy may pass it on, and every list of segments that an application may read in it.

A proxy of `requests: standard` normalises before it looks, and engines differ in how. What they agree on is done here, what they differ
in is tried in each way. Nothing here decides anything: checks compare every reading of what is passed on.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Final

from meshc import paths
from meshc.paths import Segments

_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")
_ESCAPED_SLASH: Final = re.compile(r"%2[Ff]|%5[Cc]")
_DOTS: Final = re.compile(r"(\.\.?)(?:(?:;|%3[Bb]).*)?", re.DOTALL)
_RAW_DOTS: Final = re.compile(r"^(\.\.?);.*$", re.DOTALL)
_LITERAL_PERCENT: Final = "%25"
_DEL: Final = 0x7F


@lru_cache(maxsize=4096)
def passed_on(path: str) -> tuple[Segments, ...]:
    """
    The spelled segments in which a proxy may pass a raw path on, each once; none where every proxy refuses it.

    Unreserved characters are unescaped, `%2F` and `%5C` become slashes, dot segments and repeated slashes go. Engines differ in a raw
    backslash, in dot segments with parameters, in what goes first, in whether an invalid escape has its percent sign escaped.
    """
    data = path.partition("#")[0]
    if not data.startswith("/") or paths.forbidden_in_line(data.encode("utf-8", "surrogatepass")):
        return ()
    found: dict[Segments, None] = {}
    for escaped, backslash, parameters, slashes_first in product((False, True), repeat=4):
        text = _spelled(_escape_percent_signs(data) if escaped else data)
        text = _ESCAPED_SLASH.sub("/", text)
        text = text.replace("\\", "%5C" if backslash else "/")
        left = _normal(text.split("/")[1:], parameters=parameters, slashes_first=slashes_first)
        found[left] = None
        if left == ("",) and "//" in text:
            found["", ""] = None  # a path of slashes alone may stay as two
    return tuple(found)


def first_pass(path: str) -> Segments | None:
    """
    Return what every proxy's own normalisation leaves of a raw path before anything looks at it; None where that is not a normal form.

    It cuts a fragment, takes a raw backslash for a slash and `..;x` for a dot segment, climbs no higher than the root, and where decoding
    would complete an escape that was none (`%3%61`) it escapes the percent sign. What a dot segment takes along is not looked at.
    """
    data = path.partition("#")[0]
    if not data.startswith("/") or not data.isascii() or _ESCAPED_SLASH.search(data):
        return None
    # An escaped dot segment with parameters stays: a proxy looks for parameters before it decodes.
    parts = [_completed(_RAW_DOTS.sub(r"\1", part)) for part in data.replace("\\", "/").split("/")[1:]]
    reading = paths.read("".join("/" + part for part in _normal(parts, parameters=False, slashes_first=False)))
    return reading.segments


def _completed(segment: str) -> str:
    unescaped = _unescaped(segment)
    return unescaped if unescaped != segment else _escape_percent_signs(segment) if _completes(segment) else segment


def _completes(segment: str) -> bool:
    """Whether decoding its unreserved characters would complete an escape."""
    decoded = _ESCAPE.sub(lambda escape: _unreserved(escape) or escape.group(0), segment)
    return decoded != segment and _unescaped(segment) == segment


@lru_cache(maxsize=4096)
def readings(spelled: Segments) -> tuple[Segments, ...]:
    """
    Every list of segments that an application may read in such a path, each once.

    Escaped and raw slashes and backslashes are slashes or part of the segment, dot segments with parameters are taken or left, what is no
    text once decoded is text as it is spelled, or bytes that are none.
    """
    text = "".join("/" + segment for segment in spelled)
    found: dict[Segments, None] = {}
    for slash, backslash, parameters in product((False, True), repeat=3):
        one = re.sub(r"%2[Ff]", "/", text) if slash else text
        one = re.sub(r"%5[Cc]|\\", "/", one) if backslash else one
        parts = one.split("/")[1:]
        for decoding in (_decoded, _as_bytes):
            found[_normal([decoding(part) for part in parts], parameters=parameters, slashes_first=False)] = None
    return tuple(found)


def _spelled(text: str) -> str:
    """With unreserved characters unescaped, and escaped what may not stand raw: each other escape as it was sent."""
    return "/".join("".join(_escaped(character) for character in _unescaped(segment)) for segment in text.split("/"))


def _unescaped(segment: str) -> str:
    """With unreserved characters unescaped, unless that would complete an escape that was none: `%3%61` is text (L18)."""
    unescaped = _ESCAPE.sub(lambda escape: _unreserved(escape) or escape.group(0), segment)
    invalid = [sum(not escape.group(1) for escape in _ESCAPE.finditer(text)) for text in (segment, unescaped)]
    return unescaped if invalid[0] == invalid[1] else segment


def _unreserved(escape: re.Match[str]) -> str | None:
    byte = int(escape.group(1), 16) if escape.group(1) else None
    return chr(byte) if byte is not None and byte in paths.UNRESERVED else None


def _escaped(character: str) -> str:
    if character in "/%\\" or (ord(character) < _DEL and ord(character) in paths.RAW):
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _escape_percent_signs(text: str) -> str:
    return _ESCAPE.sub(lambda escape: escape.group(0) if escape.group(1) else _LITERAL_PERCENT, text)


def _normal(parts: list[str], *, parameters: bool, slashes_first: bool) -> Segments:
    """The segments without dot segments (with `parameters`, those that have some too) and empty ones; nothing lies above the root."""
    if slashes_first:
        parts = [*(part for part in parts[:-1] if part), parts[-1]]
    kept: list[str] = []
    last = ""
    for part in parts:
        last = _dots(part, parameters=parameters)
        if not last:
            kept.append(part)
        elif last == ".." and kept:
            kept.pop()
    if last or not kept:
        kept.append("")
    return (*(part for part in kept[:-1] if part), kept[-1])


def _dots(part: str, *, parameters: bool) -> str:
    """`.` or `..` where the segment is that one, else nothing."""
    found = _DOTS.fullmatch(part)
    return found.group(1) if found is not None and (parameters or found.group(1) == part) else ""


def _decoded(part: str) -> str:
    """Decoded as UTF-8; where that gives none, the text as it is spelled."""
    try:
        return _bytes_of(part).decode("utf-8")
    except UnicodeDecodeError:
        return part


def _as_bytes(part: str) -> str:
    return _bytes_of(part).decode("utf-8", "surrogateescape")


def _bytes_of(part: str) -> bytes:
    return b"".join(_byte_runs(part))


def _byte_runs(part: str) -> Iterator[bytes]:
    end = 0
    for escape in _ESCAPE.finditer(part):
        yield part[end : escape.start()].encode("utf-8", "surrogatepass")
        yield bytes([int(escape.group(1), 16)]) if escape.group(1) else b"%"
        end = escape.end()
    yield part[end:].encode("utf-8", "surrogatepass")
