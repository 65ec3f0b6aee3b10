"""How services are written: ports, versions, what they call, how they are reached."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, StrictStr, Tag, model_validator

from meshc.spec.pattern import PathShape, ValueConditionShape
from meshc.spec.shapes import (
    Bare,
    Count,
    Duration,
    Expected,
    Flag,
    HeaderName,
    HostPattern,
    Identity,
    Labels,
    Locality,
    MethodName,
    Number,
    OneKey,
    OneOrMany,
    Percent,
    PortName,
    PortNumber,
    Positive,
    Rate,
    Reference,
    ServerName,
    Shape,
    Short,
    ShortMap,
    Size,
    ThingName,
    Weight,
    conflict,
    form,
    lacking,
)

ProtocolWord = Literal["http", "http2", "grpc", "grpc-web", "tls", "tcp"]
MtlsWord = Literal["strict", "permissive", "disable"]
AccessWord = Literal["deny", "declared", "allow"]


class FileShape(Shape):
    """A file beside the spec."""

    file: StrictStr
    """Its path, relative to the file that names it."""


class OriginateTlsShape(Shape):
    """The caller's proxy speaks TLS, and verifies."""

    hostname: ServerName
    """SNI, and the name that the certificate must have."""
    ca: Annotated[
        Annotated[Literal["system"], Tag("text")] | Annotated[FileShape, Tag("map")],
        Discriminator(form),
        Expected("system, or a map with file"),
    ] = "system"
    """The authority: the system's, or a PEM file."""


class PortShape(Shape):
    """A port of a service."""

    port: PortNumber
    """What callers dial."""
    targetPort: PortNumber | None = None
    """Where the workload listens. Default: `port`."""
    protocol: ProtocolWord | None = None
    """What is spoken there. Default: the port's name, where that is a protocol."""
    mtls: MtlsWord | None = None
    """How the port takes callers. Default: the service's."""
    tls: OriginateTlsShape | None = None
    """External services: the caller's proxy originates TLS."""


class VersionShape(Shape):
    """A subset of the endpoints."""

    labels: Labels | None = None
    """Labels of its pods. Default: `version: <name>`."""
    identity: Identity | None = None
    """Its service account. Default: the service's."""


class CallShape(Shape):
    """A call that this workload makes."""

    service: Reference
    """Whom it calls."""
    ports: Annotated[list[PortName] | None, OneOrMany()] = None
    """Ports of that service; must be said where it has several."""
    hosts: Annotated[list[HostPattern] | None, OneOrMany()] = None
    """Hosts."""
    methods: Annotated[list[MethodName] | None, OneOrMany()] = None
    """HTTP methods. Default: all."""
    paths: Annotated[list[PathShape] | None, OneOrMany()] = None
    """Paths. Default: all."""
    headers: dict[HeaderName, Annotated[list[ValueConditionShape], OneOrMany()]] | None = None
    """Headers that its requests have."""
    query: dict[StrictStr, Annotated[list[ValueConditionShape], OneOrMany()]] | None = None
    """Query fields that its requests have."""


class HashShape(OneKey):
    """What picks the endpoint: exactly one key."""

    header: HeaderName | None = None
    """A header's value."""
    cookie: StrictStr | None = None
    """A cookie's value; the proxy sets one where it is missing."""
    query: StrictStr | None = None
    """A query field's value."""
    sourceIp: Literal[True] | None = None
    """The client's address."""


class LoadBalancingShape(Shape):
    """How an endpoint is picked."""

    policy: Literal["round-robin", "least-request", "random", "hash"] | None = None
    """How the next endpoint is chosen. Default: least-request, or hash where `hash` stands."""
    hash: Annotated[HashShape | None, ShortMap({"sourceIp": True})] = None
    """What is hashed."""
    locality: Literal["off", "prefer"] = "off"
    """`prefer`: endpoints in the caller's zone, then in its region, then all. Default: off."""

    @model_validator(mode="after")
    def _hash_and_policy(self) -> Self:
        if self.policy == "hash" and self.hash is None:
            raise lacking("hash", "expected what is hashed: header, cookie, query or sourceIp")
        if self.hash is not None and self.policy not in (None, "hash"):
            raise conflict(f"`hash` stands beside `policy: {self.policy}`, expected it only with `policy: hash`", "hash")
        return self


class CircuitBreakerShape(Shape):
    """Limits of each client proxy."""

    maxConnections: Positive | None = None
    """Connections."""
    maxPendingRequests: Positive | None = None
    """Requests waiting for a connection."""
    maxParallelRequests: Positive | None = None
    """Requests under way."""


