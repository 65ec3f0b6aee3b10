"""Which rule takes a request and what its action makes of it, short of the destinations' own verdicts (L6, section 4 of the language)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from meshc import paths
from meshc.model import Action, Cors, Destination, Fault, Forward, Mirror, Pattern, Redirect, Respond, Rewrite, Route, Rule
from meshc.paths import PathPattern
from meshc.semantics.decision import Answer, Decision, Outcome, Reason
from meshc.semantics.matching import taken_path, takes
from meshc.semantics.message import Message, change_headers
from meshc.semantics.spellings import readings

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
    if (answered := answer_preflight(taken, message)) is not None:
        return answered
    match rule.action:
        case Redirect() as redirect:
            reason = Reason(f"redirect {redirect.status}", redirect.origin)
            answer = message.answer(Outcome.REDIRECT, redirect.status)
            where, *others = _locations(redirect, taken_path(taken.pattern, message), message, place)
            headers = rule.response_headers
            return Decision((answer,), (*because, reason), location=where, locations=tuple(others), response_headers=headers)
        case Respond() as respond:
            reason = Reason(f"respond {respond.status}", respond.origin)
            answer = message.answer(Outcome.RESPOND, respond.status)
            return Decision((answer,), (*because, reason), respond=respond, response_headers=rule.response_headers)
        case Forward() as forward:
            return _abort(rule, message, because) or _send(taken, forward, message)


def answer_preflight(taken: Taken, message: Message) -> Decision | None:
    """The answer of the rule's `cors` to a preflight from an origin that it allows, which comes before tokens and policies (L9)."""
    cors = taken.rule.cors
    if cors is None or not message.preflight or not allows_origin(cors, message.lines("origin")[0]):
        return None
    return Decision((Answer(Outcome.RESPOND, 200),), (*taken.because, Reason("the CORS preflight is answered", cors.origin)))


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
    message = _with_new_path(rewrite, path, message)
    return message if rewrite.host is None else replace(message, host=rewrite.host, hosts_read=())


def _with_new_path(change: Rewrite | Redirect, path: PathPattern, message: Message) -> Message:
    """The request with another path; of one that is read by its spelling, with every reading of that."""
    prefix, full = change.replace_prefix, change.replace_full
    if full is not None:
        return replace(message, segments=paths.segments_of(full), spelled=False, paths_read=())
    if prefix is None:
        return message
    new = paths.canonical(paths.segments_of(prefix)) if message.spelled else prefix
    segments = paths.rewrite_prefix(message.segments, path, new)
    spelled = segments if message.spelled else tuple(paths.canonical_segment(segment) for segment in segments)
    known = (paths.rewrite_prefix(one, path, prefix) for one in message.paths_read if paths.matches(path, one))
    read_as = tuple(dict.fromkeys((*readings(spelled), *known))) if message.paths_read else ()
    return replace(message, segments=segments, paths_read=read_as)


def _locations(redirect: Redirect, path: PathPattern, message: Message, place: Place) -> list[str]:
    """Absolute; a scheme that is stated and no port brings its own default port along (as in the Gateway API)."""
    scheme = redirect.scheme or place.scheme
    port = redirect.port if redirect.port is not None else (_DEFAULT_PORTS.get(scheme) if redirect.scheme is not None else place.port)
    there = _with_new_path(redirect, path, message).path_and_query
    hosts = (redirect.host,) if redirect.host is not None else hosts_in_location(message)
    return [location(scheme, host, port, there) for host in hosts]


def hosts_in_location(message: Message) -> tuple[str, ...]:
    """The request's host as a Location says it: in lower case, or with the letters that the client wrote (L18 h)."""
    written = message.host_written
    return tuple(dict.fromkeys((message.host or written, written if written.lower() == message.host else message.host or written)))


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
