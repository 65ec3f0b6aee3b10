"""What a rule becomes in a VirtualService: one HTTPRoute, or several where Istio ties to the route what the language ties to a request."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from meshc import paths, regex, spelling
from meshc.model import (
    Cors,
    Destination,
    Fault,
    Forward,
    HeaderChanges,
    Mesh,
    Name,
    Pattern,
    Port,
    Redirect,
    Respond,
    Retries,
    RetryCondition,
    Rewrite,
    Route,
    Rule,
)
from meshc.paths import PathPattern
from meshc_istio.complaints import Complain, gives_up
from meshc_istio.durations import duration
from meshc_istio.http_match import Scope, entries
from meshc_istio.names import host_of, shown_name
from meshc_istio.options import REDIRECT_PREFIX, has

HttpRoute: TypeAlias = dict[str, Any]
NO_ROUTE: Final[HttpRoute] = {"directResponse": {"status": 404}}
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_NOT_PROCESSED: Final = (RetryCondition.CONNECT_FAILURE, RetryCondition.REFUSED_STREAM)
_BACKOFF_SPREAD: Final = 10  # Envoy's longest pause, where only the first is said
_ALL: Final = 100
_ISTIO_STATUS: Final = 301
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rule is tried: scheme and port of a Location, the one host it is for, if it is one, and the ports that can be called."""

    mesh: Mesh
    scheme: str
    port: int | None  # the listener's; None: the port that was called
    host: str | None
    ports: tuple[Port, ...]
    complain: Complain
    outside: tuple[Name, str] | None = None  # an external service, and which of its hosts was called

    @property
    def scope(self) -> Scope:
        """The place as matches need it."""
        return Scope(self.mesh, self.ports, self.complain)


@dataclass(frozen=True, slots=True)
class Variant:
    """A share of a rule's requests that one HTTPRoute can serve."""

    patterns: tuple[Pattern, ...]
    base: PathPattern | None  # the path pattern that took them, where a prefix is replaced
    port: Port | None  # the port that was called, where that matters
    retries: Retries | None


def http_routes(place: Place, route: Route, rule: Rule, patterns: tuple[Pattern, ...] | None = None) -> Iterator[HttpRoute]:
    """The HTTPRoutes of a rule, in order; `patterns` narrow its matches."""
    if rule.fault is not None and not isinstance(rule.action, Forward):
        place.complain("a fault on a rule that answers by itself, which Istio has no room for", rule.fault.origin)
    for variant in _variants(place, rule, patterns or rule.matches):
        match = entries(place.scope, variant.patterns)
        if match:
            yield from _routes_of(place, route, rule, variant, match)


def _routes_of(place: Place, route: Route, rule: Rule, variant: Variant, match: list[dict[str, Any]]) -> Iterator[HttpRoute]:
    frame = {} if (name := shown_name(route, rule)) is None else {"name": name}
    rest = _around(rule)
    if rule.cors is not None and not isinstance(rule.action, Forward):
        place.complain("`cors` of a rule that answers by itself: Istio heeds it only where it forwards", rule.cors.origin)
    match rule.action:
        case Redirect() as redirect:
            for narrowed, action in _redirects(place, redirect, variant, match):
                yield {**frame, **matched(narrowed), "redirect": action, **rest}
        case Respond() as respond:
            answer: dict[str, Any] = {"status": respond.status}
            if respond.body:
                answer["body"] = {"string": respond.body}
            changed = replace(rule, response_headers=_with(respond.headers, rule.response_headers))
            yield {**frame, **matched(match), "directResponse": answer, **_around(changed)}
        case Forward() as forward:
            yield {**frame, **matched(match), **_forward(place, forward, variant), **_fault(rule.fault), **rest}


def ended(routes: Iterable[HttpRoute]) -> list[HttpRoute]:
    """
    Routes up to the first that takes all.

    What is left has no route: 404. Only where every entry is for some callers alone it must be said, since to others Istio would send it
    where it thinks best. An entry that stands earlier too can never match again, and Istio warns of it.
    """
    found: list[HttpRoute] = []
    seen: set[str] = set()
    for route in routes:
        if "match" not in route:
            return [*found, route]
        fresh = [entry for entry in route["match"] if repr(entry) not in seen]
        seen.update(map(repr, fresh))
        if fresh:
            found.append({**route, "match": fresh})
    entries_made = [entry for route in found for entry in route["match"]]
    return [*found, NO_ROUTE] if all("sourceLabels" in entry or "sourceNamespace" in entry for entry in entries_made) else found


