"""What callers' proxies do with requests to a service, and gateways with those to a host: one VirtualService for each."""

from collections.abc import Iterator, Sequence
from typing import Any

from meshc import access, routing
from meshc.model import (
    Destination,
    Forward,
    Gateway,
    HeaderChanges,
    Listener,
    ListenerProtocol,
    Mesh,
    Pattern,
    Protocol,
    Retries,
    Route,
    Rule,
    Service,
)
from meshc_istio import dot_segments
from meshc_istio.complaints import Complain
from meshc_istio.egress_guard import (
    answer_undeclared,
    called_port_only,
    callers_of,
    complain_of_connections,
    guarded_routes,
    is_guarded,
    reaches_outside,
)
from meshc_istio.http_match import entries
from meshc_istio.http_route import HttpRoute, Place, ended, http_routes, weighted
from meshc_istio.names import fqdn, gateway_host_name, gateway_name, numbered, route_name
from meshc_istio.objects import NETWORKING, Object, Wave
from meshc_istio.redirect_to_https import redirect_route, redirected_hosts


def virtual_services(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """Every VirtualService of the mesh: one per service, one per host of a listener."""
    for service in mesh.services:
        yield from _of_service(mesh, service, complain)
    for gateway in mesh.gateways:
        for listener in gateway.listeners:
            yield from _of_listener(mesh, gateway, listener, complain)


# --- inside the mesh ------------------------------------------------------------------------------------------------------------


def _of_service(mesh: Mesh, service: Service, complain: Complain) -> Iterator[Object]:
    """One of all its names; an external service's hosts are places of their own, so each has one of its own."""
    complain_of_connections(mesh, service, complain)
    ports = tuple(port for port in service.ports if port.protocol.is_http)
    routes = mesh.routes_by_service.get(service.name, ())
    origin = routes[0].origin if len(routes) == 1 else service.origin
    for index, hosts in enumerate([[host] for host in sorted(service.hosts)] or [_hosts(mesh, service)]):
        place = Place(mesh, "http", None, None, ports, complain, (service.name, hosts[0]) if service.external else None)
        spec: dict[str, Any] = {"hosts": hosts}
        refused = _refused(mesh, service)
        if ports and (routes or service.traffic or is_guarded(mesh, service) or refused):
            spec["http"] = [*refused, *ended(called_port_only(place, hosts[0], _http(place, service)))]
        if tcp := list(_tcp(place, service)):
            spec["tcp"] = tcp
        if len(spec) > 1:
            yield Object(
                NETWORKING, "VirtualService", numbered(service.name.name, index), service.name.namespace, spec, origin, Wave.ROUTES
            )


def _refused(mesh: Mesh, service: Service) -> list[HttpRoute]:
    """The route that comes before all others, where what is called or reached compares paths."""
    written = routing.east_west(mesh, service.name)
    reached = {service.name, *(one.service for _, rule in written for one in access.destinations(rule))}
    guarded = [call for name in reached for _, call in callers_of(mesh, name) if mesh.service_by_name[name].external]
    narrowed = any(path for call in guarded for path in call.pattern.paths or ())
    return [dot_segments.refusal()] if narrowed or dot_segments.are_compared_at(mesh, reached, inside=True) else []


def _hosts(mesh: Mesh, service: Service) -> list[str]:
    """Names with a namespace only are the platform's own short forms of the full one."""
    further = {host for route in mesh.routes_by_service.get(service.name, ()) for host in route.hosts}
    return [fqdn(mesh, service.name), *sorted(further - {fqdn(mesh, service.name)})]


def _http(place: Place, service: Service) -> Iterator[HttpRoute]:
    written = routing.east_west(place.mesh, service.name)
    for route, rule in written or (_plain(service),):
        if service.external or reaches_outside(place.mesh, rule):
            yield from guarded_routes(place, service, route, rule)
        else:
            yield from http_routes(place, route, rule)
    yield from answer_undeclared(place, service)


def _plain(service: Service) -> tuple[Route, Rule]:
    """A service without routes is reached directly: shared as its `traffic` says, no timeout, no retry, and none of the engine's own."""
    shares = service.traffic or ((None, 1),)
    to = tuple(Destination(service.name, None, version, weight, service.origin) for version, weight in shares)
    none = Retries(0, None, (), (), 25, 250, idempotent=False, origin=service.origin)
    action = Forward(to, rewrite=None, timeout_ms=0, retries=none, mirror=None)
    rule = Rule(
        name="rule-1",
        matches=(Pattern(service.origin),),
        action=action,
        request_headers=HeaderChanges(),
        response_headers=HeaderChanges(),
        fault=None,
        cors=None,
        rate_limits=(),
        max_request_body=None,
        origin=service.origin,
    )
    route = Route(service.name, (), None, (service.name,), (), 0, (rule,), service.origin)
    return route, rule


def _tcp(place: Place, service: Service) -> Iterator[dict[str, Any]]:
    """Connections are shared by `traffic` too; without it they go straight to the service."""
    for port in service.ports:
        if port.protocol.is_http or not service.traffic:
            continue
        if port.protocol is Protocol.TLS:
            place.complain(
                f"`traffic` on port {port.name}, whose TLS the workload speaks itself; Istio shares only what it can read", port.origin
            )
            continue
        to = tuple(Destination(service.name, port.name, version, weight, service.origin) for version, weight in service.traffic)
        yield {"match": [{"port": port.port}], "route": weighted(place, to, port)}


# --- at gateways ----------------------------------------------------------------------------------------------------------------


def _of_listener(mesh: Mesh, gateway: Gateway, listener: Listener, complain: Complain) -> Iterator[Object]:
    tables = routing.host_tables(mesh, gateway, listener)
    redirected = redirected_hosts(gateway, listener) if listener.redirect_to_https else {}
    for table in tables:
        yield _of_host(mesh, gateway, listener, table, complain, https_port=redirected.get(table.host))
    served = [table.host for table in tables]
    for host, port in redirected.items():
        if host not in served:
            yield _of_host(mesh, gateway, listener, routing.HostTable(host, ()), complain, https_port=port)
    for host in _left_out(mesh, gateway, listener, [*served, *redirected]):
        yield _of_host(mesh, gateway, listener, routing.HostTable(host, ()), complain)


def _left_out(mesh: Mesh, gateway: Gateway, listener: Listener, served: Sequence[str]) -> Iterator[str]:
    """Hosts that the listener owns and no route serves, where a wider host of another listener would take over (L5)."""
    if listener.protocol is not ListenerProtocol.HTTP:
        return
    others = [
        table.host
        for other in routing.on_port(gateway, listener.port)
        if other is not listener
        for table in routing.host_tables(mesh, gateway, other)
    ]
    for host in listener.hosts:
        if host not in served and routing.best_host(others, host) is not None:
            yield host


def _of_host(
    mesh: Mesh, gateway: Gateway, listener: Listener, table: routing.HostTable, complain: Complain, *, https_port: int | None = None
) -> Object:
    """The VirtualService of a host; `https_port`: what its own rules leave is sent to https there."""
    host = table.host
    spec: dict[str, Any] = {"hosts": [host], "gateways": [gateway_name(mesh, gateway, listener)]}
    match listener.protocol:
        case ListenerProtocol.HTTP | ListenerProtocol.HTTPS:
            one_name = None if host.startswith("*") else host
            place = Place(mesh, listener.protocol.value, listener.port, one_name, (), complain)
            own = [made for route, rule in table.entries for made in http_routes(place, route, rule)]
            made = ended([*own, *([] if https_port is None else [redirect_route(one_name, https_port)])])
            reached = {one.service for _, rule in table.entries for one in access.destinations(rule)}
            checked = dot_segments.are_compared(access.gateway_checks(mesh, gateway)) or dot_segments.are_compared_at(mesh, reached)
            spec["http"] = [*([dot_segments.refusal()] if checked and table.entries else []), *made]
        case ListenerProtocol.TLS:
            spec["tls"] = _connections(mesh, listener, table, {"port": listener.port, "sniHosts": [host]}, complain)
        case ListenerProtocol.TCP:
            spec["tcp"] = _connections(mesh, listener, table, {"port": listener.port}, complain)
    routes = {route.name: route for route, _ in table.entries}
    origin = next(iter(routes.values())).origin if len(routes) == 1 else listener.origin
    name = gateway_host_name(mesh, gateway, listener, host)
    return Object(NETWORKING, "VirtualService", name, gateway.workload.namespace, spec, origin, Wave.ROUTES)


def _connections(
    mesh: Mesh, listener: Listener, table: routing.HostTable, match: dict[str, Any], complain: Complain
) -> list[dict[str, Any]]:
    """Of connections nothing can be told apart: the first rule takes them all."""
    place = Place(mesh, listener.protocol.value, listener.port, None, (), complain)
    for route, rule in table.entries:
        if any(pattern.has_http_keys for pattern in rule.matches) or not isinstance(rule.action, Forward):
            complain(f"rule {route_name(route, rule)} reads requests, and listener {listener.name} passes connections on", rule.origin)
            continue
        if {} in entries(place.scope, rule.matches):
            return [{"match": [match], "route": weighted(place, rule.action.destinations, None)}]
    return []
