"""How a caller's proxy guards external services: it lets out what its own workload declares, and answers 403 else (L8)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from meshc import paths
from meshc.model import Call, Egress, Forward, Mesh, Name, Pattern, Port, Rule, Service, Source, SourceKind, per_mesh
from meshc.model import Route as MeshRoute
from meshc.paths import PathError, PathPattern
from meshc_istio.complaints import Complain
from meshc_istio.http_match import ANY_PORT, entries
from meshc_istio.http_route import HttpRoute, Place, http_routes, matched

_REFUSED: Final[HttpRoute] = {"directResponse": {"status": 403}}


def reaches_outside(mesh: Mesh, rule: Rule) -> bool:
    """Whether a rule forwards to an external service."""
    return any(mesh.service_by_name[name].external for name in _destinations(rule))


def guarded_routes(place: Place, service: Service, route: MeshRoute, rule: Rule) -> Iterator[HttpRoute]:
    """The routes of a rule that leads out: for each declared call what it declares, then 403 for the rest of what the rule takes."""
    outside = sorted({name for name in _destinations(rule) if place.mesh.service_by_name[name].external})
    asked = _of_those_that_know(place.mesh, service, rule.matches)
    if not outside or not asked:
        yield from http_routes(place, route, rule, asked) if asked else ()
        return
    if len(set(_destinations(rule))) > 1:
        place.complain("a rule with an external service and another one: callers' proxies guard the one and not the other", rule.origin)
        return
    for caller, call in callers_of(place.mesh, outside[0]):
        narrowed = tuple(
            both
            for pattern in rule.matches
            for both in _declared(place, pattern, caller, call, _called(place, service, outside[0], rule, call))
        )
        if narrowed:
            yield from http_routes(place, route, rule, narrowed)
    match = entries(place.scope, asked)
    if match:
        yield {**matched(match), **_REFUSED}


def is_guarded(mesh: Mesh, service: Service) -> bool:
    """
    Whether callers' proxies hold an external service to what is declared.

    Those that declare a call without conditions know the host, and others do not: then there is nothing more to hold.
    """
    if not service.external:
        return False
    wild = any(host.startswith("*") for host in service.hosts)
    return wild or mesh.egress is Egress.ALLOW or any(_is_narrow(service, call) for _, call in callers_of(mesh, service.name))


def _is_narrow(service: Service, call: Call) -> bool:
    return call.pattern.has_http_keys or (call.pattern.ports is not None and len(call.pattern.ports) < len(service.ports))


def called_port_only(place: Place, host: str, routes: Iterable[HttpRoute]) -> Iterator[HttpRoute]:
    """
    Routes of a wildcard host, only for requests whose Host names no other port than the called one; else 403 (L18).

    A proxy resolves such a host while it runs, and connects to the port that stands in it.
    """
    if not host.startswith("*"):
        yield from routes
        return
    made = list(routes)
    while made and made[-1].get("directResponse") == _REFUSED["directResponse"]:
        made.pop()  # what comes behind says the same
    for route in made:
        narrowed = [_to_port(entry, port) for entry in route.get("match", [{}]) for port in place.ports if _takes(entry, port)]
        yield {**route, "match": narrowed}
    yield _REFUSED


def _takes(entry: dict[str, Any], port: Port) -> bool:
    return entry.get("port") in (None, port.port)


def _to_port(entry: dict[str, Any], port: Port) -> dict[str, Any]:
    """The entry, only for requests to that port whose Host names no other."""
    hosts = entry.get("authority", {}).get("regex", f"[^:]+{ANY_PORT}")
    return {**entry, "port": port.port, "authority": {"regex": hosts.removesuffix(ANY_PORT) + f"(?::{port.port})?"}}


def callers_of(mesh: Mesh, external: Name) -> Iterator[tuple[Service, Call]]:
    """Who declares a call of the service, with each call."""
    yield from _calls_by_service(mesh).get(external, ())


@per_mesh
def _calls_by_service(mesh: Mesh) -> dict[Name, list[tuple[Service, Call]]]:
    found: dict[Name, list[tuple[Service, Call]]] = {}
    for caller in mesh.workloads:
        for call in caller.calls or ():
            if caller.has_proxy:
                found.setdefault(call.service, []).append((caller, call))
    return found


def answer_undeclared(place: Place, service: Service) -> Iterator[HttpRoute]:
    """Where any host may be called, a listed service is still known to those alone that declare it: 502 for others (L8)."""
    if place.mesh.egress is not Egress.ALLOW or not service.external:
        return
    asked = _of_those_that_know(place.mesh, service, (Pattern(service.origin),))
    if asked:
        yield {"match": entries(place.scope, asked), "directResponse": {"status": 404}}
    yield {"directResponse": {"status": 502}}


def _of_those_that_know(mesh: Mesh, service: Service, patterns: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
    """Of what the patterns take, what callers send whose calls name the service; elsewhere the others' proxies never see its rules."""
    if mesh.egress is not Egress.ALLOW or not service.external:
        return patterns
    callers = {caller.name: caller for caller, _ in callers_of(mesh, service.name)}
    found = []
    for pattern in patterns:
        known = tuple(
            Source(SourceKind.SERVICE, pattern.origin, name=name) for name, one in sorted(callers.items()) if _may_call(pattern, one)
        )
        if known:
            found.append(replace(pattern, sources=known))
    return tuple(found)


