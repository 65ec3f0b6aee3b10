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
    What a raw path means: its normal form, None where it has none (L4).

    `odd` says why it is not the canonical spelling of that; None of a plain path.
    """

    segments: Segments | None
    odd: str | None = None


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


def read(raw_path: bytes | str) -> Reading:
    """
    The normal form of a raw path (no query), and why it is odd.

    Dot segments go first, then repeated slashes are merged: an empty segment is a segment to `..`, as RFC 3986 section 5.2.4 has it.
    """
    data = _as_bytes(raw_path)
    if unreadable := _unreadable(data):
        return Reading(None, unreadable)
    parts = [_decode(part).decode("utf-8") for part in data.split(b"/")[1:]]
    if any(_DOTS_WITH_PARAMETERS.fullmatch(part) for part in parts):
        return Reading(None, "a dot segment with parameters in the path")
    kept, climbs = _without_dots(parts)
    if climbs:
        return Reading(None, "a path that climbs above the root")
    segments = (*(part for part in kept[:-1] if part), kept[-1])
    return Reading(segments, None if data == canonical(segments).encode() else _not_canonical(data, parts))


def forbidden_in_line(data: bytes) -> bool:
    """Whether a request line with these bytes is none: spaces and control bytes end or break it."""
    return any(byte <= 0x20 or byte == 0x7F for byte in data)  # noqa: PLR2004 - space, DEL


def _unreadable(data: bytes) -> str | None:
    """Why readers disagree on its segments."""
    if forbidden_in_line(data):
        return "a byte in the path that HTTP forbids in a request line"
    if not data.startswith(b"/"):
        return "a path that does not begin with a slash"
    for byte, name in ((b"#", "a fragment in the path"), (b"\\", "a raw backslash in the path")):
        if byte in data:
            return name
    if refusal := _refused(data):
        return refusal
    try:
        for part in data.split(b"/"):
            _decode(part).decode("utf-8")
    except UnicodeDecodeError:
        return "a path segment that is not UTF-8 once decoded"
    return None


def _not_canonical(data: bytes, parts: list[str]) -> str:
    """Why a path with a normal form is not its canonical spelling."""
    if any(_DOTS.fullmatch(part) for part in parts):
        return "a dot segment in the path"
    if "" in parts[:-1]:
        return "repeated slashes in the path"
    for escape in _ESCAPE.finditer(data):
        if int(escape.group(1), 16) in RAW:
            return f"an escape in the path that its character does not need: {escape.group(0).decode()}"
        if escape.group(0) != escape.group(0).upper():
            return f"an escape in the path in lower case: {escape.group(0).decode()}"
    return "a character in the path that needs an escape"


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


def _without_dots(parts: list[str]) -> tuple[list[str], bool]:
    """The segments without dot segments, and whether one climbed above the root; a final dot segment leaves a final slash."""
    kept: list[str] = []
    climbs = False
    for part in parts:
        if part not in (".", ".."):
            kept.append(part)
        elif part == ".." and kept:
            kept.pop()
        elif part == "..":
            climbs = True
    if parts[-1] in (".", ".."):
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
    return "".join(chr(byte) if byte in RAW else f"%{byte:02X}" for byte in segment.encode("utf-8", "surrogateescape"))


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


def matches_spelling(pattern: PathPattern, spelled: Segments) -> bool:
    """Whether segments as they are spelled lie in the pattern's canonical spelling: how an engine compares that decodes nothing."""
    if pattern.regex is not None:
        return regex.matcher(canonical_regex(pattern)).fullmatch(decoded(spelled))
    own = tuple(None if segment is None else canonical_segment(segment) for segment in pattern.segments)
    return matches(PathPattern(own, pattern.below, None, pattern.text), spelled)


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
