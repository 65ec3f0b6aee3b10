"""What a caller's proxy answers where it knows nobody: 502 to HTTP on any port, after the same checks as everywhere (L2, L8)."""

from typing import Any, Final

from meshc_istio.envoy_filter import HCM, HCM_TYPE, OUTBOUND, ROUTER

_CATCH_ALL: Final = "virtualOutbound"
"""Istio's listener for what no other listener takes. By itself it closes the connection, whatever is spoken."""
_INSPECTOR: Final = "type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector"
_ROUTER_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def answer_unknown(settings: dict[str, Any], normalize: dict[str, Any]) -> list[dict[str, Any]]:
    """Patches for the listener; `settings` and `normalize` are what every other connection manager of the proxy has too."""
    inspect = {
        "listener_filters": [{"name": "meshc.http_inspector", "typed_config": {"@type": _INSPECTOR}}],
        "listener_filters_timeout": "5s",
        "continue_on_listener_filters_timeout": True,
    }
    return [_patch("LISTENER", "MERGE", inspect), _patch("FILTER_CHAIN", "ADD", _chain(settings, normalize))]


def _chain(settings: dict[str, Any], normalize: dict[str, Any]) -> dict[str, Any]:
    nobody = {"name": "meshc.no-route", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 502}}]}
    manager = {
        "@type": HCM_TYPE,
        "stat_prefix": "meshc_no_route",
        "normalize_path": True,
        "merge_slashes": True,
        **settings,
        "route_config": {"virtual_hosts": [nobody], "validate_clusters": False},
        "http_filters": [normalize, {"name": ROUTER, "typed_config": {"@type": _ROUTER_TYPE}}],
    }
    return {
        "name": "meshc.no-route",
        "filter_chain_match": {"application_protocols": ["http/1.0", "http/1.1", "h2c"]},
        "filters": [{"name": HCM, "typed_config": manager}],
    }


def _patch(what: str, operation: str, value: dict[str, Any]) -> dict[str, Any]:
    match = {"context": OUTBOUND, "listener": {"name": _CATCH_ALL}}
    return {"applyTo": what, "match": match, "patch": {"operation": operation, "value": value}}
