"""
Whether everything that the Istio target writes is needed: an object or field whose removal changes nothing is one too many.

`python -m tests.conformance.deletions [WORD...]` takes every kind of object and every field that stands in the build of some case file
(with a word, those whose name holds it), removes it wherever it stands, applies the rest to a real Istio, and runs case files that have
it until one turns red, or Kubernetes refuses the rest. What no file misses has survived, and the command fails.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from meshc.target import load
from tests.conformance.case import read, suites
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.mutations import Change, mutated, red
from tests.conformance.prepare import prepare

Tree = dict[str, Any]
Steps = tuple[str, ...]
"""A kind of object, and keys from its `spec` down; items of lists are not told apart."""

MOST_FILES: Final = 12
"""So many case files are tried for each, those with the fewest cases first."""

ELSEWHERE: Final[Mapping[str, str]] = {
    "Certificate": "cert-manager reads it: tests/istio",
    "Telemetry": "decides no request: tests/conformance/test_telemetry.py",
    "Gateway.servers.port.name": "Kubernetes asks for it, Istio shows it",
    "VirtualService.http.name": "what a user calls a rule: access logs show it, and controllers that move weights look for it",
    "VirtualService.http.retries.backoff": "how long a proxy waits, which no answer shows",
    "ServiceEntry.ports.name": "Kubernetes asks for it",
}
"""What no request can show, and why it is written."""


def parts_of(tree: Tree) -> Iterator[Steps]:
    """Yield the kind of an object, and every field of its spec."""
    yield (tree["kind"],)
    yield from ((tree["kind"], *steps) for steps in _fields(tree.get("spec", {})))


def _fields(tree: object) -> Iterator[Steps]:
    if isinstance(tree, list):
        for item in tree:
            yield from _fields(item)
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (key,)
            if key not in _OPAQUE:
                yield from ((key, *steps) for steps in _fields(value))


_OPAQUE: Final = frozenset(
    {
        "portLevelMtls",
        "sourceLabels",
        "labels",
        "matchLabels",
        "selector",
        "configPatches",
        "set",
        "add",
        "headers",
        "withoutHeaders",
        "queryParams",
    }
)
"""Maps whose keys are the user's, and patches, which are one thing."""


def without(steps: Steps) -> Change:
    """Return the change that removes a kind of object, or a field wherever it stands."""
    kind, *keys = steps

    def change(tree: Tree) -> Tree | None:
        if tree["kind"] != kind:
            return tree
        if not keys:
            return None
        _remove(tree["spec"], keys)
        return tree

    return change


def _remove(tree: object, keys: list[str]) -> None:
    if isinstance(tree, list):
        for item in tree:
            _remove(item, keys)
    elif isinstance(tree, dict) and keys[0] in tree:
        if len(keys) == 1:
            del tree[keys[0]]
        else:
            _remove(tree[keys[0]], keys[1:])


def places() -> dict[Steps, list[str]]:
    """Return everything that the builds of the case files hold, each with those files, the smallest first."""
    target = load("istio")
    found: dict[Steps, list[str]] = {}
    every = sorted((read(path, "standard") for path in suites()), key=lambda suite: (len(suite.cases), suite.file))
    for suite in every:
        if "istio" not in suite.unsupported:
            trees = [yaml.safe_load(file.content) for file in target.emit(suite.mesh)]
            for steps in {steps for tree in trees if "metadata" in tree for steps in parts_of(tree)}:
                found.setdefault(steps, []).append(suite.file)
    return dict(sorted(found.items()))


def missed_by(engine: IstioEngine, steps: Steps, files: list[str], before: dict[str, set[str]]) -> str | None:
    """Return what misses it, None if nothing does. `before`: what fails with everything there, by file."""
    for file in files[:MOST_FILES]:
        engine.change = lambda files: files
        if file not in before:
            before[file] = red(engine, file)
        engine.change = lambda files: mutated(files, without(steps))[0]
        try:
            noticed = red(engine, file) - before[file]
        except AssertionError as refusal:
            return f"{file}: refused: {str(refusal).splitlines()[0][:80]}"
        if noticed:
            return f"{file}: {min(noticed)} ({len(noticed)} cases)"
    return None


def main() -> int:
    """Print a line for each kind and field; 1 if one is not needed."""
    words = sys.argv[1:]
    survivors = 0
    before: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder, IstioEngine(Path(folder)) as engine:
        prepare(engine)
        for steps, files in places().items():
            name = ".".join(steps)
            if words and not any(word in name for word in words):
                continue
            if why := next((why for known, why in ELSEWHERE.items() if name == known or name.startswith(f"{known}.")), None):
                print(f"elsewhere {name:60} {why}", flush=True)  # noqa: T201
                continue
            found = missed_by(engine, steps, files, before)
            survivors += found is None
            print(f"{'needed   ' if found else 'SURVIVED '} {name:60} {found or ''}", flush=True)  # noqa: T201
    print(f"{survivors} not needed")  # noqa: T201
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
