"""The normal form of paths, their patterns, and the encodings that targets compare."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc import paths
from meshc.paths import PathPattern, Reading, Segments

SMALL = ["", "a", "b", "é", "a:b"]
ENUMERATED: list[Segments] = [
    (*head, last) for length in range(3) for head in itertools.product(SMALL[1:], repeat=length) for last in SMALL
]


@st.composite
def patterns(draw: st.DrawFn) -> PathPattern:
    inner = st.sampled_from(["a", "b", "é", "a:b", None])
    segments: tuple[str | None, ...] = tuple(draw(st.lists(inner, max_size=3)))
    below = draw(st.booleans())
    if not below and (not segments or draw(st.booleans())):
        segments = (*segments, "")
    return paths.pattern_of(segments, below=below)


segment_text = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\\x7f"), min_size=1, max_size=4)


@st.composite
def normal_paths(draw: st.DrawFn) -> Segments:
    safe = segment_text.filter(lambda text: not re.fullmatch(r"\.\.?(;.*)?", text))
    return (*draw(st.lists(safe, max_size=3)), draw(st.one_of(st.just(""), safe)))


@pytest.mark.parametrize(
    ("text", "segments", "below"),
    [
        ("/", ("",), False),
        ("/cart", ("cart",), False),
        ("/a/", ("a", ""), False),
        ("/a/*", ("a", None), False),
        ("/a/{id}/b", ("a", None, "b"), False),
        ("/api/**", ("api",), True),
        ("/**", (), True),
        ("/café", ("café",), False),
        ("/caf%c3%a9", ("café",), False),
        ("/%2A", ("*",), False),
        ("/100%25", ("100%",), False),
        ("/a;b=1", ("a;b=1",), False),
    ],
)
def test_pattern(text: str, segments: tuple[str | None, ...], below: bool) -> None:  # noqa: FBT001 - a table's column
    """A pattern is read as its decoded segments."""
    assert PathPattern(segments, below, None, text) == paths.parse_pattern(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cart", "does not begin with '/'"),
        ("", "does not begin with '/'"),
        ("/a*", "partial '*'"),
        ("/a/**/b", "'**' inside"),
        ("/x{id}", "partial placeholder"),
        ("/{}", "partial placeholder"),
        ("/a//b", "empty segment"),
        ("//**", "empty segment"),
        ("/a/../b", "dot segment '..'"),
        ("/.", "dot segment '.'"),
        ("/a/..;x", "dot segment '..;x'"),
        ("/a%2Fb", "an escaped slash"),
        ("/a%5Cb", "an escaped backslash"),
        ("/a%00", "an escaped control byte"),
        ("/a%7f", "an escaped control byte"),
        ("/a%4", "an invalid escape"),
        ("/%ff", "not UTF-8"),
        ("/%61", "expected 'a' for '%61'"),
        ("/a?b", "a raw '?'"),
        ("/a#b", "a raw '#'"),
        ("/a b", "a raw ' '"),
        ("/a\\b", "a raw '\\\\'"),
    ],
)
def test_bad_pattern(text: str, says: str) -> None:
    """What is no path in normal form is an error that says why."""
    with pytest.raises(paths.PathError) as error:
        paths.parse_pattern(text)
    assert says in str(error.value)


@pytest.mark.parametrize("text", ["/a/*", "/{id}", "/**", "a", "/a//b", "/.."])
def test_bad_literal(text: str) -> None:
    """Where one path is meant, placeholders are errors too."""
    with pytest.raises(paths.PathError):
        paths.parse_literal(text)


@given(normal_paths())
def test_canonical_is_read_back(segments: Segments) -> None:
    """The canonical spelling of a path means that path, and is not odd."""
    assert Reading(segments) == paths.read(paths.canonical(segments))


@pytest.mark.parametrize(
    ("raw", "segments", "why"),
    [
        ("/a/b", ("a", "b"), None),
        ("/a/b/", ("a", "b", ""), None),
        ("/", ("",), None),
        ("/a:b;c=1,d(e)!$&'*+@~", ("a:b;c=1,d(e)!$&'*+@~",), None),
        ("/caf%C3%A9", ("café",), None),
        ("/100%25/a%20b", ("100%", "a b"), None),
        ("//a", ("a",), "repeated slashes"),
        ("//", ("",), "repeated slashes"),
        ("/a/", ("a", ""), None),
        ("/a//", ("a", ""), "repeated slashes"),
        ("/a/./b", ("a", "b"), "a dot segment"),
        ("/p//../x", ("p", "x"), "a dot segment"),
        ("/a/%2e%2E/b", ("b",), "a dot segment"),
        ("/%61", ("a",), "does not need: %61"),
        ("/x%3Ay", ("x:y",), "does not need: %3A"),
        ("/caf%c3%a9", ("café",), "in lower case: %c3"),
        ("/a<b", ("a<b",), "needs an escape"),
        ("/a%2fb", None, "an escaped slash"),
        ("/a%5Cb", None, "an escaped backslash"),
        ("/a\\b", None, "a raw backslash"),
        ("/a%00", None, "an escaped control byte"),
        ("/a%7f", None, "an escaped control byte"),
        ("/a\x01", None, "HTTP forbids"),
        ("/a b", None, "HTTP forbids"),
        ("/a%zz", None, "an invalid escape"),
        ("/a%", None, "an invalid escape"),
        ("/caf\u00e9", None, "not ASCII"),
        ("/a%ff", None, "not UTF-8"),
        ("/a%ed%a0%80", None, "not UTF-8"),
        ("/x/..;p/a", None, "a dot segment with parameters"),
        ("/x/%2e%2e%3bp/a", None, "a dot segment with parameters"),
        ("/../a", None, "climbs above the root"),
        ("/a#b", None, "a fragment"),
        ("a", None, "does not begin with a slash"),
        ("", None, "does not begin with a slash"),
    ],
)
def test_normal_form(raw: str, segments: Segments | None, why: str | None) -> None:
    """L4: a path has a normal form unless readers disagree on it; every spelling but the canonical one is odd, and it is said why."""
    reading = paths.read(raw)
    assert segments == reading.segments
    assert (why is None) == (reading.odd is None)
    assert why is None or why in (reading.odd or "")


@pytest.mark.parametrize(
    ("pattern", "spelled", "takes"),
    [
        ("/x:y", ("x:y",), True),
        ("/x:y", ("x%3Ay",), False),
        ("/café", ("caf%C3%A9",), True),
        ("/café", ("caf%c3%a9",), False),
        ("/{id}/b", ("x%3ay", "b"), True),
        ("/{id}/b", ("", "b"), False),
        ("/a/**", ("a", "%zz"), True),
        ("/**", ("",), True),
        ("/%2A", ("*",), True),
    ],
)
def test_spelling(pattern: str, spelled: Segments, takes: bool) -> None:  # noqa: FBT001 - a table's column
    """L18: an engine that decodes nothing compares what was sent with the canonical spelling of a pattern."""
    assert takes == paths.matches_spelling(paths.parse_pattern(pattern), spelled)


def test_spelling_of_a_regex() -> None:
    """A regex is compared with the spelling too, through its canonical form."""
    pattern = PathPattern((), below=False, regex="/caf[é]", text="re")
    assert paths.matches_spelling(pattern, ("caf%C3%A9",))
    assert not paths.matches_spelling(pattern, ("caf%c3%a9",))


@given(normal_paths())
def test_canonical_is_plain(segments: Segments) -> None:
    """It holds nothing but characters that may stand raw, and upper-case escapes."""
    assert re.fullmatch(r"(/([A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})*)+", paths.canonical(segments)) is not None


@given(st.binary(max_size=20).map(lambda data: b"/" + data))
def test_normal_form_is_idempotent(raw: bytes) -> None:
    """Reading what was read changes nothing more."""
    reading = paths.read(raw)
    if reading.segments is not None:
        assert Reading(reading.segments) == paths.read(paths.canonical(reading.segments))


@given(patterns(), patterns())
def test_algebra(one: PathPattern, other: PathPattern) -> None:
    """Intersection, cover and disjointness say what enumerating paths says."""
    met = paths.intersect(one, other)
    both = [path for path in ENUMERATED if paths.matches(one, path) and paths.matches(other, path)]
    assert both == ([] if met is None else [path for path in ENUMERATED if paths.matches(met, path)])
    assert (met is None) == paths.disjoint(one, other)
    if paths.covers(one, other):
        assert both == [path for path in ENUMERATED if paths.matches(other, path)]


@given(patterns(), patterns())
def test_cover_is_exact(one: PathPattern, other: PathPattern) -> None:
    """`covers` is False only where a path of the other is outside: those with a text of their own at each free place suffice."""
    filled = tuple("z" if segment is None else segment for segment in other.segments)
    below = [(*filled, *("z",) * length, *last) for length in range(4) for last in ((), ("",))] if other.below else [filled]
    assert paths.covers(one, other) == all(paths.matches(one, path) for path in below if path)


@given(patterns())
def test_spelled_pattern_is_read_back(pattern: PathPattern) -> None:
    """A pattern's text means that pattern."""
    assert pattern == paths.parse_pattern(pattern.text)


