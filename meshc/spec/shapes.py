"""The building blocks of the language's shapes: maps with fixed keys, scalars with units, and names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, StrictBool, StrictInt, StrictStr, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from meshc.spec.marks import Bare, OneOrMany, Short, ShortMap

__all__ = ["Bare", "OneKey", "OneOrMany", "Shape", "Short", "ShortMap"]


class Shape(BaseModel):
    """A map of the language: frozen, its keys are exactly its fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, populate_by_name=False, use_attribute_docstrings=True, hide_input_in_errors=True
    )


class OneKey(Shape):
    """A map that has exactly one of its keys."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            fields = type(self).model_fields
            keys = [field.alias or name for name, field in fields.items()]
            written = [fields[name].alias or name for name in fields if name in self.model_fields_set]
            raise one_key(keys, written)
        return self


def one_key(keys: Sequence[str], written: Sequence[str]) -> PydanticCustomError:
    """The complaint that a map has none, or several, of the keys of which it must have one."""
    return PydanticCustomError("one_key", "expected exactly one key", {"keys": list(keys), "written": list(written)})


def conflict(message: str, key: str, help_: str = "") -> PydanticCustomError:
    """The complaint that a key cannot stand where it does because of what stands beside it."""
    return PydanticCustomError("conflict", "{message}", {"message": message, "key": key, "help": help_})


def lacking(key: str, message: str) -> PydanticCustomError:
    """The complaint that a key must stand here because of what stands beside it."""
    return PydanticCustomError("lacking", "{message}", {"message": message, "key": key})


@dataclass(frozen=True, slots=True)
class Text:
    """A string of a certain form. `kind` is its name with its article; `form` says in words what the pattern says."""

    kind: str
    form: str
    pattern: str
    examples: tuple[str, ...]
    longest: int = 2048

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.str_schema(pattern=f"^(?:{self.pattern})$", max_length=self.longest, strict=True)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core), "examples": list(self.examples)}

    def takes(self, text: str) -> bool:
        """Whether the text has the form."""
        return len(text) <= self.longest and re.fullmatch(self.pattern, text) is not None


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number of a range."""

    low: int
    high: int
    kind: str = "a whole number"

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.int_schema(ge=self.low, le=self.high, strict=True)


@dataclass(frozen=True, slots=True)
class Expected:
    """What stands at a place, in the language's words, where its type alone does not say it well."""

    words: str


def form(data: Any) -> str:  # noqa: ANN401 - YAML data
    """The tag of what may be written as text or as a map."""
    return "map" if isinstance(data, dict | BaseModel) else "text"


_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_UNIT_BYTES = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}


def duration_ms(text: str) -> int:
    """`250ms`, `5s`, `1m`, `2h` as whole milliseconds."""
    unit = "ms" if text.endswith("ms") else text[-1]
    return int(text.removesuffix(unit)) * _UNIT_MS[unit]


def rate(text: str) -> tuple[int, int]:
    """`100/s` as requests and the unit in milliseconds."""
    count, unit = text.split("/")
    return int(count), _UNIT_MS[unit]


def percent(text: str) -> float:
    """`12.5%` as 12.5."""
    return float(text.removesuffix("%"))


def size_bytes(text: str) -> int:
    """`64KiB` as bytes."""
    unit = next(unit for unit in _UNIT_BYTES if text.endswith(unit))
    return int(text.removesuffix(unit)) * _UNIT_BYTES[unit]


_LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST_LABEL = "[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = rf"(?:{_HOST_LABEL}\.)*{_HOST_LABEL}"
_ADDRESS = r"\[[0-9A-Fa-f:.]+\]"
_SUBDOMAIN = rf"(?:{_LABEL}\.)*{_LABEL}"