class OutlierDetectionShape(Shape):
    """When an endpoint is taken out for a while."""

    consecutive5xxErrors: Positive = 5
    """So many 5xx answers, one after the other."""
    interval: Duration = "10s"
    """How often it is looked at."""
    baseEjectionTime: Duration = "30s"
    """How long, times how often it was out."""
    maxEjectionPercent: Percent = "50%"
    """At most this share of the endpoints."""


class TimeoutsShape(Shape):
    """Timeouts of connections to the service."""

    connect: Duration = "10s"
    """To open a connection."""
    idle: Duration = "1h"
    """A connection without traffic is closed after this."""


class EndpointShape(Shape):
    """An address, by hand."""

    address: StrictStr
    """An IP address."""
    port: PortNumber | None = None
    """Where the workload listens there. Default: the port's target port."""
    labels: Labels = {}
    """Labels, which versions select by."""
    locality: Locality | None = None
    """Where it stands: region, or region/zone."""
    weight: Annotated[int, Number(1, 1_000_000, "a weight")] = 1
    """Its share."""


class HealthCheckShape(Shape):
    """Active health checks."""

    path: StrictStr
    """What is asked for."""
    interval: Duration = "5s"
    """How often."""
    timeout: Duration = "1s"
    """How long an answer may take."""
    unhealthyThreshold: Positive = 3
    """So many failures take it out."""
    healthyThreshold: Positive = 2
    """So many successes bring it back."""


class PerHeaderShape(Shape):
    """One bucket for each value of a header."""

    header: HeaderName
    """The header."""


class RateLimitShape(Shape):
    """A limit that each proxy counts by itself."""

    limit: Rate
    """Requests per time."""
    burst: Count = 0
    """So many more at once."""
    per: Annotated[
        Annotated[Literal["all", "source-service", "source-ip"], Tag("text")] | Annotated[PerHeaderShape, Tag("map")],
        Discriminator(form),
        Expected("all, source-service, source-ip, or a map with header"),
    ] = "all"
    """What has a bucket of its own."""


class ServiceShape(Shape):
    """A workload of the mesh, another service over one's pods (with `workload`), or something outside (with `hosts`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["ports"]}, {"required": ["calls"], "properties": {"hosts": False, "workload": False}}],
        }
    )

    ports: dict[PortName, Annotated[PortShape, Short("port")]] | None = Field(default=None, min_length=1)
    """Port name to port. `http: 80` works where the name is a protocol. Absent: a worker that `calls` and nobody calls."""
    workload: Reference | None = None
    """The service of its namespace whose pods these are: its selector, identity, proxy, versions, access, calls and limits hold."""
    headless: Flag = False
    """It has no address of its own: callers connect to its pods, also by their names (`<pod>.<name>`)."""
    hosts: Annotated[list[HostPattern] | None, OneOrMany()] = Field(default=None, min_length=1)
    """Outside the mesh: the names it answers to."""
    selector: Labels | None = None
    """Labels of its pods. Default: `app: <name>`."""
    identity: Identity | None = None
    """Its service account. Default: the service's name."""
    sidecar: Literal["none"] | None = None
    """`none`: no proxy there; nothing guards it."""
    versions: dict[ThingName, Annotated[VersionShape, Bare()]] = {}
    """Subsets by labels."""
    traffic: dict[ThingName, Weight] | None = None
    """Version to weight, wherever a destination names no version."""
    access: AccessWord | None = None
    """Who gets in where nothing more is said. Default: the mesh's."""
    mtls: MtlsWord | None = None
    """How its ports take callers. Default: the mesh's."""
    calls: Annotated[list[Annotated[CallShape, Short("service")]] | None, OneOrMany()] = None
    """What it calls. Absent: unknown. `[]`: nothing."""
    endpoints: Annotated[list[EndpointShape] | None, OneOrMany()] = None
    """Addresses by hand. Absent: the platform finds them."""
    loadBalancing: Annotated[LoadBalancingShape | None, Short("policy")] = None
    """How an endpoint is picked. Default: least-request."""
    circuitBreaker: CircuitBreakerShape | None = None
    """Limits of each client proxy."""
    outlierDetection: OutlierDetectionShape | None = None
    """Failing endpoints are taken out for a while."""
    healthCheck: HealthCheckShape | None = None
    """Active health checks."""
    timeouts: TimeoutsShape | None = None
    """Timeouts of connections."""
    rateLimits: Annotated[list[RateLimitShape], OneOrMany()] = []
    """Limits at the service."""
    maxRequestBody: Size | None = None
    """Above it 413. Absent: no limit."""

    @model_validator(mode="after")
    def _ports_or_calls(self) -> Self:
        if self.ports is None and (self.hosts is not None or self.workload is not None or self.calls is None):
            raise lacking("ports", "expected a map of ports by name; only a worker, which says its `calls`, may lack it")
        return self
