"""What happens to a request, what else would be as right, and which lines of the spec say so."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from meshc.diagnostics import Origin
from meshc.model import Fault, HeaderChanges, Mirror, Name, Respond


class Outcome(StrEnum):
    """The ends that a request can come to (L2)."""

    ROUTED = "routed"
    REDIRECT = "redirect"
    RESPOND = "respond"
    DENIED = "denied"
    UNAUTHENTICATED = "unauthenticated"
    BAD_REQUEST = "bad-request"
    MISDIRECTED = "misdirected"
    NO_ROUTE = "no-route"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    An outcome and, of a local answer, its HTTP status; a gRPC request gets 200 and the `grpc_status` that stands for it (L9).

    `stands_for` is the answer in whose stead an engine may give this one (L18); it does not tell answers apart.
    """

    outcome: Outcome
    status: int | None = None
    grpc_status: int | None = None
    stands_for: "Answer | None" = field(default=None, compare=False, repr=False)

    def instead_of(self, other: "Answer") -> "Answer":
        """The answer as a freedom of an engine that owes the other."""
        return replace(self, stands_for=other)


ROUTED: Final = Answer(Outcome.ROUTED)
REFUSED: Final = Answer(Outcome.REFUSED)

# Envoy's table of HTTP statuses as gRPC ones; any other is UNKNOWN.
_GRPC_STATUS: Final = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_GRPC_UNKNOWN: Final = 2


def local_answer(outcome: Outcome, status: int, *, grpc: bool) -> Answer:
    """A proxy's own answer, as gRPC where the request is."""
    return Answer(outcome, 200, _GRPC_STATUS.get(status, _GRPC_UNKNOWN)) if grpc else Answer(outcome, status)


@dataclass(frozen=True, slots=True)
class Reason:
    """A line of the spec that took part, and what it did."""

    what: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Reached:
    """A destination of a rule and what it says to the request; outside the mesh without a listed service, only `host` is set."""

    service: Name | None
    host: str | None
    port: str | None
    version: str | None
    weight: int
    verdict: Answer


@dataclass(frozen=True, slots=True)
class Forwarded:
    """
    The request as the backend sees it: the host without port in lower case, the path with its query.

    The path is in canonical spelling. Of an odd request it may be spelled as it was sent (L18), and what Host is malformed is as it was
    sent. `headers` are the client's as rules changed them; what proxies write beside is not told.
    """

    method: str
    host: str
    path: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What happens to a request.

    `permitted` are the answers that the laws allow: the first is the one this meaning gives, others are freedoms. `destinations` with
    weight 0 get nothing. `fault` and `mirror` stand beside the outcome. `because` is in the order of events.

    `odd` says why the request is odd (L2): `permitted` then holds what it may be refused with, and `otherwise` are whole other readings of
    it that `requests: standard` permits. Of a plain request `otherwise` is what a caller's proxy does that knows the telemetry collector.
    `locations` are other permitted spellings of `location`.
    """

    permitted: tuple[Answer, ...]
    because: tuple[Reason, ...]
    destinations: tuple[Reached, ...] = ()
    location: str | None = None
    locations: tuple[str, ...] = ()
    request: Forwarded | None = None
    respond: Respond | None = None
    fault: Fault | None = None
    mirror: Mirror | None = None
    response_headers: HeaderChanges = field(default_factory=HeaderChanges)
    odd: str | None = None
    otherwise: tuple["Decision", ...] = ()

    @property
    def outcome(self) -> Outcome:
        """What happens."""
        return self.permitted[0].outcome

    @property
    def status(self) -> int | None:
        """The HTTP status of a local answer."""
        return self.permitted[0].status

    @property
    def grpc_status(self) -> int | None:
        """The gRPC status of a local answer to a gRPC request."""
        return self.permitted[0].grpc_status


def unique(answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The answers in their order, each once."""
    return tuple(dict.fromkeys(answers))
