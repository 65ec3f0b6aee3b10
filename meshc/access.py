"""Who is let in where, written out as patterns: the meaning of `access`, `calls`, gateway routes and policies together (L9, L10)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from meshc import rewriting
from meshc.diagnostics import Origin
from meshc.model import (
    Access,
    Destination,
    Forward,
    Gateway,
    Mesh,
    Name,
    Pattern,
    Policy,
    Rule,
    Service,
    Source,
    SourceKind,
    per_mesh,
)
from meshc.regex import RegexError
from meshc.rewriting import Both

Keys: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """One entry of a check point: `pattern` and every one of `also` must match. `origin` is the line that says it, `what` names it."""

    pattern: Pattern
    origin: Origin
    what: str
    also: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A call or gateway rule whose paths, as they arrive at the service, no expression says: it lets nobody in by them."""

    service: Name
    declared: Origin
    rule: Rule


@dataclass(frozen=True, slots=True)
class Checks:
    """
    What a check point does with a request: deny beats require beats allow (L9).

    No `callers` stands in these patterns any more. `open`: everyone comes in who is not denied or lacks what is required. `ports` of a
    pattern are ports that the service has. `providers` are the token providers that any entry names.
    """

    deny: tuple[Grant, ...]
    require: tuple[Grant, ...]
    allow: tuple[Grant, ...]
    providers: tuple[Name, ...]
    open: bool
    base_origin: Origin | None = None


def spiffe_id(mesh: Mesh, namespace: str, identity: str) -> str:
    """The SPIFFE id of a service account of the mesh (L10)."""
    return f"spiffe://{mesh.trust_domain}/ns/{namespace}/sa/{identity}"


def identities_of_service(mesh: Mesh, service: Service) -> tuple[str, ...]:
    """The SPIFFE ids of a service's workloads: its own, and those of versions that have one of their own."""
    names = {service.identity, *(version.identity for version in service.versions if version.identity is not None)}
    return tuple(sorted(spiffe_id(mesh, service.name.namespace, name) for name in names))


def identity_of_gateway(mesh: Mesh, gateway: Gateway) -> str:
    """The SPIFFE id of a gateway's workload."""
    return spiffe_id(mesh, gateway.workload.namespace, gateway.workload.identity)


def identities_of(mesh: Mesh, source: Source) -> tuple[str, ...]:
    """The SPIFFE ids that a `service`, `gateway` or `identity` source names; of other kinds none."""
    match source.kind:
        case SourceKind.SERVICE if source.name is not None:
            return identities_of_service(mesh, mesh.service_by_name[source.name])
        case SourceKind.GATEWAY if source.name is not None:
            return (identity_of_gateway(mesh, mesh.gateway_by_name[source.name]),)
        case SourceKind.IDENTITY:
            return (source.value,)
        case _:
            return ()


def checks(mesh: Mesh, service: Service) -> Checks:
    """
    The check points at a service with a proxy: what is said of any service of its workload, as far as it concerns the ports of this one.

    The patterns name ports of `service`, which may be the `workloads.whole`. Where it has no port, nobody comes in.
    """
    policies = _policies(mesh, service.workload)
    allow = [grant for policy in policies for entry in policy.allow or () for grant in _expanded(mesh, service, policy, entry, "allow")]
    selected = any(policy.allow is not None for policy in policies)
    if service.access is Access.DECLARED:
        allow.extend(_declared(mesh, service))
    return _checks(
        deny=[grant for policy in policies for entry in policy.deny for grant in _expanded(mesh, service, policy, entry, "deny")],
        require=[grant for policy in policies for entry in policy.require for grant in _expanded(mesh, service, policy, entry, "require")],
        allow=allow,
        policies=policies,
        is_open=service.access is Access.ALLOW and not selected and bool(service.ports),
        base=service.access_origin,
    )


def _policies(mesh: Mesh, workload: Name) -> tuple[Policy, ...]:
    """The policies that select a service of the workload."""
    beside = mesh.services_by_workload[workload]
    found = {policy.name: policy for one in beside for policy in mesh.policies_by_service.get(one.name, ())}
    return tuple(found[name] for name in sorted(found))


