"""How a proxy reads a request before it looks at anything: what is malformed (400, 405), and what is stripped (L4, L5, L13)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from meshc import paths
from meshc.model import HeaderChanges, Mesh, Name
from meshc.paths import Segments
from meshc.semantics.decision import REFUSED, Answer, Forwarded, Outcome, local_answer
from meshc.semantics.hosts import parse_host
from meshc.semantics.request import Request, Token

Headers = tuple[tuple[str, str], ...]

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_BLANKS: Final = " \t"
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_PROXYS_OWN: Final = frozenset({"host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"})
_STRIPPED: Final = ("x-forwarded-client-cert",)
_STRIPPED_PREFIXES: Final = ("x-envoy-", "x-meshc-")
BEARER: Final = "Bearer "
IMPLIED_AUTHORIZATION: Final = f"{BEARER}<token>"


@dataclass(frozen=True, slots=True)
class Message:
    """
    A request as a check point has it before it.

    `service` and `namespace` are the caller whose proxy routes it (`from` of a match), `identity` is what its certificate says there.
    `token` belongs to the Authorization line `bearer`. A connection of a `tcp` or `tls` port is not `http` and has only the last four.
    """

    http: bool = True
    method: str = ""
    host: str = ""
    segments: Segments = ("",)
    query: str | None = None
    headers: Headers = ()
    token: Token | None = None
    bearer: str | None = None
    service: Name | None = None
    namespace: str | None = None
    identity: str | None = None
    address: str | None = None

    def lines(self, name: str) -> tuple[str, ...]:
        """The values of that field's lines, in order."""
        return tuple(value for field, value in self.headers if field == name)

    @property
    def grpc(self) -> bool:
        """Whether local answers are given as gRPC: what Envoy takes for a gRPC request."""
        return any(value == "application/grpc" or value.startswith("application/grpc+") for value in self.lines("content-type")[:1])

    @property
    def preflight(self) -> bool:
        """Whether it is a CORS preflight."""
        return self.method == "OPTIONS" and bool(self.lines("origin")) and bool(self.lines("access-control-request-method"))

    @property
    def path_and_query(self) -> str:
        """The path in canonical spelling, with its query."""
        return paths.canonical(self.segments) + ("" if self.query is None else f"?{self.query}")

    def answer(self, outcome: Outcome, status: int) -> Answer:
        """A proxy's own answer to it."""
        return local_answer(outcome, status, grpc=self.http and self.grpc)

    def forwarded(self) -> Forwarded:
        """What the next one in line sees."""
        return Forwarded(self.method, self.host, self.path_and_query, self.headers)


@dataclass(frozen=True, slots=True)
class Read:
    """A request as it was read. Without `message` the `answers` are all that is permitted, else they are permitted beside its meaning."""

    message: Message | None
    answers: tuple[Answer, ...] = ()
    why: str = ""


def read(mesh: Mesh, request: Request, default_host: str | None = None) -> Read:
    """The request as the first proxy reads it."""
    line = request.target.rstrip(_BLANKS)  # what ends the target ends with it (RFC 9112 section 3), or the line is none
    target = paths.split_target(line)
    headers, folded, bad_header = _read_headers(request.headers)
    grpc = Message(headers=headers).grpc
    bad = local_answer(Outcome.BAD_REQUEST, 400, grpc=grpc)
    reading = paths.read(target.path, "reject" if mesh.requests == "strict" else "normalize")
    host, doubt = _read_host(request, target.authority, default_host)
    no_line = reading.may_close and request.method != "CONNECT"  # whose target is no path
    closing = (REFUSED,) if no_line or paths.forbidden_in_line(line.encode("utf-8", "surrogatepass")) else ()
    if request.method not in mesh.methods:
        bad_method = local_answer(Outcome.BAD_REQUEST, 405, grpc=grpc)
        return Read(None, (bad, bad_method, *closing), f"method {request.method} is not one of the mesh's")
    if closing or reading.may_close:
        return Read(None, (bad, *closing), reading.refusal or "a byte in the request-target that HTTP forbids in a request line")
    if reading.segments is None:
        return Read(None, (bad,), reading.refusal or "")
    if host is None:
        return Read(None, (bad,), "a missing, repeated or malformed Host")
    if bad_header is not None:
        return Read(None, (bad,), bad_header)
    message = Message(method=request.method, host=host, segments=reading.segments, query=target.query, headers=headers)
    loose = None if line == request.target and line.isascii() else "bytes beside the path that HTTP forbids in a request line"
    why = loose or reading.refusal or doubt or ("a fragment in the request-target" if target.cut else folded)
    sent = any(name.lower() == "authorization" for name, _ in request.headers)
    message = _with_token(message, request.token, sent=sent)
    return Read(message, (bad, REFUSED) if loose else (bad,) if why else (), why or "")


