"""The normal form of a path, path patterns and their encodings (L4): one home for all who need them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from meshc import regex

Segment: TypeAlias = str | None
"""A decoded segment, or None for one non-empty segment of any text (`*`, `{id}`)."""

Segments: TypeAlias = tuple[str, ...]
"""A path: decoded, none empty but the last; `/` is `("",)`, `/a/` is `("a", "")`."""

UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986 section 2.3
RAW: Final = UNRESERVED | frozenset(b"!$&'()*+,;=:@")  # pchar of RFC 3986 section 3.3 but for escapes

_DOTS: Final = re.compile(r"\.\.?")
_DOTS_WITH_PARAMETERS: Final = re.compile(r"\.\.?;.*", re.DOTALL)
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})?")
_SLASHES: Final = re.compile(rb"%2[Ff]|%5[Cc]")
_PLACEHOLDER: Final = re.compile(r"\*|\{[A-Za-z_][A-Za-z0-9_.-]*\}")


class PathError(ValueError):
    """A path of the spec that is not one; the message is fit for a diagnostic."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """
    A set of paths, over decoded segments.

    `segments` of `/a/*` are `("a", None)`, of `/` are `("",)`, of `/a/` are `("a", "")`. `below` is a final `/**`: the path before it and
    everything below; `/**` alone is `((), below)` and takes all. With `regex` the other two are empty: a full match of the decoded path.
    `text` is what the user wrote.
    """

    segments: tuple[Segment, ...]
    below: bool
    regex: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What a raw path means.

    `segments` None: the answer is 400. `refusal` says why 400 is the answer, or with `segments`, why it is permitted as well (a freedom
    of L4). `may_close`: closing the connection is permitted instead of 400.
    """

    segments: Segments | None
    refusal: str | None = None
    may_close: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A request-target taken apart: `authority` only of an absolute URI, `query` without its `?`, `cut` where a fragment was dropped."""

    path: bytes
    query: str | None
    authority: str | None
    cut: bool


# --- requests -------------------------------------------------------------------------------------------------------------------


def split_target(raw: bytes | str) -> Target:
    """A request-target as path, query and authority (RFC 9112 section 3.2); a fragment is cut."""
    data = _as_bytes(raw)
    data, hash_sign, _ = data.partition(b"#")
    rest, question, query = data.partition(b"?")
    authority = None
    if absolute := re.match(rb"(?i)https?://([^/\\]*)", rest):
        authority = absolute.group(1).decode("latin-1")
        rest = rest[absolute.end() :] or b"/"
    return Target(rest, query.decode("utf-8", "surrogateescape") if question else None, authority, bool(hash_sign))


def read(raw_path: bytes | str, mode: str = "normalize") -> Reading:
    """
    The segments of a raw path (no query), or why it is answered 400.

    Dot segments go first, then repeated slashes are merged: an empty segment is a segment to `..`, as RFC 3986 section 5.2.4 has it.
    """
    data = _as_bytes(raw_path)
    freedoms: list[str] = []
    data, hash_sign, _ = data.partition(b"#")
    if hash_sign:
        freedoms.append("a fragment in the path")
    if forbidden_in_line(data):
        return Reading(None, "a byte in the path that HTTP forbids in a request line", may_close=True)
    if not data.startswith(b"/"):
        return Reading(None, "a path that does not begin with a slash", may_close=True)  # no form of request-target that HTTP knows
    raw_byte = not data.isascii()  # none that HTTP allows either
    if b"\\" in data:
        freedoms.append("a raw backslash in the path")
        data = data.replace(b"\\", b"/")
    if refusal := _unreadable(data):
        spared = None if mode == "reject" or _SLASHES.search(data) else _readable(data)
        if spared is None:
            return Reading(None, refusal, may_close=raw_byte)
        # Proxies that normalise before they look see only what is left; so does the application.
        freedoms.append(f"{refusal}, which a proxy's first pass removes")
        data = spared
    parts = [_decode(part).decode("utf-8") for part in data.split(b"/")[1:]]
    if mode == "reject" and (refusal := _not_normal(data, parts)):
        return Reading(None, refusal)
    if any(_DOTS_WITH_PARAMETERS.fullmatch(part) for part in parts):
        freedoms.append("a dot segment with parameters")
    kept, climbs = _without_dots(parts)
    if climbs:
        freedoms.append("a path that climbs above the root")
    return Reading((*(part for part in kept[:-1] if part), kept[-1]), freedoms[0] if freedoms else None)


def forbidden_in_line(data: bytes) -> bool:
    """Whether a request line with these bytes is none: spaces and control bytes end or break it."""
    return any(byte <= 0x20 or byte == 0x7F for byte in data)  # noqa: PLR2004 - space, DEL


def _unreadable(data: bytes) -> str | None:
    """Why every target answers 400."""
    if refusal := _refused(data):
        return refusal
    try:
        for part in data.split(b"/"):
            _decode(part).decode("utf-8")
    except UnicodeDecodeError:
        return "a path segment that is not UTF-8 once decoded"
    return None


def _readable(data: bytes) -> bytes | None:
    """
    The path after the first pass of a proxy that normalises before it looks, if it is readable then.

    Such a pass removes dot segments; and where decoding would complete an escape that was none, it escapes the percent sign.
    """
    spelled = _ESCAPE.sub(_percent_sign, data)
    return next((each for each in map(_without_removed, (data, spelled)) if not _unreadable(each)), None)


def _percent_sign(escape: re.Match[bytes]) -> bytes:
    ahead = escape.string[escape.end() : escape.end() + 2 * len("%41")]
    completed = escape.group(1) is None and re.match(rb"[0-9A-Fa-f]{2}", _ESCAPE.sub(_unescape_unreserved, ahead))
    return b"%25" if completed else escape.group(0)


def _unescape_unreserved(escape: re.Match[bytes]) -> bytes:
    byte = int(escape.group(1), 16) if escape.group(1) else None
    return bytes([byte]) if byte in UNRESERVED else escape.group(0)


def _without_removed(data: bytes) -> bytes:
    """The raw path without what dot segments remove, themselves and their parameters included; a final one leaves a final slash."""
    kept: list[bytes] = []
    names = [_dot_name(part) for part in data.split(b"/")[1:]]
    for part, name in zip(data.split(b"/")[1:], names, strict=True):
        if name is None:
            kept.append(part)
        elif name == b".." and kept:
            kept.pop()
    return b"".join(b"/" + part for part in (*kept, *([b""] if names[-1] is not None else [])))


def _dot_name(part: bytes) -> bytes | None:
    """`.` or `..` where the raw segment is that one, escaped or with parameters as it may be."""
    found = re.fullmatch(rb"((?:\.|%2[Ee]){1,2})(?:(?:;|%3[Bb]).*)?", part, re.DOTALL)
    return None if found is None else re.sub(rb"%2[Ee]", b".", found.group(1))


def _refused(data: bytes) -> str | None:
    """Why every target answers 400, of what concerns single bytes."""
    if any(byte >= 0x80 for byte in data):  # noqa: PLR2004 - the first byte past ASCII
        return "a raw byte in the path that is not ASCII"
    for escape in _ESCAPE.finditer(data):
        if escape.group(1) is None:
            return "an invalid escape in the path"
        byte = int(escape.group(1), 16)
        if byte in b"/\\":
            return f"an escaped {'slash' if byte == ord('/') else 'backslash'} in the path"
        if byte < 0x20 or byte == 0x7F:  # noqa: PLR2004 - control bytes, DEL
            return "an escaped control byte in the path"
    return None


def _not_normal(data: bytes, parts: list[str]) -> str | None:
    """Why `mesh.paths: reject` answers 400."""
    if any(escape.group(1) and int(escape.group(1), 16) in UNRESERVED for escape in _ESCAPE.finditer(data)):
        return "an escaped unreserved character in the path"
    if any(_DOTS.fullmatch(part) or _DOTS_WITH_PARAMETERS.fullmatch(part) for part in parts):
        return "a dot segment in the path"
    if "" in parts[:-1]:
        return "an empty segment inside the path"
    return None


def _without_dots(parts: list[str]) -> tuple[list[str], bool]:
    """The segments without dot segments, and whether one climbed above the root; a final dot segment leaves a final slash."""
    kept: list[str] = []
    climbs = False
    for part in parts:
        name = part.partition(";")[0] if _DOTS_WITH_PARAMETERS.fullmatch(part) else part
        if name not in (".", ".."):
            kept.append(part)
        elif name == ".." and kept:
            kept.pop()
        elif name == "..":
            climbs = True
    last = parts[-1].partition(";")[0] if _DOTS_WITH_PARAMETERS.fullmatch(parts[-1]) else parts[-1]
    if last in (".", ".."):
        kept.append("")
    return kept, climbs


def _as_bytes(raw: bytes | str) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")  # either way past ASCII: 400


def _decode(part: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: bytes([int(escape.group(1), 16)]), part)


# --- spelling -------------------------------------------------------------------------------------------------------------------


def canonical(segments: Segments) -> str:
    """The one spelling of a path that targets compare and applications receive."""
    return "".join("/" + canonical_segment(segment) for segment in segments)


def canonical_segment(segment: str) -> str:
    """Each byte raw if it may stand so in a segment (`RAW`), else as an upper-case escape."""
    return "".join(chr(byte) if byte in RAW else f"%{byte:02X}" for byte in segment.encode())


def decoded(segments: Segments) -> str:
    """The decoded path as one text: what regexes match and what `Rewrite` holds."""
    return "".join("/" + segment for segment in segments)


def segments_of(text: str) -> Segments:
    """The segments of a decoded path: the inverse of `decoded`."""
    return tuple(text.split("/")[1:])


# --- patterns -------------------------------------------------------------------------------------------------------------------


def parse_pattern(text: str) -> PathPattern:
    """A path pattern of the spec (no regex), or a PathError."""
    if not text.startswith("/"):
        raise PathError(f"path {text!r} does not begin with '/'")
    parts = text.split("/")[1:]
    below = parts[-1] == "**"
    if below:
        parts.pop()
    if "" in parts[: None if below else -1]:
        raise PathError(f"path {text!r} is not in normal form: it has an empty segment; expected single slashes")
    return PathPattern(tuple(_parse_segment(part, text) for part in parts), below, None, text)


def parse_literal(text: str) -> Segments:
    """The segments of a path of the spec that takes no wildcards (rewrites, health checks, requests), or a PathError."""
    if not text.startswith("/"):
        raise PathError(f"path {text!r} does not begin with '/'")
    parts = text.split("/")[1:]
    if "" in parts[:-1]:
        raise PathError(f"path {text!r} is not in normal form: it has an empty segment; expected single slashes")
    for part in parts:
        if part == "**" or _PLACEHOLDER.fullmatch(part):
            raise PathError(f"path {text!r} has the placeholder {part!r}; expected one path, written out")
    return tuple(_parse_text(part, text) for part in parts)


def _parse_segment(part: str, text: str) -> Segment:
    if _PLACEHOLDER.fullmatch(part):
        return None
    if part == "**":
        raise PathError(f"path {text!r} has '**' inside; expected it only as the last segment")
    if "*" in part:
        raise PathError(f"path {text!r} has a partial '*'; expected a whole segment '*', a final '/**', or '%2A' for a literal star")
    if "{" in part or "}" in part:
        raise PathError(f"path {text!r} has a partial placeholder {part!r}; expected a whole segment such as '{{id}}', or '%7B' and '%7D'")
    return _parse_text(part, text)


def _parse_text(part: str, text: str) -> str:
    for character, name in (("?", "'?' (a query is no part of a path; write '%3F' for a literal one)"), ("#", "'#' (write '%23')")):
        if character in part:
            raise PathError(f"path {text!r} has a raw {name}")
    for character in part:
        if character <= " " or character in "\\\x7f":
            raise PathError(f"path {text!r} has a raw {character!r}, which no request path has")
    data = part.encode("utf-8", "surrogatepass")
    if refusal := _refused(re.sub(rb"[\x80-\xff]", b"", data)):
        raise PathError(f"path {text!r} can never match: {refusal} is answered 400")
    for escape in _ESCAPE.finditer(data):
        if (byte := int(escape.group(1), 16)) in UNRESERVED:
            raise PathError(f"path {text!r} is not in normal form: expected {chr(byte)!r} for '{escape.group(0).decode()}'")
    try:
        segment = _decode(data).decode("utf-8")
    except UnicodeDecodeError:
        raise PathError(f"path {text!r} can never match: a segment that is not UTF-8 once decoded is answered 400") from None
    if _DOTS.fullmatch(segment) or _DOTS_WITH_PARAMETERS.fullmatch(segment):
        raise PathError(f"path {text!r} is not in normal form: it has the dot segment {segment!r}")
    return segment


def matches(pattern: PathPattern, segments: Segments) -> bool:
    """Whether the path is one of the pattern's."""
    if pattern.regex is not None:
        return regex.matcher(pattern.regex).fullmatch(decoded(segments))
    own = pattern.segments
    if len(segments) < len(own) or (len(segments) > len(own) and not pattern.below):
        return False
    return all(_takes(mine, other) for mine, other in zip(own, segments, strict=False))


