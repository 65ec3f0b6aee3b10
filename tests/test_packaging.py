"""What a user installs: the wheel holds all it needs, and a third party's target plugs in beside it."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MESH = """\
apiVersion: meshc/v1
namespace: shop
mesh: {name: shop, targets: {istio: {version: "1.31"}}}
services:
  web: {ports: {http: 80}, calls: [users]}
  users: {ports: {http: 80}, calls: []}
"""


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_wheel(project: Path, out: Path) -> Path:
    """The wheel of a project, built by the build backend itself: nothing is downloaded."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=project)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of meshc."""
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def toy_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the third party's target."""
    project = tmp_path_factory.mktemp("toy") / "project"
    shutil.copytree(ROOT / "tests" / "toy_target", project, ignore=shutil.ignore_patterns("__pycache__"))
    return build_wheel(project, project.parent / "dist")


def environment(folder: Path, *wheels: Path) -> Path:
    """A fresh environment's folder of programs, with wheels in it; what they depend on is lent by the one that runs the tests."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", *wheels, cwd=folder)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # Only the folder is lent, not what its own .pth files add: the checkout stays out of sight.
    lent = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    (packages / "lent.pth").write_text("".join(f"{path}\n" for path in lent))
    return folder / "bin"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """Programs of an environment with meshc."""
    return environment(tmp_path_factory.mktemp("alone") / "venv", wheel)


@pytest.fixture(scope="module")
def with_toy(tmp_path_factory: pytest.TempPathFactory, wheel: Path, toy_wheel: Path) -> Path:
    """Programs of an environment with meshc and the third party's target."""
    return environment(tmp_path_factory.mktemp("with_toy") / "venv", wheel, toy_wheel)


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    """The folder of a small mesh."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "mesh.yaml").write_text(MESH)
    return folder


def test_wheel_holds_the_product_only(wheel: Path) -> None:
    """The wheel has meshc, its targets, type markers and the licence; no tests, examples or loose files."""
    names = zipfile.ZipFile(wheel).namelist()
    targets = {folder.name for folder in (ROOT / "targets").glob("meshc_*") if folder.is_dir()}
    assert {"meshc", "meshc-0.1.0.dist-info"} | targets == {name.split("/")[0] for name in names}
    assert {f"{package}/py.typed" for package in {"meshc", *targets}} == {name for name in names if name.endswith("py.typed")}
    assert "meshc-0.1.0.dist-info/licenses/LICENSE" in names
    assert {".py", ".typed"} == {Path(name).suffix for name in names if ".dist-info/" not in name}


def test_installed_code_is_the_wheels(alone: Path, tmp_path: Path) -> None:
    """The environments of these tests run what was installed, not the checkout."""
    place = run(alone / "python", "-c", "import meshc; print(meshc.__file__)", cwd=tmp_path).strip()
    assert alone.parent in Path(place).parents


def test_installed_meshc_runs(alone: Path, tmp_path: Path) -> None:
    """`meshc` is on the path, knows its version and its own targets."""
    assert "0.1.0" in run(alone / "meshc", "--version", cwd=tmp_path)
    listed = run(alone / "meshc", "targets", cwd=tmp_path)
    assert "istio" in listed
    assert "toy" not in listed


def test_installed_meshc_builds(alone: Path, mesh: Path, tmp_path: Path) -> None:
    """The installed program compiles a mesh for a bundled target."""
    run(alone / "meshc", "build", mesh, "--target", "istio", "-o", tmp_path / "out", cwd=tmp_path)
    assert any((tmp_path / "out" / "istio").rglob("*.yaml"))


def test_third_party_target_is_listed(with_toy: Path, tmp_path: Path) -> None:
    """A target from another package stands among the bundled ones."""
    listed = run(with_toy / "meshc", "targets", cwd=tmp_path)
    assert "istio" in listed
    assert "toy" in listed


def test_third_party_target_builds(with_toy: Path, mesh: Path, tmp_path: Path) -> None:
    """A target from another package is built like a bundled one."""
    run(with_toy / "meshc", "build", mesh, "--target", "toy", "-o", tmp_path / "out", cwd=tmp_path)
    assert (tmp_path / "out" / "toy" / "services.txt").read_text() == "shop/users\nshop/web\n"


def test_unknown_target_is_a_usage_error(alone: Path, mesh: Path, tmp_path: Path) -> None:
    """A target that no installed package brings is answered with the names of those there are, and nothing is written."""
    command = [str(alone / "meshc"), "build", str(mesh), "--target", "toy", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "toy" in done.stderr
    assert "istio" in done.stderr
    assert not (tmp_path / "out").exists()
