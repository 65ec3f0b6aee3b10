"""`meshc build`: nothing is written where anything is wrong, and a person is told what was written where."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from meshc.diagnostics import Origin
from meshc.target import BackDoor, File
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


def words(text: str) -> str:
    """A text without its line breaks: where they come depends on the length of the folder's name."""
    return " ".join(text.split())


def test_builds_beside_the_mesh(mesh: Path) -> None:
    """Without -o the output lies in `out` beside the mesh, for the targets that the mesh names; a summary says so."""
    ran = run("build", mesh)
    assert (0, f"wrote 1 file to {mesh / 'out' / 'toy'}: services.txt", "") == (ran.code, words(ran.out), ran.err)
    assert BUILT == (mesh / "out" / "toy" / "services.txt").read_text()


def test_builds_beside_a_single_file(mesh: Path) -> None:
    """The same where the mesh is named by its file."""
    assert 0 == run("build", mesh / "mesh.yaml").code
    assert (mesh / "out" / "toy" / "services.txt").is_file()


def test_builds_again(mesh: Path) -> None:
    """The output is no part of the mesh, and an unchanged build says so."""
    run("build", mesh)
    ran = run("build", mesh)
    assert (0, f"{mesh / 'out' / 'toy'} is up to date: 1 file") == (ran.code, words(ran.out))


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
    """Every build names what the user accepted, a quiet one too, and what is given up by it."""
    (mesh / "mesh.yaml").write_text(MESH.replace("toy: {}", "toy: {accept: [less-exact]}"))
    for _ in range(2):
        assert "  accepted less-exact\n" in run("build", mesh, "--quiet").out


def test_what_is_given_up_is_said(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An accepted approximation stands there with the target's words for it."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(meshc_toy, "target", meshc_toy.ToyTarget(acceptable={"less-exact": "ports are not listed"}))
    (mesh / "mesh.yaml").write_text(MESH.replace("toy: {}", "toy: {accept: [less-exact]}"))
    assert "  accepted less-exact: ports are not listed\n" in run("build", mesh).out


CHECKLIST = ("you must run the check", "you must set one thing:\nhelm upgrade istiod " + "x" * 100, "for version 7")


def test_the_checklist_is_shown(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files need from outside is part of the summary, in the target's order; commands are never broken."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(meshc_toy.ToyTarget, "summary", lambda *_: CHECKLIST)
    expected = f"  - you must run the check\n  - you must set one thing:\n      helm upgrade istiod {'x' * 100}\n  - for version 7\n"
    assert run("build", mesh).out.endswith(f" services.txt\n{expected}")


def test_quiet_hides_the_checklist(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-q` leaves out what the user must see to, and nothing else: not what was written, nor other notes."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(meshc_toy.ToyTarget, "summary", lambda *_: CHECKLIST)
    for option in ("-q", "--quiet"):
        out = run("build", mesh, option, "-o", mesh / f"out{option}").out
        assert out.endswith(" services.txt\n  - for version 7\n")
        assert "you must" not in out


def test_back_doors_are_named(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a target had to say behind its engine's back is named once, with each line that asks for it, in a quiet build too."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    lines = {"rateLimits": ("services", "users"), "maxRequestBody": ("services", "web")}
    doors = [BackDoor("EnvoyFilter shop/users", why, Origin("mesh.yaml", path)) for why, path in lines.items()]
    other = BackDoor("EnvoyFilter a/b", "requests", Origin("mesh.yaml", ("mesh",)))
    monkeypatch.setattr(meshc_toy.ToyTarget, "back_doors", lambda *_: [*doors, other], raising=False)
    monkeypatch.chdir(mesh)
    expected = (
        "  EnvoyFilter shop/users:\n    rateLimits, at mesh.yaml:6\n    maxRequestBody, at mesh.yaml:5\n"
        "  EnvoyFilter a/b: requests, at mesh.yaml:3\n"
    )
    for options in ((), ("--quiet",)):
        assert run("build", *options).out.endswith(f"\n{expected}")


def test_counts_by_kind(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first build is told by kinds, not by a screen of names; later ones name what they did, up to ten."""
    import meshc_toy  # noqa: PLC0415 - installed by the fixture

    def makes(count: int, name: str = "x") -> None:
        objects = [File(PurePosixPath(f"a/{n}.yaml"), f"apiVersion: v1\nkind: Service\nmetadata: {name}\n".encode()) for n in range(count)]
        others = [File(PurePosixPath("gateway.yaml"), b"apiVersion: x/v1\nkind: Gateway\n"), File(PurePosixPath("values.yaml"), b"a: 1\n")]
        monkeypatch.setattr(meshc_toy.ToyTarget, "emit", lambda *_: [*objects, *others])

    def lines(*options: str) -> list[str]:
        ran = run("build", mesh, "-o", "out", *options)
        assert 0 == ran.code
        return ran.out.splitlines()

    monkeypatch.chdir(mesh)
    makes(12)
    assert ["wrote 14 files to out/toy: 1 Gateway, 12 Service, values.yaml"] == lines()
    makes(13)
    assert ["wrote 1 of 15 files to out/toy: 1 Service", "  added   a/12.yaml"] == lines()
    (mesh / "out" / "toy" / "values.yaml").write_text("edited")
    assert ["wrote 1 of 15 files to out/toy: values.yaml", "  changed values.yaml"] == lines()
    makes(12)
    assert ["removed 1 file from out/toy, which has 14 files now", "  removed a/12.yaml"] == lines()
    makes(12, "y")
    told = lines()
    assert ("wrote 12 of 14 files to out/toy: 12 Service", 12, "  ... and 2 more") == (told[0], len(told), told[-1])


@pytest.mark.parametrize("colour", ["always", "never"])
def test_the_summary_fits_the_terminal(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    """No line is longer than the terminal is wide, colours not counted; a count and its kind stay together."""
    monkeypatch.setenv("COLUMNS", "80")
    shutil.copytree(root / "examples" / "online-boutique", tmp_path / "shop", ignore=shutil.ignore_patterns("out*"))
    monkeypatch.chdir(tmp_path)
    ran = run("build", "shop", "-o", "made", "--color", colour)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", ran.out).splitlines()
    assert (0, True) == (ran.code, ("\x1b" in ran.out) is (colour == "always"))
    assert [] == [line for line in lines if len(line) > 80]
    assert [] == [line for line in lines if re.search(r" \d+$", line)]


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


def test_what_is_given_up_is_said_beside_standard_output(mesh: Path) -> None:
    """Who pipes a build into a cluster is told what the mesh accepts too, on the other stream."""
    (mesh / "mesh.yaml").write_text(MESH.replace("toy: {}", "toy: {accept: [less-exact]}"))
    ran = run("build", mesh, "-o", "-")
    assert (0, BUILT, "  accepted less-exact\n") == (ran.code, ran.out, ran.err)


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
