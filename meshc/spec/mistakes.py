"""What pydantic found wrong, said in the language's own words: one mistake for each thing the user has to change."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from meshc.spec.marks import Short, ShortMap
from meshc.spec.shapes import Number, Text
from meshc.spec.shorthand import NULL
from meshc.spec.structure import KEY, Leaf, ListOf, MapOf, Node, Record, TextOr, record_of, walk

_LONGEST_SHOWN = 60
_KEYS_SHOWN = 8
_NAME_DEPTH = 2
"""Things stand at kind, name."""
_TEST_DEPTH = 3
"""Tests stand at `tests`, namespace, index."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A thing that is wrong at a node of the tree."""

    code: str
    path: tuple[str | int, ...]
    message: str
    help: str | None = None


@dataclass(frozen=True, slots=True)
class _Error:
    """One of pydantic's errors, with the place in the user's tree and what the language has there."""

    type: str
    path: tuple[str | int, ...]
    node: Node | None
    holder: Node | None
    is_key: bool
    input: Any
    context: dict[str, Any]

    @property
    def key(self) -> str:
        """The last key of the path, which messages name, as the user wrote it: the tree adds namespaces to names."""
        if self.path[:1] == ("tests",) and len(self.path) <= _TEST_DEPTH:
            return "tests"
        key = next((step for step in reversed(self.path) if isinstance(step, str)), "")
        return key.rpartition("/")[2] if len(self.path) == _NAME_DEPTH else key


def mistakes(model: type[BaseModel], errors: Sequence[ErrorDetails]) -> list[Mistake]:
    """The mistakes behind pydantic's errors about one tree."""
    placed = [_place(model, error) for error in errors]
    unknown: dict[tuple[str | int, ...], list[_Error]] = {}
    for error in placed:
        if error.type == "extra_forbidden":
            unknown.setdefault(error.path[:-1], []).append(error)
    flow = {path for path, those in unknown.items() if all(error.input is NULL or error.input is None for error in those)}
    placeholders = {error.path[:-1] for error in placed if error.path[:-1] in flow and _is_path(error)}
    found: list[Mistake] = []
    for error in placed:
        if error.path[:-1] in placeholders and error.type in ("extra_forbidden", "missing"):
            if error.type == "extra_forbidden":
                found.append(_placeholder(error))
        elif not (error.type == "missing" and _misspelt(error, unknown.get(error.path[:-1], ()))):
            found.append(_mistake(error))
    return found


def _place(model: type[BaseModel], error: ErrorDetails) -> _Error:
    path: list[str | int] = []
    holder: Node | None = None
    node: Node | None = record_of(model)
    union: TextOr | None = None
    is_key = False
    for step, below in walk(record_of(model), error["loc"]):
        if step is None:
            union = node if isinstance(node, TextOr) else None
        elif step == KEY:
            is_key = True
            node = holder
        else:
            union = None
            path.append(step)
            holder = node
        node = below
    if union and error["type"] in ("model_type", "string_type", "literal_error", "string_pattern_mismatch"):
        node = union
    return _Error(error["type"], tuple(path), node, holder, is_key, error["input"], error.get("ctx") or {})


def _is_path(error: _Error) -> bool:
    """Whether a path pattern, as text, could stand where this key stands."""
    return isinstance(error.holder, Record) and error.holder.model.__name__ == "RegexShape"


def _placeholder(error: _Error) -> Mistake:
    return Mistake(
        "MC012",
        error.path[:-1],
        f"`{{{error.key}}}` without quotes is a YAML map, expected a path such as /users/{{id}}",
        f'put quotes around the whole path, as in "/users/{{{error.key}}}"',
    )


def _misspelt(missing: _Error, unknown: Sequence[_Error]) -> bool:
    """Whether an unknown key beside it is this missing key, misspelt: then it is one mistake."""
    return any(nearest(error.key, _keys(error.holder)) == missing.key for error in unknown)


def _mistake(error: _Error) -> Mistake:
    key, path = error.key, error.path
    match error.type:
        case "extra_forbidden":
            return _unknown_key(error)
        case "missing":
            return Mistake("MC013", path[:-1], f"missing key `{key}`, expected {expected(error.node)}")
        case "lacking":
            lacking = error.context["key"]
            return Mistake("MC013", path, f"missing key `{lacking}`, {error.context['message']}")
        case "conflict":
            return Mistake("MC012", (*path, error.context["key"]), error.context["message"], error.context["help"] or None)
        case "one_key":
            return _one_key(error)
        case "empty_pattern":
            return Mistake(
                "MC019",
                path,
                "empty pattern, expected at least one key",
                "to take everything, say so: `paths: /**`, or `from: [everyone]` in a policy",
            )
        case "too_short":
            what = "item" if isinstance(error.node, ListOf) else "entry"
            return Mistake("MC012", path, f"`{key}` is empty, expected at least one {what}")
        case _ if error.is_key:
            return _bad_key(error)
        case _:
            return _wrong_value(error)


_REPLACED: Final = {
    ("MeshShape", "paths"): ("requests", "`requests: standard` is what `normalize` was, `requests: strict` what `reject` was"),
    ("EndpointShape", "zone"): ("locality", "write the region too: `locality: eu-west-1/eu-west-1a`"),
}
"""Keys that the language once had, by their shape: what replaced each, and how to say the same."""


