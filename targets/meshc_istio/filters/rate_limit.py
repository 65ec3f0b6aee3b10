"""Local rate limits: one filter a limit, one bucket a value of its key (section 4 of the language)."""

import json
from typing import Any, Final

from meshc.model import LimitKey, RateLimit
from meshc_istio.filters.envoy_filter import HEADER_MUTATION

_LIMIT: Final = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_EXPRESSION: Final = "type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor"
_ALWAYS: Final = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_NO_LIMIT: Final = {"max_tokens": 4294967295, "tokens_per_fill": 4294967295, "fill_interval": "1s"}
MOST_VALUES: Final = 10000
"""Buckets that one proxy keeps for one limit; the least recently used goes first."""

_PEER: Final = "x-meshc-peer"
"""Carries the address of the peer past the limit: what a sidecar takes for the client's follows X-Forwarded-For."""


def limit_filters(name: str, limit: RateLimit, *, at_gateway: bool, route: str | None = None) -> list[dict[str, Any]]:
    """The filters of a limit, in order; with `route` it counts only requests that the route of that name took."""
    one = _limit_filter(f"meshc.{name}", limit, at_gateway=at_gateway, route=route)
    if limit.per is not LimitKey.SOURCE_IP or at_gateway:
        return [one]
    peer = {
        "header": {"key": _PEER, "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    return [_mutation(f"meshc.{name}.peer", {"append": peer}), one, _mutation(f"meshc.{name}.end", {"remove": _PEER})]


def _mutation(name: str, change: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": HEADER_MUTATION, "mutations": {"request_mutations": [change]}}}


def _limit_filter(name: str, limit: RateLimit, *, at_gateway: bool, route: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "@type": _LIMIT,
        "stat_prefix": name.replace(".", "_"),
        "token_bucket": _NO_LIMIT,
        "always_consume_default_token_bucket": False,
        "filter_enabled": _ALWAYS,
        "filter_enforced": _ALWAYS,
    }
    if limit.per is LimitKey.ALL and route is None:
        del config["always_consume_default_token_bucket"]
        return {"name": name, "typed_config": {**config, "token_bucket": bucket(limit)}}
    on_route = [] if route is None else [expression("route", f"xds.route_name == {json.dumps(route)} ? 'yes' : 'no'")]
    entry = [] if route is None else [{"key": "route", "value": "yes"}]
    ways = _keys(limit, at_gateway=at_gateway)
    if limit.per is not LimitKey.ALL:
        config["max_dynamic_descriptors"] = MOST_VALUES
    config["rate_limits"] = [{"actions": [*on_route, *actions]} for actions, _ in ways]
    config["descriptors"] = [{"entries": [*entry, *entries], "token_bucket": bucket(limit)} for _, entries in ways]
    return {"name": name, "typed_config": config}


def bucket(limit: RateLimit) -> dict[str, Any]:
    """`requests` in each unit, and `burst` more at once."""
    return {
        "max_tokens": limit.requests + limit.burst,
        "tokens_per_fill": limit.requests,
        "fill_interval": f"{limit.unit_ms / 1000:.3f}".rstrip("0").rstrip(".") + "s",
    }


def expression(key: str, text: str) -> dict[str, Any]:
    """An action that makes a descriptor of a CEL expression."""
    typed = {"@type": _EXPRESSION, "descriptor_key": key, "text": text}
    return {"extension": {"name": "envoy.rate_limit_descriptors.expr", "typed_config": typed}}


def _keys(limit: RateLimit, *, at_gateway: bool) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """The actions that read the key, and the entries of its buckets; requests without the key share one."""
    match limit.per:
        case LimitKey.ALL:
            return [([], [])]
        case LimitKey.SOURCE_SERVICE:
            text = "connection.mtls ? connection.uri_san_peer_certificate : 'none'"
            return [([expression("source", text)], [{"key": "source"}])]
        case LimitKey.SOURCE_IP if at_gateway:
            return [([{"remote_address": {}}], [{"key": "remote_address"}])]
        case LimitKey.SOURCE_IP:
            return [([{"request_headers": {"header_name": _PEER, "descriptor_key": "peer"}}], [{"key": "peer"}])]
        case LimitKey.HEADER:
            name = limit.header or ""
            there = {"request_headers": {"header_name": name, "descriptor_key": "value"}}
            headers = [{"name": name, "present_match": True}]
            absent = {
                "header_value_match": {"descriptor_key": "absent", "descriptor_value": "yes", "expect_match": False, "headers": headers}
            }
            return [([there], [{"key": "value"}]), ([absent], [{"key": "absent", "value": "yes"}])]
