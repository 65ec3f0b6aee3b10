"""How a plain tree becomes YAML that Kubernetes reads back as the very same tree, whatever a string looks like."""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

# What no reader of YAML 1.1 or 1.2 could take for anything but a string: no number, date, word, comment, mapping, anchor or flow.
_PLAIN: Final = re.compile(
    r"""
    [A-Za-z_/](?:[A-Za-z0-9_.,/*|@+~()\[\]-]|:(?=[^\s,\[\]{}]))*    # names, hosts, paths, URLs, claims
    |\.{1,2}/[A-Za-z0-9_./*-]*                                    # hosts of a Gateway, files
    |[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h)                              # durations
    """,
    re.VERBOSE,
)
_WORDS: Final = frozenset({"y", "yes", "n", "no", "on", "off", "true", "false", "null", "inf", "nan"})
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LINE_BREAKS: Final = frozenset("\x85\u2028\u2029\ufeff")
_BMP: Final = 0xFFFF
_LATIN: Final = 0xFF


def dump(tree: dict[str, Any]) -> bytes:
    """The tree as one YAML document: keys in the tree's own order, block style, two blanks a level."""
    return ("\n".join(_mapping(tree, "")) + "\n").encode()


def _mapping(tree: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in tree.items():
        yield from _entry(f"{indent}{_scalar(key)}:", value, indent)


def _entry(head: str, value: object, indent: str) -> Iterator[str]:
    match value:
        case dict() if value:
            yield head
            yield from _mapping(value, indent + "  ")
        case list() | tuple() if value:
            yield head
            yield from _sequence(value, indent)
        case str() if _fits_block(value):
            yield f"{head} {'|' if value.endswith(chr(10)) else '|-'}"
            yield _block(value, indent)
        case _:
            yield f"{head} {_leaf(value)}"


def _sequence(items: list[Any] | tuple[Any, ...], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict) and item:
            first, *rest = _mapping(item, indent + "  ")
            yield f"{indent}- {first[len(indent) + 2 :]}"
            yield from rest
        elif isinstance(item, list | tuple) and item:
            yield f"{indent}-"
            yield from _sequence(item, indent + "  ")
        else:
            yield from _entry(f"{indent}-", item, indent)


def _leaf(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
        case str():
            return _scalar(value)
        case dict():
            return "{}"
        case list() | tuple():
            return "[]"
        case _:
            raise TypeError(f"{type(value).__name__} is no part of a YAML tree")


@lru_cache(maxsize=4096)
def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable() and character not in _LINE_BREAKS:
        return character
    code = ord(character)
    if code <= _LATIN:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _BMP else f"\\U{code:08x}"


# The same programs stand in many objects of a build.
@lru_cache(maxsize=1024)
def _block(text: str, indent: str) -> str:
    return "\n".join(f"{indent}  {line}" if line else "" for line in text.removesuffix("\n").split("\n"))


def _fits_block(text: str) -> bool:
    """Whether a literal block gives the text back: several lines, none with blanks where they would be lost or be taken for indentation."""
    return "\n" in text and _lines_fit_block(text)


@lru_cache(maxsize=1024)
def _lines_fit_block(text: str) -> bool:
    body = text.removesuffix("\n")
    lines = body.split("\n")
    return (
        len(lines) > 1
        and bool(lines[0].strip())
        and not lines[0].startswith(" ")
        and bool(lines[-1])
        and all(line == line.rstrip() and line.isprintable() and _LINE_BREAKS.isdisjoint(line) for line in lines)
    )