def _takes(mine: Segment, other: str) -> bool:
    return other != "" if mine is None else mine == other


def is_literal(pattern: PathPattern) -> bool:
    """Whether it has no wildcard segment and is no regex (a final `/**` is allowed)."""
    return pattern.regex is None and None not in pattern.segments


def exact(pattern: PathPattern) -> str | None:
    """The canonical spelling of the one path it takes; None where it takes several."""
    return None if pattern.below or not is_literal(pattern) else canonical(_literal(pattern.segments))


def prefix(pattern: PathPattern) -> str | None:
    """The canonical spelling of what stands before `/**` (empty for `/**` alone); None where it is another kind."""
    return canonical(_literal(pattern.segments)) if pattern.below and is_literal(pattern) else None


def canonical_regex(pattern: PathPattern) -> str:
    """A regex for RE2, PCRE2 and Python that, as a full match, takes exactly the canonical spellings of the pattern's paths."""
    if pattern.regex is not None:
        return regex.encode(regex.parse(pattern.regex))
    parts = "".join("/" + ("[^/]+" if part is None else regex.escape(canonical_segment(part))) for part in pattern.segments)
    if not pattern.below:
        return parts
    return f"{parts}(?:/.*)?" if parts else "/.*"


def _literal(segments: tuple[Segment, ...]) -> Segments:
    return tuple(segment for segment in segments if segment is not None)


