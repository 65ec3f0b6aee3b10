"""How routes are written: rules, and what a rule does with a request."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StrictStr, model_validator

from meshc.spec.pattern import PatternShape
from meshc.spec.services import RateLimitShape
from meshc.spec.shapes import (
    Duration,
    Flag,
    HeaderName,
    Host,
    HostPattern,
    MethodName,
    Number,
    OneKey,
    OneOrMany,
    Percent,
    PortName,
    PortNumber,
    Reference,
    Shape,
    Short,
    Size,
    ThingName,
    Weight,
    conflict,
    lacking,
    one_key,
)


class DestinationShape(Shape):
    """Where requests go."""

    service: Reference
    """The service."""
    port: PortName | None = None
    """Its port; must be said where it has several."""
    version: ThingName | None = None
    """Its version. Absent: as the service's `traffic` says."""
    weight: Weight | None = None
    """Its share, where there are several."""


class PathChangeShape(OneKey):
    """How the path changes: exactly one key."""

    replacePrefixMatch: StrictStr | None = None
    """Takes the place of the segments before `/**`."""
    replaceFullPath: StrictStr | None = None
    """Takes the place of the whole path."""


class RewriteShape(Shape):
    """Changes before a request is forwarded."""

    path: PathChangeShape | None = None
    """The path."""
    host: Host | None = None
    """The Host."""


class RedirectShape(Shape):
    """A local answer that sends the client elsewhere; what is not said stays."""

    scheme: Literal["http", "https"] | None = None
    """The scheme."""
    host: Host | None = None
    """The host."""
    port: PortNumber | None = None
    """The port."""
    path: PathChangeShape | None = None
    """The path."""
    statusCode: Literal[301, 302, 303, 307, 308] = 302
    """The status."""


class RespondShape(Shape):
    """A local answer."""

    status: Annotated[int, Number(200, 599, "an HTTP status")] = 200
    """The status."""
    body: StrictStr = ""
    """The body."""
    headers: dict[HeaderName, StrictStr] = {}
    """Headers of the answer."""


class BackoffShape(Shape):
    """How long to wait between tries."""

    initial: Duration | None = None
    """Before the first retry, at most; it doubles. Default: a tenth of `max`, which is 25ms where neither is said."""
    max: Duration | None = None
    """At most. Default: ten times `initial`."""


class RetriesShape(Shape):
    """When a request is tried again."""

    attempts: Annotated[int, Number(0, 100)] = 1
    """Retries, not tries."""
    perTry: Duration | None = None
    """How long one try may take."""
    conditions: Annotated[list[Literal["connect-failure", "refused-stream", "reset", "gateway-error"]], OneOrMany()] = []
    """What counts as failed."""
    codes: Annotated[list[Annotated[int, Number(400, 599, "an HTTP status")]], OneOrMany()] = []
    """Answers that count as failed."""
    backoff: BackoffShape = Field(default_factory=BackoffShape)
    """How long to wait."""
    idempotent: Flag = False
    """Every method of the rule may be repeated."""


class HeaderChangesShape(Shape):
    """`remove`, then `set`, then `add`."""

    set: dict[HeaderName, StrictStr] = {}
    """Name to value: takes the place of what is there."""
    add: dict[HeaderName, StrictStr] = {}
    """Name to value: a further line."""
    remove: Annotated[list[HeaderName], OneOrMany()] = []
    """Names."""


class HeadersShape(Shape):
    """Header changes."""

    request: HeaderChangesShape = Field(default_factory=HeaderChangesShape)
    """Before the request is forwarded."""
    response: HeaderChangesShape = Field(default_factory=HeaderChangesShape)
    """Before the answer is given back."""


class DelayShape(Shape):
    """Requests are held up."""

    duration: Duration
    """How long."""
    percent: Percent = "100%"
    """How many."""


class AbortShape(Shape):
    """Requests are answered with an error."""

    status: Annotated[int, Number(200, 599, "an HTTP status")]
    """The status."""
    percent: Percent = "100%"
    """How many."""


class FaultShape(Shape):
    """Injected trouble."""

    delay: DelayShape | None = None
    """A delay."""
    abort: AbortShape | None = None
    """An error."""


