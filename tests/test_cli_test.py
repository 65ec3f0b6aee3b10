"""`meshc test`: what the mesh promises is what it means, and a failure can be understood where it is read."""

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from tests.commands import MESH, mesh_folder, run

FAILING = MESH.replace("expect: denied", "expect: {reaches: users}").replace("targets: {toy: {}}", "trustDomain: x.example")


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


def test_all_pass(tmp_path: Path) -> None:
    """One line a test, and how many there were."""
    ran = run("test", mesh_folder(tmp_path))
    assert (0, "") == (ran.code, ran.err)
    assert "ok   web may not delete\nok   web reads\n\n2 passed\n" == ran.out


def test_a_failure(tmp_path: Path) -> None:
    """What was expected, what came, the lines that say so, where the test stands, and how to ask again."""
    ran = run("test", mesh_folder(tmp_path, FAILING))
    assert 1 == ran.code
    assert "FAIL web may not delete\n     expected to reach shop/users, got denied (403)\n" in ran.out
    assert "=> denied (403)" in ran.out
    assert "mesh.yaml:9" in ran.out
    assert ran.out.endswith("\n1 passed, 1 failed\n")


def test_the_command_of_a_failure_asks_the_same(tmp_path: Path) -> None:
    """The command that a failure offers can be pasted, and gives the answer that the test got."""
    report = json.loads(run("test", mesh_folder(tmp_path, FAILING), "--format", "json").out)
    (failed,) = [one for one in report["tests"] if not one["passed"]]
    program, *arguments = shlex.split(failed["command"])
    assert "meshc" == program
    ran = run(*arguments, "--format", "json")
    assert (0, failed["decision"]) == (ran.code, json.loads(ran.out))


def test_every_command_of_the_fixture_asks_the_same(root: Path) -> None:
    """So does the command of every kind of test: through gateways, with tokens, from namespaces."""
    report = json.loads(run("test", root / "tests" / "fixtures" / "shop", "--format", "json").out)
    assert 5 == len(report["tests"])
    for one in report["tests"]:
        ran = run(*shlex.split(one["command"])[1:], "--format", "json")
        assert (0, one["decision"]) == (ran.code, json.loads(ran.out)), one["command"]


def test_json(tmp_path: Path, root: Path) -> None:
    """The results as data are valid by their schema, and each decision by its own."""
    schema = json.loads((root / "schemas" / "test-results.v1.json").read_text())
    decision = json.loads((root / "schemas" / "decision.v1.json").read_text())
    for text, counts in ((MESH, (2, 0)), (FAILING, (1, 1)), (MESH.partition("tests:")[0], (0, 0))):
        report = json.loads(run("test", mesh_folder(tmp_path, text), "--format", "json").out)
        jsonschema.validate(report, schema)
        assert counts == (report["passed"], report["failed"])
        for one in report["tests"]:
            jsonschema.validate(one["decision"], decision)


def test_junit(tmp_path: Path) -> None:
    """What CI servers read: counts, a case a test, the failure with its message and place; odd names can't break it."""
    text = FAILING.replace("name: web reads", r'name: "a <b> & \x07"')
    ran = run("test", mesh_folder(tmp_path, text), "--format", "junit")
    suites = ET.fromstring(ran.out)  # noqa: S314 - our own output
    (suite,) = suites
    assert ("testsuites", "2", "1") == (suites.tag, suite.get("tests"), suite.get("failures"))
    assert ["a <b> & \ufffd", "web may not delete"] == [case.get("name") for case in suite]
    assert "9" == suite[1].get("line")
    assert "expected to reach shop/users, got denied (403)" == suite[1][0].get("message")


def test_some(tmp_path: Path) -> None:
    """`--name` picks by a glob; one that picks nothing is a mistake, since a test that never runs never fails."""
    mesh = mesh_folder(tmp_path, FAILING)
    assert (0, "ok   web reads\n\n1 passed\n") == ((ran := run("test", mesh, "--name", "*reads")).code, ran.out)
    assert 2 == run("test", mesh, "--name", "nothing*").code


def test_none(tmp_path: Path) -> None:
    """A mesh without tests says so, and is no failure."""
    ran = run("test", mesh_folder(tmp_path, MESH.partition("tests:")[0]))
    assert (0, "no tests in this mesh: write some under `tests:`\n") == (ran.code, ran.out)


def test_an_environment(tmp_path: Path) -> None:
    """`--env` runs them on what the overlay makes of the mesh."""
    mesh = mesh_folder(tmp_path)
    (mesh / "environments").mkdir()
    overlay = "apiVersion: meshc/v1\nnamespace: shop\nservices: {web: {calls: [users]}}\n"
    (mesh / "environments" / "dev.yaml").write_text(overlay)
    ran = run("test", mesh, "--env", "dev")
    assert 1 == ran.code
    assert "expected denied, got routed to shop/users" in ran.out


def test_a_broken_mesh(tmp_path: Path) -> None:
    """A mesh with a mistake has no meaning to test: its diagnostics are shown instead."""
    ran = run("test", mesh_folder(tmp_path, MESH.replace("calls: []", "calls: [nobody]")))
    assert (1, True) == (ran.code, "MC101" in ran.out)
