"""Reading YAML: what it means, where everything stands, what is refused and with which words."""

import gc
from time import perf_counter

import pytest
import yaml

from meshc.diagnostics import Diagnostic, Finding, Origin, Place, Severity, Span
from meshc.source import MAX_BYTES, Document, Ignore, ignores, locator, parse, suppress
from meshc.source.tree import Tree


def read(text: str) -> Document:
    """The document of a sound text."""
    document, findings = parse("mesh.yaml", text.encode())
    assert () == findings
    assert document is not None
    return document


def complaint(content: str | bytes) -> Finding:
    """The only finding of a text."""
    _, findings = parse("mesh.yaml", content if isinstance(content, bytes) else content.encode())
    assert 1 == len(findings), findings
    return findings[0]


def where(finding: Finding) -> tuple[int, int]:
    """The line and column of a finding that has a span of its own."""
    assert finding.span is not None
    return finding.span.line, finding.span.column


# --- meaning --------------------------------------------------------------------------------------------------------------------

CORE = {
    "yes": "yes",
    "on": "on",
    "y": "y",
    "n": "n",
    "off": "off",
    "true": True,
    "True": True,
    "TRUE": True,
    "tRUE": "tRUE",
    "false": False,
    "~": None,
    "null": None,
    "NULL": None,
    "nUll": "nUll",
    "0o17": 15,
    "0o8": "0o8",
    "0x1F": 31,
    "0b11": "0b11",
    "017": 17,
    "1_000": "1_000",
    "+1": 1,
    "-0": 0,
    "+0x1": "+0x1",
    "1.": 1.0,
    ".5": 0.5,
    "-.5e3": -500.0,
    "1e3": 1000.0,
    "1e": "1e",
    ".": ".",
    "-": None,
    "1.31": 1.31,
    ".inf": float("inf"),
    "-.INF": float("-inf"),
    ".iNf": ".iNf",
    "2001-01-01": "2001-01-01",
    "12:30:45": "12:30:45",
    "=": "=",
    "<<": "<<",
    "5s": "5s",
    "1.2.3": "1.2.3",
    "'1'": "1",
    '"true"': "true",
    "": None,
}


@pytest.mark.parametrize(("written", "meant"), [(written, meant) for written, meant in CORE.items() if written != "-"])
def test_unquoted_scalars_follow_the_core_schema(written: str, meant: object) -> None:
    """YAML 1.2 section 10.3.2 decides which words are numbers, truth values and null: nothing else is."""
    value = read(f"a: {written}\n").data["a"]
    assert (type(meant), meant) == (type(value), value)


def test_not_a_number_is_a_float() -> None:
    """`.nan` is the one value that does not equal itself."""
    value = read("a: .nan\n").data["a"]
    assert isinstance(value, float)
    assert value != value  # noqa: PLR0124 - how NaN is told


def test_block_texts_and_nesting() -> None:
    """Literal and folded blocks, flow in block, and empty collections."""
    text = "a: |\n  x\n  y\nb: >-\n  x\n  y\nc: [1, {d: [], e: {}}, [x: 1]]\nf:\n- g\n-\n"
    expected = {"a": "x\ny\n", "b": "x y", "c": [1, {"d": [], "e": {}}, [{"x": 1}]], "f": ["g", None]}
    assert expected == read(text).data


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Editors on Windows write one, and count columns without it."""
    document, findings = parse("m.yaml", b"\xef\xbb\xbfa: 1\n")
    assert () == findings
    assert document is not None
    assert Span(1, 1, 1, 2) == document.span(("a",))


def test_aliases_share_the_value() -> None:
    """An alias is the value of its anchor."""
    data = read("a: &x {b: [1]}\nc: *x\nd: [*x]\n").data
    assert {"a": {"b": [1]}, "c": {"b": [1]}, "d": [{"b": [1]}]} == data
    assert data["a"] is data["c"]


def test_pure_parser_gives_the_same_tree() -> None:
    """Without libyaml the events come from PyYAML's own parser: the same data at the same places."""
    text = "a: &x {b: [1, two], 'c': *y0}\n".replace("*y0", "~") + "d: *x\ne: |\n  text\n\nf:\n  - &k g\n"
    pure = Tree("mesh.yaml", text)
    pure.read(yaml.SafeLoader(text))
    document = read(text)
    assert document.data == pure.data
    assert document.root == pure.root


