"""What a service is once its defaults are written out: ports, versions, identity, how it is reached."""

import ipaddress
from collections.abc import Sequence
from typing import Final

from meshc.model import (
    Access,
    CircuitBreaker,
    Endpoint,
    HealthCheck,
    LbPolicy,
    LoadBalancing,
    Mtls,
    Name,
    OriginateTls,
    OutlierDetection,
    Port,
    Protocol,
    Service,
    Version,
)
from meshc.resolve.files import read_pem
from meshc.resolve.names import Place, ReadFile, did_you_mean, one_of
from meshc.resolve.values import header_name, literal_path, only_key, pairs, rate_limits, refuse, selector
from meshc.spec.mesh import MeshShape
from meshc.spec.services import (
    CircuitBreakerShape,
    EndpointShape,
    FileShape,
    HealthCheckShape,
    LoadBalancingShape,
    OriginateTlsShape,
    OutlierDetectionShape,
    PortShape,
    ServiceShape,
    TimeoutsShape,
)
from meshc.spec.shapes import duration_ms, percent, size_bytes

RESERVED: Final = ("all", "callers", "mtls", "plaintext", "everyone")
ONLY_INSIDE: Final = (
    "workload",
    "headless",
    "selector",
    "identity",
    "sidecar",
    "versions",
    "traffic",
    "access",
    "mtls",
    "calls",
    "rateLimits",
    "maxRequestBody",
)
"""Keys that say something of a workload of the mesh, and nothing of what lies outside."""


def service(name: Name, shape: ServiceShape, place: Place, *, mesh: MeshShape, mesh_place: Place, read_file: ReadFile) -> Service:
    """A service without its calls, which need all others' ports, and without what is its workload's."""
    external = shape.hosts is not None
    has_proxy = not external and shape.sidecar is None
    if name.name in RESERVED:
        place.error("MC112", f"{name.name!r} is a reserved word, expected another name for the service", f"such as '{name.name}-api'")
    if external:
        _outside(shape, place)
    elif not has_proxy and shape.ports is not None:
        _unguarded(shape, place)
    timeouts = shape.timeouts or TimeoutsShape()
    versions = _versions(shape, place)
    return Service(
        name=name,
        workload=name,
        headless=shape.headless and not external,
        hosts=tuple(sorted({host.lower() for host in shape.hosts or ()})),
        ports=_ports(shape, place, mesh, read_file),
        selector=() if external else selector({"app": name.name} if shape.selector is None else shape.selector, place.at("selector")),
        identity=shape.identity or name.name,
        has_proxy=has_proxy,
        versions=versions,
        traffic=_traffic(shape, place.at("traffic")),
        access=Access.ALLOW if external else Access(shape.access or mesh.access),
        access_origin=(mesh_place.at("access") if shape.access is None and not external else place.at("access")).origin,
        calls=None,
        endpoints=None if shape.endpoints is None else _endpoints(shape.endpoints, place.at("endpoints")),
        load_balancing=_load_balancing(shape.loadBalancing, place.at("loadBalancing")),
        circuit_breaker=_circuit_breaker(shape.circuitBreaker, place.at("circuitBreaker")),
        outlier_detection=_outlier_detection(shape.outlierDetection, place.at("outlierDetection")),
        health_check=_health_check(shape.healthCheck, place.at("healthCheck")),
        rate_limits=rate_limits(shape.rateLimits, place.at("rateLimits")),
        connect_timeout_ms=duration_ms(timeouts.connect),
        idle_timeout_ms=duration_ms(timeouts.idle),
        max_request_body=None if shape.maxRequestBody is None else size_bytes(shape.maxRequestBody),
        origin=place.origin,
    )


def _outside(shape: ServiceShape, place: Place) -> None:
    said = [key for key in ONLY_INSIDE if key in shape.model_fields_set and getattr(shape, key) not in (None, False)]
    refuse(said, place, "the service lies outside the mesh, which `hosts` says")
    for index, host in enumerate(shape.hosts or ()):
        if host == "*":
            help_ = "to let everything leave the mesh, write `egress: allow` at the mesh"
            place.at("hosts", index).error("MC012", "host '*' of an external service, expected a name or `*.suffix`", help_)