@given(patterns(), normal_paths())
def test_canonical_regex(pattern: PathPattern, path: Segments) -> None:
    """The regex over canonical spellings takes exactly the pattern's paths; exact and prefix strings say the same."""
    compiled = re.compile(paths.canonical_regex(pattern))
    for one in (*ENUMERATED, path):
        spelled = paths.canonical(one)
        takes = paths.matches(pattern, one)
        assert takes == (compiled.fullmatch(spelled) is not None)
        if (exact := paths.exact(pattern)) is not None:
            assert takes == (spelled == exact)
        if (prefix := paths.prefix(pattern)) is not None:
            assert takes == (spelled == prefix or spelled.startswith(prefix + "/"))


@given(patterns().filter(lambda pattern: pattern.below), st.sampled_from(["/", "/n", "/n/", "/n/m"]))
def test_image_of_a_prefix_rewrite(pattern: PathPattern, new: str) -> None:
    """The image of a rewrite takes every rewritten path, and no other short one."""
    image = paths.replace_prefix(pattern, new)
    made = {paths.rewrite_prefix(path, pattern, new) for path in ENUMERATED if paths.matches(pattern, path)}
    for path in made:
        assert any(paths.matches(one, path) for one in image), path
    head = paths.segments_of(new)
    bare = head[:-1] if head[-1] == "" else head
    tails = [(), *((last,) for last in ("", "a"))]
    for path in ((*bare, *tail) for tail in tails if (*bare, *tail)):
        sources = (*((segment if segment is not None else "a") for segment in pattern.segments), *path[len(bare) :])
        reachable = path in {paths.rewrite_prefix(one, pattern, new) for one in (sources, (*sources, "")) if one}
        assert reachable == any(paths.matches(one, path) for one in image), path


