"""How a path may be spelled when a proxy compares it: all spellings of it, and of no other path (L4)."""

import re
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshc import paths, regex, spelling
from meshc.paths import PathPattern, Segments
from tests.istio import spellings

PATTERNS = spellings.patterns()
LETTERS = st.text(st.sampled_from("ab:é*[]% @~;+|"), min_size=1, max_size=3).filter(lambda text: not re.fullmatch(r"\.\.?(;.*)?", text))
PATHS = st.tuples(st.lists(LETTERS, max_size=2), st.sampled_from([(), ("",)])).map(lambda two: (*two[0], *two[1]) or ("",))


def listed(path: Segments) -> list[str]:
    """Every spelling of a path, from its characters one by one."""
    if path == ("",):
        return ["/", "//"]
    parts = [["".join(way) for way in product(*map(spellings.ways_of, segment))] for segment in path]
    return ["".join(f"/{part}" for part in way) for way in product(*parts)]


# --- lists ------------------------------------------------------------------------------------------------------------------------


@given(PATHS)
@example(("a:b",))
@example(("é", "%"))
def test_every_spelling_is_listed_once_the_canonical_one_first(path: Segments) -> None:
    """And counted without listing."""
    found = spelling.every(path)
    assert paths.canonical(path) == found[0]
    assert sorted(listed(path)) == sorted(found)
    if path != ("",):
        assert len(found) == spelling.count(path)


@given(PATHS)
def test_a_path_has_one_spelling_where_all_its_characters_have(path: Segments) -> None:
    """Those that RFC 3986 calls unreserved, and those whose escape has no letter."""
    one = path == ("",) or len(listed(path)) == 1
    assert one == spelling.has_one(paths.pattern_of(path))
    if all(re.fullmatch("[A-Za-z0-9._~-]*", segment) for segment in path):
        assert one


def test_a_wildcard_stands_for_a_segment_in_each_spelling() -> None:
    """Literal segments around it are spelled in every way."""
    assert ("/a:b/{*}", "/a%3Ab/{*}", "/a%3ab/{*}") == spelling.every(("a:b", None), "{*}")
    assert 3 == spelling.count(("a:b", None))


def test_slashes_alone_stay_two() -> None:
    """What merging slashes leaves of a path of nothing else."""
    assert ("/", "//") == spelling.every(("",))


# --- expressions ------------------------------------------------------------------------------------------------------------------


def _takes(pattern: PathPattern, text: str, *, closed: bool) -> bool:
    return re.compile(spelling.expression(pattern, closed=closed)).fullmatch(text) is not None


@given(st.data(), PATTERNS)
def test_a_closed_expression_takes_every_spelling(data: st.DataObject, pattern: PathPattern) -> None:
    """What denies: odd ones too; and of HTTP's spellings of another path none."""
    path = data.draw(spellings.paths_about(pattern))
    if paths.matches(pattern, path):
        assert _takes(pattern, data.draw(spellings.spelled(path)), closed=True)
    else:
        assert not _takes(pattern, data.draw(spellings.spelled(path, allowed_by_http=True)), closed=True)


@given(st.data(), PATTERNS)
def test_an_open_expression_takes_no_spelling_of_another_path(data: st.DataObject, pattern: PathPattern) -> None:
    """What allows: not an odd one either, but for slashes alone, of which it is told; and all of HTTP's spellings of its own."""
    path = data.draw(spellings.paths_about(pattern))
    if paths.matches(pattern, path):
        assert _takes(pattern, data.draw(spellings.spelled(path, allowed_by_http=True)), closed=False)
    else:
        text = data.draw(spellings.spelled(path))
        assert (text == "//" and spelling.mistakes_slashes(pattern)) or not _takes(pattern, text, closed=False)