def _unguarded(shape: ServiceShape, place: Place) -> None:
    """A service without a proxy: whatever its proxy would have to do can't be asked of it (L9)."""
    if shape.access != "allow":
        what = "says no `access`" if shape.access is None else f"says `access: {shape.access}`"
        message = f"service has `sidecar: none` and {what}, expected `access: allow`: nothing guards it"
        (place if shape.access is None else place.at("access")).error("MC116", message, "write `access: allow`, or give it a proxy")
    for key in ("rateLimits", "maxRequestBody", "calls"):
        if getattr(shape, key):
            place.at(key).error("MC110", f"{key!r} of a service with `sidecar: none`: there is no proxy that could hold it")
    if shape.mtls not in (None, "disable"):
        place.at("mtls").error("MC110", f"`mtls: {shape.mtls}` at a service with `sidecar: none`: there is no proxy that could hold it")


def _ports(shape: ServiceShape, place: Place, mesh: MeshShape, read_file: ReadFile) -> tuple[Port, ...]:
    found: dict[int, Port] = {}
    for name, port in (shape.ports or {}).items():
        at = place.at("ports", name)
        made = _port(name, port, at, service=shape, mesh=mesh, read_file=read_file)
        if other := found.get(made.port):
            at.at("port").error(
                "MC012", f"port {made.port} is {other.name!r} already, expected another number", None, (other.origin, "first")
            )
        else:
            found[made.port] = made
    return tuple(found[number] for number in sorted(found))


def _port(name: str, shape: PortShape, place: Place, *, service: ServiceShape, mesh: MeshShape, read_file: ReadFile) -> Port:
    words = tuple(str(protocol) for protocol in Protocol)
    word = shape.protocol or name
    if word not in words:
        near = did_you_mean(name, words)
        message = f"port {name!r} says no protocol, expected `protocol`, or one of {one_of(words)} as its name{near}"
        place.error("MC013", message, f"write `{name}: {{port: {shape.port}, protocol: http}}`, or what it speaks")
        word = "http"
    external = service.hosts is not None
    mtls = shape.mtls or service.mtls or mesh.mtls
    if external and shape.mtls is not None:
        place.at("mtls").error("MC011", "'mtls' has no meaning here: the service lies outside the mesh")
    if service.sidecar is not None and shape.mtls not in (None, "disable"):
        place.at("mtls").error("MC110", f"`mtls: {shape.mtls}` at a service with `sidecar: none`: there is no proxy that could hold it")
    if external or service.sidecar is not None:
        mtls = "disable"
    return Port(
        name=name,
        port=shape.port,
        target_port=shape.targetPort or shape.port,
        protocol=Protocol(word),
        mtls=Mtls(mtls),
        tls=_originate(shape.tls, place.at("tls"), Protocol(word), read_file, external=external),
        origin=place.origin,
    )


def _originate(
    shape: OriginateTlsShape | None, place: Place, protocol: Protocol, read_file: ReadFile, *, external: bool
) -> OriginateTls | None:
    if shape is None:
        return None
    if not external:
        place.error("MC011", "'tls' has no meaning here: inside the mesh, `mtls` says what is encrypted")
        return None
    if protocol is Protocol.TLS:
        place.error("MC012", "'tls' on a port where the application speaks TLS itself, expected protocol http or tcp")
    if shape.hostname.startswith("*"):
        place.at("hostname").error("MC012", f"hostname {shape.hostname!r}, expected one name that the certificate must have")
    ca = read_pem(shape.ca.file, place.at("ca", "file"), read_file) if isinstance(shape.ca, FileShape) else None
    return OriginateTls(shape.hostname.lower(), ca and ca[0], ca and ca[1], place.origin)