def matched(match: list[dict[str, Any]]) -> HttpRoute:
    """The `match` of a route; one that takes all has none."""
    return {} if {} in match else {"match": match}


# --- variants -------------------------------------------------------------------------------------------------------------------


def _variants(place: Place, rule: Rule, patterns: tuple[Pattern, ...]) -> Iterator[Variant]:
    for by_path, base in _by_path(rule, patterns):
        for by_port, port in _by_port(place, rule, by_path):
            for by_method, retries in _by_method(place.mesh, rule, by_port):
                yield Variant(by_method, base, port, retries)


def _by_path(rule: Rule, patterns: tuple[Pattern, ...]) -> Iterator[tuple[tuple[Pattern, ...], PathPattern | None]]:
    """Prefixes are replaced by route, so each path that may take a request has its own."""
    if _prefix_of(rule) is None:
        yield patterns, None
        return
    for pattern in patterns:
        # Of several that take a request the longest counts, so that one is tried first (L7).
        for path in sorted(pattern.paths, key=_length) if pattern.paths is not None else (paths.ALL_PATHS,):
            yield (replace(pattern, paths=(path,)),), path


def _length(path: PathPattern) -> tuple[int, int]:
    return -len(path.segments), -sum(segment is not None for segment in path.segments)


def _prefix_of(rule: Rule) -> str | None:
    match rule.action:
        case Redirect(replace_prefix=prefix):
            return prefix
        case Forward(rewrite=Rewrite(replace_prefix=prefix)):
            return prefix
        case _:
            return None


def _by_port(place: Place, rule: Rule, patterns: tuple[Pattern, ...]) -> Iterator[tuple[tuple[Pattern, ...], Port | None]]:
    """A destination without a port is the port that was called, and so is a Location's; Istio can say so only by one route a port."""
    if len(place.ports) <= 1 or not _cares_for_port(rule):
        yield patterns, place.ports[0] if place.ports else None
        return
    for port in place.ports:
        narrowed = tuple(replace(one, ports=(port.name,)) for one in patterns if one.ports is None or port.name in one.ports)
        if narrowed:
            yield narrowed, port


def _cares_for_port(rule: Rule) -> bool:
    match rule.action:
        case Redirect():
            return True
        case Forward(destinations=destinations, mirror=mirror):
            return any(one.port is None for one in destinations) or (mirror is not None and mirror.to.port is None)
        case _:
            return False


def _by_method(mesh: Mesh, rule: Rule, patterns: tuple[Pattern, ...]) -> Iterator[tuple[tuple[Pattern, ...], Retries | None]]:
    """Methods that are not idempotent are tried again only where the request was certainly not processed (L12)."""
    retries = rule.action.retries if isinstance(rule.action, Forward) else None
    if retries is None or retries.attempts == 0 or retries.idempotent:
        yield patterns, retries
        return
    careful = replace(retries, conditions=tuple(one for one in retries.conditions if one in _NOT_PROCESSED), codes=())
    if careful.conditions == retries.conditions and careful.codes == retries.codes:
        yield patterns, retries
        return
    for wanted, kept in ((True, retries), (False, careful)):
        narrowed = tuple(
            replace(one, methods=methods)
            for one in patterns
            if (methods := tuple(m for m in one.methods or mesh.methods if (m in _IDEMPOTENT) is wanted))
        )
        if narrowed:
            yield narrowed, kept


# --- forwarding -----------------------------------------------------------------------------------------------------------------


def _forward(place: Place, forward: Forward, variant: Variant) -> HttpRoute:
    found: HttpRoute = {}
    if forward.rewrite is not None:
        found["rewrite"] = _rewrite(forward.rewrite, variant.base)
    found["route"] = weighted(place, forward.destinations, variant.port)
    retries = variant.retries or forward.retries
    if timeout := _timeout(forward, retries):
        found["timeout"] = duration(timeout)
    if said := _retries(place, retries):
        found["retries"] = said
    if forward.mirror is not None:
        to = destination(place, forward.mirror.to, variant.port)
        share = {} if forward.mirror.percent == _ALL else {"percentage": {"value": forward.mirror.percent}}
        found["mirrors"] = [{"destination": to, **share}]
    return found


