"""The frame of an EnvoyFilter: whose proxy, which chain, where in it, and in which order several of them stand (L16)."""

from enum import IntEnum
from typing import Any, Final

from meshc_istio.check_point import CheckPoint
from meshc_istio.names import object_name
from meshc_istio.objects import NETWORKING_ALPHA, Object, Wave

OUTBOUND: Final = "SIDECAR_OUTBOUND"
HCM: Final = "envoy.filters.network.http_connection_manager"
ROUTER: Final = "envoy.filters.http.router"
JWT: Final = "envoy.filters.http.jwt_authn"
HCM_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


class Priority(IntEnum):
    """Lower ones are applied first; of those that are inserted first in the chain the last applied stands first."""

    BEFORE_ROUTER = 10
    CONDITIONS = 20
    TOKENS = 30
    NORMALIZE = 40


def envoy_filter(point: CheckPoint, what: str, priority: Priority, patches: list[dict[str, Any]]) -> Object:
    """An EnvoyFilter for one workload."""
    selector = {"labels": dict(sorted(point.selector))}
    spec = {"workloadSelector": selector, "priority": int(priority), "configPatches": patches}
    return Object(NETWORKING_ALPHA, "EnvoyFilter", object_name(point.name, what), point.namespace, spec, point.origin, Wave.FILTERS)


def merge_connection_manager(context: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings laid over every HTTP connection manager of a context. A merge cannot write false or 0."""
    value = {"typed_config": {"@type": HCM_TYPE, **settings}}
    return {"applyTo": "NETWORK_FILTER", "match": _in_chain(context, None, None), "patch": {"operation": "MERGE", "value": value}}


def insert_first(context: str, http_filter: dict[str, Any]) -> dict[str, Any]:
    """A filter before all others."""
    return _http_filter("INSERT_FIRST", _in_chain(context, None, None), http_filter)


def insert_after_tokens(context: str, http_filter: dict[str, Any]) -> dict[str, Any]:
    """A filter after tokens were read and before policies. Of several the last one inserted stands first."""
    return _http_filter("INSERT_AFTER", _in_chain(context, None, JWT), http_filter)


def insert_before_router(context: str, http_filter: dict[str, Any], port: int | None = None) -> dict[str, Any]:
    """A filter after all that may refuse a request, in the chains of one port or of all."""
    return _http_filter("INSERT_BEFORE", _in_chain(context, port, ROUTER), http_filter)


def merge_route(context: str, route: str, per_filter: dict[str, Any]) -> dict[str, Any]:
    """Settings of filters for the routes of that name."""
    return {
        "applyTo": "HTTP_ROUTE",
        "match": {"context": context, "routeConfiguration": {"vhost": {"route": {"name": route}}}},
        "patch": {"operation": "MERGE", "value": {"typed_per_filter_config": per_filter}},
    }


def _http_filter(operation: str, match: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    return {"applyTo": "HTTP_FILTER", "match": match, "patch": {"operation": operation, "value": value}}


def _in_chain(context: str, port: int | None, sub_filter: str | None) -> dict[str, Any]:
    manager: dict[str, Any] = {"name": HCM}
    if sub_filter is not None:
        manager["subFilter"] = {"name": sub_filter}
    listener: dict[str, Any] = {"filterChain": {"filter": manager}}
    if port is not None:
        listener["portNumber"] = port
    return {"context": context, "listener": listener}