# --- places ---------------------------------------------------------------------------------------------------------------------

PLACED = "a: 1\r\nbé:\r\n  - x\r\n  - {c: 'two', d: }\r\ne: &n\r\n  f: |\r\n    text\r\n\r\ng: *n\r\n"


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("a",), Span(1, 1, 1, 2), Span(1, 4, 1, 5)),
        (("bé",), Span(2, 1, 2, 3), Span(3, 3, 4, 20)),
        (("bé", 0), Span(3, 5, 3, 6), Span(3, 5, 3, 6)),
        (("bé", 1), Span(4, 5, 4, 20), Span(4, 5, 4, 20)),
        (("bé", 1, "c"), Span(4, 6, 4, 7), Span(4, 9, 4, 14)),
        (("bé", 1, "d"), Span(4, 16, 4, 17), Span(4, 19, 4, 19)),
        (("e", "f"), Span(6, 3, 6, 4), Span(6, 6, 7, 9)),
        (("g",), Span(9, 1, 9, 2), Span(9, 4, 9, 6)),
        (("g", "f"), Span(6, 3, 6, 4), Span(6, 6, 7, 9)),
        (("a", "below", 3), Span(1, 1, 1, 2), Span(1, 4, 1, 5)),
        (("bé", 7), Span(2, 1, 2, 3), Span(3, 3, 4, 20)),
        (("bé", "0"), Span(2, 1, 2, 3), Span(3, 3, 4, 20)),
        (("missing",), Span(1, 1, 9, 6), Span(1, 1, 9, 6)),
    ],
)
def test_places(path: tuple[str | int, ...], key: Span, value: Span) -> None:
    """An entry stands at its key, an item at its value, what is missing at its holder; CRLF is one line break, `é` one column."""
    document = read(PLACED)
    assert (key, value) == (document.span(path), document.value_span(path))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("a",), Span(1, 4, 1, 5)),
        (("a", "short", "form"), Span(1, 4, 1, 5)),
        (("bé",), None),
        (("bé", 0), None),
        (("bé", 1, "c"), Span(4, 9, 4, 14)),
        (("bé", 1, "d"), None),
        (("e",), None),
        (("e", "f"), Span(6, 6, 7, 9)),
        (("missing",), None),
    ],
)
def test_places_of_texts_behind_keys(path: tuple[str | int, ...], place: Span | None) -> None:
    """What is wrong with a value is shown at the value, if that is a text on its key's line."""
    assert place == read(PLACED).text_span(path)


def test_a_text_on_another_line_than_its_key() -> None:
    """The key's line is the one that comments and people look at."""
    assert read("a:\n  b\n").text_span(("a",)) is None


def test_anchored_scalars_stand_behind_their_anchor() -> None:
    """`&x` is no part of a key or value."""
    document = read("&k a: &v one\n")
    assert (Span(1, 4, 1, 5), Span(1, 10, 1, 13)) == (document.span(("a",)), document.value_span(("a",)))


def test_locator_always_finds_a_place() -> None:
    """A file without a tree is pointed at by its first character."""
    locate = locator({"mesh.yaml": read("a: 1\nb: 2\n")})
    assert Place("mesh.yaml", Span(2, 1, 2, 2), value=Span(2, 4, 2, 5)) == locate(Origin("mesh.yaml", ("b",)))
    assert Place("other.yaml", Span(1, 1, 1, 1)) == locate(Origin("other.yaml", ("b",)))
    assert "shop/mesh.yaml" == locator({}, "shop/")(Origin("mesh.yaml")).file


# --- what is refused ------------------------------------------------------------------------------------------------------------

