"""Services: ports, versions, calls, and how they are reached."""

from dataclasses import dataclass
from enum import StrEnum

from meshc.diagnostics import Origin
from meshc.model.names import Name
from meshc.model.requests import Pattern


class Protocol(StrEnum):
    """What a port speaks."""

    HTTP = "http"
    HTTP2 = "http2"
    GRPC = "grpc"
    GRPC_WEB = "grpc-web"
    TLS = "tls"
    TCP = "tcp"

    @property
    def is_http(self) -> bool:
        """Whether requests can be seen: routes and HTTP keys apply."""
        return self not in (Protocol.TLS, Protocol.TCP)


class Mtls(StrEnum):
    """How a port takes callers."""

    STRICT = "strict"
    PERMISSIVE = "permissive"
    DISABLE = "disable"


class Access(StrEnum):
    """Who gets in where nothing more is said (L9)."""

    DENY = "deny"
    DECLARED = "declared"
    ALLOW = "allow"


class Egress(StrEnum):
    """What leaves the mesh (L8)."""

    DECLARED = "declared"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class OriginateTls:
    """The caller's proxy speaks TLS to an external service: SNI and verified name, and the CA."""

    hostname: str
    ca_file: str | None  # None: the system's CAs
    ca_pem: str | None  # the text of `ca_file`
    origin: Origin


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service: `port` is what callers dial, `target_port` where the workload listens."""

    name: str
    port: int
    target_port: int
    protocol: Protocol
    mtls: Mtls
    tls: OriginateTls | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Version:
    """A subset of a service's endpoints, by labels."""

    name: str
    labels: tuple[tuple[str, str], ...]
    identity: str | None  # None: the service's
    origin: Origin


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a workload declares; `pattern.ports` names ports of `service` and is never None."""

    service: Name
    pattern: Pattern
    origin: Origin


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address given by hand."""

    address: str
    port: int | None  # None: each port's target port
    labels: tuple[tuple[str, str], ...]
    locality: str | None  # region, region/zone or region/zone/subzone
    weight: int
    origin: Origin


class LbPolicy(StrEnum):
    """How endpoints are picked."""

    ROUND_ROBIN = "round-robin"
    LEAST_REQUEST = "least-request"
    RANDOM = "random"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class LoadBalancing:
    """A policy; with `hash`, what is hashed: one of header, cookie, query (`hash_name`) or sourceIp."""

    policy: LbPolicy
    hash_by: str | None  # header | cookie | query | sourceIp
    hash_name: str | None
    locality: str  # off | prefer: the caller's zone, then its region, then all
    origin: Origin


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """Limits of each client proxy towards the service; None: no limit."""

    max_connections: int | None
    max_pending_requests: int | None
    max_parallel_requests: int | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """When an endpoint is taken out for a while."""

    consecutive_5xx_errors: int
    interval_ms: int
    base_ejection_ms: int
    max_ejection_percent: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Active health checks of a service's endpoints."""

    path: str
    interval_ms: int
    timeout_ms: int
    unhealthy_threshold: int
    healthy_threshold: int
    origin: Origin


class LimitKey(StrEnum):
    """What has a bucket of its own."""

    ALL = "all"
    SOURCE_SERVICE = "source-service"
    SOURCE_IP = "source-ip"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`requests` per `unit_ms`, with `burst` more at once; one bucket for each value of the key; each proxy counts by itself."""

    requests: int
    unit_ms: int
    burst: int
    per: LimitKey
    header: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Service:
    """
    A workload of the mesh, another service over one's pods, or (with `hosts`) something outside the mesh.

    `workload` names the service that the workload itself is called by: its own name, unless it says another. Of that one it has selector,
    identity, proxy, versions, access, calls, endpoints and limits. `headless`: callers connect to its pods, each of which has a name.
    `calls` is None where the workload's calls are unknown. `endpoints` is None where the platform finds them. `ports` are in port order;
    a worker, which nobody calls, has none.
    """

    name: Name
    workload: Name
    headless: bool
    hosts: tuple[str, ...]
    ports: tuple[Port, ...]
    selector: tuple[tuple[str, str], ...]
    identity: str
    has_proxy: bool
    versions: tuple[Version, ...]
    traffic: tuple[tuple[str, int], ...]  # version and weight; empty: all endpoints
    access: Access
    access_origin: Origin  # where `access` was said: here or at the mesh
    calls: tuple[Call, ...] | None
    endpoints: tuple[Endpoint, ...] | None
    load_balancing: LoadBalancing
    circuit_breaker: CircuitBreaker | None
    outlier_detection: OutlierDetection | None
    health_check: HealthCheck | None
    rate_limits: tuple[RateLimit, ...]
    connect_timeout_ms: int
    idle_timeout_ms: int
    max_request_body: int | None  # None: no limit
    origin: Origin

    @property
    def external(self) -> bool:
        """Whether it lies outside the mesh."""
        return bool(self.hosts)

    @property
    def shares_workload(self) -> bool:
        """Whether its pods are those of another service."""
        return self.workload != self.name

    def listens(self, port: Port) -> frozenset[int]:
        """Where its pods listen for a port: an endpoint given by hand may say another number than the port's target."""
        if not self.endpoints:
            return frozenset((port.target_port,))
        return frozenset(port.target_port if one.port is None else one.port for one in self.endpoints)

    def port(self, name: str) -> Port:
        """The port of that name, which resolving has made sure of."""
        return next(port for port in self.ports if port.name == name)
