"""
Whether the suite bites: an emitter that makes a mistake turns it red.

`python -m tests.conformance.mutations [NAME...]` makes one mistake at a time in what the Istio target emits, applies that to a real Istio,
and runs only the case files that should notice. A mistake that no case notices has survived, and the command fails.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from meshc.target import File
from tests.conformance.case import HERE, read
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.judge import judge
from tests.conformance.prepare import prepare

Tree = dict[str, Any]
Change = Callable[[Tree], Tree | None]
"""One object to what becomes of it; None where it is left out."""

Alter = Callable[[Tree], object]
"""Changes a tree in place."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mistake of an emitter, and the case files that notice it."""

    name: str
    files: tuple[str, ...]
    change: Change


# --- the mistakes -----------------------------------------------------------------------------------------------------------------


def _without(kind: str, *endings: str, action: str | None = None) -> Change:
    def change(one: Tree) -> Tree | None:
        is_it = one["kind"] == kind and (not endings or str(one["metadata"]["name"]).endswith(endings))
        return None if is_it and action in (None, one["spec"].get("action")) else one

    return change


def _of(kind: str, alter: Alter) -> Change:
    def change(one: Tree) -> Tree:
        if one["kind"] == kind:
            alter(one["spec"])
        return one

    return change


def _routes(alter: Alter) -> Change:
    def each(spec: Tree) -> None:
        for route in spec.get("http", ()):
            alter(route)

    return _of("VirtualService", each)


def _operations(alter: Alter) -> Change:
    def each(spec: Tree) -> None:
        for rule in spec.get("rules", ()):
            for to in rule.get("to", ()):
                alter(to["operation"])

    return _of("AuthorizationPolicy", each)


def _set(tree: Tree, **values: object) -> None:
    tree |= values


def _reverse_rules(spec: Tree) -> None:
    http = spec.get("http", [])
    matching = [route for route in http if "match" in route]
    spec |= {"http": [*reversed(matching), *(route for route in http if "match" not in route)]} if http else {}


def _prefix_without_segment(route: Tree) -> None:
    for match in route.get("match", ()):
        if prefix := match.get("uri", {}).get("prefix"):
            match["uri"]["prefix"] = prefix.rstrip("/") or "/"


def _any_case(route: Tree) -> None:
    for match in route.get("match", ()):
        if "uri" in match:
            match["ignoreUriCase"] = True


def _no_key(key: str) -> Alter:
    def alter(route: Tree) -> None:
        for match in route.get("match", ()):
            match.pop(key, None)

    return alter


def _other_subset(route: Tree) -> None:
    for one in route.get("route", ()):
        subset = one["destination"].get("subset")
        if subset in ("v1", "v2"):
            one["destination"]["subset"] = "v2" if subset == "v1" else "v1"


def _short_hosts(route: Tree) -> None:
    for one in route.get("route", ()):
        one["destination"]["host"] = one["destination"]["host"].partition(".")[0]


def _equal_weights(route: Tree) -> None:
    for one in route.get("route", ()):
        one.pop("weight", None)
    for number, one in enumerate(route.get("route", ())):
        if len(route["route"]) > 1:
            one["weight"] = 50 if number < 2 else 0


def _prefix_paths(operation: Tree) -> None:
    for key in ("paths", "notPaths"):
        if key in operation:
            operation[key] = [path if "*" in path else f"{path}*" for path in operation[key]]


def _hosts_without_ports(operation: Tree) -> None:
    if "hosts" in operation:
        operation["hosts"] = [host for host in operation["hosts"] if not host.endswith(":*")]


def _anybody(spec: Tree) -> None:
    for rule in spec.get("rules") or ():
        rule.pop("from", None)


def _no_mutual(spec: Tree) -> None:
    for server in spec["servers"]:
        if server.get("tls", {}).get("mode") == "MUTUAL":
            server["tls"]["mode"] = "SIMPLE"


def _knows_all(spec: Tree) -> None:
    spec["egress"] = [{"hosts": ["*/*"]}]