def _unknown_key(error: _Error) -> Mistake:
    known = _keys(error.holder)
    if isinstance(error.holder, Record) and (replaced := _REPLACED.get((error.holder.model.__name__, error.key))):
        return Mistake("MC011", error.path, f"unknown key `{error.key}`, which `{replaced[0]}` replaced", replaced[1])
    if near := nearest(error.key, known):
        return Mistake("MC011", error.path, f"unknown key `{error.key}`, did you mean `{near}`?")
    return Mistake("MC011", error.path, f"unknown key `{error.key}`, expected {_words(known)}")


def _one_key(error: _Error) -> Mistake:
    keys, written = error.context["keys"], error.context["written"]
    if not written:
        return Mistake("MC013", error.path, f"missing key, expected exactly one of {_words(keys)}")
    beside = " and ".join(f"`{key}`" for key in written)
    return Mistake("MC012", (*error.path, written[1]), f"{beside} stand together, expected exactly one of {_words(keys)}")


def _bad_key(error: _Error) -> Mistake:
    form = error.node.form if isinstance(error.node, Leaf) and isinstance(error.node.form, Text) else None
    if form is None:
        return Mistake("MC012", error.path, f"`{error.key}` cannot be a key here, expected text")
    code = "MC026" if form.kind in ("a name", "a port name") else "MC012"
    return Mistake(code, error.path, f"`{error.key}` is not {form.kind}, expected {form.form}")


def _wrong_value(error: _Error) -> Mistake:
    return Mistake("MC012", error.path, f"{shown(error.input)} in `{error.key}`, expected {expected(error.node)}", _hint(error))


def _hint(error: _Error) -> str | None:
    """What to do about a value, where the message does not say it."""
    value, node = error.input, error.node
    if value is NULL or value is None:
        return "write a value, or leave the key out; null removes a key, in an overlay only"
    if isinstance(node, TextOr):
        node = node.text
    if not isinstance(node, Leaf):
        return None
    if node.type is bool and isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "true", "false"):
        return f"write {'true' if value.lower() in ('yes', 'on', 'true') else 'false'}, without quotes"
    if isinstance(node.form, Number) and isinstance(value, str) and value.isascii() and value.isdigit():
        return "write it without quotes"
    if node.words == (True,):
        return f"to say the opposite of `{error.key}`, write `{'absent' if error.key == 'present' else 'present'}: true`"
    if node.words:
        near = nearest(str(value), [str(word) for word in node.words])
        return f"did you mean `{near}`?" if near else None
    return _quoting(node, value)


def _quoting(node: Leaf, value: Any) -> str | None:  # noqa: ANN401 - YAML data
    if isinstance(value, bool | int | float):
        text = shown(value)
        if node.type is str and (not isinstance(node.form, Text) or node.form.takes(text)):
            return f'put quotes around it: "{text}"' if not isinstance(value, float) else "put quotes around it"
    return f"{node.form.kind} is {node.form.form}" if isinstance(node.form, Text) else None


def expected(node: Node | None) -> str:
    """What may stand at a place, in the language's words."""
    if node is None:
        return "something else"
    if node.expected:
        return node.expected
    match node:
        case Leaf():
            return _scalar(node)
        case ListOf(item=item):
            return f"a list of {_plural(item)}"
        case MapOf(value=value):
            return f"a map of name to {expected(value)}" if isinstance(value, Leaf) and not value.free else "a map"
        case TextOr(text=text, map=map_):
            return f"{expected(text)} or {expected(map_)}"
        case Record():
            return _record(node)


def _record(node: Record) -> str:
    keys = list(node.required) or list(node.fields)
    long = f"a map with {_words(keys)}" if node.required or len(keys) <= _KEYS_SHOWN else "a map"
    for mark in node.shorthands:
        if isinstance(mark, Short):
            return f"{expected(node.fields[mark.key])}, or {long}"
        if isinstance(mark, ShortMap):
            return f"{_words(list(mark.words))}, or {long}"
    return long


def _plural(node: Node) -> str:
    words = expected(node)
    return "maps" if isinstance(node, Record) and not node.shorthands else f"entries that are each {words}"


def _scalar(leaf: Leaf) -> str:
    if leaf.words:
        return _words([shown(word) if isinstance(word, bool) else str(word) for word in leaf.words], "or")
    match leaf.form:
        case Text(kind=kind, examples=examples):
            return f"{kind} such as {examples[0]}"
        case Number(low=low, high=high, kind=kind):
            return f"{kind} of {low} or more" if high == 2**31 - 1 else f"{kind} from {low} to {high}"
    names = {str: "a string", bool: "true or false", int: "a whole number"}
    return names.get(leaf.type, "a value")


def _words(words: Sequence[str], conjunction: str = "or") -> str:
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def _keys(node: Node | None) -> list[str]:
    match node:
        case Record(fields=fields):
            return list(fields)
        case TextOr(map=map_):
            return _keys(map_)
        case _:
            return []


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that a misspelt one most likely means."""
    by_case = {one.lower().replace("-", "").replace("_", ""): one for one in known}
    plain = word.lower().replace("-", "").replace("_", "")
    near = get_close_matches(plain, by_case, n=1, cutoff=0.7)
    return by_case[near[0]] if near else None


def shown(value: Any) -> str:  # noqa: ANN401 - YAML data
    """A value as a user would recognise it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a map"
        case list():
            return "a list"
        case str():
            text = value if len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 3] + "..."
            return f'"{text}"'
        case _:
            return str(value)
