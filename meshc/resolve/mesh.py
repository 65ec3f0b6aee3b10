"""The whole mesh from the whole spec: each kind of thing in turn, and what holds between things of one kind."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from meshc.diagnostics import Origin
from meshc.model import Access, Call, Certificate, Egress, Gateway, Mesh, MeshTest, Mtls, Name, Service, TargetOptions, Telemetry
from meshc.resolve.expectations import mesh_test
from meshc.resolve.gateways import certificate, conflicts, gateway, hosts_by_certificate
from meshc.resolve.hosts import one_owner_each
from meshc.resolve.names import Names, Place, ReadFile, parse_name
from meshc.resolve.patterns import Asked, Patterns, Use
from meshc.resolve.policies import Policies, provider
from meshc.resolve.routes import Routes
from meshc.resolve.services import service
from meshc.resolve.values import METHODS
from meshc.resolve.workloads import agree, as_pods_are, join, own_keys
from meshc.spec import Spec
from meshc.spec.mesh import MeshShape, TelemetryShape
from meshc.spec.services import CallShape, ServiceShape
from meshc.spec.shapes import percent

S = TypeVar("S")
T = TypeVar("T")


def _each(things: Mapping[str, S], kind: str, root: Place, make: Callable[[Name, S, Place], T | None]) -> dict[Name, T]:
    """Things of one kind, made in the order of their names."""
    made: dict[Name, T] = {}
    for key in sorted(things, key=parse_name):
        name = parse_name(key)
        one = make(name, things[key], Place((kind, key), name.namespace, root.origin_of, root.found))
        if one is not None:
            made[name] = one
    return made


def whole_mesh(spec: Spec, root: Place, read_file: ReadFile) -> Mesh:
    names, top = Names(spec), root.at("mesh")
    methods = _methods(spec.mesh, top.at("methods"))
    services = _services(spec, root, read_file)
    join(spec, names, root, services)
    agree(services, root)
    patterns = Patterns(names, services, methods)
    _calls(spec, root, services, patterns)
    one_owner_each(spec, services, root)
    gateways = _each(spec.gateways, "gateways", root, lambda name, one, at: gateway(name, one, at, names, read_file))
    conflicts((one, Place(("gateways", str(name)), name.namespace, root.origin_of, root.found)) for name, one in gateways.items())
    _identities(spec, root, services, gateways)
    routes = Routes(names, services, gateways, patterns, spec.mesh.defaults, top.at("defaults"))
    policies = Policies(names, services, gateways, patterns)
    return Mesh(
        name=spec.mesh.name,
        namespace=spec.mesh.namespace,
        trust_domain=spec.mesh.trustDomain,
        cluster_domain=spec.mesh.clusterDomain,
        access=Access(spec.mesh.access),
        egress=Egress(spec.mesh.egress),
        mtls=Mtls(spec.mesh.mtls),
        requests=spec.mesh.requests,
        methods=methods,
        scope=spec.mesh.scope,
        telemetry=_telemetry(spec.mesh.telemetry, top.at("telemetry")),
        targets=_targets(spec.mesh, top.at("targets")),
        services=tuple(services.values()),
        gateways=tuple(gateways.values()),
        certificates=_certificates(spec, root, gateways, read_file),
        providers=tuple(
            _each(spec.authentication, "authentication", root, lambda name, one, at: provider(name, one, at, read_file)).values()
        ),
        routes=tuple(_each(spec.routes, "routes", root, routes.route).values()),
        policies=tuple(_each(spec.policies, "policies", root, policies.policy).values()),
        tests=_tests(spec, root, patterns, gateways),
        origin=top.origin,
    )


def _services(spec: Spec, root: Place, read_file: ReadFile) -> dict[Name, Service]:
    """Every service, none of them with its calls yet."""

    def make(name: Name, shape: ServiceShape, place: Place) -> Service:
        own_keys(shape, place)
        as_pods = as_pods_are(spec, name, shape)
        return service(name, as_pods, place, mesh=spec.mesh, mesh_place=root.at("mesh"), read_file=read_file)

    return _each(spec.services, "services", root, make)


def _methods(shape: MeshShape, place: Place) -> tuple[str, ...]:
    """All methods that are known: the standard ones, then the mesh's own."""
    for index, method in enumerate(shape.methods):
        if method in ("CONNECT", "TRACE"):
            place.at(index).error("MC012", f"method {method}, which no target lets through: it turns a proxy inside out")
    return (*METHODS, *sorted(set(shape.methods) - {*METHODS, "CONNECT", "TRACE"}))


