"""Sets of paths through a match and a rewrite: exactly the paths that some path of the set becomes (L7, L9)."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc import paths, regex, rewriting
from meshc.paths import PathPattern, Segments

# `c` stands in no pattern: it is the text that only wildcards take.
DEEP: list[Segments] = [
    (*head, last) for length in range(4) for head in itertools.product("abc", repeat=length) for last in ("", "a", "b", "c")
]
SHALLOW = [path for path in DEEP if len(path) <= 2]


def of(text: str) -> PathPattern:
    """A path pattern, or after `~` a regex."""
    if text.startswith("~"):
        return PathPattern((), below=False, regex=text[1:], text=text[1:])
    return paths.parse_pattern(text)


def shown(sets: Iterable[rewriting.Both] | None) -> list[str] | None:
    """The union, one set a line."""
    return None if sets is None else [" & ".join(path.text for path in both) for both in sets]


def arriving(declared: str | None, matched: str | None, prefix: str | None = None, full: str | None = None) -> list[str] | None:
    """What arrives of patterns that are separated by blanks."""
    lists = [None if text is None else tuple(map(of, text.split())) for text in (declared, matched)]
    return shown(rewriting.arriving(*lists, prefix=prefix, full=full))


@pytest.mark.parametrize(
    ("declared", "matched", "prefix", "expected"),
    [
        (None, None, "/api", ["/api/", "/api/*/**"]),
        (None, None, "/", ["/**"]),
        (None, "/a/**", "/n", ["/n/**"]),
        (None, "/a/**", "/n/", ["/n/", "/n/*/**"]),
        (None, "/a/** /a/b/**", "/n", ["/n/**"]),
        ("/a/b/**", "/a/**", "/n", ["/n/b/**"]),
        ("/a", "/a/**", "/n", ["/n"]),
        ("/a/", "/a/**", "/n", ["/n/"]),
        ("/c/**", "/a/**", "/n", []),
        ("/v1", None, "/", ["/v1"]),
        ("~/v[0-9]", None, "/", ["/v[0-9]"]),
        ("~/v[0-9]", None, "/api", ["/api/v[0-9]"]),
        ("~/v[0-9]", None, "/api/", ["/api/v[0-9]"]),
        ("~/v[0-9]/(x|y)", "/v1/**", "/n", ["/n/(?:x|y)"]),
        ("~/v[0-9](/x)?", "/*/**", "/n", ["/n", "/n/x"]),
        ("~/v[0-9]", "/w/**", "/n", []),
        ("~v[0-9]", None, "/api", []),
    ],
)
def test_replaced_prefix(declared: str | None, matched: str | None, prefix: str, expected: list[str]) -> None:
    """`replacePrefixMatch` swaps the segments before `/**`, in path patterns and in regular expressions; exactly one slash joins."""
    assert expected == arriving(declared, matched, prefix)


@pytest.mark.parametrize(
    ("declared", "matched", "expected"),
    [
        (None, None, ["/z"]),
        ("/a", None, ["/z"]),
        ("/a", "/b/**", []),
        ("/b/x", "/b/**", ["/z"]),
        ("~/v[0-9]", "/b/**", []),
        ("~/.*[0-9]", "/b/**", ["/z"]),
        ("~/[a-c]+", "~/[c-e]+", ["/z"]),
        ("~/[a-c]+", "~/[d-e]+", []),
    ],
)
def test_replaced_path(declared: str | None, matched: str | None, expected: list[str]) -> None:
    """`replaceFullPath` makes one path of all, if the rule takes any of the declared ones."""
    assert expected == arriving(declared, matched, full="/z")


@pytest.mark.parametrize(
    ("declared", "matched", "expected"),
    [
        (None, None, None),
        ("/a /b", None, ["/a", "/b"]),
        (None, "/a/**", ["/a/**"]),
        ("/a/**", "/*/x", ["/a/x"]),
        ("~/v[0-9]", "/v1", ["/v1"]),
        ("~/v[0-9]/.*", "/v1/**", ["/v[0-9]/.* & /v1/**"]),
        ("~/v[0-9]", "/w/**", []),
        ("~/v[0-9]", "~/v[0-9]", ["/v[0-9]"]),
    ],
)
def test_without_a_rewrite(declared: str | None, matched: str | None, expected: list[str] | None) -> None:
    """What is declared and matched arrives; a regex and a pattern are kept both where no one pattern says what they share."""
    assert expected == arriving(declared, matched)


def test_longer_prefix_is_another_rewrite() -> None:
    """L7: what a longer prefix takes does not arrive by the shorter one: `/a/b/x` becomes `/n/x`, so `/n/b/x` never arrives."""
    sets = rewriting.arriving((of("/a/*/x"),), (of("/a/**"), of("/a/b/**")), prefix="/n")
    assert sets is not None
    taken = {path for path in SHALLOW for tail in [("n", *path, "x")] if _takes(sets, tail)}
    assert {("a",), ("c",)} == taken
    assert _takes(sets, ("n", "x"))


patterns = st.sampled_from(
    ["/**", "/a/**", "/a/b/**", "/*/**", "/*/b/**", "/a/*/**", "/b/**", "/a/*", "/a/b", "/*/b", "/", "/a/", "/*/a/b"]
)
expressions = st.sampled_from(
    ["~/a.*", "~/[ab]+", "~/(a|b)/.*", "~/a(/b)*/?", "~/(a/a|b/b)(/c)?", "~/.+/b", "~/a/b|/b/a", "~.*", "~/[^b]/.*"]
)
prefixes = patterns.filter(lambda text: text.endswith("/**"))


def _takes(sets: Iterable[rewriting.Both], path: Segments) -> bool:
    return any(all(paths.matches(one, path) for one in both) for both in sets)


@settings(max_examples=300, deadline=None)
@given(
    st.none() | st.lists(patterns | expressions, min_size=1, max_size=2),
    st.none() | st.lists(prefixes, min_size=1, max_size=3),
    st.sampled_from(["/", "/a", "/a/", "/n/b"]),
)
def test_exactly_what_requests_become(declared: list[str] | None, matched: list[str] | None, new: str) -> None:
    """A path arrives if and only if the rewrite makes it of a declared path that the match takes, the longest prefix replaced."""
    calls = None if declared is None else tuple(map(of, declared))
    match = None if matched is None else tuple(map(of, matched))
    sets = rewriting.arriving(calls, match, prefix=new)
    assert sets is not None
    expected = set()
    for path in DEEP:
        takers = [one for one in match or (paths.ALL_PATHS,) if paths.matches(one, path)]
        if takers and (calls is None or any(paths.matches(one, path) for one in calls)):
            longest = max(takers, key=lambda one: len(one.segments))
            expected.add(paths.rewrite_prefix(path, longest, new))
    wrongly_out = {path for path in expected if not _takes(sets, path)}
    head = paths.segments_of(new)
    near = {paths.rewrite_prefix(path, paths.ALL_PATHS, new) for path in SHALLOW} | {head} | set(SHALLOW)
    wrongly_in = {path for path in near if _takes(sets, path)} - expected
    assert (set(), set()) == (wrongly_out, wrongly_in)


@given(patterns | expressions, patterns | expressions)
def test_what_two_patterns_share(one: str, other: str) -> None:
    """`meet` takes a path if and only if both patterns do, and is None only where none does."""
    met = rewriting.meet(of(one), of(other))
    both = {path for path in DEEP if paths.matches(of(one), path) and paths.matches(of(other), path)}
    assert both == (set() if met is None else {path for path in DEEP if _takes([met], path)})
    assert (met is None) == (not both)


def test_too_large_an_image_is_said() -> None:
    """Where the image is too large to be an expression, nothing is made up."""
    with pytest.raises(regex.RegexError):
        arriving("~/[ab]{0,900}/b.*", "/*/**", "/n" * 3000)