REFUSED = [
    ("tab in the indentation", "a:\n\tb: 1\n", "MC002", (2, 1), "tab"),
    ("tab between entries", "a:\n  b: 1\n\tc: 2\n", "MC002", (3, 1), "tab"),
    ("no space after the colon", "services:\n  users:80\n  b: 1\n", "MC002", (2, 8), "space after the colon"),
    ("no space after the colon, then an entry", "a: 1\nb:2\nc: 3\n", "MC002", (2, 2), "space after the colon"),
    ("braces in a flow map", "a: {path: /users/{id}, x: 1}\n", "MC002", (1, 18), "quotes"),
    ("braces in a flow list", "a: [/users/{id}]\n", "MC002", (1, 12), "quotes"),
    ("leading braces", "a: {paths: {id}/x}\n", "MC002", (1, 12), "quotes"),
    ("star alone", "a: [*]\n", "MC002", (1, 5), "quotes"),
    ("star of a host", "a: *.example.com\n", "MC002", (1, 4), "quotes"),
    ("at sign", "a: @x\n", "MC002", (1, 4), "quotes"),
    ("percent sign", "a: %x\n", "MC002", (1, 4), "quotes"),
    ("backtick", "a: `x`\n", "MC002", (1, 4), "quotes"),
    ("two colons", "a: b: c\n", "MC002", (1, 5), "quotes"),
    ("two colons in a flow map", "a: {b: 1, c: d: e f, g: 1}\n", "MC002", (1, 15), 'quotes around a value that has ": " in it: "d: e f"'),
    ("a second map without braces", "a: {c: d: {e: 1}}\n", "MC002", (1, 9), "quotes"),
    ("bracket never closed", "a: 1\nb: [\n  1\n", "MC002", (2, 4), "close it with `]`"),
    ("brace never closed", "a: {b: 1\nc: 2\n", "MC002", (2, 2), "close it"),
    ("bracket that closes nothing", "a: ]\n", "MC002", (1, 4), "remove it"),
    ("quote never closed", 'a: "x\nb: 1\n', "MC002", (1, 4), 'close it with `"`'),
    ("text behind a quote", "a: 'x' y\n", "MC002", (1, 8), "inside of the quotes"),
    ("entry out of line", "a:\n  b: 1\n c: 2\n", "MC002", (3, 2), "indent"),
    ("entry below a value", "a: 1\n  b: 2\n", "MC002", (2, 3), "indent"),
    ("unknown escape", 'a: "\\d"\n', "MC002", (1, 5), "backslash"),
    ("unknown alias", "a: *x\n", "MC002", (1, 4), "quotes"),
    ("control character", "a: \x07\n", "MC002", (1, 4), "\\x07"),
    ("escape character", "a: 1\nb: \x1b[31m\n", "MC002", (2, 4), "\\x1b"),
    ("C1 control", "a: \x9b\n", "MC002", (1, 4), "\\x9b"),
    ("NUL", "a: \0\n", "MC001", (1, 4), "UTF-8"),
    ("line separator of YAML 1.1", "a: b\u2028c\n", "MC006", (1, 5), "\\u2028"),
    ("next line of YAML 1.1", "a: b\x85c\n", "MC006", (1, 5), "\\x85"),
    ("merge key", "a: &x {b: 1}\nc: {<<: *x}\n", "MC004", (2, 5), "write the keys out"),
    ("second document", "a: 1\n---\nb: 1\n", "MC005", (2, 1), "file of its own"),
    ("number as a key", "80: x\n", "MC006", (1, 1), '"80"'),
    ("truth value as a key", "a: {true: x}\n", "MC006", (1, 5), '"true"'),
    ("null as a key", "~: x\n", "MC006", (1, 1), '"~"'),
    ("list as a key", "? [a]\n: 1\n", "MC006", (1, 3), "key"),
    ("standard tag", "a: !!binary x\n", "MC006", (1, 4), "tag"),
    ("own tag", "a: 1\nb: !x [1]\n", "MC006", (2, 4), "tag"),
    ("string tag", "a: ! 12\n", "MC006", (1, 4), "tag"),
    ("old version", "%YAML 1.1\n---\na: yes\n", "MC006", (1, 1), "1.2"),
    ("tag handles", "# x\n%TAG ! tag:x,2000:\n---\na: 1\n", "MC006", (2, 1), "tags"),
    ("anchor with a colon", "a: &x:y\n", "MC006", (1, 6), "quotes"),
    ("alias with a colon", "a: &x y\nb: {*x: 1}\n", "MC006", (2, 7), "space"),
    ("alias in its anchor", "a: &x [1, *x]\n", "MC006", (1, 11), "write"),
    ("digits", "a: " + "9" * 5000 + "\n", "MC007", (1, 4), "quotes"),
    ("hexadecimal digits", "a: 0x" + "f" * 5000 + "\n", "MC007", (1, 4), "quotes"),
    ("empty", "", "MC010", (1, 1), "write a mesh"),
    ("only comments", "# nothing\n", "MC010", (1, 1), "write a mesh"),
    ("only a document start", "---\n", "MC010", (1, 1), "write a mesh"),
]


