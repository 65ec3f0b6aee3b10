"""The commands that tell and start: init, schema, targets, explain, completion."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from meshc.codes import CODES
from meshc.features import Feature
from meshc.rules import rules
from meshc.schema import json_schema
from meshc.starter import STARTER
from tests.commands import plug_in_toy, run


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


def test_the_starter_is_sound(tmp_path: Path) -> None:
    """What a newcomer is given lints clean, passes its own tests, and builds for Istio."""
    assert 0 == run("init", tmp_path / "shop").code
    assert (0, "") == ((ran := run("lint", tmp_path / "shop")).code, ran.out)
    assert (0, True) == ((ran := run("test", tmp_path / "shop")).code, ran.out.endswith("4 passed\n"))
    assert 0 == run("build", tmp_path / "shop").code
    assert (tmp_path / "shop" / "out" / "istio" / "kustomization.yaml").is_file()


def test_the_starter_is_one_that_editors_check(tmp_path: Path) -> None:
    """The first line names the schema, which lies beside it, and every part of it has a comment."""
    run("init", tmp_path)
    first = (tmp_path / "mesh.yaml").read_text().splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert prefix == first[: len(prefix)]
    assert json_schema() == json.loads((tmp_path / first.removeprefix(prefix)).read_text())
    assert STARTER.count("#") > 15


def test_init_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder it is the one that one stands in, and what to do next is said."""
    monkeypatch.chdir(tmp_path)
    ran = run("init")
    assert (0, True) == (ran.code, "meshc lint\n" in ran.out)
    assert STARTER == (tmp_path / "mesh.yaml").read_text()


@pytest.mark.parametrize("name", ["mesh.yaml", "mesh.v1.json"])
def test_init_overwrites_nothing(tmp_path: Path, name: str) -> None:
    """A file that is there stays, and no other is written."""
    (tmp_path / name).write_text("mine")
    assert 2 == run("init", tmp_path).code
    assert [(name, "mine")] == [(path.name, path.read_text()) for path in tmp_path.iterdir()]


def test_schema(root: Path, tmp_path: Path) -> None:
    """Printed, written and checked it is the same text, the one that the project holds."""
    text = (root / "schemas" / "mesh.v1.json").read_text()
    assert text == run("schema").out
    assert 0 == run("schema", "-o", tmp_path / "schemas").code
    assert text == (tmp_path / "schemas" / "mesh.v1.json").read_text()
    assert 0 == run("schema", "-o", tmp_path / "schemas", "--check").code
    (tmp_path / "schemas" / "mesh.v1.json").write_text("{}")
    assert 1 == run("schema", "-o", tmp_path / "schemas", "--check").code
    assert "{}" == (tmp_path / "schemas" / "mesh.v1.json").read_text()
    assert 1 == run("schema", "-o", tmp_path / "none", "--check").code


def test_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row a feature, a column a target, the third party's too."""
    plug_in_toy(tmp_path, monkeypatch)
    lines = run("targets").out.splitlines()
    head = next(line for line in lines if line.split() == ["istio", "toy"])
    rows = lines[lines.index(head) + 1 :]
    assert [feature.value for feature in Feature] == [row.split()[0] for row in rows]
    assert {"yes"} == {row.split()[2] for row in rows}
    assert {"yes", "-"} >= {row.split()[1] for row in rows}
    assert "toy: a list of services" in lines


def test_targets_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for programs."""
    plug_in_toy(tmp_path, monkeypatch)
    table = {one["name"]: one["features"] for one in json.loads(run("targets", "--format", "json").out)["targets"]}
    assert ["istio", "toy"] == list(table)
    assert {feature.value: True for feature in Feature} == table["toy"]


def test_a_target_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One broken package does not hide the others."""
    plug_in_toy(tmp_path, monkeypatch)
    (tmp_path / "meshc_toy-1.0.dist-info" / "entry_points.txt").write_text("[meshc.targets]\nbroken = no_such_module:target\n")
    ran = run("targets")
    assert (0, True) == (ran.code, "istio" in ran.out)
    assert "'broken'" in ran.err


def test_explain_lists_all() -> None:
    """Every code has its line, in order, and no line is cut for a program."""
    lines = run("explain").out.splitlines()
    assert sorted([*CODES, *(rule.code for rule in rules())]) == [line.split()[0] for line in lines]
    assert not any(line.endswith("...") for line in lines)
    watched = run(
        "explain",
        terminal=True,
    ).out.splitlines()
    assert max(len(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) for line in watched) <= 80


@pytest.mark.parametrize("asked", ["MC101", "mc101", "unknown-service"])
def test_explain(asked: str) -> None:
    """A code or a name gives its page."""
    ran = run("explain", asked)
    assert (0, True) == (ran.code, ran.out.startswith("MC101 unknown-service (error)\n\n"))
    assert "```yaml bad\n" in ran.out


@pytest.mark.parametrize("code", sorted([*CODES, *(rule.code for rule in rules())]))
def test_every_page_can_be_read(code: str) -> None:
    """Text fits the terminal; examples stay as they are, so that they can be copied."""
    out = run("explain", code).out
    text = "".join(part for index, part in enumerate(out.split("```")) if index % 2 == 0)
    assert max(map(len, text.splitlines())) <= 80
    assert out.endswith("\n")
    assert "\n\n\n" not in out


def test_explain_what_is_not_there() -> None:
    """A mistyped name is answered with the nearest."""
    ran = run("explain", "unkown-service")
    assert (2, "") == (ran.code, ran.out)
    assert "did you mean unknown-service?" in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """Each shell gets a script that asks meshc; where the shell is here, it can read it."""
    ran = run("completion", shell)
    assert (0, True) == (ran.code, "_MESHC_COMPLETE" in ran.out)
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=ran.out, text=True, check=True)
    assert 2 == run("completion", "tcsh").code
