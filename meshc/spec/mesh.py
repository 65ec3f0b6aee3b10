"""How the mesh block is written: what holds for the whole mesh."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictStr

from meshc.spec.routes import RetriesShape
from meshc.spec.services import AccessWord, MtlsWord
from meshc.spec.shapes import Bare, DnsLabel, Domain, Duration, MethodName, OneOrMany, Percent, Shape


class DefaultsShape(Shape):
    """What rules do where they say nothing."""

    timeout: Duration = "15s"
    """From the read request to the last byte of the answer; `0s` is none."""
    retries: RetriesShape = RetriesShape(attempts=0)
    """Default: none."""


class TracingShape(Shape):
    """Where traces go."""

    otlp: StrictStr
    """host:port of an OpenTelemetry collector (gRPC)."""
    sampling: Percent = "1%"
    """How many requests."""


class TelemetryShape(Shape):
    """What proxies report."""

    accessLog: Literal["json", "text", "off"] | None = None
    """The form of access logs."""
    metrics: Literal["prometheus", "off"] | None = None
    """Metrics."""
    tracing: TracingShape | None = None
    """Traces."""


class MeshShape(Shape):
    """What holds for the whole mesh. It stands in one file only."""

    name: DnsLabel = "mesh"
    """The mesh's name."""
    namespace: DnsLabel = "default"
    """The namespace of files that name none."""
    trustDomain: Domain = "cluster.local"
    """The SPIFFE trust domain of its identities."""
    clusterDomain: Domain = "cluster.local"
    """The DNS domain of its services."""
    access: AccessWord = "declared"
    """Who gets in where nothing more is said."""
    egress: Literal["declared", "allow"] = "declared"
    """What leaves the mesh."""
    mtls: MtlsWord = "strict"
    """How ports take callers."""
    requests: Literal["standard", "strict"] = "standard"
    """What becomes of odd requests. `strict`: refused, or answered as their normal form."""
    methods: Annotated[list[MethodName], OneOrMany()] = []
    """Methods beside the standard ones."""
    scope: Literal["workloads", "namespace", "mesh"] = "workloads"
    """What guards and reports: an object for each workload, for each namespace, or in the engine's root scope."""
    defaults: DefaultsShape = Field(default_factory=DefaultsShape)
    """What rules do where they say nothing."""
    telemetry: TelemetryShape | None = None
    """What proxies report."""
    exclude: Annotated[list[StrictStr], OneOrMany()] = []
    """Globs of files that are not part of the mesh."""
    targets: dict[StrictStr, Annotated[dict[StrictStr, Any], Bare()]] = Field(default={}, examples=[{"istio": {"version": "1.31"}}])
    """What `meshc build` writes when no --target is given; each target's options."""