def gateway_checks(mesh: Mesh, gateway: Gateway) -> Checks:
    """The check point at a gateway, which admits all unless an `allow` selects it."""
    policies = mesh.policies_by_gateway.get(gateway.name, ())

    def grants(which: str) -> list[Grant]:
        return [
            Grant(entry, entry.origin, f"{which} of policy {policy.name}")
            for policy in policies
            for entry in {"deny": policy.deny, "require": policy.require, "allow": policy.allow or ()}[which]
        ]

    is_open = all(policy.allow is None for policy in policies)
    return _checks(deny=grants("deny"), require=grants("require"), allow=grants("allow"), policies=policies, is_open=is_open, base=None)


def _checks(
    *, deny: list[Grant], require: list[Grant], allow: list[Grant], policies: tuple[Policy, ...], is_open: bool, base: Origin | None
) -> Checks:
    # An entry that matches nothing decides nothing; what `is_open` says of it has been said.
    deny, require, allow = ([grant for grant in grants if not grant.pattern.matches_nothing] for grants in (deny, require, allow))
    entries = (entry for policy in policies for entry in (*policy.deny, *policy.require, *(policy.allow or ())))
    named = {entry.jwt.provider for entry in entries if entry.jwt is not None}
    return Checks(tuple(deny), tuple(require), tuple(allow), tuple(sorted(named)), is_open, base)


def _expanded(mesh: Mesh, service: Service, policy: Policy, entry: Pattern, which: str) -> Iterator[Grant]:
    what = f"{which} of policy {policy.name}"
    narrowed = _on_ports(service, tuple(mesh.service_by_name[name] for name in policy.services), entry)
    if narrowed is None:
        return
    callers = [source for source in entry.sources or () if source.kind in (SourceKind.CALLERS, SourceKind.CALLERS_IN)]
    rest = None if entry.sources is None else tuple(source for source in entry.sources if source not in callers)
    if rest is None or rest or not callers:
        yield Grant(replace(narrowed, sources=rest), entry.origin, what)
    for source in callers:
        namespace = service.name.namespace if source.kind is SourceKind.CALLERS else source.value
        for caller, arriving in _arriving_calls(mesh, service, namespace):
            yield from _both(narrowed, arriving, entry.origin, f"{what}, for the call of {caller}")


def _on_ports(service: Service, asked: tuple[Service, ...], entry: Pattern) -> Pattern | None:
    """
    An entry about ports of `asked`, in the names of the ports that share their check points at `service`; None where there are none.

    HTTP keys concern HTTP ports only.
    """
    http = entry.has_http_keys
    beside = (one for one in asked if one.workload == service.workload)
    numbers = {
        number for one in beside for port in one.ports if entry.ports is None or port.name in entry.ports for number in one.listens(port)
    }
    mine = (port for port in service.ports if not http or port.protocol.is_http)
    ports = tuple(port.name for port in mine if not numbers.isdisjoint(service.listens(port)))
    return replace(entry, ports=None if len(ports) == len(service.ports) else ports) if ports else None


def _both(entry: Pattern, arriving: "Arriving", origin: Origin, what: str) -> Iterator[Grant]:
    """What the entry and the declared call have in common."""
    shared = replace(
        arriving.pattern,
        ports=_common(entry.ports, arriving.pattern.ports),
        methods=_common(entry.methods, arriving.pattern.methods),
        hosts=entry.hosts,
        headers=entry.headers,
        query=entry.query,
        jwt=entry.jwt,
    )
    for each in _with_paths(shared, rewriting.arriving(arriving.pattern.paths, entry.paths)):
        yield Grant(each.pattern, origin, what, (*each.also, *arriving.also))


def _with_paths(pattern: Pattern, sets: tuple[Both, ...] | None) -> "Iterator[Arriving]":
    """The pattern for those sets of paths: one for all that single patterns say, and one for each of the others."""
    singles = None if sets is None else tuple(both[0] for both in sets if len(both) == 1)
    if singles != ():
        yield Arriving(replace(pattern, paths=singles))
    for both in sets or ():
        if len(both) > 1:
            yield Arriving(replace(pattern, paths=both[:1]), tuple(Pattern(pattern.origin, paths=(one,)) for one in both[1:]))


