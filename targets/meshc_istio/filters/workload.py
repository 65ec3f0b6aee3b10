"""Which patches a workload's proxy needs, and because of which line."""

from collections.abc import Iterator
from typing import Any, Final

from meshc import access
from meshc.diagnostics import Origin
from meshc.model import Egress, Forward, Mesh, Service
from meshc_istio.check_point import GATEWAY, CheckPoint
from meshc_istio.complaints import Complain, may_filter
from meshc_istio.filters.conditions import Conditions
from meshc_istio.filters.envoy_filter import OUTBOUND, Order, Patch, insert_first, merge_connection_manager
from meshc_istio.filters.limits import Limited, limit_patches
from meshc_istio.filters.rules import rule_patches
from meshc_istio.filters.strict import strict_filters
from meshc_istio.options import options_of, settings_by_filter

_READING: Final[dict[str, Any]] = {
    "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"},
    "merge_slashes": True,
    "path_with_escaped_slashes_action": "REJECT_REQUEST",
}
"""How requests are read where no setting of the mesh says it; Istio itself has `normalize_path` on."""


def patches(point: CheckPoint, conditions: Conditions, limited: Limited, complain: Complain) -> Iterator[Patch]:
    """Yield the patches of a workload's proxy."""
    mesh = point.mesh
    contexts = (point.context,) if point.context == GATEWAY else (point.context, OUTBOUND)
    if settings_by_filter(mesh) and may_filter(mesh, "", "`settings: filter`", _settings_origin(mesh), complain):
        for context in contexts:
            yield Patch(Order.SETTINGS, merge_connection_manager(context, _READING), "settings: filter", _settings_origin(mesh))
    if point.gateway is not None and point.gateway.trusted_hops:
        origin = point.gateway.origin.at("trustedHops")
        if may_filter(mesh, "trusted-hops", "`trustedHops`", origin, complain):
            hops = {"xff_num_trusted_hops": point.gateway.trusted_hops}
            yield Patch(Order.SETTINGS, merge_connection_manager(point.context, hops), "trustedHops", origin)
    yield from rule_patches(point, complain)
    yield from limit_patches(point, limited, complain)
    yield from conditions.patches()
    if mesh.requests == "strict" and may_filter(mesh, "", "`requests: strict`", mesh.origin.at("requests"), complain):
        for context in contexts:
            if context != OUTBOUND or (point.service is not None and _may_be_answered_elsewhere(mesh, point.service)):
                for one in reversed(strict_filters(mesh)):  # of filters inserted first the last stands first
                    yield Patch(Order.STRICT, insert_first(context, one), "requests: strict", mesh.origin.at("requests"))


def _may_be_answered_elsewhere(mesh: Mesh, caller: Service) -> bool:
    """Whether a request may be answered before it comes to a called service's own proxy, or past all of those."""
    if mesh.egress is Egress.ALLOW:
        return True
    internal = (service.name for service in mesh.services if not service.external)
    known = set(internal if caller.calls is None else (call.service for call in caller.calls))
    rules = [rule for name in known for route in mesh.routes_by_service.get(name, ()) for rule in route.rules]
    reached = known.union(one.service for rule in rules for one in access.destinations(rule))
    unguarded = any(not mesh.service_by_name[name].has_proxy or mesh.service_by_name[name].external for name in reached)
    return unguarded or any(not isinstance(rule.action, Forward) or rule.fault is not None for rule in rules)


def _settings_origin(mesh: Mesh) -> Origin:
    options = options_of(mesh)
    return mesh.origin if options is None else options.origin.at("settings")
