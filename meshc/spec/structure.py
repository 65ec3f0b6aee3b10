"""The models as a tree of plain nodes: what may stand at a place, and which short forms it takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from meshc.spec.marks import Bare, OneOrMany, Short, ShortMap
from meshc.spec.shapes import Expected, Number, Text

KEY: Final = "[key]"
"""The last step of pydantic's location, where a map's key is wrong and not its value."""

Shorthand: TypeAlias = OneOrMany | Short | ShortMap | Bare


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar, or anything."""

    type: Any
    form: Text | Number | None = None
    words: tuple[Any, ...] = ()
    shorthands: tuple[Shorthand, ...] = ()
    expected: str | None = None

    @property
    def free(self) -> bool:
        """Whether anything may stand here."""
        return self.type is Any


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    item: "Node"
    shorthands: tuple[Shorthand, ...] = ()
    expected: str | None = None


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map whose keys the user names."""

    key: "Node"
    value: "Node"
    shorthands: tuple[Shorthand, ...] = ()
    expected: str | None = None


@dataclass(frozen=True)
class Record:
    """A map whose keys the language names. Its fields are looked at when they are needed, since shapes may hold themselves."""

    model: type[BaseModel]
    shorthands: tuple[Shorthand, ...] = ()
    expected: str | None = None

    @cached_property
    def fields(self) -> "dict[str, Node]":
        """Key to what stands there."""
        return fields_of(self.model)

    @property
    def required(self) -> tuple[str, ...]:
        """The keys that must be there."""
        return tuple(field.alias or name for name, field in self.model.model_fields.items() if field.is_required())


@dataclass(frozen=True, slots=True)
class TextOr:
    """Text, or a map: a union whose branches are told apart by their YAML kind."""

    text: "Node"
    map: "Node"
    shorthands: tuple[Shorthand, ...] = ()
    expected: str | None = None


Node: TypeAlias = Leaf | ListOf | MapOf | Record | TextOr


@cache
def fields_of(model: type[BaseModel]) -> dict[str, Node]:
    """The keys of a shape and what stands there."""
    hints = get_type_hints(model, include_extras=True)
    return {field.alias or name: node_of(hints[name]) for name, field in model.model_fields.items()}


def record_of(model: type[BaseModel]) -> Record:
    """A shape as a node."""
    return Record(model)


def node_of(annotation: Any) -> Node:  # noqa: ANN401 - a type
    """An annotation of a field as a node; that a key may be absent is not part of it."""
    bare, marks = _unwrap(annotation)
    shorthands = tuple(mark for mark in marks if isinstance(mark, OneOrMany | Short | ShortMap | Bare))
    expected = next((mark.words for mark in marks if isinstance(mark, Expected)), None)
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is list:
        return ListOf(node_of(arguments[0]), shorthands, expected)
    if origin is dict:
        return MapOf(node_of(arguments[0]), node_of(arguments[1]), shorthands, expected)
    if origin is Literal:
        return Leaf(Literal, None, arguments, shorthands, expected)
    if origin in (Union, UnionType):
        text, map_ = (node_of(argument) for argument in arguments)
        return TextOr(text, map_, shorthands, expected)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return Record(bare, shorthands, expected)
    form = next((mark for mark in marks if isinstance(mark, Text | Number)), None)
    return Leaf(bare, form, (), shorthands, expected)


def _unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:  # noqa: ANN401 - types
    """The type without `Annotated` and without `| None`, and what was said of it, the outermost first."""
    marks: list[Any] = []
    while True:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation, *said = arguments
            marks.extend(said)
        elif origin in (Union, UnionType) and NoneType in arguments:
            rest = tuple(argument for argument in arguments if argument is not NoneType)
            annotation = Union[rest]  # noqa: UP007 - a union that is made at run time
        else:
            return annotation, tuple(marks)


def walk(node: Node, location: Iterable[str | int]) -> Iterator[tuple[str | int | None, Node | None]]:
    """
    The steps of pydantic's error location through the nodes: each step of the user's tree and what stands there.

    Steps that are tags of a union have no step in the tree (None), KEY means the key instead of the value, and below what is unknown
    there is no node.
    """
    current: Node | None = node
    holder: Node | None = None
    for step in location:
        if isinstance(current, TextOr) and step in ("text", "map"):
            current = current.text if step == "text" else current.map
            yield None, current
            continue
        if step == KEY and isinstance(holder, MapOf):
            current = holder.key
        else:
            holder, current = current, _below(current, step)
        yield step, current


def _below(node: Node | None, step: str | int) -> Node | None:
    match node:
        case Record(fields=fields):
            return fields.get(str(step))
        case ListOf(item=item):
            return item
        case MapOf(value=value):
            return value
        case _:
            return None