def weighted(place: Place, destinations: tuple[Destination, ...], called: Port | None) -> list[dict[str, Any]]:
    """Destinations with their shares, as written: one without a share stays, for a controller that moves shares looks for it."""
    shares: dict[str, tuple[dict[str, Any], int]] = {}
    for one in destinations:
        to = destination(place, one, called)
        shares[repr(to)] = (to, shares.get(repr(to), (to, 0))[1] + one.weight)
    if len(shares) == 1:
        return [{"destination": to} for to, _ in shares.values()]
    return [{"destination": to, "weight": weight} for to, weight in shares.values()]


def destination(place: Place, to: Destination, called: Port | None) -> dict[str, Any]:
    """A destination, its port always said: without it Istio guesses."""
    service = place.mesh.service_by_name[to.service]
    port = service.port(to.port) if to.port is not None else next((p for p in service.ports if called and p.name == called.name), None)
    if port is None:
        port = service.ports[0]
    called_host = place.outside[1] if place.outside is not None and place.outside[0] == to.service else None
    found: dict[str, Any] = {"host": called_host or host_of(place.mesh, service), "port": {"number": port.port}}
    if to.version is not None:
        found["subset"] = to.version
    return found


def _rewrite(rewrite: Rewrite, base: PathPattern | None) -> dict[str, Any]:
    """Paths are rewritten by regex: `rewrite.uri` is a plain string prefix, which leaves double slashes."""
    found: dict[str, Any] = {}
    if rewrite.replace_full is not None:
        found["uriRegexRewrite"] = {"match": "^/.*$", "rewrite": _spelled(rewrite.replace_full)}
    elif rewrite.replace_prefix is not None and base is not None:
        head = spelling.expression(PathPattern(base.segments, below=False, regex=None, text=base.text))
        new = _spelled(rewrite.replace_prefix)
        if new.endswith("/"):
            found["uriRegexRewrite"] = {"match": f"^{head}/?(.*)$", "rewrite": rf"{new}\1"}
        else:
            found["uriRegexRewrite"] = {"match": f"^{head}(/.*)?$", "rewrite": rf"{new}\1"}
    if rewrite.host is not None:
        found["authority"] = rewrite.host
    return found


def _spelled(path: str) -> str:
    return paths.canonical(paths.segments_of(path))


def _timeout(forward: Forward, retries: Retries) -> int:
    """No timeout is what Istio writes itself, and it refuses `0s`. Where there is one try, what bounds a try bounds all (L12)."""
    bounds = [forward.timeout_ms, *((retries.per_try_ms or 0,) if not _tries_again(retries) else ())]
    return min((bound for bound in bounds if bound), default=0)


def _tries_again(retries: Retries) -> bool:
    return retries.attempts > 0 and bool(retries.conditions or retries.codes)


def _retries(place: Place, retries: Retries) -> dict[str, Any]:
    """None are what the mesh's own settings say (`defaultHttpRetryPolicy`)."""
    if not _tries_again(retries):
        return {}
    conditions = [*(one.value for one in retries.conditions), *map(str, retries.codes)]
    found: dict[str, Any] = {"attempts": retries.attempts, "retryOn": ",".join(conditions)}
    if retries.per_try_ms is not None:
        found["perTryTimeout"] = duration(retries.per_try_ms)
    found["backoff"] = duration(retries.backoff_initial_ms)
    if retries.backoff_max_ms != _BACKOFF_SPREAD * retries.backoff_initial_ms:
        message = f"a longest pause of {duration(retries.backoff_max_ms)} between retries; Istio's is ten times the first"
        gives_up(place.mesh, "retry-backoff-max", message, retries.origin, place.complain)
    return found


def _fault(fault: Fault | None) -> HttpRoute:
    """Percentages are always said: unset is none here."""
    found: dict[str, Any] = {}
    if fault is not None and fault.delay_ms is not None:
        found["delay"] = {"fixedDelay": duration(fault.delay_ms), "percentage": {"value": fault.delay_percent}}
    if fault is not None and fault.abort_status is not None:
        found["abort"] = {"httpStatus": fault.abort_status, "percentage": {"value": fault.abort_percent}}
    return {"fault": found} if found else {}


