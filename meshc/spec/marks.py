"""The short forms of the language: what may be written instead of the longer form that a shape describes."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_ANNOTATIONS = ("title", "description", "default", "examples")


def _either(short: JsonSchemaValue, long: JsonSchemaValue) -> JsonSchemaValue:
    """Both forms, with what is said of the place itself kept at the top, where editors look for it."""
    kept = {key: long[key] for key in _ANNOTATIONS if key in long}
    shorts = short["anyOf"] if short.keys() == {"anyOf"} else [short]
    return {"anyOf": [*shorts, {key: value for key, value in long.items() if key not in kept}], **kept}


@dataclass(frozen=True, slots=True)
class OneOrMany:
    """A list of one may be written as the one. `by`: overlays may patch the list by a map from that key's values."""

    by: str | None = None

    def expand(self, data: Any) -> Any:  # noqa: ANN401 - YAML data
        """A list, whatever was written."""
        return data if isinstance(data, list) or data is None else [data]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        many = handler(core)
        return _either(many["items"], many)


@dataclass(frozen=True, slots=True)
class Short:
    """A scalar may stand for a map that has it under `key`."""

    key: str

    def expand(self, data: Any) -> Any:  # noqa: ANN401 - YAML data
        """A map, whatever was written."""
        return {self.key: data} if isinstance(data, str | int | float) else data

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        long = handler(core)
        short = dict(handler.resolve_ref_schema(long)["properties"][self.key])
        short.pop("default", None)
        return _either(short, long)


@dataclass(frozen=True, slots=True, eq=False)
class ShortMap:
    """A word alone stands for the map that has it as its only key, without more: `mesh-ca` for `{mesh-ca: {}}`."""

    words: dict[str, Any]
    """The words for which that makes sense, each with the value that is meant."""

    def expand(self, data: Any) -> Any:  # noqa: ANN401 - YAML data
        """`word` becomes `{word: value}`."""
        return {data: self.words[data]} if isinstance(data, str) and data in self.words else data

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _either({"enum": sorted(self.words)}, handler(core))


@dataclass(frozen=True, slots=True)
class Bare:
    """A key without a value stands for an empty map."""

    def expand(self, data: Any) -> Any:  # noqa: ANN401 - YAML data
        """Nothing becomes `{}`."""
        return {} if data is None else data

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _either({"type": "null"}, handler(core))
