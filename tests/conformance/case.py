"""A conformance case as data: a request, and what must come back by a law. Read CONTRIBUTING.md for the form of a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from meshc.compile import Compiled, load_mesh
from meshc.model import Mesh
from tests.conformance import certificates, tokens

HERE = Path(__file__).resolve().parent
MODES = ("standard", "strict")
"""The values of `mesh.requests`: every case is run in both."""
SEND = frozenset(
    {
        "from",
        "via",
        "port",
        "to",
        "host",
        "method",
        "path",
        "headers",
        "token",
        "sni",
        "tls",
        "clientCert",
        "http",
        "body",
        "chunked",
        "times",
        "phase",
        "serverFirst",
        "silent",
        "stream",
    }
)
EXPECT = frozenset(
    {
        "status",
        "reaches",
        "port",
        "version",
        "path",
        "method",
        "host",
        "headers",
        "identity",
        "location",
        "refused",
        "response",
        "grpc",
        "body",
        "share",
        "counts",
        "tries",
        "mirrored",
        "took",
    }
)


@dataclass(frozen=True, slots=True)
class Send:
    """
    A request. `client` is a workload of the cast, `plaintext`, or the gateway's listener as `via:<port>`.

    `hosts` are the Host lines as they are sent. `target` is sent byte for byte (latin-1). `times` sends it so often. A later `phase` is
    sent when all of the earlier ones are answered. `watch`: the backends are asked what they saw of it. `tls_version`: the newest that the
    client speaks. `client_cert` is of the authority that gateways ask for, `foreign_cert` is of another. `chunked`: the body's length is
    not said. `server_first`: the client waits for the server's greeting before it says anything; `silent`: it connects, and says nothing
    for so many seconds. `stream`: over HTTP/2, so many parts go to and fro while the request is open.
    """

    client: str
    via: str | None
    to: str | None
    port: str | int | None
    hosts: tuple[str, ...]
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    token: tokens.Wish | None
    sni: str | None
    tls: bool
    client_cert: bool
    body: int
    times: int
    phase: int = 0
    watch: bool = False
    tls_version: str | None = None
    foreign_cert: bool = False
    http2: bool = False
    chunked: bool = False
    server_first: bool = False
    silent: float = 0
    stream: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """
    One row: what its law says, the request, and what must come back.

    `expect` is what the request's normal form gets. `odd` is set where the request is odd: what else `requests: standard` permits beside
    that and beside a refusal. `decided` stands in for `expect` at the reference, where time, health or chance change an answer but never
    a decision (L2).
    """

    law: str
    says: str
    send: Send
    expect: Mapping[str, Any]
    file: str
    decided: Mapping[str, Any] | None = None
    odd: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True)
class Suite:
    """
    One file in one mode of `requests`: a mesh over the fixed cast, and its cases.

    `unsupported`: an engine's name (with ` strict` behind it: in that mode only) to the code by which its target refuses the mesh, and the
    reason.
    """

    file: str
    family: str
    mode: str
    mesh: Mesh
    cases: tuple[Case, ...] = field(default=())
    unsupported: Mapping[str, str] = field(default_factory=dict)

    def refused_by(self, engine: str) -> str | None:
        """The code by which that engine's target must refuse the mesh, and the reason; None where it must build."""
        in_this_mode = self.unsupported.get(f"{engine} {self.mode}")
        return self.unsupported.get(engine, in_this_mode)


def suites() -> Iterator[Path]:
    """Every case file."""
    yield from sorted((HERE / "cases").glob("*/*.yaml"))


def read(path: Path, mode: str) -> Suite:
    """A case file in a mode: its mesh is an overlay on the cast, so that it says only what matters."""
    data = yaml.safe_load(path.read_text())
    unknown = set(data) - {"about", "law", "mesh", "ops", "cases", "unsupported", "ways"}
    assert not unknown, f"{path}: unknown keys {unknown}"
    name = path.relative_to(HERE / "cases").as_posix()
    compiled = compile_over_cast(in_mode(data, mode))
    assert compiled.mesh is not None, (name, compiled.findings)
    ways = data.get("ways") or [{}]
    cases = tuple(_case(_along(way, row), data.get("law", ""), name) for row in data["cases"] for way in ways)
    return Suite(name, path.parent.name, mode, compiled.mesh, cases, data.get("unsupported", {}))


