"""How tests of the mesh are written: a request, and what must come back."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, StrictStr, Tag, model_validator

from meshc.spec.pattern import SourceEntryShape
from meshc.spec.shapes import (
    Expected,
    Host,
    MethodName,
    Number,
    OneKey,
    PortName,
    Reference,
    Shape,
    Short,
    ThingName,
    conflict,
    form,
    lacking,
)


class TokenShape(Shape):
    """A valid token."""

    provider: Reference
    """Its provider."""
    claims: dict[StrictStr, Any] = {}
    """Its claims."""


class RequestShape(Shape):
    """A request."""

    method: MethodName = "GET"
    """Its method."""
    scheme: Literal["http", "https"] | None = None
    """How it comes in. Default: as the listener that takes it."""
    host: Host | None = None
    """Its Host. Default: the service's name."""
    path: StrictStr = "/"
    """Its path, with the query, as it is sent."""
    headers: dict[StrictStr, StrictStr] = {}
    """Its headers."""
    jwt: Annotated[TokenShape | None, Short("provider")] = None
    """A valid token that it carries."""


class ReachesShape(Shape):
    """Every destination that it may go to."""

    service: Reference
    """The service."""
    version: ThingName | None = None
    """The version."""


class ExpectShape(OneKey):
    """What must come back: exactly one key."""

    status: Annotated[int, Number(100, 599, "an HTTP status")] | None = None
    """A local answer with that status."""
    redirect: StrictStr | None = None
    """A redirect to that Location."""
    reaches: Annotated[ReachesShape | None, Short("service")] = None
    """It reaches a service."""


class TestShape(Shape):
    """A unit test of the mesh."""

    __test__ = False  # not a test case of pytest

    name: StrictStr
    """A sentence."""
    via: Reference | None = None
    """The gateway it enters by."""
    listener: ThingName | None = None
    """The gateway's listener. Default: the TLS listener that owns the host, else the plain one."""
    from_: SourceEntryShape | None = Field(default=None, alias="from")
    """Who asks, inside the mesh: a service, a namespace, an identity, or plaintext."""
    to: Reference | None = None
    """The service that is asked."""
    port: PortName | None = None
    """Its port. Default: the only one, else `http`."""
    clientIp: StrictStr | None = None
    """The client's address, outside."""
    request: RequestShape = Field(default_factory=RequestShape)
    """The request."""
    expect: Annotated[
        Annotated[Literal["denied", "unauthenticated", "refused", "no-route"], Tag("text")] | Annotated[ExpectShape, Tag("map")],
        Discriminator(form),
        Expected("denied, unauthenticated, refused, no-route, or a map with status, redirect or reaches"),
    ]
    """What must come back. `no-route`: 404 where no rule takes it, 502 where the caller's proxy knows no such host."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["via"]}, {"required": ["from"]}]})

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.via is None) == (self.from_ is None):
            if self.via is None:
                raise lacking("from", "expected who asks: `from` inside the mesh, or `via` a gateway")
            raise conflict("`from` stands beside `via`, expected one of them", "from", "a request enters by a gateway or comes from inside")
        if self.via is not None:
            if self.to is not None:
                raise conflict("`to` stands beside `via`, expected it only with `from`", "to", "the request's host says where it goes")
            if self.request.host is None:
                raise lacking("request", "expected the request's `host`, by which the gateway routes")
        elif self.to is None and self.request.host is None:
            raise lacking("to", "expected the service that is asked, or the request's `host`")
        elif self.listener is not None or self.clientIp is not None:
            key = "listener" if self.listener is not None else "clientIp"
            raise conflict(f"`{key}` stands beside `from`, expected it only with `via`", key)
        return self
