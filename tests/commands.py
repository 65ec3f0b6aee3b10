"""Runs the command line as a user does, but in this process: what it printed on each stream, and its exit code."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from meshc.cli import main

TOY = Path(__file__).resolve().parent / "toy_target"

MESH = """\
apiVersion: meshc/v1
namespace: shop
mesh: {name: shop, targets: {toy: {}}}
services:
  web: {ports: {http: 80}, calls: [{service: users, methods: [GET]}]}
  users: {ports: {http: 80}, calls: []}
tests:
  - {name: web reads, from: web, to: users, request: {path: /1}, expect: {reaches: users}}
  - {name: web may not delete, from: web, to: users, request: {method: DELETE, path: /1}, expect: denied}
"""
"""A mesh without a fault, for the target of tests."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    """A stream into memory that may claim to be a terminal."""

    def __init__(self, content: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", newline="\n")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        """What was written so far."""
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


def run(*arguments: str | Path, stdin: str = "", terminal: bool = False) -> Ran:
    """Runs `meshc` with these arguments."""
    out, err = _Stream(terminal=terminal), _Stream(terminal=terminal)
    with _streams(_Stream(stdin.encode()), out, err), pytest.raises(SystemExit) as stop:
        main([str(one) for one in arguments])
    assert isinstance(stop.value.code, int)
    return Ran(stop.value.code, out.text(), err.text())


@contextmanager
def _streams(stdin: _Stream, out: _Stream, err: _Stream) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = stdin, out, err
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def plug_in_toy(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Makes the third party's target of `toy_target` one that is installed, as pip would: its module, and a note of its entry point."""
    notes = folder / "meshc_toy-1.0.dist-info"
    notes.mkdir(parents=True)
    (folder / "meshc_toy.py").write_text((TOY / "meshc_toy.py").read_text())
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: meshc-toy\nVersion: 1.0\n")
    (notes / "entry_points.txt").write_text("[meshc.targets]\ntoy = meshc_toy:target\n")
    patch.syspath_prepend(str(folder))


def mesh_folder(folder: Path, text: str = MESH) -> Path:
    """A folder with that mesh."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mesh.yaml").write_text(text)
    return folder
