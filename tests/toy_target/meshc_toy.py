"""A target that lists a mesh's services in a text file: what a third party has to write, and no more."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from meshc.diagnostics import Finding
from meshc.features import Feature
from meshc.model import Mesh
from meshc.target import File


@dataclass(frozen=True, slots=True)
class ToyTarget:
    """Expresses every feature, since it says nothing about any."""

    name: str = "toy"
    title: str = "a list of services"
    supports: frozenset[Feature] = frozenset(Feature)
    acceptable: Mapping[str, str] = field(default_factory=dict)

    def check(self, mesh: Mesh) -> Iterable[Finding]:
        """Nothing is wrong with any mesh."""
        del mesh
        return ()

    def emit(self, mesh: Mesh) -> Iterator[File]:
        """One file, with a line for each service."""
        lines = [f"{service.name}\n" for service in mesh.services]
        yield File(PurePosixPath("services.txt"), "".join(sorted(lines)).encode())

    def summary(self, mesh: Mesh) -> Iterable[str]:
        """Nothing has to be set up for a list."""
        del mesh
        return ()


target = ToyTarget()