class MirrorShape(Shape):
    """A copy of requests, whose answers are dropped."""

    to: Annotated[DestinationShape, Short("service")]
    """Where the copy goes."""
    percent: Percent = "100%"
    """How many."""


class CorsShape(Shape):
    """Which pages of other origins may read answers."""

    origins: Annotated[list[StrictStr], OneOrMany()]
    """Origins such as https://shop.example.com, `https://*.example.com`, or `*`."""
    methods: Annotated[list[MethodName], OneOrMany()] = ["GET", "HEAD", "POST"]
    """Methods."""
    headers: Annotated[list[HeaderName], OneOrMany()] = []
    """Request headers."""
    exposeHeaders: Annotated[list[HeaderName], OneOrMany()] = []
    """Response headers that the page may read."""
    maxAge: Duration | None = None
    """How long a preflight's answer holds."""
    credentials: Flag = False
    """Whether cookies are sent."""


ACTIONS = ("to", "redirect", "respond")


class RuleShape(Shape):
    """A rule: the first that matches takes the request. Exactly one of `to`, `redirect`, `respond`."""

    name: ThingName | None = None
    """Its name, which overlays patch by."""
    match: Annotated[list[PatternShape] | None, OneOrMany()] = None
    """The requests it takes. Absent: all."""
    to: Annotated[list[Annotated[DestinationShape, Short("service")]] | None, OneOrMany()] = Field(default=None, min_length=1)
    """Where they go."""
    redirect: RedirectShape | None = None
    """A redirect."""
    respond: RespondShape | None = None
    """A local answer."""
    rewrite: RewriteShape | None = None
    """Changes before forwarding."""
    timeout: Duration | None = None
    """From the read request to the last byte of the answer; `0s` is none. Default: the mesh's."""
    retries: RetriesShape | None = None
    """Default: the mesh's."""
    mirror: Annotated[MirrorShape | None, Short("to")] = None
    """A copy of the requests."""
    headers: HeadersShape = Field(default_factory=HeadersShape)
    """Header changes."""
    fault: FaultShape | None = None
    """Injected trouble."""
    cors: CorsShape | None = None
    """Cross-origin requests."""
    rateLimits: Annotated[list[RateLimitShape], OneOrMany()] = []
    """Limits on the rule."""
    maxRequestBody: Size | None = None
    """Above it 413."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [action]} for action in ACTIONS]})

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        actions = [action for action in ACTIONS if action in self.model_fields_set]
        if len(actions) != 1:
            raise one_key(list(ACTIONS), actions)
        if actions != ["to"]:
            for key in ("rewrite", "timeout", "retries", "mirror"):
                if key in self.model_fields_set:
                    raise conflict(
                        f"`{key}` stands beside `{actions[0]}`, expected it only with `to`", key, "nothing is forwarded by this rule"
                    )
        return self


class RouteShape(Shape):
    """North-south with `gateways` and `hosts`, or east-west with `services`."""

    gateways: Annotated[list[Reference], OneOrMany()] = []
    """Gateways that serve the hosts."""
    listeners: Annotated[list[ThingName] | None, OneOrMany()] = Field(default=None, min_length=1)
    """Listeners it is pinned to. Default: all of the gateways that its hosts overlap."""
    hosts: Annotated[list[HostPattern], OneOrMany()] = []
    """Hosts; east-west, further names that the services answer to."""
    services: Annotated[list[Reference], OneOrMany()] = []
    """Services of this namespace, for what their callers' proxies do."""
    priority: Annotated[int, Number(-1000, 1000)] = 0
    """Higher first, where several routes have one host."""
    rules: Annotated[list[RuleShape], OneOrMany(by="name")] = Field(min_length=1)
    """The rules, in order."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["gateways", "hosts"]}, {"required": ["services"]}]})

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        ways = [way for way in ("gateways", "services") if way in self.model_fields_set]
        if len(ways) != 1:
            raise one_key(["gateways", "services"], ways)
        if ways == ["services"] and self.listeners is not None:
            raise conflict("`listeners` stands beside `services`, expected it only with `gateways`", "listeners")
        if ways == ["gateways"] and not self.hosts:
            raise lacking("hosts", "expected the hosts that it serves on its gateways")
        return self
