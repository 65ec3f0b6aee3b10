"""The portable regular expressions: what is taken, what is refused and where, and their encoded form."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc import paths, regex

LETTERS = "ab/é€Z%.-"


@st.composite
def expressions(draw: st.DrawFn) -> str:
    atoms = st.one_of(
        st.sampled_from(
            ["a", "b", "é", "€", "%", r"\.", "/", ".", r"\d", r"\w", r"\W", "[ab]", "[^a]", "[^/]", "[a-c%]", "[é-ü]", "[^é]", "-"]
        ),
        st.sampled_from(["(?i:a)", "[.]", r"[\-a]", "[a-]", "[]b]"]),
    )
    tree = st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"])).map(lambda two: f"({two[0]}){two[1]}"),
        ),
        max_leaves=6,
    )
    return draw(tree)


texts = st.text(LETTERS, max_size=6)


@given(expressions(), texts)
def test_matches_as_python_does(expression: str, text: str) -> None:
    """The linear matcher and Python's `re` agree on every expression of the subset."""
    expected = re.compile(expression, re.ASCII).fullmatch(text) is not None
    assert expected == regex.matcher(expression).fullmatch(text)


@given(expressions(), st.lists(st.text(LETTERS.replace("/", ""), max_size=3), min_size=1, max_size=3))
def test_encoded_form(expression: str, parts: list[str]) -> None:
    """The encoded expression takes the canonical spelling of a path exactly where the expression takes the path."""
    segments = tuple(parts)
    encoded = re.compile(regex.encode(regex.parse("/" + expression)), re.ASCII)
    assert regex.matcher("/" + expression).fullmatch(paths.decoded(segments)) == (encoded.fullmatch(paths.canonical(segments)) is not None)


@given(st.integers(0x80, 0x10FFFF), st.integers(0x80, 0x10FFFF), st.integers(0x80, 0x10FFFF))
def test_ranges_past_ascii(one: int, other: int, code: int) -> None:
    """A range of characters is encoded as exactly their UTF-8 bytes."""
    low, high = sorted((one, other))
    if any(0xD800 <= each <= 0xDFFF for each in (low, high, code)):
        return
    encoded = re.compile(regex.encode(regex.parse(f"[{chr(low)}-{chr(high)}]")))
    for each in {low, high, code}:
        spelled = "".join(f"%{byte:02X}" for byte in chr(each).encode())
        assert (low <= each <= high) == (encoded.fullmatch(spelled) is not None)


@given(expressions(), texts)
def test_rendered_form(expression: str, text: str) -> None:
    """Written out again without flags, an expression means the same."""
    try:
        rendered = regex.render(regex.parse(expression))
    except regex.RegexError:
        return  # it cuts through the characters past ASCII
    assert regex.matcher(expression).fullmatch(text) == (re.compile(rendered, re.ASCII).fullmatch(text) is not None)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("^/a$", "/a"),
        ("^/a$|^/b$", "/b"),
        ("(?i)/Api", "/aPI"),
        ("(?P<name>x)y", "xy"),
        ("{id}", "{id}"),
        ("a{", "a{"),
        (r"\x41", "A"),
        (r"\{\}", "{}"),
        ("a||b", ""),
        ("(?s)a.", "a\n"),
        ("a{0}b", "b"),
    ],
)
def test_taken(expression: str, text: str) -> None:
    """What all engines read alike is taken."""
    assert regex.matcher(expression).fullmatch(text)


@pytest.mark.parametrize(
    ("expression", "position", "says"),
    [
        ("a(?=b)", 1, "a group"),
        ("(?<n>a)", 0, "a group"),
        ("a(?i)b", 1, "a group"),
        ("(?>a)", 0, "a group"),
        (r"(a)\1", 3, r"an escape '\1'"),
        ("a++", 2, "possessive"),
        ("a**", 2, "a repeat of a repeat"),
        ("*a", 0, "a repeat of nothing"),
        ("a{1001}", 1, "more than 1000"),
        ("(a{100}){11}", 0, "more than 1000"),
        ("a{3,2}", 1, "out of order"),
        ("a{,3}", 1, "a repeat that engines read differently"),
        ("a{ 2 }", 1, "a repeat that engines read differently"),
        ("[[:alpha:]]", 1, "inside a class"),
        ("[a-b-c]", 4, "'-' inside a class"),
        ("[b-a]", 1, "out of order"),
        (r"[a-\d]", 2, "a range with a class"),
        ("[a", 0, "without its ']'"),
        ("(a", 0, "without its ')'"),
        ("a)", 1, "without its '('"),
        (r"\pL", 0, "an escape"),
        (r"\s", 0, "read differently"),
        (r"\ba", 0, "a word boundary"),
        (r"a\Z", 1, "an escape"),
        (r"\_", 0, "an escape"),
        (r"\xe9", 0, "past"),
        (r"\x{41}", 0, "an escape"),
        ("a^", 1, "an anchor"),
        ("a$b", 1, "an anchor"),
        ("(?i)é", 4, "not ASCII"),
        (r"[^\w\W]", 0, "no character"),
        ("a\\", 1, "at the end"),
        ("(" * 60 + ")" * 60, 50, "nested"),
        ("(.{30}){30}" * 8, 0, "too large"),
    ],
)
def test_refused(expression: str, position: int, says: str) -> None:
    """What engines read differently is refused, with its place."""
    with pytest.raises(regex.RegexError) as error:
        regex.parse(expression)
    assert says in error.value.message
    assert position == error.value.position
    assert regex.check(expression) == str(error.value)


@given(st.text("ab()[]{}|*+?^$\\.-,01:<>=!iPs", max_size=12))
def test_never_another_error(expression: str) -> None:
    """Any text is an expression, or a RegexError; and what is one, Python takes too."""
    if regex.check(expression) is None:
        re.compile(expression, re.ASCII)


@pytest.mark.timeout(10)
def test_cannot_hang() -> None:
    """An expression that makes a backtracking engine hang is answered at once."""
    assert not regex.matcher("(a+)+b").fullmatch("a" * 5000)
    assert not regex.matcher("(a|aa)*(a|b){0,400}c").fullmatch("a" * 500)


@given(expressions(), texts)
def test_written_again(expression: str, text: str) -> None:
    """What is written for a tree is an expression of the subset that takes the same texts."""
    again = regex.write(regex.parse(expression))
    assert regex.check(again) is None
    assert regex.matcher(expression).fullmatch(text) == regex.matcher(again).fullmatch(text)


@given(expressions(), texts, texts)
def test_rests_after_a_beginning(expression: str, beginning: str, text: str) -> None:
    """What may follow a beginning is exactly what completes it to a text that is taken."""
    rests = regex.either(regex.rests(regex.parse(expression), regex.literal(beginning)))
    assert regex.matcher(expression).fullmatch(beginning + text) == regex.Matcher(rests).fullmatch(text)


@given(expressions(), texts)
def test_meeting_one_text(expression: str, text: str) -> None:
    """An expression meets a text exactly where it takes it."""
    assert regex.matcher(expression).fullmatch(text) == regex.meet(regex.parse(expression), regex.literal(text))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a*", "b*", True),
        ("a+", "b*", False),
        ("[^é]+", "é|a", True),
        ("(?:ab)+", "(?:ba)+", False),
        (".*x", ".{3}", True),
        ("a{3}", "a{0,2}", False),
    ],
)
def test_meeting(one: str, other: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Two expressions meet where one text is taken by both."""
    assert expected == regex.meet(regex.parse(one), regex.parse(other))