# --- algebra --------------------------------------------------------------------------------------------------------------------

ALL_PATHS: Final = PathPattern((), below=True, regex=None, text="/**")


def spell(segments: tuple[Segment, ...], *, below: bool) -> str:
    """The pattern as a user would write it: escapes only where they are needed."""
    parts = ["/" + ("*" if part is None else _spell_segment(part)) for part in segments]
    return "".join(parts) + ("/**" if below else "")


def _spell_segment(segment: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in "%*{}?# " else c for c in segment)


def pattern_of(segments: tuple[Segment, ...], *, below: bool = False) -> PathPattern:
    """A pattern from its segments, with its text."""
    return PathPattern(segments, below, None, spell(segments, below=below))


def intersect(one: PathPattern, other: PathPattern) -> PathPattern | None:
    """
    The paths that both take, None where there are none. Exact for segment patterns.

    A regex meets only a literal path, `/**` or itself; another meeting is a PathError, since no one pattern says it.
    """
    for mine, theirs in ((one, other), (other, one)):
        if covers(mine, theirs):
            return theirs
    if one.regex is not None or other.regex is not None:
        if disjoint(one, other):
            return None
        raise PathError(f"paths {one.text!r} and {other.text!r} meet in a set that no one pattern says")
    if disjoint(one, other):
        return None
    longer, shorter = (one, other) if len(one.segments) >= len(other.segments) else (other, one)
    met = [a if a is not None else b for a, b in zip(longer.segments, shorter.segments, strict=False)]
    return pattern_of((*met, *longer.segments[len(met) :]), below=one.below and other.below)


