"""The places where requests are checked: the workload that guards, its ports, and what it must hold (L9)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from meshc import access
from meshc.access import Checks
from meshc.diagnostics import Origin
from meshc.model import Gateway, JwtProvider, ListenerProtocol, Mesh, Mtls, Name, Port, Service
from meshc_istio.names import object_name

INBOUND: Final = "SIDECAR_INBOUND"
GATEWAY: Final = "GATEWAY"


@dataclass(frozen=True)
class CheckPoint:
    """
    A workload with a proxy. `name` begins the names of its objects; `http_ports` and `other_ports` are where it listens.

    Of a service these are target ports. Of a gateway they are the listeners' ports: its Service maps each to the same container port.
    """

    mesh: Mesh
    name: str
    namespace: str
    selector: tuple[tuple[str, str], ...]
    context: str
    http_ports: tuple[int, ...]
    other_ports: tuple[int, ...]
    ports: tuple[Port, ...]  # of a service; empty at a gateway, whose patterns name none
    checks: Checks
    origin: Origin
    gateway: Gateway | None = None
    service: Service | None = None

    @cached_property
    def providers(self) -> tuple[JwtProvider, ...]:
        """The token providers that its entries name."""
        named = set(self.checks.providers)
        return tuple(provider for provider in self.mesh.providers if provider.name in named)

    def provider(self, name: Name) -> JwtProvider:
        """The provider of that name, which resolving has made sure of."""
        return next(provider for provider in self.mesh.providers if provider.name == name)

    def target_ports(self, names: tuple[str, ...] | None, *, http: bool) -> tuple[int, ...]:
        """The port numbers that an entry concerns; with `http` only those where requests can be seen."""
        if self.gateway is not None:
            return self.http_ports if http else tuple(sorted({*self.http_ports, *self.other_ports}))
        chosen = (port for port in self.ports if (names is None or port.name in names) and (port.protocol.is_http or not http))
        return tuple(sorted({number for port in chosen for number in listens(self.service, port)}))

    @property
    def filter_id(self) -> str:
        """What stands in the names of filters and of their metadata."""
        return self.name.replace(".", "_").replace("-", "_")


def check_points(mesh: Mesh) -> Iterator[CheckPoint]:
    """Every workload of the mesh that has a proxy: services, then gateways."""
    for service in mesh.services:
        if service.has_proxy and not service.external:
            yield of_service(mesh, service)
    for gateway in mesh.gateways:
        yield of_gateway(mesh, gateway)


def of_service(mesh: Mesh, service: Service) -> CheckPoint:
    """The check point at a service."""
    return CheckPoint(
        mesh=mesh,
        name=object_name(service.name.name),
        namespace=service.name.namespace,
        selector=service.selector,
        context=INBOUND,
        http_ports=tuple(sorted({number for port in service.ports if port.protocol.is_http for number in listens(service, port)})),
        other_ports=tuple(sorted({number for port in service.ports if not port.protocol.is_http for number in listens(service, port)})),
        ports=service.ports,
        checks=access.checks(mesh, service),
        origin=service.origin,
        service=service,
    )


def of_gateway(mesh: Mesh, gateway: Gateway) -> CheckPoint:
    """The check point at a gateway."""
    http = {one.port for one in gateway.listeners if one.protocol in (ListenerProtocol.HTTP, ListenerProtocol.HTTPS)}
    return CheckPoint(
        mesh=mesh,
        name=object_name(gateway.name.namespace, gateway.name.name),
        namespace=gateway.workload.namespace,
        selector=gateway.workload.selector,
        context=GATEWAY,
        http_ports=tuple(sorted(http)),
        other_ports=tuple(sorted({one.port for one in gateway.listeners} - http)),
        ports=(),
        checks=access.gateway_checks(mesh, gateway),
        origin=gateway.origin,
        gateway=gateway,
    )


def listens(service: Service | None, port: Port) -> frozenset[int]:
    """Where a service's workloads listen for a port: an endpoint given by hand may say another number than the port's target."""
    endpoints = service.endpoints if service is not None else None
    return frozenset(port.target_port if one.port is None else one.port for one in endpoints or ()) or frozenset({port.target_port})


def takes_plaintext(service: Service) -> bool:
    """Whether callers without a certificate reach one of its ports."""
    return any(port.mtls is not Mtls.STRICT for port in service.ports)
