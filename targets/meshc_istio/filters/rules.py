"""What of a rule no VirtualService can say and a patch of the proxy can: empty headers, `server`, a Location without a client's port."""

from collections.abc import Iterator
from typing import Any, Final

from meshc.diagnostics import Origin
from meshc.model import Gateway, HeaderChanges, Mesh, Redirect, Route, Rule, Service
from meshc_istio.check_point import GATEWAY, CheckPoint
from meshc_istio.complaints import Complain, may_filter
from meshc_istio.filters.envoy_filter import OUTBOUND, Order, Patch, merge_connection_manager, merge_route
from meshc_istio.names import route_name
from meshc_istio.redirect_to_https import redirected_hosts

_KEEP_SERVER: Final = {"server_header_transformation": "PASS_THROUGH"}
_DROP_PORT: Final = {"strip_any_host_port": True}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_APPEND_ACTIONS: Final = {"set": "OVERWRITE_IF_EXISTS_OR_ADD", "add": "APPEND_IF_EXISTS_OR_ADD"}


def rule_patches(point: CheckPoint, complain: Complain) -> Iterator[Patch]:
    """Yield what the rules that a workload's proxy tries need of it."""
    mesh, context = point.mesh, GATEWAY if point.gateway is not None else OUTBOUND
    for route in _routes_of(mesh, point.service, point.gateway):
        for rule in route.rules:
            for settings, what, origin in _settings(mesh, route, rule, complain):
                yield Patch(Order.SETTINGS, merge_connection_manager(context, settings), what, origin)
            if value := _empty_headers(mesh, rule, complain):
                yield Patch(Order.RULES, merge_route(context, route_name(route, rule), value), "an empty header", rule.origin)
    if point.gateway is not None:
        for listener in point.gateway.listeners:
            if listener.redirect_to_https and any(host.startswith("*") for host in redirected_hosts(point.gateway, listener)):
                what = "`redirectToHttps` for hosts not known by name"
                if may_filter(mesh, "redirect-port", what, listener.origin, complain):
                    yield Patch(Order.SETTINGS, merge_connection_manager(context, _DROP_PORT), "redirectToHttps", listener.origin)


def _empty_headers(mesh: Mesh, rule: Rule, complain: Complain) -> dict[str, Any]:
    """Envoy drops a header that it should set to nothing, unless told to keep it."""
    sides = {"request_headers_to_add": rule.request_headers, "response_headers_to_add": rule.response_headers}
    found = {side: options for side, changes in sides.items() if (options := _empty_options(changes))}
    if found and not may_filter(mesh, "empty-headers", "a header with an empty value", rule.origin, complain):
        return {}
    return found


def _empty_options(changes: HeaderChanges) -> list[dict[str, Any]]:
    said = (*(("set", one) for one in changes.set), *(("add", one) for one in changes.add))
    return [
        {"header": {"key": name, "value": ""}, "append_action": _APPEND_ACTIONS[how], "keep_empty_value": True}
        for how, (name, value) in said
        if not value
    ]


def _routes_of(mesh: Mesh, service: Service | None, gateway: Gateway | None) -> Iterator[Route]:
    if gateway is not None:
        yield from mesh.routes_by_gateway.get(gateway.name, ())
    elif service is not None:
        called = mesh.routes_by_service if service.calls is None else sorted({call.service for call in service.calls})
        for name in called:
            yield from mesh.routes_by_service.get(name, ())


def _settings(mesh: Mesh, route: Route, rule: Rule, complain: Complain) -> Iterator[tuple[dict[str, Any], str, Origin]]:
    """Settings of a connection manager, what of the rule asks for each, and where."""
    changes = rule.response_headers
    if "server" in (*changes.remove, *(name for name, _ in (*changes.set, *changes.add))):
        what = "a change of the response header `server`"
        if may_filter(mesh, "server-header", what, rule.origin, complain):
            yield _KEEP_SERVER, what, rule.origin
    if isinstance(rule.action, Redirect) and rule.action.host is None and _keeps_port(mesh, route, rule.action):
        what = "a Location without the port that the client wrote"
        if may_filter(mesh, "redirect-port", what, rule.action.origin, complain):
            yield _DROP_PORT, what, rule.action.origin


def _keeps_port(mesh: Mesh, route: Route, redirect: Redirect) -> bool:
    """Whether Istio leaves out the port of a Location, and so keeps the one in the Host: a default port, for hosts not known before."""
    if route.gateways:
        if not any(host.startswith("*") for host in route.hosts):
            return False
        listeners = (listener for name in route.gateways for listener in mesh.gateway_by_name[name].listeners)
        places = {(listener.protocol.value, listener.port) for listener in listeners}
    else:
        places = {("http", port.port) for name in route.services for port in mesh.service_by_name[name].ports}
    return any(_default(redirect, scheme, port) for scheme, port in places)


def _default(redirect: Redirect, scheme: str, port: int) -> bool:
    wanted = redirect.scheme or scheme
    default = _DEFAULT_PORTS.get(wanted)
    return default == (redirect.port if redirect.port is not None else port if wanted == scheme else default)
