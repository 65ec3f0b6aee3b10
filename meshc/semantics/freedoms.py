"""What an odd request may meet beside what its normal form gets (L2, L18)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from meshc.model import Mesh
from meshc.semantics.decision import REFUSED, Answer, Decision, Outcome, Reason, local_answer, unique
from meshc.semantics.message import Message, Read

_CLIENT_ERRORS: Final = (
    (Outcome.BAD_REQUEST, 400),
    (Outcome.UNAUTHENTICATED, 401),
    (Outcome.DENIED, 403),
    (Outcome.NO_ROUTE, 404),
    (Outcome.BAD_REQUEST, 405),
    (Outcome.MISDIRECTED, 421),
    (Outcome.BAD_REQUEST, 426),
)
"""The 4xx that a proxy may answer an odd request with; the suite takes any."""

_UNKNOWN: Final = (Outcome.NO_ROUTE, 502)
"""What a caller's proxy says of a Host that it does not know, as it may of any request (L18 g)."""
_SERVER_ERRORS: Final = (_UNKNOWN, (Outcome.UNAVAILABLE, 503))
_REFUSALS: Final = frozenset(
    {
        Outcome.BAD_REQUEST,
        Outcome.DENIED,
        Outcome.MISDIRECTED,
        Outcome.NO_ROUTE,
        Outcome.REFUSED,
        Outcome.UNAUTHENTICATED,
        Outcome.UNAVAILABLE,
    }
)


def settle(mesh: Mesh, reading: Read, judge: Callable[[Message], Decision]) -> Decision:
    """
    The decision on a request: that on its normal form, or 400 where it has none, and what an odd one may meet besides.

    Under `strict` an odd request may be refused and no more. Under `standard` it may also be read otherwise, wherever that leads: the
    checks on the way have compared every reading of what they receive, so that none of them is passed that would refuse it.
    """
    if reading.message is None:
        bad = local_answer(Outcome.BAD_REQUEST, 400, grpc=reading.grpc)
        main = Decision((bad,), (Reason(reading.odd or "", mesh.origin),))
    else:
        main = judge(reading.message)
    if reading.odd is None:
        return main
    owed = main.permitted[0]
    refusals = (*_CLIENT_ERRORS, *((_UNKNOWN,) if mesh.requests == "strict" else _SERVER_ERRORS))
    refused = [*(local_answer(outcome, status, grpc=reading.grpc) for outcome, status in refusals), REFUSED]
    return replace(
        main,
        permitted=unique((*main.permitted, *(answer.instead_of(owed) for answer in refused))),
        odd=reading.odd,
        otherwise=_different(main, [judge(other) for other in reading.others]),
    )


def _different(main: Decision, others: list[Decision]) -> tuple[Decision, ...]:
    """Those that are no mere refusal and say something of their own."""
    told = {_without_reasons(main)}
    kept: list[Decision] = []
    for other in others:
        if is_refusal(other) or (said := _without_reasons(other)) in told:
            continue
        told.add(said)
        kept.append(other)
    return tuple(kept)


def _without_reasons(decision: Decision) -> str:
    """What it says, as something that can be compared: some parts of a decision cannot be hashed."""
    return repr(replace(decision, because=()))


def is_refusal(decision: Decision) -> bool:
    """Whether nothing of it reaches an application, nor gets an answer that the spec wrote."""
    if decision.outcome is Outcome.ROUTED:
        return not any(one.weight > 0 and one.verdict.outcome is Outcome.ROUTED for one in decision.destinations)
    return decision.outcome in _REFUSALS


def freed(answers: tuple[Answer, ...], owed: Answer) -> tuple[Answer, ...]:
    """The answers as freedoms of an engine that owes another."""
    return tuple(answer.instead_of(owed) for answer in answers if answer != owed)
