"""Meshes for tests: YAML text to a Mesh, and a Mesh from a folder, each without a disk's worth of set-up."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshc.assemble import assemble
from meshc.diagnostics import Finding, Origin
from meshc.model import Mesh, Name
from meshc.resolve import resolve
from meshc.semantics import Answer, Client, Decision, Identity, Outside, Plaintext, Reached, Request, Token, Workload, decide
from meshc.source import Document, parse


def mesh_of(text: str | Mapping[str, str], files: Mapping[str, str] | None = None) -> Mesh:
    """The mesh that the text means; several files as a mapping. `files` are what it names. Any error in it is an error of the test."""
    texts = {"mesh.yaml": text} if isinstance(text, str) else text
    documents: list[Document] = []
    found: list[Finding] = []
    for file, content in texts.items():
        document, findings = parse(file, _with_version(content).encode())
        found.extend(findings)
        if document is not None:
            documents.append(document)
    assembled = assemble(documents)
    found.extend(assembled.findings)
    assert assembled.spec is not None, found

    def read_file(_: Origin, name: str) -> bytes | None:
        return (files or {})[name].encode() if name in (files or {}) else None

    mesh, findings = resolve(assembled.spec, assembled.origin_of, read_file)
    found.extend(findings)
    assert mesh is not None, found
    return mesh


def _with_version(text: str) -> str:
    return text if "apiVersion" in text else f"apiVersion: meshc/v1\n{text}"


def mesh_in(folder: Path) -> Mesh:
    """The mesh of a folder with one `mesh.yaml`, and the files it names."""
    names = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml")
    files = {path.relative_to(folder).as_posix(): path.read_text() for path in names}
    return mesh_of((folder / "mesh.yaml").read_text(), files)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a table over the laws: what must come back for a request, and which law says so in which words."""

    law: str
    says: str
    request: Request
    expect: str

    def __str__(self) -> str:
        return f"{self.law}: {self.says}"


def holds(mesh: Mesh, case: Case) -> None:
    """Fails unless the mesh answers the case's request as its law says."""
    decision = decide(mesh, case.request)
    assert case.expect == summary(decision), [reason.what for reason in decision.because]


def summary(decision: Decision) -> str:
    """
    A decision in one line: `routed shop/users@v2`, `redirect 301 https://...`, `denied 403`; further answers after `|`.

    Freedoms are left out, the refusals of odd requests among them: `freedoms` and `readings` show these.
    """
    first, *others = (answer for answer in decision.permitted if answer.stands_for is None)
    shown = _answer(first)
    if decision.location is not None:
        shown += f" {decision.location}"
    if first.outcome == "routed":
        shown += "".join(f" {_reached(one)}" for one in decision.destinations)
    return " | ".join((shown, *(_answer(one) for one in others)))


def freedoms(decision: Decision) -> str:
    """What an engine may answer in the stead of the first answer (L18), in one line."""
    return " | ".join(_answer(answer) for answer in decision.permitted if answer.stands_for is not None)


def readings(decision: Decision) -> set[str]:
    """What else `requests: standard` permits to make of an odd request: each in one line, with the path that arrives."""
    return {summary(one) + ("" if one.request is None else f" {one.request.path}") for one in decision.otherwise}


def _answer(answer: Answer) -> str:
    grpc = "" if answer.grpc_status is None else f" grpc {answer.grpc_status}"
    return answer.outcome.value + ("" if answer.status is None else f" {answer.status}") + grpc


def _reached(one: Reached) -> str:
    verdict = "" if one.verdict.outcome == "routed" else f"({_answer(one.verdict)})"
    share = "" if one.weight in (1, 100) else f"*{one.weight}"
    return f"{one.service or one.host}" + ("" if one.version is None else f"@{one.version}") + share + verdict


def name(text: str) -> Name:
    """`ns/name` as a Name; a bare one lies in `shop`."""
    namespace, _, bare = text.rpartition("/")
    return Name(namespace or "shop", bare)


def edge(line: str, *headers: tuple[str, str], client: Outside | None = None, **more: Any) -> Request:  # noqa: ANN401 - fields of Request
    """A request from outside through gateway `edge`: `GET host /path` (several hosts with commas, `-` for none)."""
    method, host, target = line.split(" ", 2)
    hosts = () if host == "-" else tuple(host.split(","))
    return Request(client or Outside(name("edge")), method, target, hosts, headers, **more)


def call(caller: str, to: str, line: str = "GET /", *headers: tuple[str, str], **more: Any) -> Request:  # noqa: ANN401 - as above
    """A request inside the mesh: a service's name, `plaintext` or a SPIFFE id asks `to`; `host:NAME` asks by host alone."""
    method, target = line.split(" ", 1)
    client: Client = Workload(name(caller))
    if caller == "plaintext":
        client = Plaintext()
    elif caller.startswith("spiffe:"):
        client = Identity(caller)
    if to.startswith("host:"):
        return Request(client, method, target, (to.removeprefix("host:"),), headers, **more)
    return Request(client, method, target, more.pop("host", None), headers, to=name(to), **more)


def token(provider: str = "ids", *, valid: bool = True, **claims: Any) -> Token:  # noqa: ANN401 - claims are any JSON
    """A token of that provider with those claims."""
    return Token(name(provider), claims, valid=valid)