@pytest.mark.parametrize(("content", "code", "place", "hint"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(content: str, code: str, place: tuple[int, int], hint: str) -> None:
    """Each mistake is one finding with its code, at its line and column, with help that names the way out."""
    finding = complaint(content)
    assert (code, place) == (finding.code, where(finding))
    assert hint in (finding.help or "")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"a: 1\nb: caf\xe9\n", (2, 7)),
        ("a: 1".encode("utf-16"), (1, 1)),
        ("a: 1".encode("utf-16-be"), (1, 1)),  # without a mark, its NULs show it
        (b"\xef\xbb\xbfa: \xff", (1, 4)),
    ],
)
def test_not_utf8(content: bytes, place: tuple[int, int]) -> None:
    """Bytes that are not UTF-8 are refused at the first of them, whatever they would be in another encoding."""
    finding = complaint(content)
    assert ("MC001", place) == (finding.code, where(finding))


def test_duplicate_keys_show_both_places() -> None:
    """The second one is the finding, the first one is related; the first one's value is kept."""
    document, (finding,) = parse("m.yaml", b"s:\n  a: 1\n  b: 2\n  a: {x: 3}\n")
    assert document is not None
    assert {"s": {"a": 1, "b": 2}} == document.data
    assert ("MC003", (4, 3)) == (finding.code, where(finding))
    ((origin, _),) = finding.related
    assert Span(2, 3, 2, 4) == document.span(origin.path)


def test_quoted_and_plain_keys_are_one_key() -> None:
    """A key is its text, however it is written."""
    assert "MC003" == complaint("a: 1\n'a': 2\n").code


def test_a_quoted_merge_key_is_a_key() -> None:
    """Only the plain `<<` merges anywhere."""
    assert {"<<": 1} == read("'<<': 1\n").data


def test_several_findings_in_one_run() -> None:
    """What does not stop reading does not hide what comes after it."""
    _, findings = parse("m.yaml", b"a: 1\na: 2\nb: !x 1\n80: c\nd: [\n")
    assert ["MC003", "MC006", "MC006", "MC002"] == [finding.code for finding in findings]
    assert () == findings[0].related, "a file without a tree has no place that could be looked up"


BOMB = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"k{n}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(50))
DEEP_ALIASES = "a: &a0 [x]\n" + "".join(f"k{n}: &a{n + 1} [*a{n}]\n" for n in range(150))


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, BOMB, DEEP_ALIASES, " " * 100_000_000],
    ids=["lists", "maps", "items", "alias bomb", "aliases of aliases", "100 MB"],
)
def test_limits_are_answered_at_once(content: str) -> None:
    """What would exhaust memory or the stack is one finding, long before it does."""
    raw = content.encode()
    start = perf_counter()
    document, findings = parse("m.yaml", raw)
    assert (None, ["MC007"]) == (document, [finding.code for finding in findings])
    assert perf_counter() - start < 2


def test_limits_are_exact() -> None:
    """100 levels and 1,000,000 values with aliases counted in are read; one more is not."""
    assert 100 == repr(read("[" * 100 + "]" * 100).data).count("[")
    assert "MC007" == complaint("[" * 101 + "]" * 101).code
    # Root, its 3 keys, two lists with 999 and 998 or 999 aliases of a list of 1,000 values.
    thousand = "a: &a [" + "x," * 999 + "]\n"

    def values(aliases: int, more: int) -> str:
        return thousand + "b: [" + "*a," * aliases + "]\n" + "c: [" + "x," * more + "]\n"

    spent = 1 + 3 + 1000 + 1 + 1 + 998 * 1000
    assert 998 == len(read(values(998, 1_000_000 - spent)).data["b"])
    assert "MC007" == complaint(values(998, 1_000_001 - spent)).code


def test_the_size_limit_is_named() -> None:
    """A file one byte too large is refused without being read."""
    assert "32 MiB" in complaint(b"#" * (MAX_BYTES + 1)).message


