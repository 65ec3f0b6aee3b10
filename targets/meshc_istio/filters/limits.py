"""Where limits of rate and size stand: at services, gateways and rules, each in the proxy that the law names."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from meshc import routing
from meshc.diagnostics import Origin
from meshc.model import Gateway, Listener, ListenerProtocol, Mesh, Mtls, RateLimit, Route, Rule, Service
from meshc_istio.check_point import CheckPoint
from meshc_istio.complaints import Complain, gives_up, may_filter
from meshc_istio.filters.body_limit import SMALLEST, body_filter, route_body
from meshc_istio.filters.envoy_filter import OUTBOUND, Order, Patch, insert_before_router, merge_route
from meshc_istio.filters.rate_limit import limit_filters
from meshc_istio.names import route_name

Limited: TypeAlias = tuple[tuple[Route, Rule], ...]
"""The rules of a mesh that limit something."""


def limit_patches(point: CheckPoint, limited: Limited, complain: Complain) -> Iterator[Patch]:
    """Yield the limits that a workload's proxy holds."""
    yield from _own(point, complain)
    yield from _of_rules(point, limited, complain)


def limited_rules(mesh: Mesh) -> Limited:
    """Return the rules that limit something."""
    return tuple((route, rule) for route in mesh.routes for rule in route.rules if rule.rate_limits or rule.max_request_body is not None)


# --- at services and gateways ---------------------------------------------------------------------------------------------------


def _own(point: CheckPoint, complain: Complain) -> Iterator[Patch]:
    """Limits of the service or gateway itself."""
    holder = point.service if point.service is not None else point.gateway
    for number, limit in enumerate(() if holder is None else holder.rate_limits, 1):
        if _may_limit(point.mesh, limit, _chains(point), complain):
            for one in limit_filters(f"limit.{number}", limit, at_gateway=point.gateway is not None):
                yield _patch(insert_before_router(point.context, one), "rateLimits", limit.origin)
    if point.service is not None and point.service.max_request_body is not None:
        yield from _body(point, point.service.max_request_body, point.service.origin, None, complain)
    for port, (size, origin) in sorted(_listener_bodies(point.gateway, complain).items()):
        yield from _body(point, size, origin, port, complain)


def _body(point: CheckPoint, size: int, origin: Origin, port: int | None, complain: Complain) -> Iterator[Patch]:
    if _may_hold(point.mesh, size, origin, complain):
        yield _patch(insert_before_router(point.context, body_filter("body", size), port), "maxRequestBody", origin.at("maxRequestBody"))


def _listener_bodies(gateway: Gateway | None, complain: Complain) -> dict[int, tuple[int, Origin]]:
    """The sizes by the ports where a gateway's pods listen."""
    found: dict[int, tuple[int, Origin]] = {}
    for listener in () if gateway is None else gateway.listeners:
        if gateway is not None and len({one.max_request_body for one in routing.on_port(gateway, listener.port)}) > 1:
            complain("`maxRequestBody` differs between listeners of one port, which share their filters on Istio", listener.origin)
        elif listener.max_request_body is not None:
            found[listener.target_port] = (listener.max_request_body, listener.origin)
    return found


def _may_limit(mesh: Mesh, limit: RateLimit, chains: int, complain: Complain) -> bool:
    if chains > 1:
        what = "one limit over several listeners or kinds of connection, each of which would count by itself"
        gives_up(mesh, "rate-limit-per-listener", what, limit.origin, complain)
    return may_filter(mesh, "rate-limits", "a rate limit", limit.origin, complain)


def _may_hold(mesh: Mesh, size: int, origin: Origin, complain: Complain) -> bool:
    if size < SMALLEST:
        message = "`maxRequestBody` below 16KiB: Envoy does not look at a body that comes whole in one frame of HTTP/2"
        complain(f"{message}; expected 16KiB or more", origin.at("maxRequestBody"))
    return may_filter(mesh, "max-request-body", "`maxRequestBody`", origin.at("maxRequestBody"), complain)


def _patch(tree: dict[str, Any], what: str, origin: Origin) -> Patch:
    return Patch(Order.LIMITS, tree, what, origin)


# --- at rules -------------------------------------------------------------------------------------------------------------------


def _of_rules(point: CheckPoint, limited: Limited, complain: Complain) -> Iterator[Patch]:
    """Limits of rules, in the proxy that tries them: the gateway's, or the callers'."""
    context = point.context if point.gateway is not None else OUTBOUND
    sized: list[tuple[str, int, Rule]] = []
    for route, rule in limited:
        chains = _chains_of_rule(point, route, rule)
        if not chains:
            continue
        name = route_name(route, rule)
        for number, limit in enumerate(rule.rate_limits, 1):
            if _may_limit(point.mesh, limit, chains, complain):
                for one in limit_filters(f"limit.{name}.{number}", limit, at_gateway=point.gateway is not None, route=name):
                    yield _patch(insert_before_router(context, one), "rateLimits", limit.origin)
        if rule.max_request_body is not None and _may_hold(point.mesh, rule.max_request_body, rule.origin, complain):
            sized.append((name, rule.max_request_body, rule))
    if sized:
        yield _patch(insert_before_router(context, body_filter("body.rule", None)), "maxRequestBody", _line(sized[0][2]))
    for name, size, rule in sized:
        yield _patch(merge_route(context, name, {"typed_per_filter_config": route_body("body.rule", size)}), "maxRequestBody", _line(rule))


def _line(rule: Rule) -> Origin:
    return rule.origin.at("maxRequestBody")


def _chains_of_rule(point: CheckPoint, route: Route, rule: Rule) -> int:
    """In how many chains of filters a workload's proxy tries a rule: each counts by itself; 0 where it does not try it."""
    mesh = point.mesh
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
    """In how many chains of filters the workload takes requests."""
    if point.gateway is not None:
        http = (ListenerProtocol.HTTP, ListenerProtocol.HTTPS)
        return len({_chain(listener) for listener in point.gateway.listeners if listener.protocol in http})
    return sum(2 if port.mtls is Mtls.PERMISSIVE else 1 for port in point.ports if port.protocol.is_http)


def _chain(listener: Listener) -> tuple[int, str]:
    return (listener.port, listener.name if listener.tls is not None else "")