def _common(some: Keys | None, others: Keys | None) -> Keys | None:
    if some is None or others is None:
        return others if some is None else some
    return tuple(one for one in some if one in others)


# --- what is declared -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arriving:
    """What a declared set is when it arrives: `pattern` and every one of `also` match."""

    pattern: Pattern
    also: tuple[Pattern, ...] = ()


def _declared(mesh: Mesh, service: Service) -> Iterator[Grant]:
    """What the base `declared` lets in: calls of its namespace's services and gateway routes, as they arrive."""
    for caller, arriving in _arriving_calls(mesh, service, service.name.namespace):
        yield Grant(arriving.pattern, arriving.pattern.origin, f"base declared: call of {caller}", arriving.also)
    for one in mesh.services_by_workload[service.workload]:
        yield from _declared_by_gateways(mesh, service, one)


def _declared_by_gateways(mesh: Mesh, service: Service, asked: Service) -> Iterator[Grant]:
    for route, rule, gateway, destination in _gateway_rules(mesh, asked.name):
        if route.namespace == service.name.namespace:
            source = Source(SourceKind.GATEWAY, rule.origin, name=gateway)
            for arriving in _arriving_by_rule(service, asked, rule, destination, Pattern(rule.origin, sources=(source,))):
                yield Grant(arriving.pattern, rule.origin, f"base declared: route {route} by gateway {gateway}", arriving.also)


def _gateway_rules(mesh: Mesh, service: Name) -> Iterator[tuple[Name, Rule, Name, Destination]]:
    """Every gateway rule that sends requests, or copies of them, to the service: route, rule, gateway, destination."""
    for route_name, rule, gateways, destination in _north_south(mesh).get(service, ()):
        for gateway in gateways:
            yield route_name, rule, gateway, destination


@per_mesh
def _north_south(mesh: Mesh) -> dict[Name, list[tuple[Name, Rule, tuple[Name, ...], Destination]]]:
    found: dict[Name, list[tuple[Name, Rule, tuple[Name, ...], Destination]]] = {}
    for route in mesh.routes:
        for rule in route.rules if route.gateways else ():
            for destination in destinations(rule):
                found.setdefault(destination.service, []).append((route.name, rule, route.gateways, destination))
    return found


def destinations(rule: Rule) -> tuple[Destination, ...]:
    """Where a rule sends requests and copies of them; each service and port once."""
    if not isinstance(rule.action, Forward):
        return ()
    targets = (*(each for each in rule.action.destinations if each.weight > 0), *((rule.action.mirror.to,) if rule.action.mirror else ()))
    return tuple({(each.service, each.port): each for each in targets}.values())


def _arriving_calls(mesh: Mesh, service: Service, namespace: str) -> Iterator[tuple[Name, Arriving]]:
    """
    The calls that services of the namespace declare, as they arrive at the service: through the callers' routes, after rewrites.

    By whatever service of its workload they come.
    """
    for one in mesh.services_by_workload[service.workload]:
        for call in _calls_towards(mesh).get(one.name, ()):
            if call.caller.namespace == namespace:
                yield from ((call.caller, arriving) for arriving in _arriving_call(mesh, service, one, call))


@dataclass(frozen=True, slots=True)
class _CallTowards:
    """A call that a service declares: of `called`, whose routes may lead elsewhere."""

    caller: Name
    called: Name
    declared: Pattern


def _arriving_call(mesh: Mesh, service: Service, asked: Service, call: _CallTowards) -> Iterator[Arriving]:
    """A call that comes to `asked`, by the names of the ports of `service`."""
    routes = mesh.routes_by_service.get(call.called, ())
    http = tuple(port.name for port in mesh.service_by_name[call.called].ports if port.protocol.is_http)
    if asked.name == call.called:
        # Routes are tried for requests: what is no HTTP goes straight to the service, and all does where it has none.
        ports = tuple(name for name in call.declared.ports or () if not routes or name not in http)
        direct = _on_ports(service, (asked,), replace(call.declared, ports=ports))
        if direct is not None:
            yield Arriving(direct)
    routed = replace(call.declared, ports=_common(call.declared.ports, http))
    for route in routes:
        for rule in route.rules:
            for destination in destinations(rule):
                if destination.service == asked.name:
                    yield from _arriving_by_rule(service, asked, rule, destination, routed)