def asked_host(request: Request) -> str | None:
    """The host that the request names by itself, if it names just one that is well formed."""
    return _read_host(request, paths.split_target(request.target).authority, None)[0]


def _read_host(request: Request, authority: str | None, default: str | None) -> tuple[str | None, str | None]:
    """The host, and why 400 is permitted: what an absolute URI replaces a proxy may not have seen."""
    lines = list(request.host or ()) + [value for name, value in request.headers if name.lower() == "host"]
    if not lines and request.host is None and default is not None:
        lines = [default]
    if authority is None:
        return parse_host(lines[0]) if len(lines) == 1 else None, None
    name = authority.rpartition("@")[2]
    if len(lines) > 1:
        return parse_host(name), "several Host lines beside an absolute URI"
    return parse_host(name), "user information in an absolute URI" if name != authority else None


def _read_headers(raw: Headers) -> tuple[Headers, str | None, str | None]:
    """The header lines that stay, why 400 is permitted, and why it is due."""
    folded = bad = None
    kept: list[tuple[str, str]] = []
    nominated = _hop_by_hop(raw)
    if nominated & _PROXYS_OWN or any(name.startswith(":") for name in nominated):
        folded = "a Connection line that names what a proxy needs"
    for name, value in raw:
        unfolded = _FOLD.sub(" ", value)
        if unfolded != value:
            folded = f"a folded line of header {name}"
        if not _TOKEN.fullmatch(name):
            bad = f"a malformed header name {name!r}"
        if any(character in unfolded for character in "\r\n\0"):
            bad = f"a control byte in header {name}"
        kept.append((name.lower(), unfolded.strip(" \t")))
    return strip(line for line in kept if line[0] != "host" and line[0] not in nominated), folded, bad


def _hop_by_hop(headers: Headers) -> frozenset[str]:
    """The fields that Connection names: they end at the first proxy, before anything looks at them (RFC 9110 section 7.6.1)."""
    lines = [value for name, value in headers if name.lower() == "connection"]
    return frozenset(option.strip(" \t").lower() for line in lines for option in line.split(","))


def strip(headers: Iterable[tuple[str, str]]) -> Headers:
    """The lines without those that every proxy drops before any condition is read (L13)."""
    return tuple(
        (name, value) for name, value in headers if "_" not in name and name not in _STRIPPED and not name.startswith(_STRIPPED_PREFIXES)
    )


def _with_token(message: Message, token: Token | None, *, sent: bool) -> Message:
    lines = message.lines("authorization")
    if token is not None and not lines and not sent:
        lines = (IMPLIED_AUTHORIZATION,)
        message = replace(message, headers=(*message.headers, ("authorization", IMPLIED_AUTHORIZATION)))
    return replace(message, token=token, bearer=lines[0] if len(lines) == 1 and token is not None else None)


def token_of(message: Message) -> Token | None:
    """What a check point that knows providers makes of Authorization: nothing but one line `Bearer ` and a token is one (L9)."""
    lines = message.lines("authorization")
    if len(lines) > 1:
        return Token(None, {}, valid=False)
    if not lines or not lines[0].startswith(BEARER):
        return None
    return message.token if message.token is not None and lines[0] == message.bearer else Token(None, {}, valid=False)


def change_headers(message: Message, changes: HeaderChanges) -> Message:
    """The request after a rule's changes: remove, then set, then add."""
    gone = {*changes.remove, *(name for name, _ in changes.set)}
    kept = tuple(line for line in message.headers if line[0] not in gone)
    return replace(message, headers=(*kept, *changes.set, *changes.add))