# --- redirects ------------------------------------------------------------------------------------------------------------------


def _redirects(
    place: Place, redirect: Redirect, variant: Variant, match: list[dict[str, Any]]
) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    action = _location(place, redirect, variant.port)
    if redirect.replace_full is not None:
        yield match, {"uri": _spelled(redirect.replace_full), **action}
    elif redirect.replace_prefix is None:
        yield match, action
    elif variant.base is None or not paths.is_literal(variant.base):
        place.complain("a redirect that replaces a prefix with a wildcard in it, which Istio can't say", redirect.origin)
    else:
        if not has(place.mesh, REDIRECT_PREFIX):
            place.complain(f"a redirect that replaces a prefix, which Istio has since {REDIRECT_PREFIX}", redirect.origin)
        new = _spelled(redirect.replace_prefix)
        whole = [entry for entry in match if "exact" in entry.get("uri", {})]
        below = [entry if "uri" in entry else {"uri": {"prefix": "/"}, **entry} for entry in match if entry not in whole]
        # Two routes, because one `prefixRewrite` can't put a slash in between for the one and not for the other.
        if whole:
            yield whole, {"uri": new, **action}
        yield below, {"prefixRewrite": new if new.endswith("/") else f"{new}/", **action}


def _location(place: Place, redirect: Redirect, called: Port | None) -> dict[str, Any]:
    """
    What a Location does not keep of the request.

    A host that is known is said, so that a port which the client wrote into the Host doesn't stay (L5), and so is the scheme: it would be
    the one of an absolute URI.
    """
    scheme = redirect.scheme or place.scheme
    own = place.port if place.port is not None or called is None else called.port
    port = redirect.port if redirect.port is not None else own if redirect.scheme is None else _DEFAULT_PORTS[scheme]
    found: dict[str, Any] = {}
    if (host := redirect.host or place.host) is not None:
        found["authority"] = host
    found["scheme"] = scheme
    if port != _DEFAULT_PORTS[scheme]:
        found["port"] = port
    if redirect.status != _ISTIO_STATUS:
        found["redirectCode"] = redirect.status
    return found


# --- what goes with every action ------------------------------------------------------------------------------------------------


def _around(rule: Rule) -> HttpRoute:
    found: HttpRoute = {}
    headers = {
        side: changes
        for side, changes in (("request", _changes(rule.request_headers)), ("response", _changes(rule.response_headers)))
        if changes
    }
    if headers:
        found["headers"] = headers
    if rule.cors is not None:
        found["corsPolicy"] = _cors(rule.cors)
    return found


def _with(headers: tuple[tuple[str, str], ...], changes: HeaderChanges) -> HeaderChanges:
    """Headers of an answer, then the rule's own changes to them."""
    own = dict(changes.set)
    kept = tuple((name, value) for name, value in headers if name.lower() not in own and name.lower() not in changes.remove)
    return HeaderChanges((*kept, *changes.set), changes.add, changes.remove)


def _changes(changes: HeaderChanges) -> dict[str, Any]:
    """A `%` begins a variable in Envoy, and a broken one costs the whole port its routes. Empty values are left to a patch."""
    found: dict[str, Any] = {}
    for how, said in (("set", changes.set), ("add", changes.add)):
        if values := {name: value.replace("%", "%%") for name, value in sorted(said) if value}:
            found[how] = values
    if changes.remove:
        found["remove"] = sorted(changes.remove)
    return found


def _cors(cors: Cors) -> dict[str, Any]:
    found: dict[str, Any] = {"allowOrigins": [_origin(origin) for origin in cors.origins]}
    for key, values in (("allowMethods", cors.methods), ("allowHeaders", cors.headers), ("exposeHeaders", cors.expose_headers)):
        if values:
            found[key] = list(values)
    if cors.max_age_ms is not None:
        found["maxAge"] = duration(cors.max_age_ms)
    if cors.credentials:
        found["allowCredentials"] = True
    return found


def _origin(origin: str) -> dict[str, str]:
    scheme, star, suffix = origin.partition("*")
    return {"regex": f"{regex.escape(scheme)}.+{regex.escape(suffix)}"} if star and scheme else {"exact": origin}