def _no_subset_labels(spec: Tree) -> None:
    for subset in spec.get("subsets", ()):
        subset["labels"] = {}


def _no_breaker(spec: Tree) -> None:
    spec.get("trafficPolicy", {}).pop("outlierDetection", None)


MUTATIONS = (
    Mutation("drop-allow-policies", ("access/base.yaml",), _without("AuthorizationPolicy", action="ALLOW")),
    Mutation("drop-deny-policies", ("access/allow.yaml",), _without("AuthorizationPolicy", action="DENY")),
    Mutation("drop-conditions", ("access/headers.yaml", "access/query.yaml"), _without("EnvoyFilter", ".conditions")),
    Mutation("drop-request-authentication", ("jwt/require.yaml",), _without("RequestAuthentication")),
    Mutation("drop-normaliser", ("paths/normal-form.yaml",), _without("EnvoyFilter", ".normalize")),
    Mutation("drop-rate-limits", ("limits/rates.yaml",), _without("EnvoyFilter", ".limits")),
    Mutation("drop-policy-ports", ("access/several.yaml", "mtls/disable.yaml"), _operations(lambda one: one.pop("ports", None))),
    Mutation("drop-policy-methods", ("access/base.yaml",), _operations(lambda one: one.pop("methods", None))),
    Mutation("policy-prefix-without-segment", ("access/base.yaml",), _operations(_prefix_paths)),
    Mutation("policy-hosts-without-port", ("found/host-ports.yaml",), _operations(_hosts_without_ports)),
    Mutation("anybody-is-allowed", ("access/callers.yaml",), _of("AuthorizationPolicy", _anybody)),
    Mutation(
        "permissive-for-strict", ("mtls/strict.yaml",), _of("PeerAuthentication", lambda spec: _set(spec, mtls={"mode": "PERMISSIVE"}))
    ),
    Mutation("reverse-rules", ("precedence/first-wins.yaml",), _of("VirtualService", _reverse_rules)),
    Mutation("prefix-without-segment", ("paths/kinds.yaml",), _routes(_prefix_without_segment)),
    Mutation("paths-in-any-case", ("paths/kinds.yaml",), _routes(_any_case)),
    Mutation("drop-method-match", ("precedence/authors.yaml",), _routes(_no_key("method"))),
    Mutation("drop-header-match", ("headers/conditions.yaml",), _routes(_no_key("headers"))),
    Mutation("drop-query-match", ("query/conditions.yaml",), _routes(_no_key("queryParams"))),
    Mutation("drop-source-match", ("precedence/only-others.yaml", "precedence/first-wins.yaml"), _routes(_no_key("sourceLabels"))),
    Mutation("swap-subsets", ("precedence/authors.yaml",), _routes(_other_subset)),
    Mutation("subsets-without-labels", ("precedence/authors.yaml",), _of("DestinationRule", _no_subset_labels)),
    Mutation("short-host", ("hosts/gateway.yaml",), _routes(_short_hosts)),
    Mutation("equal-weights", ("weights/shares.yaml",), _routes(_equal_weights)),
    Mutation("no-rewrite", ("rewrites/paths.yaml",), _routes(lambda route: route.pop("rewrite", None))),
    Mutation("no-header-changes", ("header-changes/changes.yaml",), _routes(lambda route: route.pop("headers", None))),
    Mutation("no-timeout", ("timeouts/timeouts.yaml",), _routes(lambda route: route.pop("timeout", None))),
    Mutation("no-retries", ("retries/retries.yaml",), _routes(lambda route: _set(route, retries={"attempts": 0}))),
    Mutation("retries-on", ("retries/retries.yaml",), _routes(lambda route: _set(route, retries={"attempts": 2, "retryOn": "5xx"}))),
    Mutation(
        "mirror-all", ("mirror/mirror.yaml",), _routes(lambda route: [one.pop("percentage", None) for one in route.get("mirrors", ())])
    ),
    Mutation("no-faults", ("faults/faults.yaml",), _routes(lambda route: route.pop("fault", None))),
    Mutation("no-cors", ("cors/origins.yaml",), _routes(lambda route: route.pop("corsPolicy", None))),
    Mutation(
        "no-registry-only", ("egress/declared.yaml",), _of("Sidecar", lambda spec: _set(spec, outboundTrafficPolicy={"mode": "ALLOW_ANY"}))
    ),
    Mutation("drop-no-route", ("found/unknown.yaml",), _without("EnvoyFilter", ".no-route")),
    Mutation("sidecars-know-all", ("egress/declared.yaml",), _of("Sidecar", _knows_all)),
    Mutation("no-client-certificates", ("tls/listeners.yaml",), _of("Gateway", _no_mutual)),
    Mutation("no-outlier-detection", ("outlier/outlier.yaml",), _of("DestinationRule", _no_breaker)),
)


