"""The examples serve on a real Istio: their tests are sent as requests, and a real API server takes their output."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshc.compile import load_mesh
from meshc.model import CertificateSource, Expectation, ListenerProtocol, Mesh, MeshTest, Source, SourceKind
from meshc.target import load
from tests.conformance import certificates, tokens
from tests.conformance.case import Send, send_of
from tests.conformance.engine import Seen
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.istio.from_mesh import SOMEONE, cast_of
from tests.conformance.istio.host import MOUNT

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SERVED = ("users-api", "bookinfo", "online-boutique")


def sources(example: str) -> dict[str, bytes]:
    """The example's files by name, with keys that tests can sign with."""
    folder = EXAMPLES / example
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    files = {name: content for name, content in files.items() if not name.startswith("out") and not name.endswith(".md")}
    return {
        name: tokens.jwks(Path(name).name.split(".")[0]).encode() if name.endswith(".jwks.json") else content
        for name, content in files.items()
    }


def mesh_of(example: str, env: str | None = None) -> Mesh:
    """The example's mesh."""
    compiled = load_mesh(sources(example), env)
    assert compiled.mesh is not None, compiled.findings
    return compiled.mesh


def prepare(engine: IstioEngine, mesh: Mesh) -> None:
    """Makes the Secrets that the mesh's certificates name."""
    for certificate in mesh.certificates:
        if certificate.source is CertificateSource.SECRET:
            assert certificate.secret is not None
            pem, key = certificates.issue(certificate.name.name, names=certificate.hosts)
            engine.secret(certificate.secret, {"tls.crt": pem, "tls.key": key})


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.slow
@pytest.mark.parametrize("example", SERVED)
def test_serves(example: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test of the example, sent as a real request, comes out as it expects."""
    mesh = mesh_of(example)
    asked = [(test.name, _send(mesh, test), test.expect) for test in mesh.tests]
    assert asked
    with IstioEngine(tmp_path_factory.mktemp("istio"), mesh.trust_domain, cast_of(mesh)) as engine:
        prepare(engine, mesh)
        assert engine.apply(mesh) == ()
        seen = engine.send([send for _, send, _ in asked])
    pairs = zip(asked, seen, strict=True)
    wrong = [f"{name}: expected {expect}, got {got}" for (name, _, expect), got in pairs if not _fits(mesh, expect, got)]
    assert wrong == []


BAD_GATEWAY = 502
# As the freedoms of L18 have it; None is a closed connection.
_ANSWERS: dict[str, tuple[int | None, ...]] = {
    "denied": (403,),
    "unauthenticated": (401, 403),
    "no-route": (404, 502, None),
    "refused": (None,),
}


def _fits(mesh: Mesh, expect: Expectation, seen: Seen) -> bool:
    if expect.outcome is not None:
        return seen.service is None and seen.status in _ANSWERS[expect.outcome]
    if expect.status is not None:
        allowed = (expect.status, None) if expect.status == BAD_GATEWAY else (expect.status,)
        return seen.service is None and seen.status in allowed
    if expect.redirect is not None:
        return seen.location == expect.redirect
    assert expect.reaches is not None
    service = mesh.service_by_name[expect.reaches]
    return seen.status == 200 and seen.service == service.workload.name and expect.version in (None, seen.version)


# --- a mesh's test as a request ---------------------------------------------------------------------------------------------------


def _send(mesh: Mesh, test: MeshTest) -> Send:
    written: dict[str, Any] = {"method": test.method, "path": test.path, "headers": [list(line) for line in test.headers]}
    if test.token is not None:
        provider = next(one for one in mesh.providers if one.name == test.token)
        claims = {**(test.claims or {}), "iss": provider.issuer, **({"aud": provider.audiences[0]} if provider.audiences else {})}
        written["token"] = {"provider": test.token.name, "claims": claims}
    if test.via is not None:
        return send_of(written | {"via": test.via.name, "host": test.host} | _listener(mesh, test))
    client = "plaintext" if test.source is None else _client(mesh, test.source)
    written["from"] = client
    if test.to is not None:
        namespace = client.rpartition("/")[0]
        written |= {"to": str(test.to), "host": test.to.name if test.to.namespace == namespace else f"{test.to.name}.{test.to.namespace}"}
    return send_of(written | ({"host": test.host} if test.host else {}) | ({"port": test.port} if test.port else {}))


def _listener(mesh: Mesh, test: MeshTest) -> dict[str, Any]:
    """The TLS listener, where there is one and nothing else is asked for."""
    gateway = next(one for one in mesh.gateways if one.name == test.via)
    secure = [one for one in gateway.listeners if one.protocol is ListenerProtocol.HTTPS]
    if test.scheme == "http" or not secure:
        return {"port": next(one.name for one in gateway.listeners if one.protocol is ListenerProtocol.HTTP)}
    return {"port": secure[0].name, "tls": True, "sni": test.host}


def _client(mesh: Mesh, source: Source) -> str:
    match source.kind:
        case SourceKind.SERVICE:
            return str(source.name)
        case SourceKind.NAMESPACE:
            return f"{source.value}/{SOMEONE}-{source.value}"
        case SourceKind.IDENTITY:
            _, _, namespace, _, account = source.value.removeprefix("spiffe://").split("/")
            return next(str(one.name) for one in mesh.services if (one.name.namespace, one.identity) == (namespace, account))
        case _:
            return "plaintext"


# --- what the API server says -----------------------------------------------------------------------------------------------------


# cert-manager's kind, of which Istio brings no definition; its own schema is not looked at here.
_CERTIFICATES: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "certificates.cert-manager.io"},
    "spec": {
        "group": "cert-manager.io",
        "scope": "Namespaced",
        "names": {"plural": "certificates", "singular": "certificate", "kind": "Certificate"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real API server with Istio's kinds."""
    with IstioEngine(tmp_path_factory.mktemp("istio"), workloads=cast_of(mesh_of("users-api"))) as engine:
        engine.call("kubectl", words=["create", "-f", "-"], text=yaml.safe_dump(_CERTIFICATES))
        engine.call("kubectl", words=["wait", "--for=condition=Established", "crd", "--all"])
        yield engine


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_is_accepted(example: str, cluster: IstioEngine) -> None:
    """The API server takes the output of the example, for each environment, without a warning."""
    envs = (None, *sorted(path.stem for path in (EXAMPLES / example / "environments").glob("*.yaml")))
    for env in envs:
        mesh = mesh_of(example, env)
        with tempfile.TemporaryDirectory(dir=cluster.folder) as folder:
            namespaces = set()
            for file in load("istio").emit(mesh):
                path = Path(folder) / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.content)
                namespaces |= {str((one or {}).get("metadata", {}).get("namespace", "default")) for one in yaml.safe_load_all(file.content)}
            for namespace in sorted(namespaces):
                made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
                cluster.call("kubectl", words=["apply", "--server-side", "-f", "-"], text=yaml.safe_dump(made))
            words = ["apply", "--server-side", "--dry-run=server", "--warnings-as-errors", "-k", str(MOUNT / Path(folder).name)]
            said = cluster.call("kubectl", words=words)
        lines = said.splitlines()
        assert lines
        assert [line for line in lines if not line.endswith("serverside-applied (server dry run)")] == []
