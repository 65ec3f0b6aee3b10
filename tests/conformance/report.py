"""
The table of engines and families of cases.

`python -m tests.conformance.report` sends every case in both modes to the reference and to a real Istio, prints the table, what failed and
how many requests came past a check, and writes docs/conformance.md; it fails if a case did, or if there is one escape. With `--page` it
writes the page as it is when nothing fails, which is what is kept.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.case import HERE, MODES, Suite, read, suites
from tests.conformance.decide_engine import DecideEngine
from tests.conformance.engine import Engine
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.judge import judge
from tests.conformance.mutations import MUTATIONS
from tests.conformance.prepare import prepare

PAGE: Final = HERE.parents[1] / "docs" / "conformance.md"
ENGINES: Final = ("decide", "istio")
WORDS: Final = ("passed", "unsupported", "failed")
COLUMNS: Final = tuple(f"{engine}, {mode}" for engine in ENGINES for mode in MODES)
Results = Mapping[tuple[str, str], Counter[str]]
"""By engine with mode, and family, how many cases passed, are declared unsupported, and failed."""

_TEXT: Final = """# Conformance
<!-- Written by `make conformance`. -->

Every case is a request and what must come back, with the [law](reference/laws.md) it holds.
Cases are data in `tests/conformance/cases`; their expectations
are written by hand, never taken from an engine. Each is sent in both modes of `mesh.requests`: a plain request gets exactly what its case
says; an odd one may be refused, in `standard` it may also get what the case lists beside. Each is asked of `decide`, the reference, and
of a real Istio: etcd, kube-apiserver, istiod, its agents and stock Envoy sidecars with real mutual TLS. To these `kubectl apply` gave the
whole output of `meshc build`.

`make conformance` runs them on Linux as root and writes this page.

{table}

**Escapes: {escapes}.** Beside what a case expects, every answer is held to one rule that no case can switch off: nothing reaches a backend
past a deny, require, allow or base that refuses it in any reading of what arrived, at the gateway, at the service or in the caller's proxy.

{unsupported}
Beside the cases:

- **Differential**: {requests} drawn requests, half of them odd, to drawn meshes in both modes: Istio must do what `decide` permits, and
  none may come past a check.
- **Examples**: `users-api`, `bookinfo` and `online-boutique` serve; each of their `tests:` is sent as a request. The output of every
  example and environment is accepted by the API server without a warning.
- **Rolling change**: a new version of a mesh, applied and pruned in the order in which Argo CD takes it, fails no request under load;
  versions come and leave.
- **First apply**: after any object of it, and of a removal, nothing passes that the whole mesh refuses, beyond what a bare cluster lets in.
- **Shared gateway**: another tenant's host on the same pods is served while a mesh is applied and removed.
- **Ports of a gateway**: its policies hold wherever its pods come to listen.
- **Mutations** (`make mutations`): {mutations} mistakes of an emitter, each of which must turn a case red: {names}.
"""


@dataclass
class Tally:
    """What a run has found: counts, what is wrong, and what came past a check."""

    results: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    escapes: list[str] = field(default_factory=list)


def tally(engine: Engine, files: Iterable[Path], *, wire: bool) -> Tally:
    """Runs the case files in both modes."""
    found = Tally()
    for path in files:
        for mode in MODES:
            _run(engine, read(path, mode), found, wire=wire)
    return found


def _run(engine: Engine, suite: Suite, found: Tally, *, wire: bool) -> None:
    counts = found.results.setdefault((f"{engine.name}, {suite.mode}", suite.family), Counter())
    where = f"{suite.file} ({suite.mode})"
    refused = engine.apply(suite.mesh)
    declared = suite.refused_by(engine.name) is not None
    if declared != bool(refused):
        what = f"refused: {refused[0].code} {refused[0].message}" if refused else "declared unsupported, but built"
        found.wrong.append(f"{where}: {what}")
        counts["failed"] += len(suite.cases)
    elif declared:
        counts["unsupported"] += len(suite.cases)
    else:
        judged = judge(engine, suite, wire=wire)
        found.wrong += [f"{where}: {text}" for texts in judged.wrong.values() for text in texts]
        found.escapes += [f"{where}: {text}" for text in judged.escapes]
        failed = sum(bool(texts) for texts in judged.wrong.values())
        counts.update(failed=failed, passed=len(suite.cases) - failed)


def table(results: Results) -> str:
    """Families down, engines and modes across."""
    families = sorted({family for _, family in results})
    rows = [f"| family | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    rows += [f"| {family} | {' | '.join(_cell(results.get((column, family), Counter())) for column in COLUMNS)} |" for family in families]
    sums = [sum((results[key] for key in results if key[0] == column), Counter()) for column in COLUMNS]
    return "\n".join([*rows, f"| **all** | {' | '.join(f'**{_cell(counts)}**' for counts in sums)} |"])


def _cell(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word]) or "-"


def page(results: Results, every: Iterable[Suite], escapes: int) -> str:
    """The whole page."""
    declared = sorted({f"- `{suite.file}` on {engine}: {why}\n" for suite in every for engine, why in suite.unsupported.items()})
    head = "Declared unsupported: the target refuses the mesh at its line, before anything is written.\n\n" if declared else ""
    names = ", ".join(mutation.name for mutation in MUTATIONS)
    unsupported = head + "".join(declared) + ("\n" if declared else "")
    text = _TEXT.format(
        table=table(results), escapes=escapes, unsupported=unsupported, requests="5,000", mutations=len(MUTATIONS), names=names
    )
    return text.replace("\n\n\n", "\n\n")


def promised(every: Iterable[Suite]) -> Results:
    """The results if nothing fails."""
    results: dict[tuple[str, str], Counter[str]] = {}
    for suite in every:
        for engine in ENGINES:
            word = "passed" if suite.refused_by(engine) is None else "unsupported"
            results.setdefault((f"{engine}, {suite.mode}", suite.family), Counter())[word] += len(suite.cases)
    return results


def every_suite() -> list[Suite]:
    """Every case file in both modes."""
    return [read(path, mode) for path in suites() for mode in MODES]


def main() -> int:
    """Runs everything; 1 if a case failed or something escaped. With `--page` only writes the page of a run in which nothing does."""
    files = list(suites())
    every = every_suite()
    if sys.argv[1:] == ["--page"]:
        PAGE.write_text(page(promised(every), every, 0))
        return 0
    runs = [tally(DecideEngine(), files, wire=False)]
    try:
        with tempfile.TemporaryDirectory() as folder, IstioEngine(Path(folder)) as engine:
            prepare(engine)
            runs.append(tally(engine, files, wire=True))
    except pytest.skip.Exception as reason:
        print(f"no Istio here: {reason}")  # noqa: T201
        return 1 if runs[0].wrong or runs[0].escapes else 0
    results = {key: counts for run in runs for key, counts in run.results.items()}
    escapes = [text for run in runs for text in run.escapes]
    print(table(results))  # noqa: T201
    print("\n".join(text for run in runs for text in run.wrong))  # noqa: T201
    print("\n".join([f"{len(escapes)} escapes", *escapes]))  # noqa: T201
    PAGE.write_text(page(results, every, len(escapes)))
    return 1 if escapes or any(run.wrong for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
