"""Where limits of rate and size stand: at services, gateways and rules, each in the proxy that the law names."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from meshc import routing
from meshc.model import Gateway, Listener, ListenerProtocol, Mesh, Mtls, RateLimit, Route, Rule, Service
from meshc_istio.body_limit import body_filters, route_buffer, rule_body_filters
from meshc_istio.check_point import CheckPoint, check_points
from meshc_istio.complaints import Complain, gives_up, may_filter
from meshc_istio.envoy_filter import OUTBOUND, Priority, envoy_filter, insert_before_router, merge_route
from meshc_istio.names import route_name
from meshc_istio.objects import Object
from meshc_istio.rate_limit import limit_filter
from meshc_istio.versions import allows_envoy_filters

Patch = dict[str, Any]
Limited: TypeAlias = tuple[tuple[Route, Rule], ...]
"""The rules of a mesh that limit something."""


def limit_objects(mesh: Mesh) -> Iterator[Object]:
    """One EnvoyFilter for each workload whose proxy limits something."""
    if not allows_envoy_filters(mesh):
        return
    limited = _limited_rules(mesh)
    for point in check_points(mesh):
        patches = [*_own(point), *_of_rules(mesh, point, limited)]
        if patches:
            yield envoy_filter(point, "limits", Priority.BEFORE_ROUTER, patches)


def complain_of_limits(mesh: Mesh, complain: Complain) -> None:
    """Limits that need a filter where none may be, that would be counted apart, or that no filter can tell apart."""
    limited = _limited_rules(mesh)
    for point in check_points(mesh):
        counted = [(limit, _chains(point)) for limit in _rate_limits(point)]
        sized: list[Service | Listener | Rule] = [*([point.service] if point.service is not None else ())]
        sized.extend(point.gateway.listeners if point.gateway is not None else ())
        for _, rule, chains in _limiting_rules(mesh, point, limited):
            counted.extend((limit, chains) for limit in rule.rate_limits)
            sized.append(rule)
        for limit, chains in counted:
            may_filter(mesh, "rate-limits", "a rate limit", limit.origin, complain)
            if chains > 1:
                what = "one limit over several listeners or kinds of connection, each of which would count by itself"
                gives_up(mesh, "rate-limit-per-listener", what, limit.origin, complain)
        for one in sized:
            if one.max_request_body is not None:
                may_filter(mesh, "max-request-body", "`maxRequestBody`", one.origin, complain)
        for listener in _mixed_bodies(point.gateway):
            complain("`maxRequestBody` differs between listeners of one port, which share their filters on Istio", listener.origin)


def _rate_limits(point: CheckPoint) -> tuple[RateLimit, ...]:
    holder = point.service if point.service is not None else point.gateway
    return () if holder is None else holder.rate_limits


def _own(point: CheckPoint) -> Iterator[Patch]:
    """Limits of the service or gateway itself."""
    gateway = point.gateway is not None
    for number, limit in enumerate(_rate_limits(point), 1):
        yield insert_before_router(point.context, limit_filter(f"meshc.limit.{point.filter_id}.{number}", limit, at_gateway=gateway))
    if point.service is not None and point.service.max_request_body is not None:
        for one in body_filters(point.service.max_request_body):
            yield insert_before_router(point.context, one)
    for port, size in sorted(_listener_bodies(point.gateway).items()):
        for one in body_filters(size):
            yield insert_before_router(point.context, one, port)


def _listener_bodies(gateway: Gateway | None) -> dict[int, int]:
    listeners = () if gateway is None else gateway.listeners
    return {listener.port: listener.max_request_body for listener in listeners if listener.max_request_body is not None}


def _mixed_bodies(gateway: Gateway | None) -> Iterator[Listener]:
    for listener in () if gateway is None else gateway.listeners:
        if gateway is not None and len({one.max_request_body for one in routing.on_port(gateway, listener.port)}) > 1:
            yield listener


# --- rules ----------------------------------------------------------------------------------------------------------------------


def _of_rules(mesh: Mesh, point: CheckPoint, limited: Limited) -> Iterator[Patch]:
    """Limits of rules, in the proxy that tries them: the gateway's, or the callers'."""
    context = point.context if point.gateway is not None else OUTBOUND
    sizes: dict[str, int] = {}
    for route, rule, _ in _limiting_rules(mesh, point, limited):
        name = route_name(route, rule)
        for number, limit in enumerate(rule.rate_limits, 1):
            at_gateway = point.gateway is not None
            yield insert_before_router(context, limit_filter(f"meshc.limit.{name}.{number}", limit, at_gateway=at_gateway, route=name))
        if rule.max_request_body is not None:
            sizes[name] = rule.max_request_body
    for one in rule_body_filters(sizes) if sizes else ():
        yield insert_before_router(context, one)
    for name, size in sizes.items():
        yield merge_route(context, name, route_buffer(size))


def _limited_rules(mesh: Mesh) -> Limited:
    return tuple((route, rule) for route in mesh.routes for rule in route.rules if rule.rate_limits or rule.max_request_body is not None)


def _limiting_rules(mesh: Mesh, point: CheckPoint, limited: Limited) -> Iterator[tuple[Route, Rule, int]]:
    """The rules with limits that the workload's proxy tries, and in how many chains of filters it tries them."""
    for route, rule in limited:
        chains = _chains_of_rule(mesh, point, route, rule)
        if chains:
            yield route, rule, chains


def _chains_of_rule(mesh: Mesh, point: CheckPoint, route: Route, rule: Rule) -> int:
    if point.gateway is not None:
        if point.gateway.name not in route.gateways:
            return 0
        return len({_chain(listener) for listener in point.gateway.listeners if route in routing.attached(mesh, point.gateway, listener)})
    if point.service is None or not _may_call(point.service, route):
        return 0
    called = (port for name in route.services for port in mesh.service_by_name[name].ports if port.protocol.is_http)
    return len({port.port for port in called if any(match.ports is None or port.name in match.ports for match in rule.matches)})


def _may_call(caller: Service, route: Route) -> bool:
    return caller.calls is None or any(call.service in route.services for call in caller.calls) if route.services else False


def _chains(point: CheckPoint) -> int:
    """In how many chains of filters the workload takes requests: each has its own buckets."""
    if point.gateway is not None:
        http = (ListenerProtocol.HTTP, ListenerProtocol.HTTPS)
        return len({_chain(listener) for listener in point.gateway.listeners if listener.protocol in http})
    return sum(2 if port.mtls is Mtls.PERMISSIVE else 1 for port in point.ports if port.protocol.is_http)


def _chain(listener: Listener) -> tuple[int, str]:
    return (listener.port, listener.name if listener.tls is not None else "")
