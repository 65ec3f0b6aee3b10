"""Conditions on header fields whose lines Envoy joins."""

import re

import pytest

from meshc.diagnostics import Origin
from meshc.model import FieldMatch, ValueKind, ValueMatch
from meshc_istio.joined_lines import by_parts

HERE = Origin("mesh.yaml")


@pytest.mark.parametrize(
    ("match", "joined", "expected"),
    [
        (ValueMatch(ValueKind.EXACT, "bad"), "bad", True),
        (ValueMatch(ValueKind.EXACT, "bad"), "good,bad", True),
        (ValueMatch(ValueKind.EXACT, "bad"), "bad,good", True),
        (ValueMatch(ValueKind.EXACT, "bad"), "bad, good", True),
        (ValueMatch(ValueKind.EXACT, "bad"), "badly", False),
        (ValueMatch(ValueKind.EXACT, "bad"), "too bad", False),
        (ValueMatch(ValueKind.EXACT, "a.b"), "axb", False),
        (ValueMatch(ValueKind.PREFIX, "ba"), "good,bad", True),
        (ValueMatch(ValueKind.PREFIX, "ba"), "good,xbad", False),
        (ValueMatch(ValueKind.REGEX, "a|b"), "x,b", True),
        (ValueMatch(ValueKind.REGEX, "a|b"), "x,bc", False),
    ],
)
def test_each_part_is_a_line(match: ValueMatch, joined: str, expected: bool) -> None:  # noqa: FBT001 - a row's value
    """A part between commas satisfies the condition as a line of its own would."""
    (turned,) = by_parts(FieldMatch("user-agent", (match,), HERE)).any_of
    assert ValueKind.REGEX is turned.kind
    assert expected == (re.fullmatch(turned.value, joined) is not None)


def test_conditions_inside_not_are_turned_too() -> None:
    """What must not hold of any line must not hold of any part."""
    match = ValueMatch(ValueKind.NOT, none_of=(ValueMatch(ValueKind.EXACT, "good"), ValueMatch(ValueKind.PRESENT)))
    (turned,) = by_parts(FieldMatch("accept", (match,), HERE)).any_of
    assert [ValueKind.REGEX, ValueKind.PRESENT] == [one.kind for one in turned.none_of]


def test_other_fields_stay_as_they_are() -> None:
    """Envoy keeps the lines of other fields apart."""
    field = FieldMatch("x-mode", (ValueMatch(ValueKind.EXACT, "bad"),), HERE)
    assert field == by_parts(field)