def _calls(spec: Spec, root: Place, services: dict[Name, Service], patterns: Patterns) -> None:
    """Adds what each service calls, now that all ports are known."""
    for key, shape in spec.services.items():
        name = parse_name(key)
        if shape.calls is not None and name in services:
            place = Place(("services", key, "calls"), name.namespace, root.origin_of, root.found)
            made = (_call(one, place.at(index), patterns) for index, one in enumerate(shape.calls))
            calls = sorted((call for call in made if call is not None), key=lambda call: call.service)
            services[name] = replace(services[name], calls=tuple(calls))
    for name, one in services.items():
        if one.shares_workload:
            services[name] = replace(one, calls=services[one.workload].calls)


def _call(shape: CallShape, place: Place, patterns: Patterns) -> Call | None:
    name = patterns.names.find("service", shape.service, place.at("service"))
    if name is None or name not in patterns.services or not patterns.names.has_ports(name, shape.service, place.at("service")):
        return None
    return Call(name, patterns.pattern(shape, place, Use.CALL, Asked((patterns.services[name],))), place.origin)


def _identities(spec: Spec, root: Place, services: Mapping[Name, Service], gateways: Mapping[Name, Gateway]) -> None:
    """Who shares an identity must say so, or what is allowed to one would silently be allowed to the other (L10)."""
    owners: dict[tuple[str, str], list[tuple[str, bool, Place]]] = {}
    for name, one in services.items():
        place = Place(("services", str(name)), name.namespace, root.origin_of, root.found)
        if one.has_proxy and not one.shares_workload:
            stated = spec.services[str(name)].identity is not None
            owners.setdefault((name.namespace, one.identity), []).append(
                (f"service {name}", stated, place.at("identity") if stated else place)
            )
            for version in one.versions:
                if version.identity is not None and version.identity != one.identity:
                    at = place.at("versions", version.name, "identity")
                    owners.setdefault((name.namespace, version.identity), []).append((f"service {name}", True, at))
    for name, owner in gateways.items():
        place = Place(("gateways", str(name)), name.namespace, root.origin_of, root.found)
        stated = "identity" in spec.gateways[str(name)].workload.model_fields_set
        key = (owner.workload.namespace, owner.workload.identity)
        owners.setdefault(key, []).append((f"gateway {name}", stated, place.at("workload", "identity") if stated else place))
    for (namespace, identity), sharing in owners.items():
        _shared_identity(f"{namespace}/{identity}", sharing)


def _shared_identity(identity: str, sharing: list[tuple[str, bool, Place]]) -> None:
    for label, stated, place in sharing:
        others = [(other, at) for other, _, at in sharing if other != label]
        if others and not stated:
            other, at = others[0]
            message = f"{label} has the identity {identity} of {other}, which is allowed only where each states it"
            place.error("MC111", message, "give each its own `identity`, or write the shared one at both", (at.origin, other))


def _certificates(spec: Spec, root: Place, gateways: Mapping[Name, Gateway], read_file: ReadFile) -> tuple[Certificate, ...]:
    used = hosts_by_certificate(gateways.values())
    made = _each(spec.certificates, "certificates", root, lambda name, one, at: certificate(name, one, at, used.get(name, ()), read_file))
    return tuple(made.values())


def _telemetry(shape: TelemetryShape | None, place: Place) -> Telemetry | None:
    if shape is None:
        return None
    tracing = shape.tracing
    if tracing is not None:
        host, _, port = tracing.otlp.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65535:  # noqa: PLR2004 - the highest port
            place.at("tracing", "otlp").error("MC012", f"{tracing.otlp!r}, expected host:port of a collector")
    return Telemetry(
        access_log=shape.accessLog,
        metrics=shape.metrics,
        otlp=None if tracing is None else tracing.otlp,
        sampling_percent=0.0 if tracing is None else percent(tracing.sampling),
        origin=place.origin,
    )


def _targets(shape: MeshShape, place: Place) -> tuple[TargetOptions, ...]:
    found = []
    for name, options in sorted(shape.targets.items()):
        tree: dict[str, Any] = dict(options or {})
        accept = tree.pop("accept", None)
        accept = [] if accept is None else accept if isinstance(accept, list) else [accept]
        if not all(isinstance(word, str) for word in accept):
            place.at(name, "accept").error("MC012", f"{accept!r}, expected names of approximations")
            accept = []
        found.append(TargetOptions(name, tuple(sorted(tree.items())), tuple(sorted(set(accept))), place.at(name).origin))
    return tuple(found)


def _tests(spec: Spec, root: Place, patterns: Patterns, gateways: Mapping[Name, Gateway]) -> tuple[MeshTest, ...]:
    found = []
    seen: dict[str, Origin] = {}
    for namespace, shapes in sorted(spec.tests.items()):
        for index, shape in enumerate(shapes):
            place = Place(("tests", namespace, index), namespace, root.origin_of, root.found)
            if (first := seen.setdefault(shape.name, place.origin)) != place.origin:
                place.error("MC015", f"a second test {shape.name!r}, expected another name", None, (first, "first"))
            if (made := mesh_test(shape, place, patterns, gateways)) is not None:
                found.append(made)
    return tuple(sorted(found, key=lambda one: one.name))
