"""Reading YAML agrees with an independent reader: ruamel's pure YAML 1.2 composer, its scalars read by the core schema."""

import math
import re
import warnings
from io import StringIO
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from meshc.source import parse

TRICKY: list[str] = [
    *(
        "on",
        "yes",
        "y",
        "n",
        "off",
        "Yes",
        "NO",
        "true",
        "True",
        "TRUE",
        "tRue",
        "false",
        "~",
        "null",
        "NULL",
        "Null",
        "nUll",
        "",
        "=",
        "<<",
    ),
    *(
        "1e3",
        "1E-3",
        "0o7",
        "0o8",
        "007",
        "0x1F",
        "0xg",
        "0b1",
        "1_000",
        "12:30:45",
        "+1",
        "-0",
        "01",
        "1.",
        ".5",
        "-.5",
        ".",
        "..",
        "1.31",
    ),
    *(".nan", ".NaN", ".inf", "-.Inf", "+.INF", ".iNF", "2001-01-01", "2001-01-01T00:00:00Z", "1.2.3", "5s", "12.5%", "64KiB"),
    *("a:b", "a#b", "http://x:80/y", "/a/**", "é", "日本", "😀", "x,y", "{id}", "[x]", "*a", "&a", "!x", "?x", "?", "-", "--", "+"),
    *(":", ":x", "x:", "%x", "@x", "`x`", ">", "|", "'", "''", '"', "#x", "'x'", '"x"', "\\", "\\n", "x\ty"),
]

CORE = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 0)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: -math.inf if text[0] == "-" else math.inf),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda _: math.nan),
)
"""The table of YAML 1.2.2 section 10.3.2, as it stands there: ruamel itself takes `1_000` and dates for more than text."""


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """The oracle finds something that a mesh file may not have."""


def oracle(text: str) -> Any:  # noqa: ANN401 - a tree
    """What the text means, by another reader."""
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReusedAnchorWarning)
        return value_of(reader.compose(StringIO(text)))


def value_of(node: Node | None) -> Any:  # noqa: ANN401 - a tree
    """A node's value by the core schema."""
    match node:
        case None:
            return None
        case ScalarNode(value=value, style=style):
            return plain(value) if not style else value
        case SequenceNode(value=items):
            return [value_of(item) for item in items]
        case MappingNode(value=entries):
            pairs = [(value_of(key), value_of(value)) for key, value in entries]
            keys = [key for key, _ in pairs]
            if any(not isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
                raise Refused
            return dict(pairs)
    raise AssertionError(node)


def plain(text: str) -> Any:  # noqa: ANN401 - a scalar
    """The first line of the schema's table that takes the text."""
    return next((meaning(text) for form, meaning in CORE if form.fullmatch(text)), text)


def typed(value: Any) -> Any:  # noqa: ANN401 - a tree
    """A tree whose `==` tells 1 from 1.0 and True, and takes NaN as equal to itself."""
    match value:
        case dict():
            return {key: typed(one) for key, one in value.items()}
        case list():
            return [typed(one) for one in value]
        case _:
            return type(value).__name__, repr(value)


def assert_agrees(text: str) -> bool:
    """Either a finding, or the oracle's meaning; whether it was read."""
    document, findings = parse("m.yaml", text.encode())
    if findings or document is None:
        return False
    try:
        meaning = oracle(text)
    except YAMLError:
        return False  # the oracle refuses some YAML that is sound, such as a tab inside of plain text
    assert typed(meaning) == typed(document.data), text
    return True


words = st.one_of(
    st.sampled_from(TRICKY), st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"), include_characters="\t\n"), max_size=8)
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words)
trees = st.recursive(
    scalars, lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(words, below, max_size=4)), max_leaves=12
)


@given(
    tree=trees,
    flow=st.sampled_from([True, False, None]),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    width=st.sampled_from([10, 80, 10_000]),
    unicode=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_dumped_trees(tree: Any, *, flow: bool | None, style: str | None, width: int, unicode: bool, newline: str) -> None:  # noqa: ANN401
    """What a YAML writer writes, in each of its styles."""
    text = yaml.safe_dump(tree, default_flow_style=flow, default_style=style, width=width, allow_unicode=unicode, line_break=newline)
    assert isinstance(assert_agrees(text), bool)


TOKENS = [
    *TRICKY,
    *("a", "b", "key", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", ": ", ":", " ", "  ", ", ", "{", "}", "[", "]", "- ", "? "),
    *("|\n  ", ">-\n  ", "|+\n", "&x ", "*x", " # c", "\t", "'", '"', "\r\n", "\n\n", "---\n"),
]


@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join))
@example("a: b\n# c\n")
@example("&a:b")
@example("x\ty")
@example("{a: b, c: [d]}")
def test_texts_of_yaml_pieces(text: str) -> None:
    """Text put together from YAML's own pieces: refused, or read as the other reader does."""
    assert isinstance(assert_agrees(text), bool)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(TRICKY), min_size=1))
def test_written_entries(entries: dict[str, str]) -> None:
    """`key: word` lines as a person types them, for every tricky word."""
    assert isinstance(assert_agrees("".join(f"{key}: {word}\n" for key, word in entries.items())), bool)


@given(st.binary(max_size=60))
def test_any_bytes_are_answered(content: bytes) -> None:
    """No input ends in a traceback: there is a document or a finding."""
    document, findings = parse("m.yaml", content)
    assert document is not None or findings
