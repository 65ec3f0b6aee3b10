"""How a proxy reads a request before it looks at anything: its normal form, and what else an odd one may be read as (L4, L5, L13, L18)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from meshc import paths
from meshc.model import HeaderChanges, Mesh, Name
from meshc.paths import Segments
from meshc.semantics.decision import Answer, Forwarded, Outcome, local_answer
from meshc.semantics.hosts import parse_host
from meshc.semantics.plainness import (
    BEARER,
    BLANKS,
    FOLD,
    hop_by_hop,
    host_lines,
    is_forwarded,
    malformed_field,
    oddness,
    owned_by_proxies,
)
from meshc.semantics.request import Request, Token
from meshc.semantics.spellings import first_pass, passed_on, readings

Headers = tuple[tuple[str, str], ...]

_CLIENT_CERTIFICATE: Final = "x-forwarded-client-cert"
_ENVOY: Final = "x-envoy-"
_IMPLIED_AUTHORIZATION: Final = "Bearer <token>"


@dataclass(frozen=True, slots=True)
class Message:
    """
    A request as a check point has it before it.

    `service` and `namespace` are the caller whose proxy routes it (`from` of a match), `identity` is what its certificate says there.
    `token` belongs to the Authorization line `bearer`. A connection of a `tcp` or `tls` port is not `http` and has only the last four.

    Of an odd request read otherwise than by its normal form: `spelled`, `segments` are as they are spelled, and rules compare them so;
    `paths_read` are all readings of them, `hosts_read` all of its Host, and checks compare each. A host that no pattern but `*` takes is
    empty. `host_written` is the Host as the client wrote it, without port and dot. `lines_joined`: its lines of Authorization were made one
    before they were looked at, which is then no token.
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
    host_written: str = ""
    spelled: bool = False
    paths_read: tuple[Segments, ...] = ()
    hosts_read: tuple[str, ...] = ()
    lines_joined: bool = False

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
    def path(self) -> str:
        """The path in canonical spelling, or as it is spelled."""
        return paths.decoded(self.segments) if self.spelled else paths.canonical(self.segments)

    @property
    def path_and_query(self) -> str:
        """The path with its query."""
        return self.path + ("" if self.query is None else f"?{self.query}")

    def answer(self, outcome: Outcome, status: int) -> Answer:
        """A proxy's own answer to it."""
        return local_answer(outcome, status, grpc=self.http and self.grpc)

    def forwarded(self) -> Forwarded:
        """What the next one in line sees."""
        return Forwarded(self.method, self.host or self.host_written, self.path_and_query, self.headers)

    def readings(self) -> tuple["Message", ...]:
        """Each way in which an application may read it: what a check compares. Of a normal form there is one."""
        if not self.paths_read and not self.hosts_read:
            return (self,)
        plain = replace(self, spelled=False, paths_read=(), hosts_read=())
        return tuple(
            replace(plain, segments=segments, host=host)
            for segments, host in product(self.paths_read or (self.segments,), self.hosts_read or (self.host,))
        )


@dataclass(frozen=True, slots=True)
class Read:
    """
    A request as it was read.

    `message` is its normal form; where it has none, the answer is 400. `odd` says why it is odd. `others` are what else an odd one may be
    read as; whether that is permitted depends on where it leads.
    """

    message: Message | None
    grpc: bool
    odd: str | None = None
    others: tuple[Message, ...] = ()


def read(mesh: Mesh, request: Request, default_host: str | None = None, *, trusted: bool = False) -> Read:
    """The request as the first proxy reads it; `trusted`: proxies stand in front whose word it takes."""
    odd = oddness(mesh, request, trusted=trusted)
    line = request.target.rstrip(BLANKS)  # what ends the target ends with it (RFC 9112 section 3)
    target = paths.split_target(line)
    headers = _kept(request.headers, trusted=trusted)
    grpc = Message(headers=headers).grpc
    if malformed_field(request.headers) or paths.forbidden_in_line((target.query or "").encode("utf-8", "surrogatepass")):
        return Read(None, grpc, odd)
    lines = host_lines(request) or ((default_host,) if request.host is None and default_host is not None else ())
    if target.authority is not None:
        lines = (target.authority.rpartition("@")[2],)  # user information is taken off as the line is read
    host = parse_host(lines[0]) if len(lines) == 1 else None
    reading = paths.read(target.path)
    message = Message(method=request.method, host=host or "", query=target.query, headers=headers, host_written=_written(lines))
    message = _with_token(message, request.token, sent=any(name.lower() == "authorization" for name, _ in request.headers))
    segments = first_pass(target.path.decode("utf-8", "surrogatepass")) if reading.segments is None else reading.segments
    known = host is not None and request.method in mesh.methods
    normal = replace(message, segments=segments) if known and segments is not None else None
    if odd is None:
        return Read(normal, grpc, odd)
    if mesh.requests == "strict":
        return Read(normal, grpc, odd)
    others = (
        replace(one, host=name, hosts_read=read_as)
        for name, read_as in _hosts(request, host, lines)
        for each in _credentials(message)
        for one in _otherwise(each, line, segments)
    )
    found: list[Message] = []
    for one in others:
        if one != normal and one not in found:
            found.append(one)
    return Read(normal, grpc, odd, tuple(found))