def _versions(shape: ServiceShape, place: Place) -> tuple[Version, ...]:
    found = []
    for name, version in sorted(shape.versions.items()):
        labels = {"version": name} if version is None or version.labels is None else version.labels
        at = place.at("versions", name)
        if not labels:
            at.error("MC012", f"version {name!r} has no labels, expected at least one to tell its endpoints by")
        found.append(Version(name, pairs(labels), None if version is None else version.identity, at.origin))
    return tuple(found)


def _traffic(shape: ServiceShape, place: Place) -> tuple[tuple[str, int], ...]:
    if shape.traffic is None:
        return ()
    for name in shape.traffic:
        if name not in shape.versions:
            known = one_of(sorted(shape.versions)) or "none"
            place.at(name).error("MC103", f"no version {name!r}, the service has {known}{did_you_mean(name, shape.versions)}")
    if not sum(shape.traffic.values()):
        place.error("MC012", "the weights of `traffic` add up to 0, expected more")
    return tuple(sorted((name, weight) for name, weight in shape.traffic.items() if name in shape.versions))


def _endpoints(shapes: Sequence[EndpointShape], place: Place) -> tuple[Endpoint, ...]:
    found = []
    for index, shape in enumerate(shapes):
        at = place.at(index)
        address = shape.address
        try:
            address = str(ipaddress.ip_address(shape.address))
        except ValueError:
            at.at("address").error("MC012", f"address {shape.address!r}, expected an IP address such as 10.0.0.11")
        found.append(Endpoint(address, shape.port, pairs(shape.labels), shape.locality, shape.weight, at.origin))
    return tuple(sorted(found, key=lambda one: (one.address, one.port or 0, one.labels, one.locality or "", one.weight)))


def _load_balancing(shape: LoadBalancingShape | None, place: Place) -> LoadBalancing:
    if shape is None:
        return LoadBalancing(LbPolicy.LEAST_REQUEST, None, None, "off", place.origin)
    if shape.hash is None:
        if shape.policy == "hash":
            place.error("MC013", "policy hash without `hash`, expected what is hashed: header, cookie, query or sourceIp")
        return LoadBalancing(LbPolicy(shape.policy or "least-request"), None, None, shape.locality, place.origin)
    if shape.policy not in (None, "hash"):
        place.at("policy").error("MC012", f"policy {shape.policy} beside `hash`, expected policy hash")
    keys = {key: getattr(shape.hash, key) for key in ("header", "cookie", "query", "sourceIp")}
    key = only_key(keys, place.at("hash"), "`hash`")
    value = keys[key] if key in ("header", "cookie", "query") else None
    if key == "header" and value is not None:
        value = header_name(value, place.at("hash", "header"), change=False)
    if key == "sourceIp" and keys[key] is False:
        place.at("hash", key).error("MC012", "`sourceIp: false`, expected true")
    return LoadBalancing(LbPolicy.HASH, key, value, shape.locality, place.origin)


def _circuit_breaker(shape: CircuitBreakerShape | None, place: Place) -> CircuitBreaker | None:
    if shape is None:
        return None
    return CircuitBreaker(shape.maxConnections, shape.maxPendingRequests, shape.maxParallelRequests, place.origin)


def _outlier_detection(shape: OutlierDetectionShape | None, place: Place) -> OutlierDetection | None:
    if shape is None:
        return None
    return OutlierDetection(
        shape.consecutive5xxErrors,
        duration_ms(shape.interval),
        duration_ms(shape.baseEjectionTime),
        percent(shape.maxEjectionPercent),
        place.origin,
    )


def _health_check(shape: HealthCheckShape | None, place: Place) -> HealthCheck | None:
    if shape is None:
        return None
    literal_path(shape.path, place.at("path"))
    return HealthCheck(
        shape.path,
        duration_ms(shape.interval),
        duration_ms(shape.timeout),
        shape.unhealthyThreshold,
        shape.healthyThreshold,
        place.origin,
    )
