"""A decision for a person: what happens, and the chain of lines that say so."""

import textwrap
from collections.abc import Iterator
from typing import Final

from meshc.diagnostics import Locate
from meshc.report.paint import Paint, Style
from meshc.report.printable import columns, printable
from meshc.semantics import Answer, Decision, Outcome, Reached

_WHERE: Final = 36  # columns that a place may take before what it says moves to the next line
_INDENT: Final = "  "

_WORDS: Final = {
    Outcome.ROUTED: "routed",
    Outcome.REDIRECT: "redirected",
    Outcome.RESPOND: "answered by the mesh",
    Outcome.DENIED: "denied",
    Outcome.UNAUTHENTICATED: "unauthenticated",
    Outcome.BAD_REQUEST: "a bad request",
    Outcome.MISDIRECTED: "misdirected",
    Outcome.NO_ROUTE: "no route",
    Outcome.UNAVAILABLE: "unavailable",
    Outcome.REFUSED: "refused: the connection is closed",
}

_GOOD: Final = frozenset((Outcome.ROUTED, Outcome.REDIRECT, Outcome.RESPOND))


def chain(decision: Decision, locate: Locate, *, colour: bool, width: int, indent: str = "") -> str:
    """The lines that took part, in the order of events, then what happens."""
    paint = Paint(enabled=colour)
    lines = [*_because(decision, locate, paint, width - len(indent)), *_ending(decision, paint)]
    return "".join(f"{indent}{line}".rstrip() + "\n" for line in lines)


def answer_in_words(answer: Answer) -> str:
    """`denied (403)`."""
    status = f" ({answer.status})" if answer.status is not None else ""
    grpc = f", grpc-status {answer.grpc_status}" if answer.grpc_status is not None else ""
    return f"{_WORDS[answer.outcome]}{status}{grpc}"


def _because(decision: Decision, locate: Locate, paint: Paint, width: int) -> Iterator[str]:
    found = [locate(one.origin) for one in decision.because]
    places = [f"{printable(place.file)}:{place.span.line}" for place in found]
    column = max((columns(place) for place in places if columns(place) <= _WHERE), default=0)
    for place, reason in zip(places, decision.because, strict=True):
        first, *rest = textwrap.wrap(printable(reason.what), max(20, width - column - 4), break_long_words=False) or [""]
        head = f"{_INDENT}{paint(place, Style.FRAME)}"
        if columns(place) > column:
            yield head
            head = f"{_INDENT}{' ' * column}"
        else:
            head += " " * (column - columns(place))
        yield f"{head}{_INDENT}{first}"
        yield from (f"{_INDENT}{' ' * column}{_INDENT}{line}" for line in rest)


def _ending(decision: Decision, paint: Paint) -> Iterator[str]:
    first, *others = decision.permitted
    style = Style.HELP if first.outcome in _GOOD else Style.ERROR
    to = f" to {printable(decision.location)}" if decision.location is not None else ""
    yield f"=> {paint(answer_in_words(first) + to, style)}"
    for other in others if decision.odd is None else ():
        yield f"   or {answer_in_words(other)}: engines may answer either way"
    if first.outcome is Outcome.ROUTED:
        total = sum(one.weight for one in decision.destinations) or 1
        for one in decision.destinations:
            yield f"   {paint(_reached(one, total), Style.STRONG)}{_verdict(one)}"
    yield from (f"   {line}" for line in _beside(decision))
    yield from _freedoms(decision)


def _freedoms(decision: Decision) -> Iterator[str]:
    """Why an odd request is odd, and what else may become of it; where else a plain one may lead."""
    if decision.odd is not None:
        server_errors = any(answer.outcome is Outcome.UNAVAILABLE and answer.stands_for is not None for answer in decision.permitted)
        refusals = "4xx, 502, 503 or a closed connection" if server_errors else "4xx or a closed connection"
        yield f"odd: {printable(decision.odd)}"
        yield f"   or refused: {refusals}"
    for other in decision.otherwise:
        if other.outcome is Outcome.ROUTED:
            reached = [_reached(one, one.weight) for one in other.destinations if one.weight and one.verdict.outcome is Outcome.ROUTED]
            arrives = f" as {printable(other.request.path)}" if other.request is not None else ""
            yield f"   or routed to {', '.join(reached)}{arrives}"
        else:
            to = f" to {printable(other.location)}" if other.location is not None else ""
            yield f"   or {answer_in_words(other.permitted[0])}{to}"


def _reached(one: Reached, total: int) -> str:
    port = f" port {one.port}" if one.port is not None else ""
    version = f" version {one.version}" if one.version is not None else ""
    share = f"{100 * one.weight / total:g}% " if one.weight != total else ""
    return f"{share}{printable(str(one.service or one.host))}{version}{port}"


def _verdict(one: Reached) -> str:
    return "" if one.verdict.outcome is Outcome.ROUTED else f": there {answer_in_words(one.verdict)}"


def _beside(decision: Decision) -> Iterator[str]:
    if (respond := decision.respond) is not None and respond.body:
        yield f"body: {printable(respond.body)}"
    if (fault := decision.fault) is not None:
        if fault.delay_ms is not None:
            yield f"fault: {fault.delay_percent:g}% delayed by {fault.delay_ms}ms"
        if fault.abort_status is not None:
            yield f"fault: {fault.abort_percent:g}% answered {fault.abort_status}"
    if (mirror := decision.mirror) is not None:
        version = f" version {mirror.to.version}" if mirror.to.version is not None else ""
        yield f"mirror: {mirror.percent:g}% copied to {mirror.to.service}{version}"
    if (seen := decision.request) is not None:
        yield f"as the backend sees it: {seen.method} {printable(seen.host)} {printable(seen.path)}"
        yield from (f"{_INDENT}{printable(name)}: {printable(value)}" for name, value in seen.headers)
    changes = decision.response_headers
    yield from (f"response header set: {name}: {printable(value)}" for name, value in changes.set)
    yield from (f"response header added: {name}: {printable(value)}" for name, value in changes.add)
    if changes.remove:
        yield f"response headers removed: {', '.join(changes.remove)}"
