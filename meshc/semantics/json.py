"""A decision as JSON: the shape that `schemas/decision.v1.json` describes."""

from meshc.diagnostics import Locate
from meshc.model import Json
from meshc.semantics.decision import Answer, Decision, Reached, Reason


def to_json(decision: Decision, locate: Locate) -> dict[str, Json]:
    """The decision as a JSON tree; `locate` finds the lines."""
    seen = decision.request
    return {
        "outcome": decision.outcome.value,
        "status": decision.status,
        "grpcStatus": decision.grpc_status,
        "permitted": [outcome.value for outcome in dict.fromkeys(answer.outcome for answer in decision.permitted)],
        "answers": [_permitted(answer) for answer in decision.permitted],
        "destinations": [_destination(reached) for reached in decision.destinations],
        "location": decision.location,
        "request": None
        if seen is None
        else {"method": seen.method, "host": seen.host, "path": seen.path, "headers": [[name, value] for name, value in seen.headers]},
        "mirror": None
        if decision.mirror is None
        else {
            "service": str(decision.mirror.to.service),
            "port": decision.mirror.to.port,
            "version": decision.mirror.to.version,
            "percent": decision.mirror.percent,
        },
        "fault": None
        if decision.fault is None
        else {
            "delayMs": decision.fault.delay_ms,
            "delayPercent": decision.fault.delay_percent,
            "abortStatus": decision.fault.abort_status,
            "abortPercent": decision.fault.abort_percent,
        },
        "because": [_reason(reason, locate) for reason in decision.because],
        "locations": list(decision.locations),
        "odd": decision.odd,
        "otherwise": [_otherwise(other) for other in decision.otherwise],
    }


def _otherwise(other: Decision) -> dict[str, Json]:
    """What else the laws permit, short: where it leads and what arrives there."""
    return {
        "answer": _answer(other.permitted[0]),
        "destinations": [_destination(reached) for reached in other.destinations],
        "location": other.location,
        "path": None if other.request is None else other.request.path,
    }


def _answer(answer: Answer) -> dict[str, Json]:
    return {"outcome": answer.outcome.value, "status": answer.status, "grpcStatus": answer.grpc_status}


def _permitted(answer: Answer) -> dict[str, Json]:
    """An answer, and the outcome in whose stead an engine may give it."""
    return {**_answer(answer), "standsFor": None if answer.stands_for is None else answer.stands_for.outcome.value}


def _destination(reached: Reached) -> dict[str, Json]:
    return {
        "service": None if reached.service is None else str(reached.service),
        "host": reached.host,
        "port": reached.port,
        "version": reached.version,
        "weight": reached.weight,
        "verdict": _answer(reached.verdict),
    }


def _reason(reason: Reason, locate: Locate) -> dict[str, Json]:
    place = locate(reason.origin)
    return {"what": reason.what, "file": place.file, "line": place.span.line, "column": place.span.column}
