"""The cast that a mesh asks for: a pod for each version of each service, for each gateway, and a server for each service outside."""

from collections.abc import Iterator

from meshc.model import Mesh, Protocol, Service, SourceKind, Version
from tests.conformance.istio.cast import OUTSIDE_ADDRESS, Cast, Pod, ServicePort

SOMEONE = "someone"
"""A workload with an identity that the mesh does not know, one in each namespace that a test asks from."""


def cast_of(mesh: Mesh) -> Cast:
    """Workloads for all that the mesh names."""
    outside = [service for service in mesh.services if service.external]
    pods: list[Pod] = []
    for service in mesh.workloads:
        for version in service.versions or (None,):
            pods.append(_pod(service, version, len(pods)))
    for namespace in _strangers(mesh):
        pods.append(Pod(f"{SOMEONE}-{namespace}", namespace, f"{SOMEONE}-{namespace}", "v1", _address(len(pods)), SOMEONE))
    workloads = {(gateway.workload.namespace, gateway.workload.identity, gateway.workload.selector) for gateway in mesh.gateways}
    for namespace, identity, selector in sorted(workloads):
        labels = dict(selector)
        pods.append(Pod(f"gateway-{len(pods)}", namespace, "gateway", "v1", _address(len(pods)), identity, kind="router", labels=labels))
    names: dict[str, str] = {}
    for service in outside:
        address = _address(len(pods))
        name = service.name
        pods.append(Pod(name.name, name.namespace, name.name, "v1", address, "none", proxy=False, kind="outside"))
        names |= {host: address for host in service.hosts if "*" not in host}
    if mesh.telemetry is not None and mesh.telemetry.otlp is not None:
        collector = mesh.telemetry.otlp.partition(":")[0]
        below = "" if "." in collector else f".{mesh.namespace}.svc.{mesh.cluster_domain}"
        names[collector + below] = OUTSIDE_ADDRESS  # where nothing listens: telemetry decides nothing
    ports = {f"{service.name.namespace}/{service.name.name}": tuple(_ports(service)) for service in mesh.services}
    ports |= {f"{pod.namespace}/{pod.app}": (ServicePort("http", 80, 8080),) for pod in pods if pod.app.startswith(f"{SOMEONE}-")}
    return Cast(tuple(pods), ports, names)


def _strangers(mesh: Mesh) -> list[str]:
    sources = (test.source for test in mesh.tests)
    return sorted({source.value for source in sources if source is not None and source.kind is SourceKind.NAMESPACE})


def _address(number: int) -> str:
    return f"10.244.1.{number + 1}"


def _pod(service: Service, version: Version | None, number: int) -> Pod:
    name = service.name.name
    label = "v1" if version is None else version.name
    labels = dict(service.selector) | {"version": label, "service.istio.io/canonical-name": name}
    labels |= {} if version is None else dict(version.labels)
    account = service.identity if version is None or version.identity is None else version.identity
    return Pod(f"{name}-{label}", service.name.namespace, name, label, _address(number), account, proxy=service.has_proxy, labels=labels)


def _ports(service: Service) -> Iterator[ServicePort]:
    for port in service.ports:
        ends_tls = service.external and (port.tls is not None or port.protocol is Protocol.TLS)
        yield ServicePort(port.name, port.port, port.target_port, "tls" if ends_tls else port.protocol.value)
