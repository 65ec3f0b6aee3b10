"""A build that is killed at any instant leaves every tree whole, the old one or the new one, and the next build puts all right (L17)."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshc import output
from meshc.output import MARKER
from meshc.target import File

OLD = {"a.yaml": "old", "gone/b.yaml": "old", "same.yaml": "same"}
NEW = {"a.yaml": "new", "made/c.yaml": "new", "same.yaml": "same"}
FOREIGN = {"gone/mine.txt": "mine", "other.txt": "mine"}

BUILD = f"""
import os, signal, sys
from pathlib import Path, PurePosixPath
from meshc import output
from meshc.output import swap
from meshc.target import File
out, at, exchange, link = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "exchange", sys.argv[4] == "link"
if not exchange:
    swap._exchange = lambda *_: False
if not link:
    swap._linked = lambda *_: False
seen = 0

def count(event, arguments):
    global seen
    if event == "open" and str(arguments[0]).startswith(str(out)) or event.startswith(("os.", "ctypes.call", "ctypes.dlsym", "shutil.")):
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
output.write(out, {{"t": [File(PurePosixPath(path), text.encode()) for path, text in {NEW!r}.items()]}})
"""
"""Builds NEW, and dies before the n-th call that could change the disk: Python announces each to audit hooks."""


def files(contents: dict[str, str]) -> list[File]:
    return [File(PurePosixPath(path), text.encode()) for path, text in contents.items()]


def contents(root: Path) -> dict[str, str]:
    """The texts below a folder, without meshc's list."""
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file() and path.name != MARKER}


def prepared(folder: Path) -> Path:
    """An output folder with OLD and somebody's own files in it."""
    output.write(folder, {"t": files(OLD)})
    for path, text in FOREIGN.items():
        (folder / "t" / path).write_text(text)
    return folder


def killed_at_every_point(folder: Path, *ways: str, first: bool) -> Iterator[Path]:
    """Output folders as builds left them: killed before their first call, before the second, and so on, until one ends by itself."""
    for at in range(1, 1000):
        out = folder / str(at)
        if not first:
            prepared(out)
        done = subprocess.run([sys.executable, "-c", BUILD, out, str(at), *ways], capture_output=True, text=True, check=False)
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        yield out
        if done.returncode == 0:
            assert at > 10, "the hook saw too little"
            return
    pytest.fail("the build never ended")


@pytest.mark.slow
@pytest.mark.parametrize("link", ["link", "copy"])
def test_old_or_new(tmp_path: Path, link: str) -> None:
    """Where folders can be exchanged, the tree is the old one or the new one at every instant, with all that meshc did not make."""
    seen = []
    for out in killed_at_every_point(tmp_path, "exchange", link, first=False):
        found = contents(out / "t")
        assert found in ({**OLD, **FOREIGN}, {**NEW, **FOREIGN})
        seen.append(found["a.yaml"])
        output.write(out, {"t": files(NEW)})
        assert ({**NEW, **FOREIGN}, ["t"]) == (contents(out / "t"), sorted(path.name for path in out.iterdir()))
    assert sorted(seen, reverse=True) == seen, "once new, always new"
    assert {"old", "new"} == set(seen)


@pytest.mark.slow
def test_nothing_or_new(tmp_path: Path) -> None:
    """A first build makes the whole tree appear at one instant."""
    for out in killed_at_every_point(tmp_path, "exchange", "link", first=True):
        assert not (out / "t").exists() or contents(out / "t") == NEW
        output.write(out, {"t": files(NEW)})
        assert {f"t/{path}": text for path, text in NEW.items()} == contents(out)


@pytest.mark.slow
def test_without_exchange_nothing_is_lost(tmp_path: Path) -> None:
    """Where folders can't be exchanged, there may be no tree for an instant, but never half of one, and the next build loses nothing."""
    for out in killed_at_every_point(tmp_path, "rename", "link", first=False):
        if (out / "t").exists():
            assert contents(out / "t") in ({**OLD, **FOREIGN}, {**NEW, **FOREIGN})
        output.write(out, {"t": files(NEW)})
        assert ({**NEW, **FOREIGN}, ["t"]) == (contents(out / "t"), sorted(path.name for path in out.iterdir()))


NAMES = st.sampled_from(["a", "b", "c", "d/a", "d/b", "d/e/f", "g/h"])
TREES = st.dictionaries(NAMES, st.sampled_from(["1", "2"]), max_size=6)


@given(
    builds=st.lists(TREES, min_size=1, max_size=4),
    foreign=st.dictionaries(NAMES.map(lambda name: f"{name}.mine"), st.just("mine"), max_size=3),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tree_is_the_last_build_and_what_others_made(
    builds: list[dict[str, str]], foreign: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever was built before: the tree holds the last build's files, everything of others, and nothing else."""
    out = tmp_path_factory.mktemp("out")
    output.write(out, {"t": files(builds[0])})
    for path, text in foreign.items():
        (out / "t" / path).parent.mkdir(parents=True, exist_ok=True)
        (out / "t" / path).write_text(text)
    for build in builds[1:]:
        (done,) = output.write(out, {"t": files(build)})
        assert {**build, **foreign} == contents(out / "t")
        assert len(build) == len(done.written) + done.unchanged
        assert () == output.check(out, {"t": files(build)})
    assert ["t"] == os.listdir(out)  # noqa: PTH208 - hidden names too, and no more


@pytest.mark.slow
def test_builds_at_the_same_time(tmp_path: Path) -> None:
    """Two builds into one folder wait for each other: the tree is one of the two, whole."""
    prepared(tmp_path)
    processes = [subprocess.Popen([sys.executable, "-c", BUILD, tmp_path, "0", "exchange", "link"]) for _ in range(4)]
    assert [0] * 4 == [process.wait(timeout=60) for process in processes]
    assert ({**NEW, **FOREIGN}, ["t"]) == (contents(tmp_path / "t"), sorted(path.name for path in tmp_path.iterdir()))
