"""Paths as clients may spell them and proxies then compare them (L4): drawn from RFC 3986 and what proxies were seen to do, by hand."""

from itertools import product

from hypothesis import strategies as st

from meshc import paths
from meshc.paths import PathPattern, Segment

SEGMENTS = ("a", "b", "a:b", "é", "a*", "*", "x y", "[", "p%", "@", "{n}", "a=b", "~", "A-_.", "è", "c%z", "(1)", "^")
"""Plain ones, and ones with every kind of character that may be spelled in several ways."""
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_RAW_TOO = "!$&'()*+,;=:@[]"  # what a proxy leaves as it is
_HEX = "0123456789abcdefABCDEF"


def segments() -> st.SearchStrategy[str]:
    """A decoded segment that is not empty."""
    return st.sampled_from(SEGMENTS)


def patterns() -> st.SearchStrategy[PathPattern]:
    """Path patterns: whole, with wildcards, with a final `/**` or a final slash; and some regexes."""
    parts = st.lists(segments() | st.none(), min_size=1, max_size=3)
    listed = st.builds(_pattern, parts, st.sampled_from(["", "", "/", "/**"]))
    special = st.sampled_from([paths.parse_pattern("/"), paths.ALL_PATHS])
    regexes = st.sampled_from(["/a|/é", "/[^/]*:b", "/p%", "/a/.*", "/[a-z]+(/x y)?", "/\\[", "/[^a]", "/|/a", "/.?"])
    return listed | special | regexes.map(lambda text: PathPattern((), below=False, regex=text, text=text))


def _pattern(parts: list[Segment], end: str) -> PathPattern:
    own = (*parts, *([""] if end == "/" else []))
    text = paths.spell(tuple(own), below=end == "/**").replace("/*/", "/{id}/")
    if text.endswith("/*"):
        text = f"{text[:-1]}{{id}}"
    return paths.parse_pattern(text)


@st.composite
def paths_about(draw: st.DrawFn, pattern: PathPattern) -> tuple[str, ...]:
    """A path, often one of the pattern's."""
    if pattern.regex is not None or not draw(st.booleans()):
        found = [*draw(st.lists(segments(), max_size=4)), *draw(st.sampled_from([[], [""]]))]
        return tuple(found) or ("",)
    found = [draw(segments()) if part is None else part for part in pattern.segments]
    if pattern.below:
        found += draw(st.lists(segments(), max_size=2))
        found += draw(st.sampled_from([[], [""]]))
    return tuple(found) or ("",)


@st.composite
def spelled(draw: st.DrawFn, path: tuple[str, ...], *, allowed_by_http: bool = False) -> str:
    """One spelling of a path by the time a proxy compares it; `allowed_by_http`: without raw brackets and percent signs."""
    if path == ("",):
        return "/" if allowed_by_http else draw(st.sampled_from(["/", "//"]))
    return "".join("/" + "".join(_drawn(draw, segment, allowed_by_http)) for segment in path)


def _drawn(draw: st.DrawFn, segment: str, allowed_by_http: bool) -> list[str]:  # noqa: FBT001 - internal
    found: list[str] = []
    for index, character in enumerate(segment):
        ways = ways_of(character)
        if allowed_by_http or (character == "%" and segment[index + 1 : index + 2].strip(_HEX) != segment[index + 1 : index + 2]):
            # A raw percent sign before hex digits would begin an escape.
            ways = [way for way in ways if way not in ("[", "]", "%")]
        found.append(draw(st.sampled_from(ways)))
    return found


def ways_of(character: str) -> list[str]:
    """Every spelling of one character that a proxy hands on: it decodes unreserved ones, and escapes what may not stand raw."""
    if character in _UNRESERVED:
        return [character]
    escapes = ["".join(way) for way in product(*(_escapes(byte) for byte in character.encode()))]
    return [*escapes, character] if character in _RAW_TOO or character == "%" else escapes


def _escapes(byte: int) -> list[str]:
    digits = f"{byte:02X}"
    return sorted({f"%{first}{second}" for first in (digits[0], digits[0].lower()) for second in (digits[1], digits[1].lower())})
