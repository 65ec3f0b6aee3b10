"""What a rule does with a request once its defaults are written out: rewrites, redirects, answers, retries, header changes, CORS."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from meshc.model import Cors, Fault, HeaderChanges, Pattern, Redirect, Respond, Retries, RetryCondition, Rewrite
from meshc.resolve.names import Place
from meshc.resolve.values import HOP_BY_HOP, clean, header_name, literal_path, method_names, only_key
from meshc.spec.routes import (
    BackoffShape,
    CorsShape,
    FaultShape,
    HeaderChangesShape,
    PathChangeShape,
    RedirectShape,
    RespondShape,
    RetriesShape,
    RewriteShape,
)
from meshc.spec.shapes import duration_ms, percent

_INITIAL_MS: Final = 25
_SPREAD: Final = 10  # Envoy's longest pause as a multiple of the first, and Istio's

_ORIGIN: Final = re.compile(r"https?://(?:\*\.)?(?:[a-z0-9_-]+\.)*[a-z0-9_-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](?::[0-9]{1,5})?|\*")


def path_change(shape: PathChangeShape | None, place: Place, matches: Sequence[Pattern]) -> tuple[str | None, str | None]:
    """The two forms of a new path, decoded: at most one is set."""
    if shape is None:
        return None, None
    keys = {"replacePrefixMatch": shape.replacePrefixMatch, "replaceFullPath": shape.replaceFullPath}
    key = only_key(keys, place, "`path`")
    if key is None:
        return None, None
    path = literal_path(keys[key] or "", place.at(key))
    if key == "replaceFullPath":
        return None, path
    for pattern in matches:
        for one in pattern.paths or ():
            if not one.below:
                message = f"`replacePrefixMatch` with the path {one.text!r}, expected only paths that end in `/**`"
                place.at(key).error(
                    "MC123", message, "replace the whole path with `replaceFullPath`, or match `/**`", (pattern.origin, "matched here")
                )
                return None, None
    return path, None


def rewrite(shape: RewriteShape | None, place: Place, matches: Sequence[Pattern]) -> Rewrite | None:
    """Changes before forwarding."""
    if shape is None:
        return None
    if shape.path is None and shape.host is None:
        place.error("MC013", "`rewrite` says nothing, expected `path` or `host`")
    prefix, full = path_change(shape.path, place.at("path"), matches)
    return Rewrite(prefix, full, shape.host and shape.host.lower(), place.origin)


def redirect(shape: RedirectShape, place: Place, matches: Sequence[Pattern]) -> Redirect:
    """A Location."""
    if (shape.scheme, shape.host, shape.port, shape.path) == (None, None, None, None):
        place.error("MC013", "`redirect` changes nothing, expected at least one of scheme, host, port, path")
    if shape.host is not None and re.search(r":[0-9]+$", shape.host):
        place.at("host").error("MC012", f"host {shape.host!r} has a port, expected it under `port`")
    prefix, full = path_change(shape.path, place.at("path"), matches)
    host = shape.host and shape.host.lower().removesuffix(".")
    return Redirect(shape.scheme, host, shape.port, prefix, full, shape.statusCode, place.origin)


def respond(shape: RespondShape, place: Place) -> Respond:
    """A local answer."""
    headers: dict[str, str] = {}
    for name, value in shape.headers.items():
        at = place.at("headers", name)
        if name.lower() in HOP_BY_HOP | {"content-length", "host"}:
            at.error("MC121", f"header {name!r} can't be set: the proxy writes it for each answer")
        if name.lower() in headers:
            at.error("MC012", f"header {name!r} is written twice, in different case")
        headers[name.lower()] = clean(value, at)
    if shape.body and shape.status in (204, 304):
        place.at("body").error("MC012", f"an answer with status {shape.status} has no body")
    return Respond(shape.status, shape.body, tuple(sorted(headers.items())), place.origin)


def retries(shape: RetriesShape, place: Place) -> Retries:
    """Retries, in full."""
    if shape.attempts and not shape.conditions and not shape.codes:
        place.error(
            "MC013",
            "retries without `conditions` or `codes` never happen, expected when to retry",
            "such as `conditions: [connect-failure]`",
        )
    initial, most = _backoff(shape.backoff, place.at("backoff"))
    conditions = tuple(one for one in RetryCondition if one in shape.conditions)
    per_try = (duration_ms(shape.perTry) or None) if shape.perTry else None
    return Retries(shape.attempts, per_try, conditions, tuple(sorted(set(shape.codes))), initial, most, shape.idempotent, place.origin)


def _backoff(shape: BackoffShape, place: Place) -> tuple[int, int]:
    """The first and the longest pause; one that is not said follows from the other, as proxies have it."""
    initial = None if shape.initial is None else duration_ms(shape.initial)
    most = None if shape.max is None else duration_ms(shape.max)
    for key, value in (("initial", initial), ("max", most)):
        if value == 0:
            place.at(key).error("MC012", f"`{key}` of 0s, expected a pause")
            return 1, 1
    if initial is not None and most is not None and initial > most:
        place.error("MC012", f"backoff from {shape.initial} to {shape.max}, expected initial <= max")
    if initial is None:
        initial = _INITIAL_MS if most is None else max(most // _SPREAD, 1)
    return initial, initial * _SPREAD if most is None else most


def header_changes(shape: HeaderChangesShape, place: Place) -> HeaderChanges:
    """Header changes, names in lower case."""
    remove = {header_name(name, place.at("remove", index), change=True) for index, name in enumerate(shape.remove)}
    return HeaderChanges(
        set=_changes(shape.set, place.at("set")),
        add=_changes(shape.add, place.at("add")),
        remove=tuple(sorted(name for name in remove if name is not None)),
    )


def _changes(values: Mapping[str, str], place: Place) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for key, value in values.items():
        name = header_name(key, place.at(key), change=True)
        clean(value, place.at(key))
        if name in found:
            place.at(key).error("MC012", f"header {key!r} is written twice, in different case")
        if name is not None:
            found[name] = value
    return tuple(sorted(found.items()))


def fault(shape: FaultShape | None, place: Place) -> Fault | None:
    """A delay, an abort, or both."""
    if shape is None:
        return None
    delay, abort = shape.delay, shape.abort
    if delay is None and abort is None:
        place.error("MC013", "`fault` says nothing, expected `delay` or `abort`")
    return Fault(
        delay_ms=None if delay is None else duration_ms(delay.duration),
        delay_percent=0.0 if delay is None else percent(delay.percent),
        abort_status=None if abort is None else abort.status,
        abort_percent=0.0 if abort is None else percent(abort.percent),
        origin=place.origin,
    )


def cors(shape: CorsShape | None, place: Place, methods: Sequence[str]) -> Cors | None:
    """Cross-origin requests."""
    if shape is None:
        return None
    for index, origin in enumerate(shape.origins):
        at = place.at("origins", index)
        if not _ORIGIN.fullmatch(origin.lower()):
            at.error("MC012", f"{origin!r} is no origin, expected `https://name`, `https://*.suffix` or `*`, without a path")
        if origin == "*" and shape.credentials:
            at.error("MC012", "origin `*` with `credentials: true`, which browsers refuse", "list the origins that may send cookies")
    return Cors(
        origins=tuple(sorted({origin.lower() for origin in shape.origins})),
        methods=method_names(shape.methods, place.at("methods"), methods),
        headers=tuple(sorted({name.lower() for name in shape.headers})),
        expose_headers=tuple(sorted({name.lower() for name in shape.exposeHeaders})),
        max_age_ms=None if shape.maxAge is None else duration_ms(shape.maxAge),
        credentials=shape.credentials,
        origin=place.origin,
    )
