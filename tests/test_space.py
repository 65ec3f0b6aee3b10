"""Comparing sets of requests: every answer "sure" is right, on hand-written pairs and against enumerated requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc import paths, space
from meshc.diagnostics import Origin
from meshc.model import FieldMatch, Name, Pattern, Source, SourceKind, ValueKind, ValueMatch

HERE = Origin("mesh.yaml")


def _paths(*texts: str) -> tuple[paths.PathPattern, ...]:
    return tuple(paths.parse_pattern(text) for text in texts)


def _header(*any_of: ValueMatch) -> tuple[FieldMatch, ...]:
    return (FieldMatch("x", any_of, HERE),)


A, B = ValueMatch(ValueKind.EXACT, "a"), ValueMatch(ValueKind.EXACT, "b")
PRESENT, ABSENT = ValueMatch(ValueKind.PRESENT), ValueMatch(ValueKind.ABSENT)
NOT_A = ValueMatch(ValueKind.NOT, none_of=(A,))
STARTS_A = ValueMatch(ValueKind.PREFIX, "a")
USERS = Source(SourceKind.SERVICE, HERE, name=Name("shop", "users"))
CART = Source(SourceKind.SERVICE, HERE, name=Name("shop", "cart"))
SHOP = Source(SourceKind.NAMESPACE, HERE, value="shop")
OPS = Source(SourceKind.NAMESPACE, HERE, value="ops")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Pattern(HERE, methods=("GET",)), Pattern(HERE, methods=("POST",)), True),
        (Pattern(HERE, methods=("GET",)), Pattern(HERE, methods=("POST", "GET")), False),
        (Pattern(HERE, paths=_paths("/a/**")), Pattern(HERE, paths=_paths("/b", "/ab/**")), True),
        (Pattern(HERE, paths=_paths("/a/**")), Pattern(HERE, paths=_paths("/a")), False),
        (Pattern(HERE, hosts=("*.x",)), Pattern(HERE, hosts=("x",)), True),
        (Pattern(HERE, hosts=("*.x",)), Pattern(HERE, hosts=("a.b.x",)), False),
        # a header may have two lines, so both exact values can hold at once (L13); a query field is read once
        (Pattern(HERE, headers=_header(A)), Pattern(HERE, headers=_header(B)), False),
        (Pattern(HERE, query=_header(A)), Pattern(HERE, query=_header(B)), True),
        (Pattern(HERE, headers=_header(PRESENT)), Pattern(HERE, headers=_header(ABSENT)), True),
        (Pattern(HERE, headers=_header(A)), Pattern(HERE, headers=_header(ABSENT)), True),
        (Pattern(HERE, headers=_header(A)), Pattern(HERE, headers=_header(NOT_A)), True),
        (Pattern(HERE, headers=_header(B)), Pattern(HERE, headers=_header(NOT_A)), False),
        (Pattern(HERE, query=_header(STARTS_A)), Pattern(HERE, query=_header(B)), True),
        (Pattern(HERE, sources=(USERS,)), Pattern(HERE, sources=(CART,)), True),
        (Pattern(HERE, sources=(USERS,)), Pattern(HERE, sources=(SHOP,)), False),
        (Pattern(HERE, sources=(USERS,)), Pattern(HERE, sources=(OPS,)), True),
        (Pattern(HERE, methods=()), Pattern(HERE), True),
    ],
)
def test_disjoint(one: Pattern, other: Pattern, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Two patterns are shown disjoint exactly where one key keeps them apart, in both directions."""
    assert expected == space.disjoint((one,), (other,))
    assert expected == space.disjoint((other,), (one,))


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (Pattern(HERE), Pattern(HERE, methods=("GET",)), True),
        (Pattern(HERE, methods=("GET",)), Pattern(HERE), False),
        (Pattern(HERE, methods=("GET", "HEAD")), Pattern(HERE, methods=("HEAD",)), True),
        (Pattern(HERE, paths=_paths("/a/**")), Pattern(HERE, paths=_paths("/a", "/a/b/**")), True),
        (Pattern(HERE, paths=_paths("/a/*")), Pattern(HERE, paths=_paths("/a/")), False),
        (Pattern(HERE, headers=_header(PRESENT)), Pattern(HERE, headers=_header(A)), True),
        (Pattern(HERE, headers=_header(STARTS_A)), Pattern(HERE, headers=_header(A)), True),
        (Pattern(HERE, headers=_header(NOT_A)), Pattern(HERE, headers=_header(B)), False),  # a second line may be `a`
        (Pattern(HERE, query=_header(NOT_A)), Pattern(HERE, query=_header(B)), True),
        (Pattern(HERE, headers=_header(NOT_A)), Pattern(HERE, headers=_header(ABSENT)), True),
        (Pattern(HERE, sources=(SHOP,)), Pattern(HERE, sources=(USERS,)), True),
        (Pattern(HERE, sources=(USERS,)), Pattern(HERE, sources=(SHOP,)), False),
        (Pattern(HERE, methods=("GET",)), Pattern(HERE, paths=()), True),
    ],
)
def test_covers(outer: Pattern, inner: Pattern, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """A pattern is shown inside another exactly where each key of the outer one admits all of the inner one's."""
    assert expected == space.covers((outer,), (inner,))


def test_union_covers() -> None:
    """Each part of the inner union may lie in a part of its own."""
    outer = (Pattern(HERE, paths=_paths("/a/**")), Pattern(HERE, paths=_paths("/b/**")))
    inner = (Pattern(HERE, paths=_paths("/b/1")), Pattern(HERE, paths=_paths("/a/2")))
    assert space.covers(outer, inner)
    assert not space.covers(inner, outer)


VALUES: st.SearchStrategy[ValueMatch] = st.deferred(
    lambda: st.one_of(
        st.sampled_from([A, B, PRESENT, ABSENT, STARTS_A, ValueMatch(ValueKind.EXACT, ""), ValueMatch(ValueKind.EXACT, "ab")]),
        st.lists(VALUES, min_size=1, max_size=2).map(lambda banned: ValueMatch(ValueKind.NOT, none_of=tuple(banned))),
    )
)
LINES: list[tuple[str, ...]] = [(), ("",), ("a",), ("b",), ("ab",), ("a", "b"), ("b", "c"), ("c",), ("", "a")]


def _holds(condition: ValueMatch, lines: tuple[str, ...]) -> bool:
    match condition.kind:
        case ValueKind.EXACT:
            return condition.value in lines
        case ValueKind.PREFIX:
            return any(line.startswith(condition.value) for line in lines)
        case ValueKind.PRESENT:
            return bool(lines)
        case ValueKind.ABSENT:
            return not lines
        case _:
            return not any(_holds(banned, lines) for banned in condition.none_of)


@given(VALUES, VALUES, st.booleans())
def test_sure_answers_about_values_are_right(one: ValueMatch, other: ValueMatch, single: bool) -> None:  # noqa: FBT001 - drawn
    """What is said to be apart or implied is so for every enumerated set of lines, also through nested `not`."""
    worlds = [lines for lines in LINES if not single or len(lines) < 2]
    mine, theirs = Pattern(HERE, headers=_header(one)), Pattern(HERE, headers=_header(other))
    if single:
        mine, theirs = Pattern(HERE, query=_header(one)), Pattern(HERE, query=_header(other))
    both = [lines for lines in worlds if _holds(one, lines) and _holds(other, lines)]
    only = [lines for lines in worlds if _holds(other, lines) and not _holds(one, lines)]
    assert not (space.disjoint((mine,), (theirs,)) and both)
    assert not (space.covers((mine,), (theirs,)) and only)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("*", "a.b", "a.b"),
        ("*.b", "a.b", "a.b"),
        ("*.b", "b", None),
        ("*.b", "*.a.b", "*.a.b"),
        ("*.a.b", "*.b", "*.a.b"),
        ("*.b", "*.c", None),
        ("ab", "*.b", None),
        ("a", "a", "a"),
    ],
)
def test_host_overlap(one: str, other: str, expected: str | None) -> None:
    """The narrower of two host patterns is what they share; a suffix never takes the bare name."""
    assert expected == space.host_overlap(one, other)
