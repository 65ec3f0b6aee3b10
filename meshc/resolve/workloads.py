"""Which services lead to the pods of one workload, and what they and their ports must then agree in (L9)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Final

from meshc.model import Mtls, Name, Port, Service
from meshc.resolve.names import Names, Place, parse_name
from meshc.resolve.values import refuse
from meshc.spec import Spec
from meshc.spec.services import ServiceShape

OF_THE_WORKLOAD: Final = (
    "selector",
    "identity",
    "sidecar",
    "versions",
    "traffic",
    "access",
    "mtls",
    "calls",
    "endpoints",
    "healthCheck",
    "rateLimits",
    "maxRequestBody",
)
"""Keys that say something of pods, and so stand once, where the workload is."""

OF_CALLED: Final = (
    "headless",
    "sidecar",
    "traffic",
    "access",
    "mtls",
    "endpoints",
    "loadBalancing",
    "circuitBreaker",
    "outlierDetection",
    "healthCheck",
    "timeouts",
    "rateLimits",
    "maxRequestBody",
)
"""Keys that say something of how a service is called, and nothing of one that has no ports."""

OF_BALANCED: Final = ("traffic", "endpoints", "loadBalancing", "outlierDetection", "healthCheck")
"""Keys that say which endpoint is picked, and nothing where callers pick it."""


def own_keys(shape: ServiceShape, place: Place) -> None:
    """Say which keys have no meaning at a worker, at a headless service, or at a further service of a workload."""
    if shape.ports is None:
        refuse(_said(shape, OF_CALLED), place, "a service without `ports` is called by nobody")
    if shape.workload is not None and shape.hosts is None:
        refuse(_said(shape, OF_THE_WORKLOAD), place, f"it is said at {shape.workload}, whose pods these are")
    elif shape.headless:
        refuse(_said(shape, OF_BALANCED), place, "callers of a headless service connect to the pods that they choose")
    for name, port in (shape.ports or {}).items() if shape.headless else ():
        if port.targetPort not in (None, port.port):
            message = f"targetPort {port.targetPort} of a headless service, expected that of `port`, {port.port}"
            help_ = "callers connect to the pods themselves, and nothing maps their ports"
            place.at("ports", name, "targetPort").error("MC012", message, help_)


def _said(shape: ServiceShape, keys: tuple[str, ...]) -> Iterator[str]:
    return (key for key in keys if key in shape.model_fields_set and getattr(shape, key) not in (None, False))


def as_pods_are(spec: Spec, name: Name, shape: ServiceShape) -> ServiceShape:
    """A further service's shape with what its ports take over from the workload."""
    workload = None if shape.workload is None else spec.services.get(str(Name(name.namespace, shape.workload.rpartition("/")[2])))
    if workload is None or shape.hosts is not None:
        return shape
    taken = {"mtls": workload.mtls, "sidecar": workload.sidecar, "access": workload.access if workload.sidecar is None else "allow"}
    return shape.model_copy(update={"calls": None, **taken})


def join(spec: Spec, names: Names, root: Place, services: dict[Name, Service]) -> None:
    """Give further services what is their workload's."""
    for key, shape in spec.services.items():
        name = parse_name(key)
        if shape.workload is None or shape.hosts is not None or name not in services:
            continue
        place = Place(("services", key), name.namespace, root.origin_of, root.found)
        if (workload := _workload(spec, names, place.at("workload"), shape.workload, services)) is not None:
            if shape.headless and workload.endpoints is not None:
                message = f"'headless' has no meaning here: the endpoints of {workload.name} are given by hand, and have no names"
                place.at("headless").error("MC011", message)
            services[name] = _joined(services[name], shape, workload)


def _workload(spec: Spec, names: Names, place: Place, reference: str, services: Mapping[Name, Service]) -> Service | None:
    found = names.find_own("service", reference, place)
    workload = None if found is None else services.get(found)
    if workload is None or found is None:
        return None
    theirs = spec.services[str(found)]
    if workload.external:
        place.error("MC118", f"service {reference!r} lies outside the mesh, expected one with pods")
    elif theirs.workload is not None:
        what = "itself" if place.path[1] == str(found) else f"and {reference!r} has the pods of {theirs.workload!r}"
        place.error("MC118", f"{reference!r} is no workload {what}, expected the service that says what its pods are")
    elif names.has_ports(found, reference, place):
        return workload
    return None


def _joined(service: Service, shape: ServiceShape, workload: Service) -> Service:
    joined = replace(
        service,
        workload=workload.name,
        selector=workload.selector,
        identity=workload.identity,
        has_proxy=workload.has_proxy,
        versions=workload.versions,
        traffic=() if service.headless else workload.traffic,
        access=workload.access,
        access_origin=workload.access_origin,
        endpoints=workload.endpoints,
        health_check=workload.health_check,
        rate_limits=workload.rate_limits,
        max_request_body=workload.max_request_body,
    )
    said = {name for name, port in (shape.ports or {}).items() if port.mtls is not None}
    ports = (port if port.name in said else replace(port, mtls=_mtls(joined, port, workload)) for port in joined.ports)
    return replace(joined, ports=tuple(ports))


def _mtls(service: Service, port: Port, workload: Service) -> Mtls:
    """That of the port of the workload which listens there, where one does."""
    listening = (one for one in workload.ports if workload.listens(one) == service.listens(port))
    return next((one.mtls for one in listening), port.mtls)


def agree(services: Mapping[Name, Service], root: Place) -> None:
    """Say which ports lead to one port of the pods and yet differ: whatever is asked there is asked of both."""
    by_workload: dict[Name, list[tuple[Service, Port]]] = {}
    for service in sorted(services.values(), key=lambda one: one.shares_workload):  # who joins a workload is told, not who was there
        if not service.external:
            by_workload.setdefault(service.workload, []).extend((service, port) for port in service.ports)
    for ports in by_workload.values():
        for (one, first), (other, second) in combinations(ports, 2):
            if not one.listens(first).isdisjoint(other.listens(second)):
                _agree(root, (one, first), (other, second))


def _agree(root: Place, first: tuple[Service, Port], second: tuple[Service, Port]) -> None:
    (one, port), (other, same) = first, second
    if one.listens(port) != other.listens(same):
        what = "to different ones of others"
    elif port.mtls is not same.mtls:
        what = f"differ in mtls ({port.mtls} and {same.mtls})"
    elif port.protocol.is_http is not same.protocol.is_http:
        what = f"differ in protocol ({port.protocol} and {same.protocol})"
    else:
        return
    number = min(one.listens(port) & other.listens(same))
    whose = f"of {one.name}" if one is other else f"of {one.name} and {other.name}"
    ports = f"ports {port.name!r} and {same.name!r} {whose}"
    message = f"{ports} lead to port {number} of the same pods and {what}, which no proxy there can tell apart"
    place = Place(("services", str(other.name), "ports", same.name), other.name.namespace, root.origin_of, root.found)
    place.error("MC128", message, "make them agree, or let them listen on different ports", (port.origin, "the other port"))
