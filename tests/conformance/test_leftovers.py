"""A rig whose owner is killed leaves nothing behind: no process, no network namespace, no bridge, no line in the hosts file."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conformance.istio.engine import ROOT, tools

# A job in the background is started with SIGINT ignored, and what it starts inherits that.
OWNER = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.conformance.istio.engine import IstioEngine
with IstioEngine(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(600)
"""


def _running() -> dict[tuple[int, str], int]:
    """Every process, told apart by its number and when it started, and its parent's number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                found[int(entry.name), fields[19]] = int(fields[1])
    return found


def _below(owner: int) -> set[tuple[int, str]]:
    """All processes that come from this one."""
    every = _running()
    found: set[tuple[int, str]] = set()
    parents = {owner}
    while parents:
        children = {one for one, parent in every.items() if parent in parents}
        found |= children
        parents = {number for number, _ in children}
    return found


def _machine() -> tuple[list[str], str, str]:
    """What a rig could leave on the machine itself: named network namespaces, links, the hosts file and mounts."""
    named = Path("/run/netns")
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout  # noqa: S607 - the machine's own
    names = [line.split(": ")[1] for line in links.splitlines()]
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return sorted(path.name for path in named.iterdir()) if named.exists() else [], f"{names}", f"{mounts}{Path('/etc/hosts').read_text()}"


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=["SIGKILL", "SIGTERM", "SIGINT"])
def test_nothing_is_left(signal_number: signal.Signals, tmp_path: Path) -> None:
    """After the owner has been ended in this way, all of it is gone within seconds."""
    tools()
    before = _machine()
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    those = _below(owner.pid)
    assert len(those) > 20
    owner.send_signal(signal_number)
    owner.wait(30)
    end = time.monotonic() + 20
    while those & set(_running()) and time.monotonic() < end:
        time.sleep(0.2)
    assert those & set(_running()) == set()
    assert _machine() == before
