"""Where traces go: the collector, which istiod must have in its registry and every proxy must know."""

from collections.abc import Iterator
from typing import NamedTuple

from meshc.model import Mesh
from meshc_istio.complaints import Complain
from meshc_istio.names import fqdn
from meshc_istio.objects import NETWORKING, Object, Wave


class Collector(NamedTuple):
    """An OpenTelemetry collector; `namespace` is where its Service or ServiceEntry lies."""

    host: str
    port: int
    namespace: str
    outside: bool


def collector(mesh: Mesh) -> Collector | None:
    """Return the mesh's collector. A name without dots is a service beside the mesh's own file."""
    if mesh.telemetry is None or mesh.telemetry.otlp is None:
        return None
    host, _, port = mesh.telemetry.otlp.rpartition(":")
    labels = host.removesuffix(f".svc.{mesh.cluster_domain}").removesuffix(".svc").split(".")
    inside = host.endswith((".svc", f".svc.{mesh.cluster_domain}")) or len(labels) == 1
    if inside and len(labels) <= 2:  # noqa: PLR2004 - name and namespace
        namespace = labels[1] if len(labels) > 1 else _own_namespace(mesh)
        return Collector(f"{labels[0]}.{namespace}.svc.{mesh.cluster_domain}", int(port), namespace, outside=False)
    return Collector(host, int(port), _own_namespace(mesh), outside=True)


def _own_namespace(mesh: Mesh) -> str:
    """The namespace of the file that says `mesh:`: everything else in that file lies in it."""
    places = [(service.name, service.origin) for service in mesh.services]
    places += [(gateway.name, gateway.origin) for gateway in mesh.gateways]
    places += [(route.name, route.origin) for route in mesh.routes]
    return next((name.namespace for name, origin in places if origin.file == mesh.origin.file), mesh.namespace)


def collector_entry(mesh: Mesh) -> Iterator[Object]:
    """Yield the ServiceEntry of a collector outside: without one istiod would leave tracing off, without a word."""
    found = collector(mesh)
    if found is None or not found.outside or mesh.telemetry is None:
        return
    spec = {
        "hosts": [found.host],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "ports": [{"number": found.port, "name": "grpc", "protocol": "GRPC"}],
    }
    name = f"{mesh.name}-collector"
    yield Object(NETWORKING, "ServiceEntry", name, found.namespace, spec, mesh.telemetry.origin.at("tracing"), Wave.NAMES)


def complain_of_collector(mesh: Mesh, complain: Complain) -> None:
    """Traces go in plain text: a port of the mesh that takes mutual TLS only would refuse them."""
    found = collector(mesh)
    if found is None or mesh.telemetry is None:
        return
    for service in mesh.services:
        if fqdn(mesh, service.name) == found.host and service.has_proxy:
            for port in service.ports:
                if port.port == found.port and port.mtls.value == "strict":
                    message = f"traces go to {mesh.telemetry.otlp} in plain text, and port {port.name} takes mutual TLS only"
                    complain(message, mesh.telemetry.origin)
