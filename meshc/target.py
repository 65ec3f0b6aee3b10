"""What a target is: a package found by its entry point that turns a Mesh into files, and says what it can't express."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import PurePosixPath
from typing import Protocol, runtime_checkable

from meshc.diagnostics import Finding
from meshc.features import Feature
from meshc.model import Mesh

GROUP = "meshc.targets"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a build: `path` is relative to `<out>/<target>/`, `content` its exact bytes."""

    path: PurePosixPath
    content: bytes


@runtime_checkable
class Target(Protocol):
    """
    A back-end. Third parties' targets look exactly like the bundled ones.

    `supports` are the language features it expresses exactly; a mesh that uses another one is an error at its line before `emit` is called.
    `check` gives what no feature name can say: combinations, versions, options. `emit` is pure: no disk, clock, randomness or environment.
    `summary` gives lines for a person about what the files need from outside (such as settings of the control plane).
    """

    name: str
    title: str
    supports: frozenset[Feature]

    def check(self, mesh: Mesh) -> Iterable[Finding]: ...
    def emit(self, mesh: Mesh) -> Iterable[File]: ...
    def summary(self, mesh: Mesh) -> Iterable[str]: ...
