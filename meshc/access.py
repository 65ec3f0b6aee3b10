"""Who is let in where, written out as patterns: the meaning of `access`, `calls`, gateway routes and policies together (L9, L10)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from meshc import paths
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
from meshc.paths import PathPattern

Keys: TypeAlias = tuple[str, ...]
_ROOT = PathPattern((), below=True, regex=None, text="/**")


@dataclass(frozen=True, slots=True)
class Grant:
    """One entry of a check point: `pattern` and every one of `also` must match. `origin` is the line that says it, `what` names it."""

    pattern: Pattern
    origin: Origin
    what: str
    also: tuple[Pattern, ...] = ()


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
    """The check point at a service with a proxy."""
    policies = mesh.policies_by_service.get(service.name, ())
    allow = [grant for policy in policies for entry in policy.allow for grant in _expanded(mesh, service, policy, entry, "allow")]
    selected = any(policy.allow for policy in policies)
    if service.access is Access.DECLARED:
        allow.extend(_declared(mesh, service))
    return _checks(
        deny=[grant for policy in policies for entry in policy.deny for grant in _expanded(mesh, service, policy, entry, "deny")],
        require=[grant for policy in policies for entry in policy.require for grant in _expanded(mesh, service, policy, entry, "require")],
        allow=allow,
        policies=policies,
        is_open=service.access is Access.ALLOW and not selected,
        base=service.access_origin,
    )


def gateway_checks(mesh: Mesh, gateway: Gateway) -> Checks:
    """The check point at a gateway, which admits all unless an `allow` selects it."""
    policies = mesh.policies_by_gateway.get(gateway.name, ())

    def grants(which: str) -> list[Grant]:
        return [
            Grant(entry, entry.origin, f"{which} of policy {policy.name}")
            for policy in policies
            for entry in {"deny": policy.deny, "require": policy.require, "allow": policy.allow}[which]
        ]

    is_open = not any(policy.allow for policy in policies)
    return _checks(deny=grants("deny"), require=grants("require"), allow=grants("allow"), policies=policies, is_open=is_open, base=None)


def _checks(
    *, deny: list[Grant], require: list[Grant], allow: list[Grant], policies: tuple[Policy, ...], is_open: bool, base: Origin | None
) -> Checks:
    # An entry that matches nothing decides nothing; what `is_open` says of it has been said.
    deny, require, allow = ([grant for grant in grants if not grant.pattern.matches_nothing] for grants in (deny, require, allow))
    named = {entry.jwt.provider for policy in policies for entry in (*policy.deny, *policy.require, *policy.allow) if entry.jwt is not None}
    return Checks(tuple(deny), tuple(require), tuple(allow), tuple(sorted(named)), is_open, base)


def _expanded(mesh: Mesh, service: Service, policy: Policy, entry: Pattern, which: str) -> Iterator[Grant]:
    what = f"{which} of policy {policy.name}"
    narrowed = _on_ports(service, entry)
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


def _on_ports(service: Service, entry: Pattern) -> Pattern | None:
    """The entry with only ports that the service has; None where it concerns none of them. HTTP keys concern HTTP ports only."""
    mine = tuple(port.name for port in service.ports if port.protocol.is_http or not entry.has_http_keys)
    ports = mine if entry.ports is None else tuple(name for name in entry.ports if name in mine)
    return replace(entry, ports=None if len(ports) == len(service.ports) else ports) if ports else None


def _both(entry: Pattern, arriving: Pattern, origin: Origin, what: str) -> Iterator[Grant]:
    """What the entry and the declared call have in common."""
    shared = replace(
        arriving,
        ports=_common(entry.ports, arriving.ports),
        methods=_common(entry.methods, arriving.methods),
        hosts=entry.hosts,
        headers=entry.headers,
        query=entry.query,
        jwt=entry.jwt,
    )
    if entry.paths is None or arriving.paths is None:
        yield Grant(replace(shared, paths=arriving.paths if entry.paths is None else entry.paths), origin, what)
        return
    plain = tuple(both for mine in entry.paths for theirs in arriving.paths if (both := _meet(mine, theirs)) is not None)
    if plain:
        yield Grant(replace(shared, paths=plain), origin, what)
    for mine in entry.paths:
        for theirs in arriving.paths:
            if _needs_both(mine, theirs):
                yield Grant(replace(shared, paths=(mine,)), origin, what, also=(Pattern(origin, paths=(theirs,)),))


def _common(some: Keys | None, others: Keys | None) -> Keys | None:
    if some is None or others is None:
        return others if some is None else some
    return tuple(one for one in some if one in others)


def _needs_both(one: PathPattern, other: PathPattern) -> bool:
    """Whether the two have no common pattern of their own: a regex and something that is no single path."""
    if one == other or (one.regex is None and other.regex is None):
        return False
    return not any(_is_one_path(each) or _takes_all(each) for each in (one, other))


def _is_one_path(pattern: PathPattern) -> bool:
    return pattern.regex is None and not pattern.below and paths.is_literal(pattern)


def _takes_all(pattern: PathPattern) -> bool:
    return pattern.below and pattern.segments == ()


def _meet(one: PathPattern, other: PathPattern) -> PathPattern | None:
    if one == other or _takes_all(other):
        return one
    if _takes_all(one):
        return other
    if one.regex is None and other.regex is None:
        return paths.intersect(one, other)
    for literal, regex in ((one, other), (other, one)):
        if _is_one_path(literal):
            segments = tuple(segment for segment in literal.segments if segment is not None)
            return literal if paths.matches(regex, segments) else None
    return None


# --- what is declared -----------------------------------------------------------------------------------------------------------


def _declared(mesh: Mesh, service: Service) -> Iterator[Grant]:
    """What the base `declared` lets in: calls of its namespace's services and gateway routes, as they arrive."""
    for caller, arriving in _arriving_calls(mesh, service, service.name.namespace):
        yield Grant(arriving, arriving.origin, f"base declared: call of {caller}")
    for route, rule, gateway, destination in _gateway_rules(mesh, service.name):
        if route.namespace == service.name.namespace:
            source = Source(SourceKind.GATEWAY, rule.origin, name=gateway)
            for pattern in _arriving_by_rule(service, rule, destination, Pattern(rule.origin, sources=(source,))):
                yield Grant(pattern, rule.origin, f"base declared: route {route} by gateway {gateway}")


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