# --- running them -----------------------------------------------------------------------------------------------------------------


def mutated(files: Iterable[File], change: Change) -> tuple[list[File], bool]:
    """The build with the mistake, and whether the mistake changes it at all."""
    objects: list[tuple[File, Tree]] = []
    others: list[tuple[File, Tree]] = []
    for file in files:
        tree = yaml.safe_load(file.content)
        (objects if "metadata" in (tree or {}) else others).append((file, tree))
    made: list[File] = []
    differs = False
    for file, tree in objects:
        before = yaml.safe_dump(tree)
        after = change(tree)
        differs = differs or after is None or yaml.safe_dump(after) != before
        if after is not None:
            made.append(replace(file, content=yaml.safe_dump(after, sort_keys=False).encode()))
    made += [_kustomization(file, {one.path for one in made}) for file, _ in others]
    return made, differs


def _kustomization(file: File, there: set[PurePosixPath]) -> File:
    if file.path.name != "kustomization.yaml":
        return file
    tree = yaml.safe_load(file.content)
    tree["resources"] = [name for name in tree["resources"] if PurePosixPath(name) in there]
    return replace(file, content=yaml.safe_dump(tree).encode())


def red(engine: IstioEngine, file: str) -> set[str]:
    """The cases of the file that fail."""
    suite = read(HERE / "cases" / file, "standard")
    refused = engine.apply(suite.mesh)
    assert not refused, (file, refused)
    return {name for name, wrong in judge(engine, suite, wire=True).wrong.items() if wrong}


def killed_by(engine: IstioEngine, mutation: Mutation, before: dict[str, set[str]]) -> str | None:
    """A case that notices, None if none does. `before`: what fails without the mistake, by file."""
    for file in mutation.files:
        engine.change = lambda files: files
        if file not in before:
            before[file] = red(engine, file)
        changes: list[bool] = []

        def change(files: list[File], changes: list[bool] = changes) -> list[File]:
            made, differs = mutated(files, mutation.change)
            changes.append(differs)
            return made

        engine.change = change
        noticed = red(engine, file) - before[file]
        if noticed and changes == [True]:
            return f"{file}: {min(noticed)} ({len(noticed)} cases)"
    return None


def run(engine: IstioEngine, names: Iterable[str] = ()) -> Iterator[tuple[str, str | None]]:
    """Each mutation and what kills it."""
    chosen = set(names)
    before: dict[str, set[str]] = {}
    for mutation in MUTATIONS:
        if not chosen or mutation.name in chosen:
            yield mutation.name, killed_by(engine, mutation, before)


def main() -> int:
    """Prints a line for each mutation; 1 if one survives."""
    survivors = 0
    with tempfile.TemporaryDirectory() as folder, IstioEngine(Path(folder)) as engine:
        prepare(engine)
        for name, killer in run(engine, sys.argv[1:]):
            survivors += killer is None
            print(f"{'killed  ' if killer else 'SURVIVED'} {name:32} {killer or ''}", flush=True)  # noqa: T201
    print(f"{survivors} survived")  # noqa: T201
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
