"""The frame of an EnvoyFilter: whose proxy, which chain, where in it. A workload has one at most, with all of its patches."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from meshc.diagnostics import Origin
from meshc_istio.check_point import CheckPoint
from meshc_istio.objects import NETWORKING_ALPHA, Object, Wave

OUTBOUND: Final = "SIDECAR_OUTBOUND"
HCM: Final = "envoy.filters.network.http_connection_manager"
ROUTER: Final = "envoy.filters.http.router"
JWT: Final = "envoy.filters.http.jwt_authn"
HEADER_MUTATION: Final = "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
HCM_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


class Order(IntEnum):
    """The order of patches in an object: of filters that are inserted first in the chain the last one stands first."""

    SETTINGS = 0
    RULES = 1
    LIMITS = 2
    CONDITIONS = 3
    STRICT = 4


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch of a workload's proxy; `what` names the line of the spec that asks for it, at `origin`."""

    order: Order
    tree: dict[str, Any]
    what: str
    origin: Origin


def envoy_filter(point: CheckPoint, patches: Iterable[Patch]) -> Object | None:
    """Return the EnvoyFilter of a workload; None where nothing asks for one."""
    ordered = sorted(patches, key=lambda patch: patch.order)
    if not ordered:
        return None
    trees = list({repr(patch.tree): patch.tree for patch in ordered}.values())
    selector = {"labels": dict(sorted(point.selector))}
    # A priority, without which istioctl warns of patches that stand relative to others (IST0151).
    spec = {"workloadSelector": selector, "priority": 1, "configPatches": trees}
    return Object(NETWORKING_ALPHA, "EnvoyFilter", point.name, point.namespace, spec, ordered[0].origin, Wave.CONDITIONS)


def merge_connection_manager(context: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings laid over every HTTP connection manager of a context. A merge cannot write false or 0."""
    value = {"typed_config": {"@type": HCM_TYPE, **settings}}
    return {"applyTo": "NETWORK_FILTER", "match": _in_chain(context, None, None), "patch": {"operation": "MERGE", "value": value}}


def insert_first(context: str, http_filter: dict[str, Any]) -> dict[str, Any]:
    """A filter before all others."""
    return _http_filter("INSERT_FIRST", _in_chain(context, None, None), http_filter)


def insert_before_router(context: str, http_filter: dict[str, Any], port: int | None = None) -> dict[str, Any]:
    """A filter after all that may refuse a request, in the chains of one port or of all."""
    return _http_filter("INSERT_BEFORE", _in_chain(context, port, ROUTER), http_filter)


def merge_route(context: str, route: str, value: dict[str, Any]) -> dict[str, Any]:
    """Fields laid over the routes of that name."""
    match = {"context": context, "routeConfiguration": {"vhost": {"route": {"name": route}}}}
    return {"applyTo": "HTTP_ROUTE", "match": match, "patch": {"operation": "MERGE", "value": value}}


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
