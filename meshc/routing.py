"""Which rules are tried for a host, and in what order: the tables that `decide` reads and every target writes out (L5-L7)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshc import space
from meshc.model import Gateway, Listener, ListenerProtocol, Mesh, Name, Pattern, Route, Rule, Service

HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class HostTable:
    """One host pattern of a listener, and the rules that are tried for it, in order. No rule: 404, no falling back to a wider host."""

    host: str
    entries: tuple[tuple[Route, Rule], ...]


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Two routes of one host whose requests overlap without one lying inside the other (L7)."""

    host: str
    first: Route
    second: Route
    equal: bool


def best_host(patterns: Iterable[str], host: str) -> str | None:
    """The pattern that owns the host: exact beats the longest wildcard suffix beats `*` (L5). `host` is normalised: no port, lower case."""
    owners = [pattern for pattern in patterns if space.host_covers(pattern, host)]
    return max(owners, key=lambda pattern: (not pattern.startswith("*"), len(pattern)), default=None)


def owner(listeners: Iterable[Listener], host: str) -> Listener | None:
    """The listener, of those on one port, that owns the host."""
    by_pattern = {pattern: listener for listener in listeners for pattern in listener.hosts}
    best = best_host(by_pattern, host)
    return None if best is None else by_pattern[best]


def on_port(gateway: Gateway, port: int) -> tuple[Listener, ...]:
    """The gateway's listeners on that port."""
    return tuple(listener for listener in gateway.listeners if listener.port == port)


def https_owner(gateway: Gateway, host: str) -> Listener | None:
    """The TLS listener that `redirectToHttps` sends the host to: on port 443 if one owns it there, else on the lowest port (L5)."""
    ports = {listener.port for listener in gateway.listeners if listener.protocol is ListenerProtocol.HTTPS}
    for port in sorted(ports, key=lambda port: (port != HTTPS_PORT, port)):
        found = owner(on_port(gateway, port), host)
        if found is not None and found.protocol is ListenerProtocol.HTTPS:
            return found
    return None


def attached(mesh: Mesh, gateway: Gateway, listener: Listener) -> tuple[Route, ...]:
    """The routes of a listener. One that redirects to https serves only routes that are pinned to it."""
    return tuple(
        route
        for route in mesh.routes_by_gateway.get(gateway.name, ())
        if (listener.name in route.listeners if route.listeners is not None else not listener.redirect_to_https)
    )


def host_tables(mesh: Mesh, gateway: Gateway, listener: Listener) -> tuple[HostTable, ...]:
    """The listener's tables, one for each host that a route and the listener have in common, sorted by host."""
    return tuple(HostTable(host, _entries(routes)) for host, routes in _routes_by_host(mesh, gateway, listener))


def east_west(mesh: Mesh, service: Name) -> tuple[tuple[Route, Rule], ...]:
    """The rules that callers' proxies try for the service, in order. None at all: it is reached directly."""
    return _entries(mesh.routes_by_service.get(service, ()))


def service_hosts(mesh: Mesh, service: Service) -> tuple[str, ...]:
    """
    The names that a service answers to, its fully qualified one first; an external one's are its `hosts` (L5).

    A headless one answers to its pods' names too, each before one of its own. A worker, which has no port, has no name.
    """
    if service.external:
        return service.hosts
    if not service.ports:
        return ()
    name, namespace = service.name.name, service.name.namespace
    fqdn = f"{name}.{namespace}.svc.{mesh.cluster_domain}"
    own = (fqdn, f"{name}.{namespace}.svc", f"{name}.{namespace}")
    return (*own, *further_hosts(mesh, service), *((f"*.{host}" for host in own) if service.headless else ()))


def further_hosts(mesh: Mesh, service: Service) -> tuple[str, ...]:
    """The names that east-west routes give to a service beside its own."""
    return tuple(sorted({host for route in mesh.routes_by_service.get(service.name, ()) for host in route.hosts}))


def ambiguities(mesh: Mesh) -> Iterator[Ambiguity]:
    """Every pair of routes that shares a host and is neither disjoint nor nested, nor told apart by `priority`; each pair once."""
    seen: set[tuple[Name, Name]] = set()
    for host, routes in _shared_hosts(mesh):
        for index, first in enumerate(routes):
            for second in routes[index + 1 :]:
                if first.priority != second.priority or (first.name, second.name) in seen:
                    continue
                if not space.disjoint(_union(first), _union(second)):
                    inner, outer = _inside(first, second), _inside(second, first)
                    if inner == outer:
                        seen.add((first.name, second.name))
                        yield Ambiguity(host, first, second, equal=inner)


def _shared_hosts(mesh: Mesh) -> Iterator[tuple[str, tuple[Route, ...]]]:
    for gateway in mesh.gateways:
        for listener in gateway.listeners:
            yield from _routes_by_host(mesh, gateway, listener)
    for service in mesh.services:
        routes_of = mesh.routes_by_service.get(service.name, ())
        if len(routes_of) > 1:
            yield str(service.name), routes_of


def _routes_by_host(mesh: Mesh, gateway: Gateway, listener: Listener) -> list[tuple[str, tuple[Route, ...]]]:
    """
    The routes of each host that a route and the listener have in common.

    Where the listener's host is the narrower one, routes of several patterns meet in it: the best pattern owns it alone (L5).
    """
    by_host: dict[str, dict[str, dict[Name, Route]]] = {}
    for route in attached(mesh, gateway, listener):
        for pattern in route.hosts:
            for owned in listener.hosts:
                if (host := space.host_overlap(pattern, owned)) is not None:
                    by_host.setdefault(host, {}).setdefault(pattern, {})[route.name] = route
    return [(host, tuple(patterns[_narrowest(patterns)].values())) for host, patterns in sorted(by_host.items())]


def _narrowest(patterns: Iterable[str]) -> str:
    """The best of patterns that all take some host."""
    return max(patterns, key=lambda pattern: (not pattern.startswith("*"), len(pattern)))


def _union(route: Route) -> tuple[Pattern, ...]:
    return tuple(pattern for rule in route.rules for pattern in rule.matches)


def _inside(inner: Route, outer: Route) -> bool:
    return space.covers(_union(outer), _union(inner))


def _entries(routes: Sequence[Route]) -> tuple[tuple[Route, Rule], ...]:
    return tuple((route, rule) for route in _in_order(routes) for rule in route.rules)


def _in_order(routes: Sequence[Route]) -> list[Route]:
    """Higher priority first, then inner before outer; the rest by name, which decides nothing because those are disjoint."""
    waiting = sorted(routes, key=lambda route: (-route.priority, route.name))
    done: list[Route] = []
    while waiting:
        chosen = next((route for route in waiting if not any(_must_precede(other, route) for other in waiting)), waiting[0])
        waiting.remove(chosen)
        done.append(chosen)
    return done


def _must_precede(first: Route, second: Route) -> bool:
    if first is second:
        return False
    if first.priority != second.priority:
        return first.priority > second.priority
    return _inside(first, second) and not _inside(second, first)
