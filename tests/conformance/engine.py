"""What an engine of the conformance suite is, and what is seen of an answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from meshc.diagnostics import Finding
from meshc.model import Mesh
from tests.conformance.case import Send


@dataclass(frozen=True, slots=True)
class Arrival:
    """One time that a request, or a copy of it, came to a backend."""

    service: str
    version: str
    path: str
    host: str


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What came back of one request; what an engine cannot see is None.

    `service` to `identity` are what the backend saw. `others` is all else that the laws permit (`decide` only). `arrivals` are all backends
    that saw the request, once for each time, where the case asks for it.
    """

    status: int | None = None
    refused: str | None = None
    location: str | None = None
    response: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    service: str | None = None
    version: str | None = None
    port: str | None = None
    method: str | None = None
    path: str | None = None
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    identity: str | None = None
    seconds: float | None = None
    grpc: int | None = None
    arrivals: tuple["Arrival", ...] = ()
    others: tuple["Seen", ...] = ()


class Engine(Protocol):
    """Something that answers requests by a mesh."""

    name: str

    def apply(self, mesh: Mesh) -> Sequence[Finding]:
        """Makes the mesh effective; findings, where the engine's target refuses it (then nothing is changed)."""
        ...

    def send(self, sends: Sequence[Send]) -> list[Seen]:
        """Sends requests, in any order or side by side, and gives what came back in their order."""
        ...