Duration = Annotated[
    str, Text("a duration", "a whole number with ms, s, m or h", "(?:0|[1-9][0-9]*)(?:ms|s|m|h)", ("250ms", "5s", "1m", "0s"), 12)
]
Rate = Annotated[str, Text("a rate", "a whole number of requests per s, m or h", "[1-9][0-9]*/(?:s|m|h)", ("100/s", "5000/m"), 14)]
Percent = Annotated[
    str,
    Text("a percentage", "0% to 100%, with at most 4 decimals", r"(?:100(?:\.0{1,4})?|[0-9]{1,2}(?:\.[0-9]{1,4})?)%", ("10%", "12.5%"), 12),
]
Size = Annotated[
    str, Text("a size", "a whole number with B, KiB, MiB or GiB", "(?:0|[1-9][0-9]*)(?:B|KiB|MiB|GiB)", ("64KiB", "10MiB"), 14)
]

_LABEL_FORM = "lower-case letters, digits and dashes between them, at most 63 characters"
LABEL = Text("a name", _LABEL_FORM, _LABEL, ("shop",), 63)
DnsLabel = Annotated[str, LABEL]
ThingName = Annotated[str, Text("a name", _LABEL_FORM, _LABEL, ("users",), 63)]
Locality = Annotated[
    str,
    Text(
        "a locality",
        "region, region/zone or region/zone/subzone",
        "[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,2}",
        ("eu-west-1", "eu-west-1/eu-west-1a"),
        253,
    ),
]
QualifiedName = Annotated[str, Text("a name", _LABEL_FORM, f"{_LABEL}/{_LABEL}", ("shop/users",), 127)]
PortName = Annotated[
    str, Text("a port name", "lower-case letters, digits and dashes between them, at most 15 characters", _LABEL, ("http", "metrics"), 15)
]
Reference = Annotated[str, Text("a name", "name or namespace/name", f"(?:{_LABEL}/)?{_LABEL}", ("users", "shop/users"), 127)]
HostPattern = Annotated[
    str,
    Text(
        "a host",
        "a DNS name, *.suffix, an address, or * for all; no port",
        rf"(?:\*\.)?{_DNS_NAME}|\*|{_ADDRESS}",
        ("shop.example.com", "*.example.com"),
        253,
    ),
]
Host = Annotated[
    str,
    Text(
        "a host",
        "one DNS name or address, without wildcards",
        rf"{_DNS_NAME}\.?(?::[0-9]{{1,5}})?|{_ADDRESS}(?::[0-9]{{1,5}})?",
        ("shop.example.com",),
        260,
    ),
]
ServerName = Annotated[str, Text("a server name", "one DNS name, without wildcards or port", _DNS_NAME, ("api.stripe.com",), 253)]
Domain = Annotated[str, Text("a domain", "lower-case letters, digits, dashes and dots", _SUBDOMAIN, ("shop.example",), 253)]
HeaderName = Annotated[
    str, Text("a header name", "letters, digits and dashes (RFC 9110 token)", "[!#$%&'*+.^_`|~0-9A-Za-z-]+", ("x-canary",), 256)
]
MethodName = Annotated[str, Text("a method", "upper-case letters", "[A-Z][A-Z0-9-]*", ("GET", "POST"), 64)]
Identity = Annotated[str, Text("an identity", "a service account's name: lower-case letters, digits, - and .", _SUBDOMAIN, ("users",), 253)]
SpiffeId = Annotated[
    str,
    Text(
        "a SPIFFE id",
        "spiffe://<trust domain>/<path>",
        "spiffe://[a-z0-9._-]+(?:/[a-zA-Z0-9._-]+)+",
        ("spiffe://shop.example/ns/shop/sa/users",),
    ),
]
LabelKey = Annotated[
    str,
    Text(
        "a label's name",
        "a Kubernetes label key",
        rf"(?:{_SUBDOMAIN}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?",
        ("app", "app.kubernetes.io/name"),
        317,
    ),
]
LabelValue = Annotated[
    str,
    Text(
        "a label's value",
        "letters, digits, -, _ and ., at most 63 characters (Kubernetes)",
        "(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?",
        ("users",),
        63,
    ),
]
String = StrictStr

PortNumber = Annotated[int, Number(1, 65535, "a port")]
Count = Annotated[int, Number(0, 2**31 - 1)]
Positive = Annotated[int, Number(1, 2**31 - 1)]
Weight = Annotated[int, Number(0, 1_000_000, "a weight")]
Flag = StrictBool
WholeNumber = StrictInt
Labels = dict[LabelKey, LabelValue]
