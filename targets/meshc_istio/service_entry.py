"""What the control plane can't find by itself: services outside the mesh, endpoints given by hand, further names of services."""

from collections.abc import Iterator
from typing import Any, Final

from meshc import access
from meshc.diagnostics import Origin
from meshc.model import Egress, Endpoint, Mesh, Name, Port, Protocol, Service
from meshc_istio.complaints import Complain
from meshc_istio.egress_guard import callers_of
from meshc_istio.names import fqdn, numbered, object_name
from meshc_istio.objects import NETWORKING, Object, Wave

_PROTOCOLS: Final = {
    Protocol.HTTP: "HTTP",
    Protocol.HTTP2: "HTTP2",
    Protocol.GRPC: "GRPC",
    Protocol.GRPC_WEB: "GRPC-WEB",
    Protocol.TLS: "TLS",
    Protocol.TCP: "TCP",
}


def service_entries(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """The ServiceEntry objects of the mesh."""
    for service in mesh.services:
        if service.external:
            yield from _external(mesh, service, complain)
        else:
            if service.endpoints is not None:
                yield _internal(mesh, service, service.endpoints)
                _complain_of_shared_addresses(mesh, service, complain)
            yield from _further_names(mesh, service, complain)


# --- outside --------------------------------------------------------------------------------------------------------------------


def _external(mesh: Mesh, service: Service, complain: Complain) -> Iterator[Object]:
    for port in service.ports:
        if port.protocol is Protocol.TCP:
            what = f"port {port.name} of an external service speaks plain tcp: without an address Istio would send it all connections"
            complain(f"{what} to port {port.port}; expected `tls` or a protocol of HTTP", port.origin)
    for index, host in enumerate(sorted(service.hosts)):
        yield _outside(mesh, service, host, numbered(service.name.name, index))


def _outside(mesh: Mesh, service: Service, host: str, name: str) -> Object:
    """One object a host: hosts of one ServiceEntry would share their endpoints."""
    spec: dict[str, Any] = {
        "hosts": [host],
        "location": "MESH_EXTERNAL",
        # A wildcard's names are resolved by the proxy: sent on to the address that the workload dialled, a request could reach anything.
        "resolution": "DYNAMIC_DNS" if host.startswith("*") else "DNS",
        "ports": [_port(port) for port in service.ports],
    }
    if mesh.egress is Egress.DECLARED:
        # Whom the mesh does not name has no Sidecar that would keep the host from it.
        spec["exportTo"] = ["." if one == service.name.namespace else one for one in _namespaces_that_know(mesh, service.name)] or ["~"]
    if service.endpoints:
        spec["endpoints"] = [_endpoint(service, endpoint) for endpoint in service.endpoints]
        spec["resolution"] = "STATIC"
    return Object(NETWORKING, "ServiceEntry", name, service.name.namespace, spec, service.origin, Wave.NAMES)


def _namespaces_that_know(mesh: Mesh, external: Name) -> list[str]:
    """Where workloads stand that call the service, or whose proxies try a rule that leads there."""
    found = {caller.name.namespace for caller, _ in callers_of(mesh, external)}
    for route in mesh.routes:
        if any(one.service == external for rule in route.rules for one in access.destinations(rule)):
            found.update(mesh.gateway_by_name[name].workload.namespace for name in route.gateways)
            for service in mesh.workloads:
                if route.services and service.has_proxy:
                    calls = route.services if service.calls is None else [call.service for call in service.calls]
                    found.update({service.name.namespace} if set(calls) & set(route.services) else ())
    return sorted(found)


# --- inside ---------------------------------------------------------------------------------------------------------------------


def _internal(mesh: Mesh, service: Service, endpoints: tuple[Endpoint, ...]) -> Object:
    spec: dict[str, Any] = {
        "hosts": [fqdn(mesh, service.name)],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [_port(port) for port in service.ports],
        "endpoints": [_endpoint(service, endpoint) for endpoint in endpoints],
    }
    if not endpoints:
        del spec["endpoints"]
    elif any(not port.protocol.is_http for port in service.ports):
        # Callers dial these; without an address a proxy would send every connection to that port here, whatever it was meant for.
        spec["addresses"] = sorted({endpoint.address for endpoint in endpoints})
    return Object(NETWORKING, "ServiceEntry", service.name.name, service.name.namespace, spec, service.origin, Wave.NAMES)


def _complain_of_shared_addresses(mesh: Mesh, service: Service, complain: Complain) -> None:
    """By an address and a port alone a proxy can't tell which of two services was called."""
    taken = {port.port for one in mesh.services_by_workload[service.workload] if one.name < service.name for port in one.ports}
    for port in service.ports:
        if port.port in taken and not port.protocol.is_http:
            complain(
                f"port {port.port} of {service.name} is another's of its workload too, by the same addresses; expected another port",
                port.origin,
            )


def further_names(mesh: Mesh, service: Service) -> dict[str, Origin]:
    """Return the names that a service's east-west routes add and no Service makes, each with the route that says it."""
    named = {host: route.origin for route in mesh.routes_by_service.get(service.name, ()) for host in route.hosts}
    named.pop(fqdn(mesh, service.name), None)
    return dict(sorted(named.items())) if not service.external else {}


def _further_names(mesh: Mesh, service: Service, complain: Complain) -> Iterator[Object]:
    """
    A proxy answers to a name on all the service's ports only where the control plane knows it.

    Ports that show no requests are left out: nothing but an address tells their connections apart, and by a name they reach the service's
    own. Without one a proxy would send every connection to that port here.
    """
    named = further_names(mesh, service)
    for host, origin in named.items():
        if host.startswith("*"):
            complain(f"host `{host}` of an east-west route: inside the mesh Istio knows services by whole names", origin.at("hosts"))
    ports = [_port(port) for port in service.ports if port.protocol.is_http]
    if not named or not ports:
        return
    spec: dict[str, Any] = {"hosts": list(named), "location": "MESH_INTERNAL", "resolution": "STATIC", "ports": ports}
    if service.endpoints is None:
        spec["workloadSelector"] = {"labels": dict(service.selector)}
    else:
        spec["endpoints"] = [_endpoint(service, endpoint) for endpoint in service.endpoints]
    name = object_name(service.name.name, "names")
    yield Object(NETWORKING, "ServiceEntry", name, service.name.namespace, spec, next(iter(named.values())), Wave.NAMES)


def _port(port: Port) -> dict[str, Any]:
    found: dict[str, Any] = {"number": port.port, "name": port.name, "protocol": _PROTOCOLS[port.protocol]}
    if port.target_port != port.port:
        found["targetPort"] = port.target_port
    return found


def _endpoint(service: Service, endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {"address": endpoint.address}
    if endpoint.port is not None and any(port.target_port != endpoint.port for port in service.ports):
        found["ports"] = {port.name: endpoint.port for port in service.ports}
    if endpoint.labels:
        found["labels"] = dict(endpoint.labels)
    if endpoint.locality is not None:
        found["locality"] = endpoint.locality
    if endpoint.weight != 1:
        found["weight"] = endpoint.weight
    if service.has_proxy and not service.external:
        found["serviceAccount"] = service.identity
    return found
