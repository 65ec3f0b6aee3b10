"""Whether what was seen on the wire is one of the things that `decide` permits."""

from meshc.model import Name
from meshc.semantics import Answer, Decision, Outcome, Reached
from tests.conformance.engine import Seen
from tests.conformance.judge import same_path

_NOT_KEPT = frozenset({"connection", "content-length", "transfer-encoding", "te", "upgrade", "keep-alive", "proxy-connection", "expect"})


def disagreement(decision: Decision, seen: Seen) -> str | None:
    """What does not fit, in one sentence; None where it is one of the readings that are permitted."""
    wrong = _differs(decision, seen, odd=decision.odd is not None)
    if wrong is None or any(_differs(other, seen, odd=decision.odd is not None) is None for other in decision.otherwise):
        return None
    return wrong + (f" (odd: {decision.odd})" if decision.odd is not None else "")


def _differs(decision: Decision, seen: Seen, *, odd: bool) -> str | None:
    if seen.refused is not None:
        fits = any(answer.outcome is Outcome.REFUSED for answer in _answers(decision))
        return None if fits else f"{_said(decision)}, but the connection was {seen.refused}"
    if seen.service is None:
        return _local(decision, seen, odd=odd)
    return _routed(decision, seen, odd=odd)


def _answers(decision: Decision) -> list[Answer]:
    """All that may come: what is permitted, and what each destination may say."""
    verdicts = [answer for reached in _reached(decision) for answer in _freed(reached.verdict)]
    first = [] if decision.outcome is Outcome.ROUTED and verdicts else [decision.permitted[0]]
    return [*first, *decision.permitted[1:], *verdicts]


def _freed(verdict: Answer) -> tuple[Answer, ...]:
    """What a destination says, and 403 for a 401, which any request may get for want of a token (L18 e)."""
    if verdict.outcome is not Outcome.UNAUTHENTICATED:
        return (verdict,)
    return (verdict, Answer(Outcome.DENIED, 403) if verdict.grpc_status is None else Answer(Outcome.DENIED, 200, 7))


def _reached(decision: Decision) -> list[Reached]:
    return [reached for reached in decision.destinations if reached.weight > 0]


def _local(decision: Decision, seen: Seen, *, odd: bool) -> str | None:
    answers = [answer for answer in _answers(decision) if answer.outcome not in (Outcome.ROUTED, Outcome.REFUSED)]
    if not any((answer.status, answer.grpc_status) == (seen.status, seen.grpc) for answer in answers):
        return f"{_said(decision)}, but {seen.status} came from a proxy"
    if decision.outcome is Outcome.REDIRECT and seen.status == decision.status and not _is_location(decision, seen.location, odd=odd):
        return f"a redirect to {decision.location}, but it was to {seen.location}"
    return None


def _is_location(decision: Decision, seen: str | None, *, odd: bool) -> bool:
    """Whether a Location is a permitted one; that of an odd request may keep the spelling of its path."""
    known = [location for location in (decision.location, *decision.locations) if location is not None]
    return seen in known or (odd and seen is not None and any(_same_location(one, seen) for one in known))


def _same_location(one: str, other: str) -> bool:
    start, path = _at_path(one)
    other_start, other_path = _at_path(other)
    return start.lower() == other_start.lower() and same_path(path, other_path)


def _at_path(location: str) -> tuple[str, str]:
    scheme, _, rest = location.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", slash + path


def _routed(decision: Decision, seen: Seen, *, odd: bool) -> str | None:
    def is_it(reached: Reached) -> bool:
        service = reached.host if reached.service is None else _bare(reached.service)
        return (
            reached.verdict.outcome is Outcome.ROUTED
            and service == seen.service
            and (reached.version is None or reached.version == seen.version)
        )

    if not any(is_it(reached) for reached in _reached(decision)):
        return f"{_said(decision)}, but it reached {seen.service} version {seen.version}"
    forwarded = decision.request
    if forwarded is None or not seen.method:  # bytes, or a HEAD: what arrived is not told
        return None
    if forwarded.method != seen.method:
        return f"method {forwarded.method}, but {seen.method} arrived"
    host = (seen.host or "").partition(":")[0].lower().removesuffix(".")
    if forwarded.host != host and not odd:  # what arrives of a malformed Host no law says
        return f"host {forwarded.host}, but {seen.host} arrived"
    if seen.path is None or not (same_path(forwarded.path, seen.path) if odd else forwarded.path == seen.path):
        return f"path {forwarded.path}, but {seen.path} arrived"
    return _headers(forwarded.headers, seen.headers)


def _headers(expected: tuple[tuple[str, str], ...], seen: tuple[tuple[str, str], ...]) -> str | None:
    """Each field's lines arrive in their order; Envoy may join lines of one field by commas."""
    arrived = _joined(seen)
    for name, value in _joined(expected).items():
        if name not in _NOT_KEPT and arrived.get(name) != value:
            return f"header {name}: {value!r}, but {arrived.get(name)!r} arrived"
    return None


def _joined(lines: tuple[tuple[str, str], ...]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in lines:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _bare(name: Name) -> str:
    return name.name


def _said(decision: Decision) -> str:
    if decision.outcome is Outcome.ROUTED:
        shares = [f"{reached.service or reached.host}@{reached.version} ({_text(reached.verdict)})" for reached in _reached(decision)]
        return f"routed to {', '.join(shares)}" + "".join(f" or {_text(answer)}" for answer in decision.permitted[1:])
    return " or ".join(_text(answer) for answer in decision.permitted)


def _text(answer: Answer) -> str:
    return answer.outcome.value + (f" {answer.status}" if answer.status is not None else "")
