"""
Limits of size: 413 above so many bytes (section 4 of the language).

Envoy's buffer filter counts a body by holding it until it is whole. An upgraded connection and a stream of gRPC never are, so those pass
it by: a matcher skips the filter for them.
"""

from typing import Any, Final

_BUFFER: Final = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3."
_WITH_MATCHER: Final = "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher"
_SKIP: Final = "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter"
_HEADER: Final = "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
_MOST: Final = 4294967295
SMALLEST: Final = 16 * 1024
"""The largest frame of HTTP/2 that a peer must take (RFC 9113 section 4.2)."""


def body_filter(name: str, size: int | None) -> dict[str, Any]:
    """A filter that holds every request to that size; None: only those of routes that say one."""
    found: dict[str, Any] = {
        "name": f"meshc.{name}",
        "typed_config": {
            "@type": _WITH_MATCHER,
            "extension_config": {
                "name": "buffer",
                "typed_config": {"@type": f"{_BUFFER}Buffer", "max_request_bytes": _MOST if size is None else min(size, _MOST)},
            },
            "xds_matcher": {"matcher_list": {"matchers": [{"predicate": _streams(), "on_match": {"action": _skip()}}]}},
        },
    }
    if size is None:
        found["disabled"] = True
    return found


def route_body(name: str, size: int) -> dict[str, Any]:
    """What a route says to the filter that is disabled elsewhere."""
    return {f"meshc.{name}": {"@type": f"{_BUFFER}BufferPerRoute", "buffer": {"max_request_bytes": min(size, _MOST)}}}


def _streams() -> dict[str, Any]:
    upgrade = _predicate("upgrade", {"safe_regex": {"google_re2": {}, "regex": ".+"}})
    extended = _predicate(":protocol", {"safe_regex": {"google_re2": {}, "regex": ".+"}})
    grpc = _predicate("content-type", {"prefix": "application/grpc"})
    return {"or_matcher": {"predicate": [upgrade, extended, grpc]}}


def _predicate(name: str, match: dict[str, Any]) -> dict[str, Any]:
    source = {"name": "request-headers", "typed_config": {"@type": _HEADER, "header_name": name}}
    return {"single_predicate": {"input": source, "value_match": match}}


def _skip() -> dict[str, Any]:
    return {"name": "skip", "typed_config": {"@type": _SKIP}}