@given(PATHS, PATHS)
def test_lists_and_expressions_agree(path: Segments, other: Segments) -> None:
    """`every` lists what `expression` takes of literal paths."""
    pattern = paths.pattern_of(path)
    texts = {*spelling.every(path), *spelling.every(other), paths.canonical(other)}
    assert set(spelling.every(path)) == {text for text in texts if _takes(pattern, text, closed=True)}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/cart", "/cart"),
        ("/a.b", r"/a\.b"),
        ("/a:b", "/a(?::|%3[Aa])b"),
        ("/é", "/%[Cc]3%[Aa]9"),
        ("/x%20y", "/x%20y"),
        ("/u/{id}", "/u/[^/]+"),
        ("/a/**", "/a(?:/.*)?"),
        ("/**", "/.*"),
        ("/", "/"),
    ],
)
def test_expressions_are_what_a_person_would_write(pattern: str, expected: str) -> None:
    """Plain text where there is one spelling."""
    assert expected == spelling.expression(paths.parse_pattern(pattern))


@pytest.mark.parametrize(
    ("expression", "mistaken"),
    [("/[^a]", True), ("/..?", False), ("/.?", False), ("/", False), ("//?", False), ("/a", False), (".+", False), ("//", True)],
)
def test_a_regex_that_would_take_slashes_alone_is_known(expression: str, mistaken: bool) -> None:  # noqa: FBT001 - a row's value
    """It takes `//` as text, and not the `/` that it means."""
    expected = mistaken or expression == "/..?"
    assert expected == spelling.mistakes_slashes(PathPattern((), below=False, regex=expression, text=expression))


def test_only_regexes_mistake_slashes() -> None:
    """A segment is never empty but at the end."""
    assert not any(spelling.mistakes_slashes(paths.parse_pattern(text)) for text in ("/", "/**", "/{id}", "/a", "/a/"))


# --- regexes over spellings -------------------------------------------------------------------------------------------------------

EXPRESSIONS = (
    "/a",
    "/[ab]:",
    "/é",
    "/[à-ü]",
    "/[^é]",
    "/.",
    "/.*",
    r"/\[",
    "/%",
    "/[^%]",
    "/[a-z:@ ]+",
    "/(?i:a)",
    r"/\W",
    "/[^/]+/b",
    "/[€-₿]",
    "/[!-~]",
)


@given(st.data(), st.sampled_from(EXPRESSIONS), PATHS)
def test_an_encoded_regex_takes_every_spelling_of_its_paths(data: st.DataObject, expression: str, path: Segments) -> None:
    """Escapes in either case, reserved characters raw or not; closed ones take a bracket and a percent sign too."""
    if path == ("",):
        return
    holds = regex.matcher(expression).fullmatch(paths.decoded(path))
    opened, closed = (re.compile(regex.encode_every(regex.parse(expression), closed=each)) for each in (False, True))
    plain = data.draw(spellings.spelled(path, allowed_by_http=True))
    odd = data.draw(spellings.spelled(path))
    assert holds == (opened.fullmatch(plain) is not None)
    assert holds == (closed.fullmatch(plain) is not None)
    assert not holds or closed.fullmatch(odd)
    assert holds or not opened.fullmatch(odd)


@given(st.integers(0x80, 0x10FFFF), st.integers(0x80, 0x10FFFF), st.integers(0x80, 0x10FFFF), st.booleans())
def test_ranges_past_ascii_in_either_case(one: int, other: int, code: int, upper: bool) -> None:  # noqa: FBT001 - drawn
    """A range of characters is encoded as exactly their UTF-8 bytes, however their digits are written."""
    low, high = sorted((one, other))
    if any(0xD800 <= each <= 0xDFFF for each in (low, high, code)):
        return
    encoded = re.compile(regex.encode_every(regex.parse(f"[{chr(low)}-{chr(high)}]"), closed=False))
    for each in {low, high, code}:
        spelled = "".join(f"%{byte:02X}" for byte in chr(each).encode())
        assert (low <= each <= high) == (encoded.fullmatch(spelled if upper else spelled.lower()) is not None)
