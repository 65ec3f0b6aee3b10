"""How a set of requests is written: the one pattern of `match`, `calls`, `allow`, `deny` and `require`."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, StrictStr, Tag, model_validator
from pydantic_core import PydanticCustomError

from meshc.spec.shapes import (
    DnsLabel,
    Expected,
    HeaderName,
    HostPattern,
    MethodName,
    OneKey,
    OneOrMany,
    PortName,
    Reference,
    Shape,
    Short,
    SpiffeId,
    form,
)


class RegexShape(Shape):
    """A regular expression that must match the whole text, in the subset on which RE2, PCRE2 and Python agree."""

    regex: StrictStr
    """The expression, without anchors."""


PathShape = Annotated[
    Annotated[StrictStr, Tag("text"), Field(examples=["/cart", "/users/{id}", "/api/**"])] | Annotated[RegexShape, Tag("map")],
    Discriminator(form),
    Expected("a path such as /cart, /users/{id} or /api/**, or a map with regex"),
]
"""`/cart` is the whole path, `{id}` or `*` one segment, a final `/**` the path and everything below."""


class ValueShape(OneKey):
    """A condition on a header or query value: exactly one key."""

    present: Literal[True] | None = None
    """`true`: the field is there, an empty value too."""
    absent: Literal[True] | None = None
    """`true`: the field is not there."""
    exact: StrictStr | None = None
    """The whole value."""
    prefix: StrictStr | None = None
    """How the value begins."""
    regex: StrictStr | None = None
    """An expression for the whole value."""
    not_: Annotated[list["ValueConditionShape"] | None, OneOrMany()] = Field(default=None, alias="not")
    """None of these holds."""


ValueConditionShape = Annotated[
    Annotated[StrictStr, Tag("text")] | Annotated[ValueShape, Tag("map")],
    Discriminator(form),
    Expected("a string, or a map with present, absent, exact, prefix, regex or not"),
]
"""An exact string, or a condition."""


class SourceShape(OneKey):
    """Who asks: exactly one key."""

    service: Reference | None = None
    """A service of the mesh."""
    namespace: DnsLabel | None = None
    """Every identity of a namespace."""
    gateway: Reference | None = None
    """A gateway of the mesh."""
    identity: SpiffeId | None = None
    """A SPIFFE id, matched whole."""
    cidr: Annotated[list[StrictStr] | None, OneOrMany()] = None
    """Client address ranges; gateway policies only."""
    callersIn: DnsLabel | None = None
    """What the services of that namespace declare in `calls`."""


SourceEntryShape = Annotated[
    Annotated[StrictStr, Tag("text"), Field(examples=["frontend", "shop/frontend", "callers", "mtls", "plaintext", "everyone"])]
    | Annotated[SourceShape, Tag("map")],
    Discriminator(form),
    Expected("a service, callers, mtls, plaintext, everyone, or a map with one key"),
]
"""A service, or one of the words callers, mtls, plaintext, everyone, or a map with one key."""


class JwtShape(Shape):
    """A valid token of the provider, with these claims."""

    provider: Reference
    """A provider of `authentication`."""
    claims: dict[StrictStr, Annotated[list[StrictStr], OneOrMany()]] = {}
    """Claim (nested by dots) to values: all claims must hold, one value of each is enough."""


class PatternShape(Shape):
    """A set of requests: keys are AND, the list of a key is OR, an empty list matches nothing."""

    from_: Annotated[list[SourceEntryShape] | None, OneOrMany()] = Field(default=None, alias="from")
    """Who asks."""
    ports: Annotated[list[PortName] | None, OneOrMany()] = None
    """Names of ports of the service that is asked."""
    hosts: Annotated[list[HostPattern] | None, OneOrMany()] = None
    """Hosts that are asked for."""
    methods: Annotated[list[MethodName] | None, OneOrMany()] = None
    """HTTP methods."""
    paths: Annotated[list[PathShape] | None, OneOrMany()] = None
    """Paths."""
    headers: dict[HeaderName, Annotated[list[ValueConditionShape], OneOrMany()]] | None = None
    """Header name to the value it must have."""
    query: dict[StrictStr, Annotated[list[ValueConditionShape], OneOrMany()]] | None = None
    """Query field to the value it must have."""
    jwt: Annotated[JwtShape | None, Short("provider")] = None
    """A token; policies only."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_pattern", "an empty pattern")
        return self