def complain_of_connections(mesh: Mesh, service: Service, complain: Complain) -> None:
    """A caller's proxy knows a host on all its ports; on a port that is not HTTP nothing tells callers apart."""
    opaque = [port for port in service.ports if not port.protocol.is_http] if service.external else []
    declared: dict[Name, set[str]] = {}
    for caller, call in callers_of(mesh, service.name) if opaque else ():
        declared.setdefault(caller.name, set()).update(call.pattern.ports or ())
    for name, ports in sorted(declared.items()):
        for port in opaque:
            if port.name not in ports:
                message = f"{name} declares only other ports of {service.name}, and port {port.name} is no HTTP: its proxy can't guard it"
                complain(f"{message}; expected a service of its own for that port", port.origin)


def _destinations(rule: Rule) -> tuple[Name, ...]:
    if not isinstance(rule.action, Forward):
        return ()
    return tuple(one.service for one in rule.action.destinations if one.weight > 0)


def _called(place: Place, service: Service, outside: Name, rule: Rule, call: Call) -> tuple[Port, ...]:
    """The called ports by which the rule leads to a port of the external service that the call declares."""
    declared = call.pattern.ports
    assert isinstance(rule.action, Forward)  # noqa: S101 - the caller looked
    to = next(one for one in rule.action.destinations if one.service == outside and one.weight > 0)
    if to.port is not None:
        return place.ports if declared is None or to.port in declared else ()
    return tuple(port for port in place.ports if declared is None or port.name in declared) if service.name == outside else place.ports


def _declared(place: Place, pattern: Pattern, caller: Service, call: Call, called: tuple[Port, ...]) -> Iterator[Pattern]:
    """What a match and a declared call have in common, of one caller."""
    if not _may_call(pattern, caller):
        return
    source = Source(SourceKind.SERVICE, call.origin, name=caller.name)
    ports = tuple(port.name for port in called if pattern.ports is None or port.name in pattern.ports)
    methods = _common(pattern.methods, call.pattern.methods)
    hosts = _common_hosts(place, pattern, call)
    if ports == () or methods == () or hosts == ():
        return
    together = replace(
        pattern,
        sources=(source,),
        ports=None if len(ports) == len(place.ports) else ports,
        methods=methods,
        hosts=hosts,
        headers=(*pattern.headers, *(one for one in call.pattern.headers if one not in pattern.headers)),
        query=(*pattern.query, *(one for one in call.pattern.query if one not in pattern.query)),
    )
    if pattern.paths is None or call.pattern.paths is None:
        yield replace(together, paths=call.pattern.paths if pattern.paths is None else pattern.paths)
        return
    if met := tuple(both for one in pattern.paths for other in call.pattern.paths if (both := _met(place, one, other, call)) is not None):
        yield replace(together, paths=met)


def _met(place: Place, one: PathPattern, other: PathPattern, call: Call) -> PathPattern | None:
    try:
        return paths.intersect(one, other)
    except PathError as error:
        place.complain(str(error), call.origin)
        return None


def _common_hosts(place: Place, pattern: Pattern, call: Call) -> tuple[str, ...] | None:
    if pattern.hosts is not None and call.pattern.hosts is not None and pattern.hosts != call.pattern.hosts:
        place.complain("hosts on both a rule's match and the call that it serves, which Istio can't meet", call.origin)
    return call.pattern.hosts if pattern.hosts is None else pattern.hosts


def _common(some: tuple[str, ...] | None, others: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if some is None or others is None:
        return others if some is None else some
    return tuple(one for one in some if one in others)


def _may_call(pattern: Pattern, caller: Service) -> bool:
    if pattern.sources is None:
        return True
    return any(
        source.name == caller.name if source.kind is SourceKind.SERVICE else source.value in ("", caller.name.namespace)
        for source in pattern.sources
    )