def test_the_collector_runs_again_afterwards() -> None:
    """Parsing pauses it, also where parsing fails."""
    parse("m.yaml", b"a: [")
    assert gc.isenabled()


# --- ignores --------------------------------------------------------------------------------------------------------------------

IGNORES = """\
a: 1  # meshc: ignore[MC201] on its line
# meshc: ignore[MC301, MC302] above
# another comment

b: "# meshc: ignore[MC201] in a string"
c: |  # meshc: ignore[MC401] behind a block's header
  # meshc: ignore[MC201] in a block
d: x#meshc:ignore[MC201] no comment
#meshc:ignore[MC601]
e: 'two
  # meshc: ignore[MC201] lines'
# meshc: ignore
"""


def test_ignores_are_found_in_comments_only() -> None:
    """On a line or above it, never in strings or blocks."""
    found = [(one.codes, one.reason, one.line, one.applies_to_line) for one in ignores(read(IGNORES))]
    assert [
        (("MC201",), "on its line", 1, 1),
        (("MC301", "MC302"), "above", 2, 5),
        (("MC401",), "behind a block's header", 6, 6),
        (("MC601",), "", 9, 10),
        ((), "", 12, 12),
    ] == found


def test_an_ignore_knows_its_own_place() -> None:
    """From the `#` to the last character of the reason."""
    (ignore,) = ignores(read("a: 1  # meshc: ignore[MC201] why  \n"))
    assert Span(1, 7, 1, 33) == ignore.span


def diagnostic(code: str, line: int) -> Diagnostic:
    """A warning on a line."""
    return Diagnostic(code, "some-name", Severity.WARNING, "message", Place("m.yaml", Span(line, 1, line, 2)))


def ignore(codes: tuple[str, ...], reason: str, line: int) -> Ignore:
    """An ignore that speaks of the line it stands on."""
    return Ignore(codes, reason, line, line, Span(line, 10, line, 20))


def test_suppress_drops_what_an_ignore_names() -> None:
    """Same file, line and code: nothing else is dropped, and an ignore that was used is not reported."""
    given = [diagnostic("MC201", 1), diagnostic("MC201", 2), diagnostic("MC301", 1)]
    assert ((given[1], given[2]), ()) == suppress(given, {"m.yaml": [ignore(("MC201",), "why", 1)]})


@pytest.mark.parametrize("code", ["MC001", "MC101", "MC501", "MC801", "MC9", "nonsense"])
def test_what_stops_a_build_can_not_be_ignored(code: str) -> None:
    """Families 0, 1, 5 and 8 stay, and the ignore that names them is itself a finding."""
    given = [diagnostic(code, 1)]
    kept, (finding,) = suppress(given, {"m.yaml": [ignore((code,), "why", 1)]})
    assert (tuple(given), "MC022", Severity.ERROR) == (kept, finding.code, finding.severity)


@pytest.mark.parametrize("code", ["MC201", "MC301", "MC401", "MC601", "MC701"])
def test_judgements_can_be_ignored(code: str) -> None:
    """Families 2, 3, 4, 6 and 7."""
    assert ((), ()) == suppress([diagnostic(code, 1)], {"m.yaml": [ignore((code,), "why", 1)]})


def test_an_ignore_without_a_reason_ignores_nothing() -> None:
    """It is a finding of its own, and what it names stays."""
    given = [diagnostic("MC201", 1)]
    kept, (finding,) = suppress(given, {"m.yaml": [ignore(("MC201",), "", 1)]})
    assert (tuple(given), "MC020") == (kept, finding.code)


def test_an_unused_ignore_is_a_warning() -> None:
    """Each code of it that silenced nothing, at the comment."""
    kept, findings = suppress([diagnostic("MC201", 1)], {"m.yaml": [ignore(("MC201", "MC301"), "why", 1), ignore(("MC201",), "why", 2)]})
    assert () == kept
    expected = [("MC021", Severity.WARNING, (1, 10)), ("MC021", Severity.WARNING, (2, 10))]
    assert expected == [(finding.code, finding.severity, where(finding)) for finding in findings]


def test_an_ignore_without_codes_is_a_finding() -> None:
    """A blanket ignore would hide tomorrow's mistakes."""
    _, (finding,) = suppress([], {"m.yaml": [ignore((), "why", 1)]})
    assert "MC022" == finding.code
