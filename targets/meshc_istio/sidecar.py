"""What a workload's proxy knows: exactly the services that its workload may call, and where all else goes (L8)."""

from collections.abc import Iterator
from dataclasses import replace
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
    all_internal = _hosts(mesh, tuple(service for service in mesh.services if not service.external))
    for service in mesh.workloads:
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
    if (pool := _inbound_pool(mesh.services_by_workload[service.name])) is not None:
        found["inboundConnectionPool"] = pool
    return found


def _inbound_pool(services: tuple[Service, ...]) -> dict[str, Any] | None:
    """
    The limits and timeouts of connections to the application itself, for which Istio would take those of a service's DestinationRule.

    Limits there are each caller's, and would hold once more for all callers together; timeouts of one of several services over the same
    pods would hold for calls by the others, so that the longest are taken.
    """
    timeouts = {(service.connect_timeout_ms, service.idle_timeout_ms) for service in services}
    if len(timeouts) == 1 and all(service.circuit_breaker is None for service in services):
        return None
    connect, idle = (max(each) for each in zip(*timeouts, strict=True))
    pool = connection_pool(replace(services[0], connect_timeout_ms=connect, idle_timeout_ms=idle), limits=False)
    unlimited = {"tcp": {"maxConnections": NO_LIMIT}, "http": {"http1MaxPendingRequests": NO_LIMIT, "http2MaxRequests": NO_LIMIT}}
    return {key: {**unlimited[key], **pool.get(key, {})} for key in unlimited}


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
    others = (other for other in mesh.services if not other.external and other is not service and other.ports)
    missing = next((other for other in others if other.name not in called), None)
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
    return (full, *(host for host in routing.further_hosts(mesh, service) if host != full)) if service.ports else ()


@per_mesh
def _externals(mesh: Mesh) -> list[str]:
    return _hosts(mesh, tuple(service for service in mesh.services if service.external))
