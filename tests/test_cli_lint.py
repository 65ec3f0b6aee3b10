"""`meshc lint`: the whole mesh, in all its environments, with its tests and targets, in every format."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.commands import MESH, mesh_folder, plug_in_toy, run


@pytest.fixture(autouse=True)
def _toy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target of these tests is installed, and the terminal has 80 columns."""
    plug_in_toy(tmp_path_factory.mktemp("plugins"), monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")


BROKEN = MESH.replace("calls: []", "calls: [web, nobody]")


def test_clean(tmp_path: Path) -> None:
    """Where nothing is wrong, standard output is empty, and a person is told so."""
    ran = run("lint", mesh_folder(tmp_path))
    assert (0, "", "no findings\n") == (ran.code, ran.out, ran.err)


def test_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PATH it is the folder that one stands in."""
    monkeypatch.chdir(mesh_folder(tmp_path))
    assert 0 == run("lint").code


def test_full(tmp_path: Path) -> None:
    """A finding is shown with its line, carets under the word, and a count at the end."""
    ran = run("lint", mesh_folder(tmp_path, BROKEN))
    line = BROKEN.splitlines()[5]
    assert 1 == ran.code
    assert "error[MC101 unknown-service]" in ran.out
    assert f"--> {tmp_path.as_posix()}/mesh.yaml:6:{line.index('nobody') + 1}\n" in ran.out
    assert f"6 | {line}\n  | {' ' * line.index('nobody')}{'^' * 6}" in ran.out
    assert ran.out.endswith("\n1 error\n")


def test_concise(tmp_path: Path) -> None:
    """One line a finding, as editors read them."""
    ran = run("lint", mesh_folder(tmp_path, BROKEN), "--format", "concise")
    (line,) = ran.out.splitlines()
    assert line.startswith(f"{tmp_path.as_posix()}/mesh.yaml:6:{BROKEN.splitlines()[5].index('nobody') + 1}: error MC101 ")


def test_json(tmp_path: Path, root: Path) -> None:
    """The report as data is valid by its schema, also where there is nothing to report."""
    schema = json.loads((root / "schemas" / "diagnostics.v1.json").read_text())
    for text, codes in ((BROKEN, ["MC101"]), (MESH, [])):
        report = json.loads(run("lint", mesh_folder(tmp_path, text), "--format", "json").out)
        jsonschema.validate(report, schema)
        assert codes == [one["code"] for one in report["diagnostics"]]


def test_output_file(tmp_path: Path) -> None:
    """The report goes to a file, without colours, and the exit code stays."""
    mesh, report = mesh_folder(tmp_path / "mesh", BROKEN), tmp_path / "report.txt"
    ran = run("lint", mesh, "--format", "concise", "--output-file", report, "--color", "always")
    assert (1, "") == (ran.code, ran.out)
    assert run("lint", mesh, "--format", "concise").out == report.read_text()


def test_output_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A report that can't be written is no finding."""
    ran = run("lint", mesh_folder(tmp_path), "--output-file", tmp_path / "mesh.yaml" / "report")
    assert (2, "") == (ran.code, ran.out)
    assert "mesh.yaml/report" in ran.err


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads the mesh from a pipe, under the name that an editor gives it."""
    monkeypatch.chdir(tmp_path)
    assert 0 == run("lint", "-", stdin=MESH).code
    ran = run("lint", "-", "--stdin-filename", "shop.yaml", "--format", "concise", stdin=BROKEN)
    assert (1, "shop.yaml:6:") == (ran.code, ran.out[:12])
    assert "nobody" in run("lint", "-", "--stdin-filename", "shop.yaml", stdin=BROKEN).out


def test_every_environment(tmp_path: Path) -> None:
    """What is wrong in one environment only is found without asking for it, and says where."""
    mesh = mesh_folder(tmp_path)
    (mesh / "environments").mkdir()
    overlay = "apiVersion: meshc/v1\nnamespace: shop\nservices: {users: {calls: [nobody]}}\n"
    (mesh / "environments" / "prod.yaml").write_text(overlay)
    (mesh / "environments" / "dev.yaml").write_text(overlay.replace("nobody", "web"))
    ran = run("lint", mesh)
    assert 1 == ran.code
    assert "environments/prod.yaml:3:" in ran.out
    assert "in environment prod" in ran.out
    assert 0 == run("lint", mesh, "--env", "dev").code
    assert 1 == run("lint", mesh, "--env", "prod").code
    assert 2 == run("lint", mesh, "--env", "staging").code


def test_failed_tests_are_findings(tmp_path: Path) -> None:
    """A mesh that fails its own tests is not clean."""
    ran = run("lint", mesh_folder(tmp_path, MESH.replace("expect: denied", "expect: {reaches: users}")), "--format", "concise")
    assert (1, "mesh.yaml:9:") == (ran.code, ran.out.removeprefix(f"{tmp_path.as_posix()}/")[:12])
    assert " MC450 test 'web may not delete' fails: expected to reach shop/users, got denied (403)\n" in ran.out


def test_targets_of_the_mesh(tmp_path: Path) -> None:
    """A target that the mesh names and nobody installed is found at its line."""
    ran = run("lint", mesh_folder(tmp_path, MESH.replace("toy: {}", "tooy: {}")), "--format", "concise")
    assert (1, "mesh.yaml:3:") == (ran.code, ran.out.removeprefix(f"{tmp_path.as_posix()}/")[:12])
    assert "MC504" in ran.out


def test_what_a_target_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps of the mesh's own targets are findings; `--target` asks for another one."""
    import meshc_toy  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(meshc_toy, "target", meshc_toy.ToyTarget(supports=frozenset()))
    mesh = mesh_folder(tmp_path)
    assert (1, True) == ((ran := run("lint", mesh)).code, "MC501" in ran.out)
    assert 0 == run("lint", mesh, "--target", "istio").code
    assert 2 == run("lint", mesh, "--target", "nothing").code


def test_an_empty_folder(tmp_path: Path) -> None:
    """Where no mesh is, the way to a first one is told."""
    ran = run("lint", tmp_path)
    assert (1, True) == (ran.code, "meshc init" in ran.out)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"\x00",
        b"a: [",
        b"- 1\n- 2\n",
        b"apiVersion: meshc/v1\nx: &a [*a]\n",
        b"[" * 100_000,
        b"? [a]: b\n",
        b"a: !!python/object:os.system x\n",
    ],
    ids=["empty", "utf-16", "nul", "open", "list", "cycle", "deep", "key", "tag"],
)
def test_whatever_the_file_holds(tmp_path: Path, content: bytes) -> None:
    """No file makes a traceback: each has at least one finding."""
    (tmp_path / "mesh.yaml").write_bytes(content)
    ran = run("lint", tmp_path)
    assert (1, True) == (ran.code, "error[MC0" in ran.out)
