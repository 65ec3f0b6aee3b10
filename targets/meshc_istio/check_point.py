"""The places where requests are checked: the workload that guards, its ports, and what it must hold (L9)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from meshc import access, workloads
from meshc.access import Checks
from meshc.diagnostics import Origin
from meshc.model import Gateway, JwtProvider, ListenerProtocol, Mesh, Mtls, Name, Pattern, Port, Service
from meshc_istio.names import gateway_workload_name, object_name

INBOUND: Final = "SIDECAR_INBOUND"
GATEWAY: Final = "GATEWAY"


@dataclass(frozen=True)
class CheckPoint:
    """
    A workload with a proxy. `name` begins the names of its objects; `http_ports` and `other_ports` are where its pods listen.

    Of a service these are target ports, and so they are of a gateway's listeners.
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

    @property
    def shared(self) -> bool:
        """Whether hosts of others live on its pods too."""
        return self.gateway is not None and self.gateway.tenancy == "shared"

    @cached_property
    def own_hosts(self) -> tuple[str, ...] | None:
        """The hosts that alone are this mesh's; None where all are."""
        if self.gateway is None or not self.shared:
            return None
        return tuple(sorted({host for listener in self.gateway.listeners for host in listener.hosts}))

    @cached_property
    def providers(self) -> tuple[JwtProvider, ...]:
        """The token providers that its entries name."""
        named = set(self.checks.providers)
        return tuple(provider for provider in self.mesh.providers if provider.name in named)

    def provider(self, name: Name) -> JwtProvider:
        """Return the provider of that name, which resolving has made sure of."""
        return next(provider for provider in self.mesh.providers if provider.name == name)

    def admitted_ports(self, pattern: Pattern) -> tuple[int, ...] | None:
        """
        Return the ports that an `allow` opens; None where all are meant, an empty tuple where it concerns none.

        A gateway's are not named: its pods listen where its Service sends, which nobody checks, and a wrong number would lock all out.
        """
        if self.gateway is not None:
            return None
        return self._numbers(port for port in self.ports if _concerns(pattern, port))

    def spared_ports(self, pattern: Pattern, *, http: bool) -> tuple[int, ...] | None:
        """
        Return the ports that a `deny` leaves alone; None where it concerns no port at all.

        These are named instead of those that it closes: where a pod listens elsewhere than the mesh says, the deny still holds. `http`:
        it reads requests, and where there are none it would close every connection.
        """
        if self.gateway is not None:
            return self.other_ports if http else ()
        closed = self._numbers(port for port in self.ports if _concerns(pattern, port) and (port.protocol.is_http or not http))
        return tuple(number for number in self._numbers(self.ports) if number not in closed) if closed else None

    def _numbers(self, ports: Iterable[Port]) -> tuple[int, ...]:
        return tuple(sorted({number for port in ports for number in (self.service.listens(port) if self.service else ())}))


def _concerns(pattern: Pattern, port: Port) -> bool:
    return (pattern.ports is None or port.name in pattern.ports) and (port.protocol.is_http or not pattern.has_http_keys)


def check_points(mesh: Mesh) -> Iterator[CheckPoint]:
    """Yield every workload of the mesh that has a proxy: services, then gateways."""
    for workload in mesh.workloads:
        if workload.has_proxy:
            yield of_service(mesh, workload)
    for gateway in mesh.gateways:
        yield of_gateway(mesh, gateway)


def of_service(mesh: Mesh, service: Service) -> CheckPoint:
    """Return the check point at a service's workload, whose pods' ports are all that other services lead to as well."""
    service = workloads.whole(mesh, service)
    return CheckPoint(
        mesh=mesh,
        name=object_name(service.name.name),
        namespace=service.name.namespace,
        selector=service.selector,
        context=INBOUND,
        http_ports=tuple(sorted({number for port in service.ports if port.protocol.is_http for number in service.listens(port)})),
        other_ports=tuple(sorted({number for port in service.ports if not port.protocol.is_http for number in service.listens(port)})),
        ports=service.ports,
        checks=access.checks(mesh, service),
        origin=service.origin,
        service=service,
    )


def of_gateway(mesh: Mesh, gateway: Gateway) -> CheckPoint:
    """Return the check point at a gateway."""
    http = {one.target_port for one in gateway.listeners if one.protocol in (ListenerProtocol.HTTP, ListenerProtocol.HTTPS)}
    return CheckPoint(
        mesh=mesh,
        name=gateway_workload_name(mesh, gateway),
        namespace=gateway.workload.namespace,
        selector=gateway.workload.selector,
        context=GATEWAY,
        http_ports=tuple(sorted(http)),
        other_ports=tuple(sorted({one.target_port for one in gateway.listeners} - http)),
        ports=(),
        checks=access.gateway_checks(mesh, gateway),
        origin=gateway.origin,
        gateway=gateway,
    )


def takes_plaintext(service: Service) -> bool:
    """Whether callers without a certificate reach one of its ports."""
    return any(port.mtls is not Mtls.STRICT for port in service.ports)
