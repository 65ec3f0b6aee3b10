"""What the control plane can't find by itself: services outside the mesh, endpoints given by hand, further names of services."""

from collections.abc import Iterator
from typing import Any, Final

from meshc.model import Endpoint, Mesh, Port, Protocol, Service
from meshc_istio.complaints import Complain
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
            yield from _external(service, complain)
        else:
            if service.endpoints is not None:
                yield _internal(mesh, service, service.endpoints)
            yield from _further_names(mesh, service, complain)


# --- outside --------------------------------------------------------------------------------------------------------------------


def _external(service: Service, complain: Complain) -> Iterator[Object]:
    for port in service.ports:
        if port.protocol is Protocol.TCP:
            what = f"port {port.name} of an external service speaks plain tcp: without an address Istio would send it all connections"
            complain(f"{what} to port {port.port}; expected `tls` or a protocol of HTTP", port.origin)
    for index, host in enumerate(sorted(service.hosts)):
        yield _outside(service, host, numbered(service.name.name, index))


def _outside(service: Service, host: str, name: str) -> Object:
    """One object a host: hosts of one ServiceEntry would share their endpoints."""
    spec: dict[str, Any] = {
        "hosts": [host],
        "exportTo": ["*"],
        "location": "MESH_EXTERNAL",
        # A wildcard's names are resolved by the proxy: sent on to the address that the workload dialled, a request could reach anything.
        "resolution": "DYNAMIC_DNS" if host.startswith("*") else "DNS",
        "ports": [_port(port) for port in service.ports],
    }
    if service.endpoints:
        spec["endpoints"] = [_endpoint(service, endpoint) for endpoint in service.endpoints]
        spec["resolution"] = "STATIC"
    return Object(NETWORKING, "ServiceEntry", name, service.name.namespace, spec, service.origin, Wave.NAMES)


# --- inside ---------------------------------------------------------------------------------------------------------------------


def _internal(mesh: Mesh, service: Service, endpoints: tuple[Endpoint, ...]) -> Object:
    spec: dict[str, Any] = {
        "hosts": [fqdn(mesh, service.name)],
        "exportTo": ["*"],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [_port(port) for port in service.ports],
        "endpoints": [_endpoint(service, endpoint) for endpoint in endpoints],
    }
    if not endpoints:
        del spec["endpoints"]
    elif any(port.protocol is Protocol.TCP for port in service.ports):
        # Callers dial these; without an address a proxy would send every connection to that port here, whatever it was meant for.
        spec["addresses"] = sorted({endpoint.address for endpoint in endpoints})
    return Object(NETWORKING, "ServiceEntry", service.name.name, service.name.namespace, spec, service.origin, Wave.NAMES)


def _further_names(mesh: Mesh, service: Service, complain: Complain) -> Iterator[Object]:
    """Names that its east-west routes add: a proxy answers to a name on all the service's ports only where the control plane knows it."""
    named = {host: route.origin for route in mesh.routes_by_service.get(service.name, ()) for host in route.hosts}
    named.pop(fqdn(mesh, service.name), None)
    if not named:
        return
    for host, origin in sorted(named.items()):
        if host.startswith("*"):
            complain(f"host `{host}` of an east-west route: inside the mesh Istio knows services by whole names", origin.at("hosts"))
    spec: dict[str, Any] = {
        "hosts": sorted(named),
        "exportTo": ["*"],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [_port(port) for port in service.ports],
    }
    if service.endpoints is None:
        spec["workloadSelector"] = {"labels": dict(service.selector)}
    else:
        spec["endpoints"] = [_endpoint(service, endpoint) for endpoint in service.endpoints]
    yield Object(
        NETWORKING, "ServiceEntry", object_name(service.name.name, "names"), service.name.namespace, spec, service.origin, Wave.NAMES
    )


def _port(port: Port) -> dict[str, Any]:
    return {"number": port.port, "name": port.name, "protocol": _PROTOCOLS[port.protocol], "targetPort": port.target_port}


def _endpoint(service: Service, endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "address": endpoint.address,
        "ports": {port.name: endpoint.port if endpoint.port is not None else port.target_port for port in service.ports},
    }
    if endpoint.labels:
        found["labels"] = dict(endpoint.labels)
    if endpoint.locality is not None:
        found["locality"] = endpoint.locality
    found["weight"] = endpoint.weight
    if not service.external:
        found["serviceAccount"] = service.identity
    return found
