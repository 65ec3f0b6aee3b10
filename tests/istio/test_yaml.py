"""What the serialiser writes is what Kubernetes reads: kubectl itself says so, for any tree and for every known trap of YAML."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meshc_istio.yaml import dump
from tests import engines

TRAPS = (
    *("y", "Y", "n", "N", "yes", "No", "on", "Off", "true", "TRUE", "false", "null", "Null", "~", "", "nan", ".nan", "-.inf", ".INF"),
    *("1", "-1", "+1", "012", "0o7", "0x1f", "0b1", "1_000", "1e3", "1.5", ".5", "1.", "12:30:45", "190:20:30", "2024-01-02", "1e-05"),
    *("=", "<<", "-", "- a", "?", "? a", ":", "a: b", "a:", "a #b", "#a", "!a", "!!str a", "&a", "*a", "%a", "@a", "`a", "|", ">", "a |"),
    *("[a]", "{a}", "a,b", "'a'", '"a"', "\\", "\\n", " a", "a ", "\ta", "a\t", "a\tb", "\n", "a\n", "\na", "a\n\n", "a\nb", "a\nb\n"),
    *("a\n\nb", "a\n \nb", " a\nb", "a\n  b\n", "a \nb", "a\r\nb", "a\n#b\n", "---", "...", "a\n---\nb", "\x00", "\x7f", "\x85", "\u2028"),
    *("\ufeff", "\xa0", "é", "日本", "😀", "100%", "https://x.example/a?b=c&d", "spiffe://a/b", "kubernetes.io/tls", "/api/**"),
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.sampled_from([0.5, 12.5, 0.1, 1e-05, 99.99, 1.0])
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(TRAPS)
TREES = st.recursive(SCALARS | TEXTS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12)


def read_by_kubectl(folder: Path, tree: dict[str, Any]) -> dict[str, Any]:
    """The tree as kubectl reads the file."""
    frame = {"apiVersion": "meshc.dev/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": tree}
    file = folder / "thing.yaml"
    file.write_bytes(dump(frame))
    command = [str(engines.kubectl()), "annotate", "--local", "-f", str(file), "a=b", "-o", "json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert 0 == done.returncode, f"{done.stderr.decode()}\n{file.read_text()}"
    read: dict[str, Any] = json.loads(done.stdout)["spec"]
    return read


@pytest.mark.engine
def test_kubectl_reads_every_trap_as_the_text_it_is(tmp_path: Path) -> None:
    """Every trap comes back, as a value, as a key, and inside lists."""
    tree = {"values": list(TRAPS), "keys": {key: key for key in TRAPS}, "nested": [[{key: [key]} for key in TRAPS]]}
    assert tree == read_by_kubectl(tmp_path, tree)


@pytest.mark.engine
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.dictionaries(TEXTS, TREES, max_size=4), max_size=6))
@example([{"a": [[], {}, [[]], [{}], None, ""]}])
def test_kubectl_reads_any_tree_back(tmp_path: Path, trees: list[dict[str, Any]]) -> None:
    """Many trees in one document, so that one process reads them all."""
    assert {"trees": trees} == read_by_kubectl(tmp_path, {"trees": trees})


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"a": {"b": [1, "x"]}}, "a:\n  b:\n  - 1\n  - x\n"),
        ({"a": [{"b": 1, "c": 2}]}, "a:\n- b: 1\n  c: 2\n"),
        ({"a": {}, "b": [], "c": None, "d": True}, "a: {}\nb: []\nc: null\nd: true\n"),
        ({"a": "y", "b": "1", "c": "GET|HEAD"}, 'a: "y"\nb: "1"\nc: GET|HEAD\n'),
        ({"a": "one\n  two\n"}, "a: |\n  one\n    two\n"),
        ({"a": "one\ntwo"}, "a: |-\n  one\n  two\n"),
        ({"a": 5.0, "b": 12.5, "c": 1e-05}, "a: 5\nb: 12.5\nc: 0.00001\n"),
    ],
)
def test_writes_what_a_person_would(tree: dict[str, Any], expected: str) -> None:
    """Block style, plain words where nothing can be misread, quotes and blocks else."""
    assert expected == dump(tree).decode()


def test_refuses_what_is_no_tree() -> None:
    """A value that YAML has no word for is a mistake of the caller."""
    with pytest.raises(TypeError, match="set is no part of a YAML tree"):
        dump({"a": {1, 2}})
