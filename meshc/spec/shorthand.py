"""Short forms written out: raw YAML data, walked along the shapes, becomes the long form that the shapes describe."""

from typing import Any, Final

from pydantic import BaseModel

from meshc.spec.marks import Bare, OneOrMany
from meshc.spec.structure import Leaf, ListOf, MapOf, Node, Record, TextOr, fields_of


class Null:
    """What an explicit null becomes before it is checked: nothing of the language, so that it is refused where it stands."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "null"


NULL: Final = Null()


class Patch(dict[str, Any]):
    """A map that an overlay lays over a list whose items have names: name to what changes. Over nothing it is a list of one: `whole`."""

    def __init__(self, named: dict[str, Any], whole: list[Any]) -> None:
        super().__init__(named)
        self.whole = whole


def expand(model: type[BaseModel], data: Any, *, overlay: bool = False) -> Any:  # noqa: ANN401 - YAML data
    """
    The long form of what was written for that shape; what is not of its form is left as it is. Nothing that was given is changed.

    In an overlay null stays null, since it removes, and a map over a list whose items have names is a Patch.
    """
    return _record(model, data, overlay) if isinstance(data, dict) else data


def _record(model: type[BaseModel], data: dict[str, Any], overlay: bool) -> dict[str, Any]:  # noqa: FBT001 - the walk's one mode
    fields = fields_of(model)
    return {key: _expand(fields[key], value, overlay) if key in fields else value for key, value in data.items()}


def _expand(node: Node, data: Any, overlay: bool) -> Any:  # noqa: ANN401, FBT001 - YAML data, the walk's one mode
    if node.shorthands:
        if overlay and isinstance(data, dict) and (named := _named(node)):
            return Patch({name: _expand(named, value, overlay) for name, value in data.items()}, _expand(node, data, False))  # noqa: FBT003 - whole
        for shorthand in node.shorthands:
            if not (overlay and isinstance(shorthand, Bare)):
                data = shorthand.expand(data)
    if isinstance(data, dict):
        return _expand_map(node, data, overlay)
    if isinstance(data, list) and isinstance(node, ListOf):
        item = node.item
        return [_expand(item, value, False) for value in data]  # noqa: FBT003 - a list is replaced whole: null removes nothing in it
    return NULL if data is None and not overlay and not (isinstance(node, Leaf) and node.free) else data


def _expand_map(node: Node, data: dict[str, Any], overlay: bool) -> Any:  # noqa: ANN401, FBT001 - YAML data, the walk's one mode
    match node:
        case Record(model=model):
            return _record(model, data, overlay)
        case MapOf(value=value):
            return {key: _expand(value, one, overlay) for key, one in data.items()}
        case TextOr(map=map_):
            return _expand(map_, data, overlay)
        case _:
            return data


def _named(node: Node) -> Node | None:
    """What a map that is laid over this list holds: its items, by name."""
    by = any(isinstance(shorthand, OneOrMany) and shorthand.by for shorthand in node.shorthands)
    return node.item if by and isinstance(node, ListOf) else None