@per_mesh
def _calls_towards(mesh: Mesh) -> dict[Name, list[_CallTowards]]:
    """Calls that may arrive at a service: those that name it, and those to services whose east-west routes lead to it."""
    found: dict[Name, list[_CallTowards]] = {}
    leads = {
        name: {destination.service for route in routes for rule in route.rules for destination in destinations(rule)}
        for name, routes in mesh.routes_by_service.items()
    }
    for caller in mesh.workloads:
        for call in caller.calls or ():
            source = Source(SourceKind.SERVICE, call.pattern.origin, name=caller.name)
            asked = call.pattern
            declared = Pattern(asked.origin, sources=(source,), ports=asked.ports, methods=asked.methods, paths=asked.paths)
            for arrives in leads.get(call.service, set()) | {call.service}:
                found.setdefault(arrives, []).append(_CallTowards(caller.name, call.service, declared))
    return found


def _arriving_by_rule(service: Service, asked: Service, rule: Rule, destination: Destination, declared: Pattern) -> Iterator[Arriving]:
    """
    What of the declared set a rule lets arrive: its ports, methods and paths that a match takes, as they are after the rewrite.

    It is sent to `asked`, and said by the names of the ports of `service`. Headers, query and other rules don't narrow it.
    """
    for match in rule.matches:
        ports, methods = _common(declared.ports, match.ports), _common(declared.methods, match.methods)
        if match.matches_nothing or () in (ports, methods) or not _may_send(match, declared):
            continue
        try:
            sets = _arriving_paths(rule, match, declared)
        except RegexError:  # `unsaid` tells
            continue
        pattern = replace(declared, ports=ports if destination.port is None else (destination.port,), methods=methods)
        for arriving in _with_paths(pattern, sets):
            narrowed = _on_ports(service, (asked,), arriving.pattern)
            if narrowed is not None:
                yield replace(arriving, pattern=narrowed)


def _arriving_paths(rule: Rule, match: Pattern, declared: Pattern) -> tuple[Both, ...] | None:
    rewrite = rule.action.rewrite if isinstance(rule.action, Forward) else None
    if rewrite is None:
        return rewriting.arriving(declared.paths, match.paths)
    return rewriting.arriving(declared.paths, match.paths, prefix=rewrite.replace_prefix, full=rewrite.replace_full)


def _may_send(match: Pattern, declared: Pattern) -> bool:
    """Whether a match with `from` concerns the caller."""
    if match.sources is None or declared.sources is None:
        return True
    (caller,) = declared.sources
    return any(
        source.name == caller.name
        if source.kind is SourceKind.SERVICE
        else caller.name is not None and source.value == caller.name.namespace
        for source in match.sources
    )


def unsaid(mesh: Mesh) -> Iterator[Unsaid]:
    """Every call and gateway rule whose paths no expression says as they arrive; each once for a rule."""
    calls = (
        (service, call.declared, rule)
        for service, those in sorted(_calls_towards(mesh).items())
        for call in those
        for route in mesh.routes_by_service.get(call.called, ())
        for rule in route.rules
        if service in {destination.service for destination in destinations(rule)}
    )
    gateways = ((service, Pattern(rule.origin), rule) for service, rules in sorted(_north_south(mesh).items()) for _, rule, _, _ in rules)
    found: dict[tuple[Origin, Origin], Unsaid] = {}
    for service, declared, rule in (*calls, *gateways):
        for match in rule.matches:
            try:
                _arriving_paths(rule, match, declared)
            except RegexError:
                found.setdefault((declared.origin, rule.origin), Unsaid(service, declared.origin, rule))
    yield from found.values()
