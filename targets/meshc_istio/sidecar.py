"""What a workload's proxy knows: exactly the services that its workload may call, and where all else goes (L8)."""

from collections.abc import Iterator
from typing import Any, Final

from meshc import routing
from meshc.diagnostics import Origin
from meshc.model import Egress, Mesh, Name, Service, per_mesh
from meshc_istio.collector import collector
from meshc_istio.complaints import Complain, gives_up
from meshc_istio.destination_rule import connection_pool
from meshc_istio.names import fqdn
from meshc_istio.objects import NETWORKING, Object, Wave

_NOTHING: Final = "~/*"
NO_LIMIT: Final = 2_147_483_647


def sidecars(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """Yield one Sidecar for each service with a proxy that must not know everything, or whose limits are its callers' own."""
    internal = tuple(service for service in mesh.services if not service.external)
    all_internal = _hosts(mesh, internal)
    for service in internal:
        if service.has_proxy:
            spec = _spec(mesh, service, _egress(mesh, service, all_internal, complain))
            if spec:
                spec = {"workloadSelector": {"labels": dict(service.selector)}, **spec}
                yield Object(NETWORKING, "Sidecar", service.name.name, service.name.namespace, spec, _origin(service), Wave.KNOWN)


def _origin(service: Service) -> Origin:
    return service.origin if service.calls is None else service.origin.at("calls")


def _spec(mesh: Mesh, service: Service, hosts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if mesh.egress is Egress.DECLARED:
        found = {"egress": [{"hosts": hosts or [_NOTHING]}], "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    elif service.calls is not None:
        found = {"egress": [{"hosts": hosts or [_NOTHING]}]}
    if service.circuit_breaker is not None:
        # Limits of a DestinationRule are each caller's; without this they would hold once more for all callers together.
        pool = connection_pool(service, limits=False)
        unlimited = {"tcp": {"maxConnections": NO_LIMIT}, "http": {"http1MaxPendingRequests": NO_LIMIT, "http2MaxRequests": NO_LIMIT}}
        found["inboundConnectionPool"] = {key: {**unlimited[key], **pool.get(key, {})} for key in unlimited}
    return found


def _egress(mesh: Mesh, service: Service, all_internal: list[str], complain: Complain) -> list[str]:
    open_ended = mesh.egress is Egress.ALLOW
    if service.calls is None:
        return _with_collector(mesh, [*all_internal, *(_externals(mesh) if open_ended else ())])
    called = sorted({call.service for call in service.calls})
    if not open_ended:
        return _with_collector(mesh, _hosts(mesh, tuple(mesh.service_by_name[name] for name in called)))
    _complain_of_unguarded(mesh, service, called, complain)
    # Listed services outside are told to every proxy, so that it guards them: what it does not know it lets pass.
    return _with_collector(mesh, [*_hosts(mesh, tuple(mesh.service_by_name[name] for name in called)), *_externals(mesh)])


def _with_collector(mesh: Mesh, hosts: list[str]) -> list[str]:
    """A proxy that does not know where traces go sends none, without a word."""
    to = collector(mesh)
    return sorted({*hosts, *([] if to is None else [f"{to.namespace}/{to.host}"])})


def _complain_of_unguarded(mesh: Mesh, service: Service, called: list[Name], complain: Complain) -> None:
    missing = next((other for other in mesh.services if not other.external and other.name not in called and other is not service), None)
    if missing is not None:
        message = (
            f"with `egress: allow` a call of {service.name} to {missing.name}, which it does not declare, leaves its proxy like any other"
        )
        gives_up(mesh, "undeclared-internal-egress", message, service.origin, complain)


def _hosts(mesh: Mesh, services: tuple[Service, ...]) -> list[str]:
    return sorted({f"{service.name.namespace}/{host}" for service in services for host in _names(mesh, service)})


def _names(mesh: Mesh, service: Service) -> tuple[str, ...]:
    if service.external:
        return service.hosts
    full = fqdn(mesh, service.name)
    return (full, *(host for host in routing.service_hosts(mesh, service)[3:] if host != full))


@per_mesh
def _externals(mesh: Mesh) -> list[str]:
    return _hosts(mesh, tuple(service for service in mesh.services if service.external))
