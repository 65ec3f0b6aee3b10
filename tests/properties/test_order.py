"""Order is no meaning: whatever order files and map keys come in, the mesh and every byte of the output stay the same (L1, L16)."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from meshc import target
from meshc.compile import load_mesh
from meshc.load import environment_of, find
from meshc.model import Mesh
from meshc.semantics.expectations import check

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BUILDS = [("bookinfo", None), ("online-boutique", None), ("online-boutique", "prod"), ("users-api", None), ("vm-shop", None)]
SOURCE = b"meshc.dev/source: "


@cache
def _data(example: str) -> dict[str, Any]:
    """The example's files as data."""
    return {name: YAML(typ="safe", pure=True).load(content) for name, content in find(EXAMPLES / example)[0].items()}


@cache
def _beside(example: str) -> dict[str, bytes]:
    """What the example names beside its specs."""
    folder = EXAMPLES / example
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("*/*.json")}


def _shuffled(value: Any, random: Random) -> Any:  # noqa: ANN401 - YAML data
    """The same with the keys of every map in another order; lists stay as they are."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: _shuffled(value[key], random) for key in keys}
    return [_shuffled(one, random) for one in value] if isinstance(value, list) else value


def _files(example: str, data: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a mesh as text: JSON is YAML."""
    return {name: json.dumps(value).encode() for name, value in data.items()} | _beside(example)


def _mesh(example: str, data: Mapping[str, Any], env: str | None) -> Mesh:
    compiled = load_mesh(_files(example, data), env)
    assert () == compiled.findings
    assert compiled.mesh is not None
    return compiled.mesh


def _output(mesh: Mesh) -> dict[str, bytes]:
    return {file.path.as_posix(): file.content for file in target.load("istio").emit(mesh)}


@cache
def _unshuffled(example: str, env: str | None) -> tuple[Mesh, dict[str, bytes]]:
    mesh = _mesh(example, _data(example), env)
    return mesh, _output(mesh)


@pytest.mark.parametrize(("example", "env"), BUILDS)
@settings(max_examples=15)
@given(random=st.randoms(use_true_random=False))
def test_order_changes_no_byte(example: str, env: str | None, random: Random) -> None:
    """Shuffling the files and the keys of every map, services, routes and policies among them, changes neither the mesh nor its output."""
    mesh, output = _unshuffled(example, env)
    shuffled = _mesh(example, _shuffled(_data(example), random), env)
    assert mesh == shuffled
    assert output == _output(shuffled)


@pytest.mark.parametrize(("example", "env"), BUILDS)
@settings(max_examples=15)
@given(random=st.randoms(use_true_random=False))
def test_splitting_files_changes_no_meaning(example: str, env: str | None, random: Random) -> None:
    """Things may be moved to other files of their namespace: tests still hold, and the output differs in source references only."""
    moved: dict[str, Any] = {}
    for name, data in _data(example).items():
        if environment_of(name) is not None:
            moved[name] = data
            continue
        for key, value in data.items():
            for thing in value if isinstance(value, dict) and key != "mesh" else (None,):
                # Files that the spec names lie beside the file that names them, so a file stays in its folder.
                file = str(Path(name).with_name(f"part-{random.randrange(3)}.{Path(name).name}"))
                part = moved.setdefault(
                    file, {"apiVersion": "meshc/v1", **({"namespace": data["namespace"]} if "namespace" in data else {})}
                )
                if thing is None:
                    part[key] = value
                else:
                    part.setdefault(key, {})[thing] = value[thing]
    mesh, output = _unshuffled(example, env)
    other = _mesh(example, moved, env)
    assert [test.name for test in mesh.tests] == [test.name for test in other.tests if check(other, test).passed]
    assert _without_sources(output) == _without_sources(_output(other))


def _without_sources(output: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files without the lines that name the file of the spec that each object comes from."""
    return {name: b"\n".join(line for line in content.split(b"\n") if SOURCE not in line) for name, content in output.items()}
