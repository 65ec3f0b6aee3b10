"""The whole mesh, its indexes, and what it says beside its things."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, TypeAlias, TypeVar

from meshc.diagnostics import Origin
from meshc.model.gateways import Certificate, Gateway
from meshc.model.names import Name
from meshc.model.policies import JwtProvider, Policy
from meshc.model.requests import Source
from meshc.model.routes import Route
from meshc.model.services import Access, Egress, Mtls, Service

T = TypeVar("T")
R = TypeVar("R")
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What proxies report. None: nothing is said, the platform's own settings stay."""

    access_log: str | None  # json | text | off
    metrics: str | None  # prometheus | off
    otlp: str | None  # host:port
    sampling_percent: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """`mesh.targets.<name>`: a tree that the target itself reads, and the approximations the user accepts."""

    name: str
    options: tuple[tuple[str, Any], ...]
    accept: tuple[str, ...]
    origin: Origin

    def option(self, name: str) -> Any:  # noqa: ANN401 - a JSON tree
        """The value of that option, or None."""
        return dict(self.options).get(name)


@dataclass(frozen=True, slots=True)
class MeshTest:
    """A test of the mesh as it was written; `request`, `expect` and who asks are resolved."""

    name: str
    via: Name | None
    source: Source | None  # service, namespace, identity or plaintext
    to: Name | None
    port: str | None
    method: str
    scheme: str | None
    host: str | None
    path: str
    headers: tuple[tuple[str, str], ...]
    token: Name | None  # the provider of a valid token
    claims: Any  # its claims, a JSON object
    client_ip: str | None
    expect: "Expectation"
    origin: Origin


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come back: exactly one field is set; of `reaches`, the version only where written."""

    outcome: str | None = None  # denied | unauthenticated | refused | no-route
    status: int | None = None
    redirect: str | None = None
    reaches: Name | None = None
    version: str | None = None


@dataclass(frozen=True)
class Mesh:
    """Everything a mesh says; not slotted, since its indexes are made once, when they are first asked for."""

    name: str
    namespace: str
    trust_domain: str
    cluster_domain: str
    access: Access
    egress: Egress
    mtls: Mtls
    requests: str  # standard | strict
    methods: tuple[str, ...]  # all methods that are known, the standard ones included
    scope: str  # workloads | namespace | mesh
    telemetry: Telemetry | None
    targets: tuple[TargetOptions, ...]
    services: tuple[Service, ...]
    gateways: tuple[Gateway, ...]
    certificates: tuple[Certificate, ...]
    providers: tuple[JwtProvider, ...]
    routes: tuple[Route, ...]
    policies: tuple[Policy, ...]
    tests: tuple[MeshTest, ...]
    origin: Origin

    @cached_property
    def service_by_name(self) -> Mapping[Name, Service]:
        """Its services by name."""
        return {service.name: service for service in self.services}

    @cached_property
    def workloads(self) -> tuple[Service, ...]:
        """The services inside the mesh that are workloads: each once, whatever further services its pods have."""
        return tuple(service for service in self.services if not service.external and not service.shares_workload)

    @cached_property
    def services_by_workload(self) -> Mapping[Name, tuple[Service, ...]]:
        """Its services by the workloads whose pods they reach."""
        return _grouped((service.workload, service) for service in self.services)

    @cached_property
    def gateway_by_name(self) -> Mapping[Name, Gateway]:
        """Its gateways by name."""
        return {gateway.name: gateway for gateway in self.gateways}

    @cached_property
    def routes_by_gateway(self) -> Mapping[Name, tuple[Route, ...]]:
        """Its north-south routes by the gateways that serve them."""
        return _grouped((gateway, route) for route in self.routes for gateway in route.gateways)

    @cached_property
    def routes_by_service(self) -> Mapping[Name, tuple[Route, ...]]:
        """Its east-west routes by the services they are for."""
        return _grouped((service, route) for route in self.routes for service in route.services)

    @cached_property
    def policies_by_service(self) -> Mapping[Name, tuple[Policy, ...]]:
        """Its policies by the services they select."""
        return _grouped((service, policy) for policy in self.policies for service in policy.services)

    @cached_property
    def policies_by_gateway(self) -> Mapping[Name, tuple[Policy, ...]]:
        """Its policies by the gateways they select."""
        return _grouped((gateway, policy) for policy in self.policies for gateway in policy.gateways)


def _grouped(pairs: Iterable[tuple[Name, T]]) -> dict[Name, tuple[T, ...]]:
    groups: dict[Name, list[T]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in groups.items()}


def per_mesh(compute: Callable[[Mesh], R]) -> Callable[[Mesh], R]:
    """A pure function of a mesh whose result is made once for each mesh, and kept with it."""
    key = f"{compute.__module__}.{compute.__qualname__}"

    @wraps(compute)
    def kept(mesh: Mesh) -> R:
        memory = mesh.__dict__
        if key not in memory:
            memory[key] = compute(mesh)
        result: R = memory[key]
        return result

    return kept
