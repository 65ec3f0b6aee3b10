"""Which rule takes a request and what its action makes of it, short of the destinations' own verdicts (L6, section 4 of the language)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from meshc import paths
from meshc.model import Action, Cors, Destination, Fault, Forward, Mirror, Pattern, Redirect, Respond, Rewrite, Route, Rule
from meshc.paths import PathPattern, Segments
from meshc.semantics.decision import Answer, Decision, Outcome, Reason
from meshc.semantics.matching import taken_path, takes
from meshc.semantics.message import Message, change_headers

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EVERY_SHARE = 100.0


@dataclass(frozen=True, slots=True)
class Taken:
    """The rule that took a request, and by which of its matches."""

    route: Route
    rule: Rule
    pattern: Pattern

    @property
    def because(self) -> tuple[Reason, ...]:
        """The lines that say so."""
        return (
            Reason(f"route {self.route.name}", self.route.origin),
            Reason(f"rule {self.rule.name} takes it", self.rule.origin),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where the request was sent, as a Location needs it."""

    scheme: str
    port: int


@dataclass(frozen=True, slots=True)
class Sending:
    """What goes on to destinations, and what stands beside."""

    message: Message
    destinations: tuple[Destination, ...]
    because: tuple[Reason, ...]
    mirror: Mirror | None = None
    fault: Fault | None = None
    rule: Rule | None = None


def take(entries: Iterable[tuple[Route, Rule]], message: Message, port: str | None) -> Taken | None:
    """The first rule one of whose matches holds."""
    for route, rule in entries:
        for pattern in rule.matches:
            if takes(pattern, message, port):
                return Taken(route, rule, pattern)
    return None


def act(taken: Taken, message: Message, place: Place) -> Decision | Sending:
    """The local answer of the rule, else what it sends on."""
    rule, because = taken.rule, taken.because
    if rule.cors is not None and message.preflight and allows_origin(rule.cors, message.lines("origin")[0]):
        return Decision((Answer(Outcome.RESPOND, 200),), (*because, Reason("the CORS preflight is answered", rule.cors.origin)))
    match rule.action:
        case Redirect() as redirect:
            reason = Reason(f"redirect {redirect.status}", redirect.origin)
            answer = Answer(Outcome.REDIRECT, redirect.status)
            where = _location(redirect, taken_path(taken.pattern, message), message, place)
            return Decision((answer,), (*because, reason), location=where, response_headers=rule.response_headers)
        case Respond() as respond:
            reason = Reason(f"respond {respond.status}", respond.origin)
            answer = message.answer(Outcome.RESPOND, respond.status)
            return Decision((answer,), (*because, reason), respond=respond, response_headers=rule.response_headers)
        case Forward() as forward:
            return _abort(rule, message, because) or _send(taken, forward, message)


def _abort(rule: Rule, message: Message, because: tuple[Reason, ...]) -> Decision | None:
    """A fault that aborts every request is a local answer."""
    fault = rule.fault
    if fault is None or fault.abort_status is None or fault.abort_percent < _EVERY_SHARE:
        return None
    reason = Reason(f"every request is aborted with {fault.abort_status}", fault.origin)
    return Decision((message.answer(Outcome.RESPOND, fault.abort_status),), (*because, reason), fault=fault)


def _send(taken: Taken, forward: Forward, message: Message) -> Sending:
    because = taken.because
    if forward.rewrite is not None:
        message = _rewrite(forward.rewrite, taken_path(taken.pattern, message), message)
        because = (*because, Reason(f"rewritten to {message.host}{message.path_and_query}", forward.rewrite.origin))
    message = change_headers(message, taken.rule.request_headers)
    return Sending(message, forward.destinations, because, forward.mirror, taken.rule.fault, taken.rule)


def send_connection(taken: Taken, message: Message) -> Sending | None:
    """What a rule does with a connection that is not HTTP: it can only forward."""
    action: Action = taken.rule.action
    return Sending(message, action.destinations, taken.because, rule=taken.rule) if isinstance(action, Forward) else None


def _rewrite(rewrite: Rewrite, path: PathPattern, message: Message) -> Message:
    return replace(
        message,
        host=message.host if rewrite.host is None else rewrite.host,
        segments=_new_path(rewrite.replace_prefix, rewrite.replace_full, path, message.segments),
    )


def _new_path(prefix: str | None, full: str | None, path: PathPattern, segments: Segments) -> Segments:
    if full is not None:
        return paths.segments_of(full)
    return segments if prefix is None else paths.rewrite_prefix(segments, path, prefix)


def _location(redirect: Redirect, path: PathPattern, message: Message, place: Place) -> str:
    """Absolute; a scheme that is stated brings its own default port along, the listener's scheme too (L5, as in the Gateway API)."""
    scheme = redirect.scheme or place.scheme
    stated = place.port if redirect.scheme is None else _DEFAULT_PORTS[redirect.scheme]
    port = stated if redirect.port is None else redirect.port
    segments = _new_path(redirect.replace_prefix, redirect.replace_full, path, message.segments)
    there = replace(message, segments=segments).path_and_query
    return location(scheme, redirect.host or message.host, port, there)


def location(scheme: str, host: str, port: int | None, path_and_query: str) -> str:
    """An absolute URI, the scheme's default port omitted."""
    shown = "" if port is None or _DEFAULT_PORTS.get(scheme) == port else f":{port}"
    return f"{scheme}://{host}{shown}{path_and_query}"


def allows_origin(cors: Cors, origin: str) -> bool:
    """Whether pages of that origin may read answers: `*`, the very one, or a wildcard for the host below a scheme."""
    for allowed in cors.origins:
        scheme, star, suffix = allowed.partition("*")
        if allowed in ("*", origin):
            return True
        if star and scheme and origin.startswith(scheme) and origin.endswith(suffix) and len(origin) > len(scheme) + len(suffix):
            return True
    return False
