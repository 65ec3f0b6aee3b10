"""
The table of engines and families of cases.

`python -m tests.conformance.report` sends every case to the reference and to a real Istio, prints the table and what failed, and writes
docs/conformance.md; it fails if a case did. With `--page` it writes the page as it is when nothing fails, which is what is kept.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.case import HERE, Suite, read, suites
from tests.conformance.decide_engine import DecideEngine
from tests.conformance.engine import Engine
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.judge import answers
from tests.conformance.mutations import MUTATIONS
from tests.conformance.prepare import prepare

PAGE: Final = HERE.parents[1] / "docs" / "conformance.md"
ENGINES: Final = ("decide", "istio")
WORDS: Final = ("passed", "unsupported", "failed")
Results = Mapping[tuple[str, str], Counter[str]]
"""By engine and family, how many cases passed, are declared unsupported, and failed."""

_TEXT: Final = """# Conformance
<!-- Written by `make conformance`. -->

Every case is a request and what must come back, with the [law](reference/laws.md) it holds.
Cases are data in `tests/conformance/cases`; their expectations
are written by hand, never taken from an engine. Each is asked of `decide`, the reference, and of a real Istio: etcd, kube-apiserver,
istiod, its agents and stock Envoy sidecars with real mutual TLS. To these `kubectl apply` gave the whole output of `meshc build`.

`make conformance` runs them on Linux as root and writes this page.

{table}

{unsupported}
Beside the cases:

- **Differential**: {requests} drawn requests to drawn meshes, hostile spellings among them, on which `decide` and Istio must agree.
- **Examples**: `users-api`, `bookinfo` and `online-boutique` serve; each of their `tests:` is sent as a request. The output of every
  example and environment is accepted by the API server without a warning.
- **Rolling change**: a new version of a mesh, applied in the order of its sync waves under load, fails no request.
- **Mutations** (`make mutations`): {mutations} mistakes of an emitter, each of which must turn a case red: {names}.
"""


def tally(engine: Engine, files: Iterable[Path], *, wire: bool) -> tuple[dict[tuple[str, str], Counter[str]], list[str]]:
    """Runs the case files; counts by family, and what is wrong."""
    results: dict[tuple[str, str], Counter[str]] = {}
    wrong: list[str] = []
    for path in files:
        suite = read(path)
        counts = results.setdefault((engine.name, suite.family), Counter())
        refused = engine.apply(suite.mesh)
        declared = engine.name in suite.unsupported
        if declared != bool(refused):
            wrong.append(
                f"{suite.file}: " + (f"refused: {refused[0].code} {refused[0].message}" if refused else "declared unsupported, but built")
            )
            counts["failed"] += len(suite.cases)
        elif declared:
            counts["unsupported"] += len(suite.cases)
        else:
            judged = answers(engine, suite, wire=wire)
            failures = [f"{suite.file}: {text}" for texts in judged.values() for text in texts]
            wrong += failures
            failed = sum(bool(texts) for texts in judged.values())
            counts.update(failed=failed, passed=len(suite.cases) - failed)
    return results, wrong


def table(results: Results) -> str:
    """Families down, engines across."""
    families = sorted({family for _, family in results})
    rows = [f"| family | {' | '.join(ENGINES)} |", f"|---|{'---|' * len(ENGINES)}"]
    rows += [f"| {family} | {' | '.join(_cell(results.get((engine, family), Counter())) for engine in ENGINES)} |" for family in families]
    sums = [sum((results[key] for key in results if key[0] == engine), Counter()) for engine in ENGINES]
    return "\n".join([*rows, f"| **all** | {' | '.join(f'**{_cell(counts)}**' for counts in sums)} |"])


def _cell(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word]) or "-"


def page(results: Results, every: Iterable[Suite]) -> str:
    """The whole page."""
    declared = [f"- `{suite.file}` on {engine}: {why}\n" for suite in every for engine, why in sorted(suite.unsupported.items())]
    head = "Declared unsupported: the target refuses the mesh at its line, before anything is written.\n\n" if declared else ""
    names = ", ".join(mutation.name for mutation in MUTATIONS)
    unsupported = head + "".join(declared) + ("\n" if declared else "")
    return _TEXT.format(table=table(results), unsupported=unsupported, requests="5,000", mutations=len(MUTATIONS), names=names).replace(
        "\n\n\n", "\n\n"
    )


def promised(every: Iterable[Suite]) -> Results:
    """The results if nothing fails."""
    results: dict[tuple[str, str], Counter[str]] = {}
    for suite in every:
        for engine in ENGINES:
            word = "unsupported" if engine in suite.unsupported else "passed"
            results.setdefault((engine, suite.family), Counter())[word] += len(suite.cases)
    return results


def main() -> int:
    """Runs everything; 1 if a case failed. With `--page` only writes the page of a run in which nothing fails."""
    files = list(suites())
    every = [read(path) for path in files]
    if sys.argv[1:] == ["--page"]:
        PAGE.write_text(page(promised(every), every))
        return 0
    results, wrong = tally(DecideEngine(), files, wire=False)
    try:
        with tempfile.TemporaryDirectory() as folder, IstioEngine(Path(folder)) as engine:
            prepare(engine)
            more, also = tally(engine, files, wire=True)
    except pytest.skip.Exception as reason:
        print(f"no Istio here: {reason}")  # noqa: T201
        return 1 if wrong else 0
    results |= more
    print(table(results))  # noqa: T201
    print("\n".join([*wrong, *also]))  # noqa: T201
    PAGE.write_text(page(results, every))
    return 1 if wrong or also else 0


if __name__ == "__main__":
    sys.exit(main())
