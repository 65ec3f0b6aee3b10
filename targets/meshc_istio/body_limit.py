"""Limits of size: 413 above so many bytes, exactly, for any version of HTTP (section 4 of the language)."""

from collections.abc import Mapping
from typing import Any, Final

from meshc_istio.normalize_lua import literal, lua_filter, text

_BUFFER: Final = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3."
_MOST: Final = 4294967295
RULE_BUFFER: Final = "meshc.body.rule"


def body_filters(size: int) -> list[dict[str, Any]]:
    """The filters that hold every request of a chain to that size."""
    return [_buffer("meshc.body", size), _count("meshc.body.count", f"local LIMIT, ROUTES = {size}, {{}}")]


def rule_body_filters(sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    """The filters that hold requests to the sizes of the routes that took them, by the routes' names; those need `route_buffer` too."""
    count = _count("meshc.body.rule.count", f"local LIMIT, ROUTES = nil, {literal(dict(sizes))}")
    return [{**_buffer(RULE_BUFFER, _MOST), "disabled": True}, count]


def route_buffer(size: int) -> dict[str, Any]:
    """What a route says to the filter that is disabled elsewhere."""
    return {RULE_BUFFER: {"@type": f"{_BUFFER}BufferPerRoute", "buffer": {"max_request_bytes": min(size, _MOST)}}}


def _buffer(name: str, size: int) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{_BUFFER}Buffer", "max_request_bytes": min(size, _MOST)}}


def _count(name: str, settings: str) -> dict[str, Any]:
    return lua_filter(name, f"{settings}\n{text('body')}")