def in_mode(data: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """A case file's data with its mesh in that mode of `requests`."""
    own = data.get("mesh") or {}
    return {**data, "mesh": {**own, "mesh": {**(own.get("mesh") or {}), "requests": mode}}}


def compile_over_cast(data: Mapping[str, Any]) -> Compiled:
    """The cast with the overlay `mesh` of the namespace `shop`, and `ops` of that namespace where there is one."""
    sources = {"cast.yaml": (HERE / "cast.yaml").read_bytes(), "ops.yaml": (HERE / "cast.ops.yaml").read_bytes()}
    for folder in ("", "environments/"):
        sources[f"{folder}keys/clients.pem"] = certificates.authority_pem()
        for provider in ("id", "other"):
            sources[f"{folder}keys/{provider}.jwks.json"] = tokens.jwks(provider).encode()
    overlay = {"apiVersion": "meshc/v1", "namespace": "shop", **(data.get("mesh") or {})}
    sources["environments/case.yaml"] = yaml.safe_dump(overlay, sort_keys=False).encode()
    if "ops" in data:
        sources["ops/environments/case.yaml"] = yaml.safe_dump(
            {"apiVersion": "meshc/v1", "namespace": "ops", **data["ops"]}, sort_keys=False
        ).encode()
    return load_mesh(sources, "case")


def _along(way: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """A row sent one way of several: what the row says of its request stands before what the way says."""
    said = f"{row['says']} (via {way['via']})" if "via" in way else row["says"]
    return {**row, "says": said, "send": {**way, **row["send"]}}


def _case(row: dict[str, Any], law: str, file: str) -> Case:
    send, expect = row["send"], row["expect"]
    decided = row.get("decided")
    odd = None if row.get("odd") is None else tuple(row["odd"])
    assert set(row) <= {"says", "law", "send", "expect", "decided", "odd"}, (file, row)
    assert set(send) <= SEND, (file, row["says"], set(send) - SEND)
    for expected in (expect, decided or {}, *(odd or ())):
        assert set(expected) <= EXPECT, (file, row["says"], set(expected) - EXPECT)
    watch = not {"tries", "mirrored"}.isdisjoint(expect)
    return Case(row.get("law", law), row["says"], replace(send_of(send), watch=watch), expect, file, decided, odd)


def _name_for(client: str, service: str | None) -> str | None:
    """What a client calls a service: its bare name inside their namespace, else with the namespace."""
    if service is None:
        return None
    namespace, _, name = service.rpartition("/")
    own = client.rpartition("/")[0]
    return name if (own or "shop") == (namespace or "shop") else f"{name}.{namespace or 'shop'}"


def send_of(send: dict[str, Any]) -> Send:
    """A request as it is written in a case."""
    host = send.get("host", _name_for(send.get("from", ""), send.get("to")))
    hosts = tuple(host) if isinstance(host, list) else () if host is None else (str(host),)
    headers = send.get("headers", {})
    pairs = headers.items() if isinstance(headers, dict) else headers
    via = send.get("via")
    token = None if send.get("token") is None else tokens.Wish.of(send["token"])
    target = send.get("path", "/")
    if token is not None and token.place == "query":
        target, token = f"{target}?access_token={token.text}", None
    return Send(
        client=send.get("from", "outside"),
        via=via,
        to=send.get("to"),
        port=send.get("port"),
        hosts=hosts,
        method=send.get("method", "GET"),
        target=target,
        headers=tuple((str(name), str(value)) for name, value in pairs),
        token=token,
        sni=send.get("sni"),
        tls=bool(send.get("tls", False)),
        client_cert=send.get("clientCert") is True,
        foreign_cert=send.get("clientCert") == "foreign",
        http2=send.get("http") == 2 or "stream" in send,
        chunked=bool(send.get("chunked", False)),
        body=int(send.get("body", 0)),
        times=int(send.get("times", 1)),
        phase=int(send.get("phase", 0)),
        tls_version=send["tls"] if isinstance(send.get("tls"), str) else None,
        server_first=bool(send.get("serverFirst", False)),
        silent=float(send.get("silent", 0)),
        stream=int(send.get("stream", 0)),
    )
