"""A real Istio does with thousands of drawn requests what the reference permits, and none comes past a check."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from meshc.compile import checked
from meshc.diagnostics import Severity
from meshc.model import Mesh
from meshc.semantics import decide
from tests.conformance.agreement import disagreement
from tests.conformance.case import compile_over_cast, send_of
from tests.conformance.decide_engine import DecideEngine, request_of
from tests.conformance.draw import draw
from tests.conformance.draw_requests import Tree
from tests.conformance.escapes import escape
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.oddity import is_odd
from tests.conformance.prepare import prepare

FIRST_SEED = int(os.environ.get("MESHC_SEED", "0"))
REQUESTS = int(os.environ.get("MESHC_REQUESTS", "5000"))
PER_MESH = 400
SHRUNK = 3
"""So many disagreements are made small; shrinking costs some twenty builds each."""


@dataclass
class Differences:
    """What a run has seen."""

    requests: int = 0
    refused: int = 0
    meshes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    odd: int = 0
    escapes: list[tuple[int, Tree, str]] = field(default_factory=list)
    found: list[tuple[int, Tree, Tree, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real Istio."""
    with IstioEngine(tmp_path_factory.mktemp("istio")) as engine:
        prepare(engine)
        yield engine


@pytest.mark.parametrize("seed", range(0, 40, 10))
def test_reference(seed: int) -> None:
    """Whatever `decide` permits of drawn requests, in either mode, comes past no check."""
    engine = DecideEngine()
    drawn = draw(seed, 200)
    mesh = mesh_of(drawn.data)
    assert mesh is not None
    engine.apply(mesh)
    sends = [send_of(send) for send in drawn.sends]
    for send, seen in zip(sends, engine.send(sends), strict=True):
        assert [text for one in (seen, *seen.others) if (text := escape(mesh, send, one))] == [], send


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_agreement(istio: IstioEngine) -> None:
    """On every drawn request the real Istio does what `decide` permits, nothing escapes, and most drawn meshes can be built."""
    run = compare(istio, FIRST_SEED, REQUESTS)
    print(f"{run.requests} requests ({run.odd} odd) to {run.meshes} meshes, {run.refused} meshes refused, {len(run.escapes)} escapes")  # noqa: T201
    print(f"{dict(run.outcomes)}, {dict(run.skipped)}")  # noqa: T201
    assert run.escapes == []
    assert run.found == [], report(istio, run)
    assert run.requests >= REQUESTS
    assert run.odd * 2 >= run.requests * 0.98  # every other one
    assert run.refused <= run.meshes
    assert len(run.outcomes) >= 8


def mesh_of(data: Tree) -> Mesh | None:
    """The mesh, if it is free of errors."""
    compiled = checked(compile_over_cast(data))
    wrong = any(finding.severity is Severity.ERROR for finding in compiled.findings)
    return None if wrong else compiled.mesh


def compare(istio: IstioEngine, first_seed: int, requests: int) -> Differences:
    """Draws meshes until so many requests are answered."""
    run = Differences()
    seed = first_seed
    while run.requests < requests:
        drawn = draw(seed, PER_MESH)
        seed += 1
        mesh = mesh_of(drawn.data)
        assert mesh is not None, f"seed {seed - 1} draws what the language refuses"
        refused = istio.apply(mesh)
        if refused:
            run.refused += 1
            run.skipped.update({finding.code for finding in refused})
            continue
        run.meshes += 1
        run.requests += len(drawn.sends)
        run.odd += sum(is_odd(send_of(send)) for send in drawn.sends)
        for one in differences(istio, mesh, drawn.sends):
            run.outcomes[one.outcome] += 1
            if one.wrong is not None:
                run.found.append((seed - 1, drawn.data, one.send, one.wrong))
            if one.escape is not None:
                run.escapes.append((seed - 1, one.send, one.escape))
    return run


@dataclass(frozen=True, slots=True)
class Compared:
    """One request: what `decide` makes of it, what is wrong with what came, and the check that it came past."""

    send: Tree
    outcome: str
    wrong: str | None
    escape: str | None


def differences(istio: IstioEngine, mesh: Mesh, sends: Sequence[Tree]) -> Iterator[Compared]:
    """Each request, compared; what differs once is asked again, since a proxy may be late. An escape is one the first time."""
    written = [send_of(send) for send in sends]
    decisions = [decide(mesh, request_of(send)) for send in written]
    seen = istio.send(written)
    for send, asked, decision, first in zip(sends, written, decisions, seen, strict=True):
        wrong = disagreement(decision, first)
        if wrong is not None:
            wrong = disagreement(decision, istio.send([asked])[0])
        yield Compared(send, decision.outcome.value, wrong, escape(mesh, asked, first))


# --- what a person reads --------------------------------------------------------------------------------------------------------


def report(istio: IstioEngine, run: Differences) -> str:
    """The disagreements, one of each sort, the first ones with the smallest mesh that still shows them."""
    by_kind: dict[str, list[tuple[int, Tree, Tree, str]]] = {}
    for one in run.found:
        by_kind.setdefault(one[3], []).append(one)
    lines = [f"{len(run.found)} disagreements of {run.requests} requests"]
    for number, (wrong, those) in enumerate(sorted(by_kind.items(), key=lambda item: -len(item[1]))):
        seed, data, send, _ = those[0]
        lines.append(f"\n# {len(those)}x, seed {seed}: expected {wrong}")
        if number < SHRUNK:
            small = shrink(data, lambda smaller, send=send: _still(istio, smaller, send))  # type: ignore[misc]
            lines.append(yaml.safe_dump({**small, "send": send}, sort_keys=False, allow_unicode=True))
        else:
            lines.append(str(send))
    return "\n".join(lines)


def _still(istio: IstioEngine, data: Tree, send: Tree) -> bool:
    mesh = mesh_of(data)
    if mesh is None or istio.apply(mesh):
        return False
    return any(one.wrong is not None for one in differences(istio, mesh, [send]))


def shrink(data: Tree, holds: Callable[[Tree], bool], budget: int = 40) -> Tree:
    """A smaller tree that still holds: parts are taken away, by halves first, then one by one."""
    size = max(1, len(_parts(data)) // 2)
    while budget > 0:
        parts, index, smaller = _parts(data), 0, False
        while index < len(parts) and budget > 0:
            gone = parts[index : index + size]
            budget -= 1
            candidate = _without(data, gone)
            if holds(candidate):
                data, smaller = candidate, True
                parts = _parts(data)
            else:
                index += size
        if size == 1 and not smaller:
            break
        size = max(1, size // 2)
    return data


def _parts(data: Tree) -> list[tuple[Any, ...]]:
    """What may be taken away: whole routes and policies, one rule or entry, settings."""
    parts: list[tuple[Any, ...]] = []
    for owner in ("mesh", "ops"):
        own = data.get(owner, {})
        for kind in ("policies", "routes", "services", "mesh"):
            parts += [(owner, kind, name) for name in own.get(kind, {})]
        for name, route in own.get("routes", {}).items():
            parts += [(owner, "routes", name, "rules", number) for number in range(len(route["rules"]))]
        for name, policy in own.get("policies", {}).items():
            parts += [
                (owner, "policies", name, key, number) for key in ("allow", "deny", "require") for number in range(len(policy.get(key, ())))
            ]
    return parts


def _without(data: Tree, gone: Sequence[tuple[Any, ...]]) -> Tree:
    smaller = deepcopy(data)
    for path in sorted(gone, key=lambda path: (len(path), [str(part).rjust(3) for part in path]), reverse=True):
        holder: Any = smaller
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]
    return smaller
