"""The examples: sound, tested, and committed together with exactly what they build to, which Istio's own tools accept."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from meshc import compile as pipeline
from meshc import load
from meshc.model import Mesh
from meshc.semantics.expectations import check
from tests import engines

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/mesh.yaml"))
NOT_KUBERNETES = ("kustomization.yaml", "istio-values.yaml")
"""Files of a build that a cluster is not given as they are: their readers are kustomize and Istio's own installation."""


ON_DENIES = "due to the use of only HTTP attributes in a DENY rule; it is recommended to explicitly specify the port"
"""
How Istio advises to name the ports of a deny. A port that is not what the deployment has would open it, so the ports that are spared are
named instead, and a gateway that serves HTTP alone has none of those.
"""
ON_ENVOY_FILTERS = "Prefer other APIs if possible, and exercise extreme caution, especially around upgrades."
"""How the advice ends that `istioctl validate` gives on every EnvoyFilter, whatever is in it."""


def _builds() -> Iterator[tuple[Path, str | None]]:
    for example in EXAMPLES:
        yield example, None
        for overlay in sorted(example.glob("environments/*.yaml")):
            yield example, overlay.stem


def _id(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value or "base")


each_example = pytest.mark.parametrize("example", EXAMPLES, ids=_id)
each_build = pytest.mark.parametrize(("example", "env"), list(_builds()), ids=_id)


def mesh_of(example: Path, env: str | None) -> Mesh:
    """The mesh of an example; there always is one."""
    compiled = pipeline.load_mesh(example, env)
    assert () == compiled.findings
    assert compiled.mesh is not None
    return compiled.mesh


def committed(example: Path, env: str | None) -> Path:
    """Where the output of an example is kept."""
    return example / (f"out-{env}" if env else "out")


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def manifests(folder: Path) -> list[Path]:
    """The files of a build that hold objects for a cluster."""
    return sorted(path for path in folder.rglob("*.yaml") if path.name not in NOT_KUBERNETES)


def test_every_example_is_found() -> None:
    """The examples that the README names are there."""
    assert ["bookinfo", "online-boutique", "users-api", "vm-shop"] == [example.name for example in EXAMPLES]


@each_example
def test_every_build_is_committed_and_no_other(example: Path) -> None:
    """There is an output for the example as it stands and for each environment, and none of an environment that is gone."""
    expected = {committed(example, env) for one, env in _builds() if one == example}
    assert expected == set(example.glob("out*"))


@each_example
def test_lints_clean(example: Path) -> None:
    """There is nothing to say about an example, in any environment."""
    assert [] == [f"{one.code} {one.place.file}:{one.place.span.line} {one.message}" for one in pipeline.lint(example)]


@each_build
def test_its_tests_hold(example: Path, env: str | None) -> None:
    """Every test of the example's own holds, in every environment."""
    mesh = mesh_of(example, env)
    failures = {one.test.name: one.failure for one in (check(mesh, test) for test in mesh.tests) if not one.passed}
    assert {} == failures


@each_build
def test_its_tests_say_yes_and_no(example: Path, env: str | None) -> None:
    """An example shows what gets through, and at least as much what does not."""
    expects = [test.expect for test in mesh_of(example, env).tests]
    allowed = sum(expect.reaches is not None for expect in expects)
    assert allowed >= 3
    assert len(expects) - allowed >= 3


@each_example
def test_files_are_valid_by_the_schema(example: Path) -> None:
    """What editors and other validators are given, the published schema, takes every file of an example but overlays, which are partial."""
    validator = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas/mesh.v1.json").read_bytes()))
    names = [name for name in load.find(example)[0] if load.environment_of(name) is None]
    read = YAML(typ="safe", pure=True).load
    wrong = [f"{name}: {error.json_path} {error.message}" for name in names for error in validator.iter_errors(read(example / name))]
    assert [] == wrong


@each_build
@pytest.mark.parametrize("seed", ["0", "4711"])
def test_builds_to_what_is_committed(example: Path, env: str | None, seed: str, tmp_path: Path) -> None:
    """`meshc build` writes the committed output byte for byte, whatever order Python's hashes give."""
    command = [sys.executable, "-c", "from meshc.cli import main; main()", "build", str(example), "-o", str(tmp_path / "out")]
    if env is not None:
        command += ["--env", env]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=False, timeout=120)
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert contents(committed(example, env)) == contents(tmp_path / "out")


@each_build
def test_istio_finds_nothing_wrong_with_any_object(example: Path, env: str | None) -> None:
    """`istioctl validate`, Istio's admission checks, takes every manifest, and warns only of EnvoyFilters and denies without ports."""
    files = manifests(committed(example, env))
    assert files != []
    arguments = [argument for file in files for argument in ("-f", str(file))]
    done = subprocess.run([engines.istioctl(), "validate", *arguments], capture_output=True, text=True, check=False, timeout=120)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    accepted = ("is valid", "has warnings:", "validation succeed")
    assert 0 == done.returncode, lines
    assert [] == [line for line in lines if not line.endswith(accepted) and not line.endswith((ON_ENVOY_FILTERS, ON_DENIES))]


@each_build
def test_istio_finds_nothing_wrong_with_the_whole(example: Path, env: str | None) -> None:
    """`istioctl analyze`, over all manifests and namespaces together and no cluster, says nothing more than that."""
    files = [str(file) for file in manifests(committed(example, env))]
    command = [str(engines.istioctl()), "analyze", "--use-kube=false", "--all-namespaces", "--output", "json", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    messages = [one for one in json.loads(done.stdout or "[]") if not one["message"].endswith((ON_ENVOY_FILTERS, ON_DENIES))]
    assert (0, []) == (done.returncode, messages), done.stderr


@each_build
def test_kustomize_gives_a_cluster_every_object(example: Path, env: str | None) -> None:
    """`kubectl kustomize`, which Argo CD, Flux and `kubectl apply -k` build on, prints as many objects as there are manifests."""
    folder = committed(example, env) / "istio"
    done = subprocess.run([engines.kubectl(), "kustomize", folder], capture_output=True, text=True, check=False, timeout=120)
    assert (0, "") == (done.returncode, done.stderr)
    assert len(manifests(folder)) == sum(line.startswith("kind: ") for line in done.stdout.splitlines())