def asked_host(request: Request) -> str | None:
    """The host that the request names by itself, if it names just one that is well formed."""
    authority = paths.split_target(request.target).authority
    lines = host_lines(request) if authority is None else (authority,)
    return parse_host(lines[0]) if len(lines) == 1 else None


def _otherwise(message: Message, line: str, normal: Segments | None) -> Iterator[Message]:
    """The request with each path that may be passed on, read by its segments and by their spelling; checks see its normal form too."""
    if normal is not None:
        yield replace(message, segments=normal)
    target = paths.split_target(line)
    for spelled in passed_on(target.path.decode("utf-8", "surrogatepass")):
        every = readings(spelled)
        read_as = every if normal is None or normal in every else (*every, normal)
        yield replace(message, segments=spelled, spelled=True, paths_read=read_as)
        for segments in every:
            yield replace(message, segments=segments, paths_read=read_as)


def _credentials(message: Message) -> tuple[Message, ...]:
    """With its lines of Authorization as they are, and several without a token also as an engine has them that joins a field's lines."""
    lines = message.lines("authorization")
    joined = len(lines) > 1 and not any("bearer" in line.lower() for line in lines)
    return (message, replace(message, lines_joined=True)) if joined else (message,)


def _hosts(request: Request, host: str | None, lines: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The host that rules are chosen for (empty: only `*` takes it), and the hosts that checks compare."""
    if host is not None:
        yield host, ()
    sent = (*host_lines(request), *lines)
    if host is None and (name := _name_beside_junk(",".join(lines))) is not None:  # a proxy joins lines by commas
        yield name, tuple(_names_in(sent))
    dotted = any(re.search(r"\.(:[0-9]+)?$", one.strip(BLANKS)) for one in sent)
    if sent and (host is None or len(host_lines(request)) > 1 or dotted):
        yield "", tuple(_names_in(sent)) if host is None else (host,)


def _name_beside_junk(line: str) -> str | None:
    """The name between user information and what is no port: engines that look for no more than `@` and `:` take it for the Host."""
    return parse_host(line.rpartition("@")[2].partition(":")[0])


def _names_in(lines: Iterable[str]) -> Iterator[str]:
    """Each name that some reader may find in Host lines that are malformed or several, and none at all."""
    yield ""
    for line in lines:
        for part in (line, *line.split(",")):
            for piece in (part, part.rpartition("@")[2]):
                name = parse_host(re.split(r"[/?#\s]", piece.strip(BLANKS))[0].partition(":")[0].rstrip("."))
                if name is not None:
                    yield name


def _written(lines: tuple[str, ...]) -> str:
    """What a client wrote as Host, without port and dot."""
    text = ",".join(line.strip(BLANKS) for line in lines)
    return re.sub(r"\.?(:[0-9]+)?$", "", text)


def _kept(raw: Headers, *, trusted: bool) -> Headers:
    """The header lines that the first proxy leaves, unfolded and in lower case (L13)."""
    gone = hop_by_hop(raw) | {"host"}
    lines = ((name.lower(), FOLD.sub(" ", value).strip(BLANKS)) for name, value in raw)
    return tuple(
        (name, value)
        for name, value in lines
        if name not in gone and "_" not in name and (not owned_by_proxies(name) or (trusted and is_forwarded(name)))
    )


def strip(headers: Iterable[tuple[str, str]]) -> Headers:
    """The lines without those that a proxy inside the mesh writes anew or drops."""
    return tuple(
        (name, value) for name, value in headers if "_" not in name and name != _CLIENT_CERTIFICATE and not name.startswith(_ENVOY)
    )


def without_forwarded(message: Message) -> Message:
    """Without the fields in which proxies in front told what they had seen: inside the mesh no condition reads them."""
    return replace(message, headers=tuple(line for line in message.headers if not is_forwarded(line[0])))


def _with_token(message: Message, token: Token | None, *, sent: bool) -> Message:
    lines = message.lines("authorization")
    if token is not None and not lines and not sent:
        lines = (_IMPLIED_AUTHORIZATION,)
        message = replace(message, headers=(*message.headers, ("authorization", _IMPLIED_AUTHORIZATION)))
    spelled = len(lines) == 1 and (not sent or BEARER.fullmatch(lines[0]) is not None)
    return replace(message, token=token, bearer=lines[0] if spelled and token is not None else None)


def token_of(message: Message) -> Token | None:
    """What a check point that knows providers makes of Authorization: `Bearer ` and a token is one, two lines are a bad one (L9)."""
    lines = message.lines("authorization")
    if len(lines) > 1:
        if message.lines_joined:
            return None
        return Token(None, {}, valid=False)
    if lines and message.token is not None and lines[0] == message.bearer:
        return message.token
    return Token(None, {}, valid=False) if lines and BEARER.fullmatch(lines[0]) else None


def change_headers(message: Message, changes: HeaderChanges) -> Message:
    """The request after a rule's changes: remove, then set, then add."""
    gone = {*changes.remove, *(name for name, _ in changes.set)}
    kept = tuple(line for line in message.headers if line[0] not in gone)
    return replace(message, headers=(*kept, *changes.set, *changes.add))
