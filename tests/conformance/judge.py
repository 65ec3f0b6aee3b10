"""
Whether what was seen is what a case expects, and whether it came past a check.

The expectation comes from the case and, for what is free to every engine, from the law; never from `decide`. That nothing comes past a
check (`escapes`) is looked at in every answer, whatever its case says.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.case import Case, Suite
from tests.conformance.engine import Engine, Seen
from tests.conformance.escapes import escape, readings
from tests.conformance.freedoms import freed

# What only a real engine shows.
WIRE_ONLY = frozenset({"identity", "response", "body", "tries", "mirrored", "took", "counts"})

_AT_BACKEND = frozenset({"reaches", "port", "version", "path", "method", "host", "headers", "identity"})
CLOSED = "closed"
"""Among the statuses of a freedom: the connection is closed without an answer."""

_REFUSING_GRPC = (7, 12, 13, 14, 16, 2)
"""What gRPC requests get for 403, 404, 400, 502 or 503, 401, and any other status (Envoy's table)."""


@dataclass
class Judged:
    """What was found: of each case what is wrong, and every escape."""

    wrong: dict[str, list[str]] = field(default_factory=dict)
    escapes: list[str] = field(default_factory=list)


def judge(engine: Engine, suite: Suite, *, wire: bool) -> Judged:
    """Sends the suite's requests, phase by phase, to an engine that has its mesh."""
    judged = Judged()
    for phase in sorted({case.send.phase for case in suite.cases}):
        cases = [case for case in suite.cases if case.send.phase == phase]
        seen = iter(engine.send([case.send for case in cases for _ in range(case.send.times)]))
        for case in cases:
            mine = [next(seen) for _ in range(case.send.times)]
            name = f"{case.law}: {case.says}"
            texts = [f"{name}: {text}" for text in complaints(suite, case, mine, wire=wire)]
            past = [f"{name}: {text}" for one in mine for each in (one, *one.others) if (text := escape(suite.mesh, case.send, each))]
            judged.wrong.setdefault(name, []).extend((*texts, *past[:1]))
            judged.escapes += past
    return judged


def complaints(suite: Suite, case: Case, seen: Sequence[Seen], *, wire: bool) -> list[str]:
    """What is wrong, in a sentence each; `wire` where a real engine answered."""
    said = case.expect if wire or case.decided is None else case.decided
    expect = {key: value for key, value in said.items() if wire or key not in WIRE_ONLY}
    wrong = _share(expect.pop("share"), seen) if "share" in expect else []
    wrong += _counts(expect.pop("counts"), seen) if "counts" in expect else []
    for one in seen:
        if wire:
            wrong += _beside(suite, case, expect, one)
        else:
            wrong += _one(case, expect, one)
            wrong += [f"permits more: {text}" for other in one.others for text in _beside(suite, case, expect, other)]
    return wrong[:3]


def _beside(suite: Suite, case: Case, expect: Mapping[str, Any], seen: Seen) -> list[str]:
    """What is wrong with an answer that may be the one that is expected, or any other that the laws permit."""
    wrong = _one(case, expect, seen)
    if not wrong or any(not _one(case, other, seen) for other in freed(suite.mesh, case.send, expect)):
        return []
    if case.odd is None:
        return wrong
    if is_refusal(seen, suite.mode) or (suite.mode == "standard" and any(not _one(case, other, seen) for other in case.odd)):
        return []
    return wrong


def is_refusal(seen: Seen, mode: str) -> bool:
    """Whether it is a refusal that an odd request may meet in that mode: 4xx, 502 or closed, under `standard` 503 too."""
    if seen.service is not None:
        return False
    if seen.refused is not None or seen.status is None:
        return True
    if seen.grpc is not None:
        return seen.grpc in _REFUSING_GRPC
    return 400 <= seen.status < 500 or seen.status == 502 or (mode == "standard" and seen.status == 503)


def _one(case: Case, expect: Mapping[str, Any], seen: Seen) -> list[str]:
    wrong = []
    if isinstance(expect.get("status"), list) and seen.service is None:
        expect = {key: value for key, value in expect.items() if key not in _AT_BACKEND}  # it need not get there
    for key, want in expect.items():
        got = _got(key, seen)
        if not _fits(key, want, got, odd=case.odd is not None):
            wrong.append(f"{key}: expected {want!r}, got {got!r}" + _told(seen))
    return wrong


def _told(seen: Seen) -> str:
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


def _fits(key: str, want: Any, got: Any, *, odd: bool) -> bool:  # noqa: ANN401 - as above
    if key == "status":
        allowed = [None if each == CLOSED else each for each in want] if isinstance(want, list) else [want]
        return got in allowed
    if key in ("headers", "response"):
        return all(_says(got.get(name.lower()), value) for name, value in want.items())
    if key == "took":
        return bool(want[0] <= got <= want[1])
    if key == "grpc" and isinstance(want, list):
        return got in want
    if key == "version" and isinstance(want, list):
        return got in want or got is None  # `decide` may name the service alone: any of its endpoints
    if key == "host" and got is not None:
        return bool(got.partition(":")[0] == want)
    if key == "location" and want is not None:
        return got is not None and _same_location(want, got, odd=odd)
    if key == "path" and odd:
        return got is not None and same_path(want, got)
    return bool(got == want)


def _same_location(want: str, got: str, *, odd: bool) -> bool:
    """Whether a Location is that one; it may keep the letters of the Host, and of an odd request the spelling of the path."""
    (start, path), (got_start, got_path) = (_at_path(each) for each in (want, got))
    return start.lower() == got_start.lower() and (path == got_path or (odd and same_path(path, got_path)))


def _at_path(location: str) -> tuple[str, str]:
    found = re.match("[a-z]+://[^/]*", location)
    end = found.end() if found is not None else 0
    return location[:end], location[end:]


def same_path(want: str, got: str) -> bool:
    """Whether a path means another, whatever their spelling; the query is as it was sent."""
    (path, mark, query), (got_path, got_mark, got_query) = want.partition("?"), got.partition("?")
    meant, got_meant = readings(path), readings(got_path)
    # What has no normal form is one of several readings; what has one must arrive as nothing else.
    return (mark, query) == (got_mark, got_query) and (meant == got_meant if len(meant) == 1 else bool(meant & got_meant))


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
