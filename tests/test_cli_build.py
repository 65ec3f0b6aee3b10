"""`meshc build`: nothing is written where anything is wrong, and a person is told what was written where."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import MESH, mesh_folder, plug_in_toy, run

BUILT = "shop/users\nshop/web\n"


@pytest.fixture(autouse=True)
def _toy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target of these tests is installed."""
    plug_in_toy(tmp_path_factory.mktemp("plugins"), monkeypatch)


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    """A mesh without a fault."""
    return mesh_folder(tmp_path / "mesh")


def files(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_builds_beside_the_mesh(mesh: Path) -> None:
    """Without -o the output lies in `out` beside the mesh, for the targets that the mesh names; a summary says so."""
    ran = run("build", mesh)
    assert (0, f"toy -> {mesh / 'out' / 'toy'}: 1 written, 0 unchanged\n", "") == (ran.code, ran.out, ran.err)
    assert BUILT == (mesh / "out" / "toy" / "services.txt").read_text()


def test_builds_beside_a_single_file(mesh: Path) -> None:
    """The same where the mesh is named by its file."""
    assert 0 == run("build", mesh / "mesh.yaml").code
    assert (mesh / "out" / "toy" / "services.txt").is_file()


def test_builds_again(mesh: Path) -> None:
    """The output is no part of the mesh, and an unchanged build says so."""
    run("build", mesh)
    ran = run("build", mesh)
    assert (0, f"toy -> {mesh / 'out' / 'toy'}: 0 written, 1 unchanged\n") == (ran.code, ran.out)


def test_builds_an_environment(mesh: Path) -> None:
    """`--env` builds what the overlay makes of the mesh."""
    (mesh / "environments").mkdir()
    (mesh / "environments" / "prod.yaml").write_text(
        "apiVersion: meshc/v1\nnamespace: shop\nservices: {extra: {ports: {http: 80}, calls: []}}\n"
    )
    assert 0 == run("build", mesh, "--env", "prod").code
    assert f"shop/extra\n{BUILT}" == (mesh / "out" / "toy" / "services.txt").read_text()


def test_unknown_environment_is_usage(mesh: Path) -> None:
    """An environment without overlays is a mistake in the command."""
    ran = run("build", mesh, "--env", "prod")
    assert (2, "") == (ran.code, ran.out)
    assert "prod" in ran.err
    assert not (mesh / "out").exists()


def test_no_target_is_usage(mesh: Path) -> None:
    """Where neither the mesh nor the command names a target, the answer says how to name one."""
    (mesh / "mesh.yaml").write_text(MESH.replace(", targets: {toy: {}}", ""))
    ran = run("build", mesh)
    assert (2, "") == (ran.code, ran.out)
    assert "--target" in ran.err
    assert 0 == run("build", mesh, "--target", "toy").code


def test_unknown_target_is_usage(mesh: Path) -> None:
    """A target that is not installed is answered with the nearest that is."""
    ran = run("build", mesh, "--target", "toi")
    assert (2, "") == (ran.code, ran.out)
    assert "did you mean 'toy'?" in ran.err
    assert not (mesh / "out").exists()


def test_errors_write_nothing(mesh: Path) -> None:
    """A mistake in the mesh is shown at its line, and what was built before stays."""
    run("build", mesh)
    (mesh / "mesh.yaml").write_text(MESH.replace("calls: []", "calls: [nobody]"))
    ran = run("build", mesh)
    assert 1 == ran.code
    assert "error[MC101 unknown-service]" in ran.out
    assert "mesh.yaml:6:" in ran.out
    assert BUILT == (mesh / "out" / "toy" / "services.txt").read_text()


def test_failing_tests_write_nothing(mesh: Path) -> None:
    """A mesh that fails its own tests is not built."""
    (mesh / "mesh.yaml").write_text(MESH.replace("expect: denied", "expect: {reaches: users}"))
    ran = run("build", mesh)
    assert (1, True) == (ran.code, "MC450" in ran.out)
    assert not (mesh / "out").exists()


def test_what_the_target_lacks_is_an_error(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature that the target does not have is an error at its line, before anything is written."""
    import meshc_toy  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(meshc_toy, "target", meshc_toy.ToyTarget(supports=frozenset()))
    ran = run("build", mesh)
    assert (1, True) == (ran.code, "MC501" in ran.out)
    assert not (mesh / "out").exists()


def test_no_files_are_no_success(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that makes nothing is not taken for a build, unless that is what is wanted."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(meshc_toy.ToyTarget, "emit", lambda *_: ())
    ran = run("build", mesh)
    assert (2, True) == (ran.code, "--allow-empty" in ran.err)
    assert not (mesh / "out").exists()
    assert 0 == run("build", mesh, "--allow-empty").code


def test_a_broken_target_is_a_bug(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a target does wrong ends with 3, and what was there stays."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    run("build", mesh)
    monkeypatch.setattr(meshc_toy.ToyTarget, "emit", lambda *_: [None])
    ran = run("build", mesh)
    assert (3, False) == (ran.code, "Traceback" in ran.err)
    assert BUILT == (mesh / "out" / "toy" / "services.txt").read_text()


def test_accepted_approximations_are_listed(mesh: Path) -> None:
    """Every build names what the user accepted, and what the target needs from outside."""
    (mesh / "mesh.yaml").write_text(MESH.replace("toy: {}", "toy: {accept: [less-exact]}"))
    for _ in range(2):
        assert "accepted approximation: less-exact" in run("build", mesh).out


def test_notes_of_the_target_are_shown(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files need from outside is part of the summary."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(meshc_toy.ToyTarget, "summary", lambda *_: ("set pathNormalization\nhelm upgrade istiod",))
    assert "  - set pathNormalization\n    helm upgrade istiod\n" in run("build", mesh).out


def test_changes_by_hand_are_named(mesh: Path) -> None:
    """The summary says what was changed by hand and is undone."""
    run("build", mesh)
    (mesh / "out" / "toy" / "services.txt").write_text("edited")
    out = run("build", mesh).out
    assert "1 written, 0 unchanged" in out
    assert "undone changes by hand: services.txt" in out


def test_foreign_files_stop_a_build(mesh: Path) -> None:
    """A file in the way is named with its code, and stays."""
    (mesh / "out" / "toy").mkdir(parents=True)
    (mesh / "out" / "toy" / "services.txt").write_text("mine")
    ran = run("build", mesh)
    assert (1, True) == (ran.code, "error[MC802 foreign-file]" in ran.out)
    assert "mine" == (mesh / "out" / "toy" / "services.txt").read_text()


def test_unwritable_output(mesh: Path) -> None:
    """An output folder that can't be made: MC803."""
    ran = run("build", mesh, "-o", mesh / "mesh.yaml" / "out")
    assert (1, True) == (ran.code, "error[MC803 unwritable-output]" in ran.out)


def test_check(mesh: Path) -> None:
    """`--check` is quiet about what is up to date, shows a diff else, and writes nothing."""
    assert 1 == run("build", mesh, "--check").code
    assert not (mesh / "out").exists()
    run("build", mesh)
    assert (0, "") == ((ran := run("build", mesh, "--check")).code, ran.err)
    (mesh / "out" / "toy" / "services.txt").write_text("shop/users\n")
    ran = run("build", mesh, "--check")
    assert 1 == ran.code
    assert "\n+shop/web\n" in ran.out
    assert "error[MC801 output-drift]: 1 file is not what the mesh builds to" in ran.out
    assert "shop/users\n" == (mesh / "out" / "toy" / "services.txt").read_text()


def test_to_standard_output(mesh: Path) -> None:
    """`-o -` writes the build and nothing else to standard output, and no file."""
    ran = run("build", mesh, "-o", "-")
    assert (0, BUILT, ["mesh.yaml"]) == (ran.code, ran.out, files(mesh))


def test_to_standard_output_never_partly(mesh: Path) -> None:
    """With an error there is no output that a pipe could take for a build; checking needs files."""
    assert 2 == run("build", mesh, "-o", "-", "--check").code
    (mesh / "mesh.yaml").write_text(MESH.replace("calls: []", "calls: [nobody]"))
    command = [sys.executable, "-c", "from meshc.cli import main; main()", "build", str(mesh), "--target", "istio", "-o", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 1 == done.returncode
    assert "apiVersion" not in done.stdout


def test_trees_of_other_targets_are_named(mesh: Path) -> None:
    """What was built for a target that the mesh no longer names stays, and is named; who names targets is not told of others."""
    run("build", mesh, "--target", "istio")
    ran = run("build", mesh)
    assert (0, True) == (ran.code, str(mesh / "out" / "istio") in ran.err)
    assert (mesh / "out" / "istio" / "kustomization.yaml").is_file()
    assert "" == run("build", mesh, "--target", "toy").err


def test_a_summary_that_fails_does_so_first(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that can't say what its files need has written none."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(meshc_toy.ToyTarget, "summary", lambda *_: 1 // 0)
    assert 3 == run("build", mesh).code
    assert not (mesh / "out").exists()


def test_same_bytes_whatever_the_hashes(tmp_path: Path, root: Path) -> None:
    """Python's hash seed changes no byte of the output for Istio."""
    shop = root / "tests" / "fixtures" / "shop"
    texts = []
    for seed in ("0", "1", "31337"):
        command = [sys.executable, "-c", "from meshc.cli import main; main()", "build", str(shop), "-o", str(tmp_path / seed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": seed})
        assert 0 == done.returncode, done.stdout + done.stderr
        texts.append(json.dumps({name: (tmp_path / seed / name).read_text() for name in files(tmp_path / seed)}))
    assert 1 == len(set(texts))