def _arriving_calls(mesh: Mesh, service: Service, namespace: str) -> Iterator[tuple[Name, Pattern]]:
    """The calls that services of the namespace declare, as they arrive at the service: through the callers' routes, after rewrites."""
    for caller, call_service, pattern in _calls_towards(mesh).get(service.name, ()):
        if caller.namespace != namespace:
            continue
        source = Source(SourceKind.SERVICE, pattern.origin, name=caller)
        declared = Pattern(pattern.origin, sources=(source,), ports=pattern.ports, methods=pattern.methods, paths=pattern.paths)
        routes = mesh.routes_by_service.get(call_service, ())
        if not routes:
            ports = _on_ports(service, declared)
            if ports is not None:
                yield caller, ports
            continue
        for route in routes:
            for rule in route.rules:
                for destination in destinations(rule):
                    if destination.service == service.name:
                        for arriving in _arriving_by_rule(service, rule, destination, declared):
                            yield caller, arriving


@per_mesh
def _calls_towards(mesh: Mesh) -> dict[Name, list[tuple[Name, Name, Pattern]]]:
    """Calls that may arrive at a service: those that name it, and those to services whose east-west routes lead to it."""
    found: dict[Name, list[tuple[Name, Name, Pattern]]] = {}
    leads = {
        name: {destination.service for route in routes for rule in route.rules for destination in destinations(rule)}
        for name, routes in mesh.routes_by_service.items()
    }
    for caller in mesh.services:
        for call in caller.calls or ():
            for arrives in leads.get(call.service, {call.service}):
                found.setdefault(arrives, []).append((caller.name, call.service, call.pattern))
    return found


def _arriving_by_rule(service: Service, rule: Rule, destination: Destination, declared: Pattern) -> Iterator[Pattern]:
    """What of the declared set a rule lets arrive: methods and paths of its matches, after its rewrite; headers and query don't narrow."""
    for match in rule.matches:
        if not _may_send(match, declared):
            continue
        pattern = replace(
            declared,
            ports=_arriving_ports(service, destination, declared, match),
            methods=_common(declared.methods, match.methods),
            paths=_arriving_paths(rule, match, declared),
        )
        narrowed = _on_ports(service, pattern)
        if narrowed is not None and () not in (narrowed.methods, narrowed.paths):
            yield narrowed


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


def _arriving_ports(service: Service, destination: Destination, declared: Pattern, match: Pattern) -> tuple[str, ...] | None:
    if destination.port is not None:
        return (destination.port,)
    if len(service.ports) == 1:
        return (service.ports[0].name,)
    return _common(declared.ports, match.ports)


def _arriving_paths(rule: Rule, match: Pattern, declared: Pattern) -> tuple[PathPattern, ...] | None:
    rewrite = rule.action.rewrite if isinstance(rule.action, Forward) else None
    if rewrite is not None and rewrite.replace_full is not None:
        return (paths.pattern_of(paths.segments_of(rewrite.replace_full)),)
    if declared.paths is None or match.paths is None:
        taken = match.paths if declared.paths is None else declared.paths
    else:
        taken = tuple(both for one in match.paths for other in declared.paths if (both := _narrower(one, other)) is not None)
    if rewrite is None or rewrite.replace_prefix is None:
        return taken
    prefixes = match.paths or (PathPattern((), below=True, regex=None, text="/**"),)
    return tuple(
        image
        for prefix in prefixes
        for path in (taken if taken is not None else (prefix,))
        for image in _image(path, prefix, rewrite.replace_prefix)
    )


def _narrower(one: PathPattern, other: PathPattern) -> PathPattern | None:
    """Both, or (with a regex that cannot be met exactly) the declared one: wider, and still what the caller declared."""
    met = _meet(one, other)
    return other if met is None and _needs_both(one, other) else met


def _image(path: PathPattern, prefix: PathPattern, new: str) -> Iterator[PathPattern]:
    """The paths that a prefix rewrite makes of those of `path` that lie under `prefix`."""
    if path.regex is not None:
        yield PathPattern(paths.segments_of(new), below=True, regex=None, text=new)
        return
    met = paths.intersect(path, prefix)
    if met is None:
        return
    kept = met.segments[len(prefix.segments) :]
    if not kept and met.below:
        yield from paths.replace_prefix(prefix, new)
        return
    yield paths.pattern_of(paths.rewrite_prefix(tuple(kept), _ROOT, new), below=met.below)  # type: ignore[arg-type]
