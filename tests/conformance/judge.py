"""Whether what was seen is what a case expects; the expectation comes from the case alone, never from `decide`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.conformance.case import Case, Suite
from tests.conformance.engine import Engine, Seen

# What only a real engine shows.
WIRE_ONLY = frozenset({"identity", "response", "body", "tries", "mirrored", "took", "counts"})


_AT_BACKEND = frozenset({"reaches", "port", "version", "path", "method", "host", "headers", "identity"})
CLOSED = "closed"
"""Among the statuses of a freedom: the connection is closed without an answer."""


def complaints(case: Case, seen: Sequence[Seen], *, wire: bool) -> list[str]:
    """What is wrong, in a sentence each; `wire` where a real engine answered."""
    said = case.expect if wire or case.decided is None else case.decided
    expect = {key: value for key, value in said.items() if wire or key not in WIRE_ONLY}
    wrong = _share(expect.pop("share"), seen) if "share" in expect else []
    wrong += _counts(expect.pop("counts"), seen) if "counts" in expect else []
    return [*wrong, *(complaint for one in seen for complaint in _one(expect, one, wire=wire))][:3]


def answers(engine: Engine, suite: Suite, *, wire: bool) -> dict[str, list[str]]:
    """Sends the suite's requests, phase by phase, to an engine that has its mesh; of each case, what is wrong."""
    wrong: dict[str, list[str]] = {}
    for phase in sorted({case.send.phase for case in suite.cases}):
        cases = [case for case in suite.cases if case.send.phase == phase]
        seen = iter(engine.send([case.send for case in cases for _ in range(case.send.times)]))
        for case in cases:
            mine = [next(seen) for _ in range(case.send.times)]
            name = f"{case.law}: {case.says}"
            wrong.setdefault(name, []).extend(f"{name}: {text}" for text in complaints(case, mine, wire=wire))
    return wrong


def _one(expect: Mapping[str, Any], seen: Seen, *, wire: bool) -> list[str]:
    wrong = []
    if isinstance(expect.get("status"), list) and seen.service is None:
        expect = {key: value for key, value in expect.items() if key not in _AT_BACKEND}  # a freedom: it need not get there
    for key, want in expect.items():
        got = _got(key, seen)
        if not _fits(key, want, got, seen, wire=wire):
            wrong.append(f"{key}: expected {want!r}, got {got!r}" + _beside(seen))
    return wrong


def _beside(seen: Seen) -> str:
    return f" (status {seen.status}, {seen.service}@{seen.version} {seen.path}, refused {seen.refused})"


def _got(key: str, seen: Seen) -> Any:  # noqa: ANN401 - whatever the case asks of
    match key:
        case "reaches":
            return seen.service
        case "refused":
            return seen.refused is not None
        case "headers":
            return dict(_joined(seen.headers))
        case "response":
            return dict(_joined(seen.response))
        case "tries":
            return len(seen.arrivals)
        case "mirrored":
            return [f"{one.service}@{one.version}" for one in seen.arrivals if one.service != seen.service or one.version != seen.version]
        case "took":
            return seen.seconds
        case _:
            return getattr(seen, key)


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]} | {value}" if name in joined else value
    return joined


def _fits(key: str, want: Any, got: Any, seen: Seen, *, wire: bool) -> bool:  # noqa: ANN401 - as above
    if key == "status":
        allowed = [None if each == CLOSED else each for each in want] if isinstance(want, list) else [want]
        # A freedom: `decide` lists each permitted answer, and each must be one that the case allows.
        statuses = [got] if wire else [got, *(status for status in seen.permitted if status is not None)]
        return all(status in allowed for status in statuses) and got in allowed
    if key in ("headers", "response"):
        return all(_says(got.get(name.lower()), value) for name, value in want.items())
    if key == "took":
        return bool(want[0] <= got <= want[1])
    if key == "grpc" and isinstance(want, list):
        return got in want
    if key == "version" and isinstance(want, list):
        return got in want or not wire  # `decide` names the service alone: any of its endpoints
    if key == "host" and got is not None:
        return bool(got.partition(":")[0] == want)
    return bool(got == want)


def _says(value: str | None, want: object) -> bool:
    """Whether a header is as expected; `true` is any value, null is none."""
    return (value is not None) if want is True else value == want


def _counts(counts: Mapping[str, int], seen: Sequence[Seen]) -> list[str]:
    """How many answers had each status, exactly."""
    counted = Counter(str(one.status) for one in seen)
    return [] if counted == {str(status): number for status, number in counts.items()} else [f"expected {counts}, got {dict(counted)}"]


def _share(share: Mapping[str, float], seen: Sequence[Seen]) -> list[str]:
    """Shares by service, version or status, in percent, within five standard deviations of what chance gives."""
    counted = Counter(_share_of(one, share) for one in seen)
    wrong = []
    for name, percent in share.items():
        chance = percent / 100
        slack = 5 * (len(seen) * chance * (1 - chance)) ** 0.5
        if abs(counted[str(name)] - len(seen) * chance) > slack + 1e-9:
            wrong.append(f"share of {name}: expected {percent} % of {len(seen)}, got {dict(counted)}")
    if unknown := set(counted) - {str(name) for name in share}:
        wrong.append(f"not expected: {unknown}")
    return wrong


def _share_of(seen: Seen, share: Mapping[str, float]) -> str:
    if seen.service is None:
        return str(seen.status)
    return seen.service if seen.service in share else str(seen.version)