@pytest.mark.parametrize(
    ("raw", "path", "query", "authority"),
    [
        ("/a?\u00e9", b"/a", "\u00e9", None),
        ("/a?b?c", b"/a", "b?c", None),
        ("/a?", b"/a", "", None),
        ("/a#b?c", b"/a", None, None),
        ("http://h:1/a?b", b"/a", "b", "h:1"),
        ("HTTPS://h", b"/", None, "h"),
        ("http://h?x", b"/", "x", "h"),
        ("*", b"*", None, None),
    ],
)
def test_target(raw: str, path: bytes, query: str | None, authority: str | None) -> None:
    """A request-target is path, query, and the authority of an absolute URI."""
    target = paths.split_target(raw)
    assert (path, query, authority) == (target.path, target.query, target.authority)


def test_regex_patterns_are_compared_soundly() -> None:
    """With a regex only what is sure is said; what no one pattern says is an error, not a guess."""
    regex, literal, wide = (
        PathPattern((), below=False, regex="/v[0-9]+", text="re"),
        paths.parse_pattern("/v1"),
        paths.parse_pattern("/v/**"),
    )
    assert paths.covers(paths.ALL_PATHS, regex)
    assert paths.covers(regex, literal)
    assert not paths.covers(wide, regex)
    assert paths.disjoint(regex, paths.parse_pattern("/w"))
    assert not paths.disjoint(regex, wide)
    assert literal == paths.intersect(regex, literal)
    with pytest.raises(paths.PathError):
        paths.intersect(regex, wide)