def covers(one: PathPattern, other: PathPattern) -> bool:
    """Whether `one` takes every path of `other`: exact for segment patterns, with a regex True only where that is sure."""
    if one.regex is not None:
        if other.regex is not None:
            return one.regex == other.regex
        return not other.below and is_literal(other) and matches(one, _literal(other.segments))
    if other.regex is not None:
        return one.below and not one.segments
    if len(other.segments) < len(one.segments) or (not one.below and (other.below or len(other.segments) != len(one.segments))):
        return False
    return all(a == b if a is not None else b != "" for a, b in zip(one.segments, other.segments, strict=False))


def disjoint(one: PathPattern, other: PathPattern) -> bool:
    """Whether no path is taken by both: exact for segment patterns, with a regex True only where that is sure."""
    if one.regex is not None or other.regex is not None:
        for mine, theirs in ((one, other), (other, one)):
            if mine.regex is not None and theirs.regex is None and not theirs.below and is_literal(theirs):
                return not matches(mine, _literal(theirs.segments))
        return False
    longer, shorter = (one, other) if len(one.segments) >= len(other.segments) else (other, one)
    if len(longer.segments) != len(shorter.segments) and not shorter.below:
        return True
    return any(not _meet(a, b) for a, b in zip(longer.segments, shorter.segments, strict=False))


def _meet(one: Segment, other: Segment) -> bool:
    if one is None or other is None:
        return "" not in (one, other)
    return one == other


# --- rewrites -------------------------------------------------------------------------------------------------------------------


def longest_first(patterns: Iterable[PathPattern]) -> tuple[PathPattern, ...]:
    """The patterns, the longest first, however they are listed: of those that take a path, the first is the one whose prefix goes (L7)."""
    return tuple(sorted(patterns, key=lambda pattern: (-len(pattern.segments), pattern.below, pattern.text)))


def rewrite_prefix(segments: Segments, pattern: PathPattern, new: str) -> Segments:
    """The path after `replacePrefixMatch: new` (decoded), which `pattern`, a `/**`, took: exactly one slash joins."""
    rest = segments[len(pattern.segments) :]
    head = segments_of(new)
    if not rest:
        return head
    return (*(head[:-1] if head[-1] == "" else head), *rest)


def replace_prefix(pattern: PathPattern, new: str) -> tuple[PathPattern, ...]:
    """
    The paths that `replacePrefixMatch: new` (decoded) makes of those of a `/**` pattern.

    Several, because no path begins with nothing: from `/**` to `/new` there is `/new/` and what lies below, but not `/new`.
    """
    head = segments_of(new)
    bare = head[:-1] if head[-1] == "" else head
    if not bare:
        return (ALL_PATHS,)
    if pattern.segments and head == bare:
        return (pattern_of(bare, below=True),)
    return (pattern_of((*bare, "")), pattern_of((*bare, None), below=True))
