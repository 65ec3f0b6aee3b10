"""Which objects guard a mesh's workloads, and what of a mesh's guard Istio can't express."""

from collections.abc import Iterator
from typing import Any, Final

from meshc.diagnostics import Finding
from meshc.features import Feature
from meshc.model import Egress, LimitKey, Mesh
from meshc_istio import complaints, limits, unsayable
from meshc_istio.authorization_policy import authorization_policies
from meshc_istio.check_point import INBOUND, CheckPoint, check_points
from meshc_istio.conditions import Conditions
from meshc_istio.envoy_filter import OUTBOUND, Priority, envoy_filter, insert_after_tokens, insert_first, merge_connection_manager
from meshc_istio.no_route import answer_unknown
from meshc_istio.normalize_lua import normalize_filter
from meshc_istio.objects import Object
from meshc_istio.peer_authentication import peer_authentication
from meshc_istio.request_authentication import request_authentication
from meshc_istio.tokens import reply_mapper, token_filters, unauthenticated_mapper
from meshc_istio.versions import allows_envoy_filters

SECURITY_FEATURES: Final = frozenset(
    {
        Feature.ACCESS,
        Feature.ACCESS_JWT,
        Feature.ACCESS_REGEX_PATH,
        Feature.ACCESS_GATEWAY_CIDR,
        Feature.MTLS,
        Feature.MTLS_PERMISSIVE,
        Feature.RATE_LIMITS,
        Feature.RATE_LIMIT_PER_SOURCE,
        Feature.RATE_LIMIT_PER_HEADER,
        Feature.MAX_REQUEST_BODY,
        Feature.REDIRECT_TO_HTTPS,
        Feature.TRUSTED_HOPS,
        Feature.STRICT_REQUESTS,
    }
)
"""What this half of the target expresses."""


def security_findings(mesh: Mesh) -> Iterator[Finding]:
    """What Istio can't say exactly, at the lines that say it."""
    found: list[Finding] = []
    complain = complaints.into(found)
    for point in check_points(mesh):
        unsayable.complain_of_check_point(point, complain)
    unsayable.complain_of_mesh(mesh, complain)
    limits.complain_of_limits(mesh, complain)
    yield from found


def security_objects(mesh: Mesh) -> Iterator[Object]:
    """The objects of every workload that has a proxy."""
    for point in check_points(mesh):
        yield from _guard(point)
    yield from limits.limit_objects(mesh)


def _guard(point: CheckPoint) -> Iterator[Object]:
    bits = Conditions(point)
    policies = list(authorization_policies(point, bits))
    if point.service is not None:
        yield peer_authentication(point.mesh, point.service)
    if point.providers:
        yield request_authentication(point)
    if allows_envoy_filters(point.mesh) and point.context == INBOUND and point.mesh.egress is Egress.DECLARED:
        normalize = normalize_filter(point.mesh, bearer=False, peer=False)
        yield envoy_filter(point, "no-route", Priority.NORMALIZE, answer_unknown(_connection_settings(point, OUTBOUND), normalize))
    if allows_envoy_filters(point.mesh) and point.http_ports:
        yield _normalize(point)
        yield from _between(point, bits.filters())
    yield from policies


def _normalize(point: CheckPoint) -> Object:
    """What stands before everything, at every way into and out of the workload."""
    mesh = point.mesh
    patches = [merge_connection_manager(point.context, _connection_settings(point, point.context))]
    patches.append(
        insert_first(point.context, normalize_filter(mesh, bearer=bool(point.providers), peer=_needs_peer(point), gateway=point.gateway))
    )
    if point.context == INBOUND:
        patches.append(merge_connection_manager(OUTBOUND, _connection_settings(point, OUTBOUND)))
        patches.append(insert_first(OUTBOUND, normalize_filter(mesh, bearer=False, peer=False, outbound=True)))
    return envoy_filter(point, "normalize", Priority.NORMALIZE, patches)


def _connection_settings(point: CheckPoint, context: str) -> dict[str, Any]:
    # A target that is no path (`OPTIONS *`) is refused before any filter, with 404.
    mappers = [reply_mapper("response.code_details == 'absolute_path_rejected'", 400)]
    settings: dict[str, Any] = {"common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"}}
    # Envoy removes dot segments before any filter, and what they remove with them: an escaped slash there must be seen before.
    settings["path_with_escaped_slashes_action"] = "REJECT_REQUEST"
    if context != OUTBOUND:
        settings["forward_client_cert_details"] = "SANITIZE_SET"
        mappers.extend([unauthenticated_mapper(point)] if point.providers else [])
    if point.gateway is not None and point.gateway.trusted_hops:
        settings["xff_num_trusted_hops"] = point.gateway.trusted_hops
    return {**settings, "local_reply_config": {"mappers": mappers}}


def _needs_peer(point: CheckPoint) -> bool:
    return point.service is not None and any(limit.per is LimitKey.SOURCE_IP for limit in point.service.rate_limits)


def _between(point: CheckPoint, conditions: list[dict[str, Any]]) -> Iterator[Object]:
    """What stands between tokens and policies; without tokens, right after normalizing."""
    filters = [*token_filters(point), *conditions] if point.providers else conditions
    if not filters:
        return
    insert = insert_after_tokens if point.providers else insert_first
    patches = [insert(point.context, one) for one in reversed(filters)]
    yield envoy_filter(point, "conditions", Priority.CONDITIONS, patches)
