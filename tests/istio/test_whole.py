"""The output as a whole: its frame, its order, its names, and that Istio's own tools have nothing to say about it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshc.compile import load_mesh
from meshc_istio import target
from meshc_istio.objects import SOURCE_ANNOTATION, WAVE_ANNOTATION, Object, manifest, pointer
from tests import engines
from tests.istio.written import HEAD, SHOP, findings_of, whole, written
from tests.meshes import mesh_in, mesh_of

EXAMPLES = SHOP.parent.parent.parent / "examples"

EVERYTHING = """
services:
  web: {ports: {http: 80}, calls: [users, ext, far]}
  users:
    ports: {http: 80}
    access: declared
    versions: {v1: {}, v2: {}}
    traffic: {v1: 1, v2: 1}
    rateLimits: [{limit: 5/s}]
  by-hand: {ports: {http: 80}, endpoints: [{address: 10.0.0.1}]}
  ext: {hosts: [x.example], ports: {http: 80}}
  far: {hosts: ["*.far.example"], ports: {http: 80}}
gateways: {public: {listeners: {http: {port: 80}, https: {port: 443, hosts: [a.example], tls: {certificate: c}}}}}
certificates: {c: {from: {cert-manager: {issuer: le}}}}
routes:
  in: {gateways: [public], hosts: [a.example], rules: [{to: web}]}
  east: {services: [users], hosts: [users.internal], rules: [{to: users}]}
authentication: {ids: {jwt: {issuer: "https://id.example", jwks: {uri: "https://id.example/keys"}}}}
policies:
  edge: {gateways: [public], require: [{paths: /private/**, jwt: ids}]}
  users: {services: [users], deny: [{paths: /admin/**}, {query: {q: x}}]}
"""
MESH = HEAD.replace("access: allow", "access: declared, telemetry: {accessLog: json}") + EVERYTHING


def test_the_example_of_the_language_is_expressed_wholly() -> None:
    """Nothing of it has to be refused."""
    assert [] == list(target.check(mesh_in(SHOP)))


# --- the frame --------------------------------------------------------------------------------------------------------------------


def test_every_object_says_who_made_it_and_from_what() -> None:
    """L16: a label, and a source without line numbers; a wave of 0 is Argo CD's own and not written."""
    mesh = mesh_in(SHOP)
    assert {
        "name": "users",
        "namespace": "shop",
        "labels": {"app.kubernetes.io/managed-by": "meshc", "app.kubernetes.io/part-of": "shop"},
        "annotations": {"meshc.dev/source": "mesh.yaml#/routes/users-internal"},
    } == manifest(whole(mesh, "VirtualService", "users"), mesh.name)["metadata"]


SOURCES = [
    ("AuthorizationPolicy", "users", "/services/users/access"),
    ("AuthorizationPolicy", "users.deny", "/policies/users/deny/0"),
    ("AuthorizationPolicy", "web", "/services/web"),
    ("AuthorizationPolicy", "shop-shop-public.deny", "/policies/edge/require/0"),
    ("Sidecar", "web", "/services/web/calls"),
    ("Gateway", "shop-shop-public-https", "/gateways/public/listeners/https"),
    ("VirtualService", "shop-shop-public-https.a.example", "/routes/in"),
    ("VirtualService", "users", "/routes/east"),
    ("ServiceEntry", "users.names", "/routes/east"),
    ("ServiceEntry", "ext", "/services/ext"),
    ("EnvoyFilter", "users", "/services/users/rateLimits/0"),
    ("Certificate", "c", "/certificates/c"),
]


@pytest.mark.parametrize(("kind", "name", "path"), SOURCES)
def test_a_source_is_the_line_that_matters(kind: str, name: str, path: str) -> None:
    """Who reads an object finds what to change: not the whole mesh's default, but what is about this one."""
    assert f"mesh.yaml#{path}" == pointer(whole(mesh_of(MESH), kind, name).origin)


def test_what_closes_is_applied_before_what_opens() -> None:
    """L17: policies, tokens and mutual TLS, and the filters that they ask, before any name or route."""
    waves: dict[str, set[int]] = {}
    for one in written(mesh_of(MESH)):
        waves.setdefault(one.kind, set()).add(int(one.wave))
    closing = {"EnvoyFilter", "AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"}
    opening = waves.keys() - closing
    assert closing <= waves.keys()
    assert max(max(waves[kind]) for kind in closing) < min(min(waves[kind]) for kind in opening)
    assert max(waves["EnvoyFilter"]) < min(waves["AuthorizationPolicy"])
    order = ("ServiceEntry", "Sidecar", "VirtualService")
    assert sorted(order, key=lambda kind: max(waves[kind])) == list(order)
    assert max(waves["DestinationRule"]) < min(waves["VirtualService"])


def test_waves_are_annotations() -> None:
    """As Argo CD reads them: text."""
    mesh = mesh_of(MESH)
    for one in written(mesh):
        said = manifest(one, mesh.name)["metadata"]["annotations"]
        assert (str(int(one.wave)) if one.wave else None) == said.get(WAVE_ANNOTATION)
        assert said[SOURCE_ANNOTATION].startswith("mesh.yaml#/")


# --- native -----------------------------------------------------------------------------------------------------------------------


def test_no_program_stands_in_the_output() -> None:
    """L3: objects that people write by hand, and no script."""
    for file in target.emit(mesh_of(MESH)):
        assert b"lua" not in file.content.lower()


def test_every_filter_is_for_one_workload_and_each_workload_has_one() -> None:
    """L16: an EnvoyFilter without a selector would change other workloads' proxies."""
    filters = [one for one in written(mesh_of(MESH)) if one.kind == "EnvoyFilter"]
    assert [{"labels": {"app": "users"}}] == [one.spec["workloadSelector"] for one in filters]
    assert len(filters) == len({(one.namespace, str(one.spec["workloadSelector"])) for one in filters})


PLAIN = """
services:
  web: {ports: {http: 80}, calls: [{service: users, methods: [GET], paths: [/api/**]}]}
  users: {ports: {http: 80}, calls: []}
gateways: {public: {listeners: {http: {port: 80, redirectToHttps: true}, https: {port: 443, hosts: [a.example], tls: {certificate: c}}}}}
certificates: {c: {from: {secret: c}}}
routes:
  in:
    gateways: [public]
    hosts: [a.example]
    rules: [{match: {paths: /api/*}, to: web, timeout: 1s, retries: {attempts: 1, codes: [503]}}]
authentication: {ids: {jwt: {issuer: "https://id.example", jwks: {uri: "https://id.example/keys"}}}}
policies:
  edge: {gateways: [public], require: [{paths: /private/**, jwt: ids}]}
  users: {services: [users], deny: [{paths: /admin/**}, {headers: {x-a: bad}}, {hosts: [admin.example]}, {paths: "/u/{id}/x"}]}
"""


def test_what_istio_can_say_needs_no_filter() -> None:
    """L3: the back door is for what a line asks for that nothing else can say; forbidding it changes nothing here."""
    mesh = mesh_of(HEAD + PLAIN)
    forbidden = mesh_of(HEAD.replace("access: allow", "access: allow, targets: {istio: {envoyFilters: forbid}}") + PLAIN)
    assert [] == list(target.check(forbidden))
    assert "EnvoyFilter" not in {one.kind for one in written(mesh)}
    assert [file.content for file in target.emit(mesh)] == [file.content for file in target.emit(forbidden)]


DEFAULTS: dict[str, tuple[dict[str, Any], ...]] = {
    "VirtualService": ({"exportTo": ["*"]}, {"gateways": ["mesh"]}, {"retries": {"attempts": 0}}, {"weight": 100}, {"redirectCode": 301}),
    "DestinationRule": ({"exportTo": ["*"]}, {"loadBalancer": {"simple": "LEAST_REQUEST"}}, {"h2UpgradePolicy": "DEFAULT"}),
    "Gateway": ({"minProtocolVersion": "TLSV1_2"}, {"maxProtocolVersion": "TLSV1_3"}),
    "Sidecar": ({"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}},),
    "ServiceEntry": ({"exportTo": ["*"]}, {"weight": 1}),
    "AuthorizationPolicy": ({"action": "ALLOW"},),
}


@pytest.mark.parametrize("folder", [SHOP, *(EXAMPLES / name for name in ("bookinfo", "users-api"))], ids=lambda folder: str(folder.name))
def test_nothing_is_written_that_istio_does_by_itself(folder: Path) -> None:
    """A default says nothing, and hides what does."""
    for one in _objects(folder):
        pairs = list(_pairs(one.spec))
        assert [] == [pair for pair in DEFAULTS.get(one.kind, ()) if pair in [{key: value} for key, value in pairs]], (one.kind, one.name)
        if one.kind != "EnvoyFilter":  # Envoy's words, of which some are empty messages
            assert [] == [key for key, value in pairs if value in ({}, [])], (one.kind, one.name)


def _pairs(tree: object) -> Iterator[tuple[str, object]]:
    """Every key and value, but of what is named by its user: there an empty value means whatever is there."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key, value
            yield from () if key in ("headers", "withoutHeaders", "queryParams") else _pairs(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _pairs(value)


def _objects(folder: Path) -> list[Object]:
    if folder == SHOP:
        return written(mesh_in(SHOP))
    mesh = load_mesh(folder).mesh
    assert mesh is not None
    return written(mesh)


# --- files ------------------------------------------------------------------------------------------------------------------------


def test_every_object_is_in_the_kustomization_and_the_values_are_not() -> None:
    """What is applied is listed by name; the control plane's values are no manifest."""
    files = {str(file.path): file.content.decode() for file in target.emit(mesh_in(SHOP))}
    listed = [line.removeprefix("- ") for line in files["kustomization.yaml"].splitlines() if line.startswith("- ")]
    assert sorted(set(files) - {"kustomization.yaml", "istio-values.yaml"}) == listed
    assert all(path.count("/") == 1 for path in listed)


@pytest.mark.engine
def test_kustomize_reads_the_output_as_it_is_written(tmp_path: Path) -> None:
    """A GitOps tool that points at the folder finds every manifest, unchanged."""
    mesh = mesh_in(SHOP)
    for file in target.emit(mesh):
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    done = subprocess.run([str(engines.kubectl()), "kustomize", str(tmp_path)], capture_output=True, text=True, check=True)
    read = {(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}
    made = [manifest(one, mesh.name) for one in written(mesh)]
    assert {(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]): one for one in made} == read


def test_order_of_what_was_written_changes_no_byte() -> None:
    """L1: the same things in another order give the same files."""
    files = {file.relative_to(SHOP).as_posix(): file.read_text() for file in SHOP.rglob("*") if file.suffix != ".yaml" and file.is_file()}
    text = (SHOP / "mesh.yaml").read_text()
    tree = yaml.safe_load(text)
    turned = {key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in reversed(tree.items())}
    assert list(target.emit(mesh_of(text, files))) == list(target.emit(mesh_of(json.dumps(turned), files)))


# --- Istio's own tools ------------------------------------------------------------------------------------------------------------


def _validated(folder: Path) -> list[str]:
    """What `istioctl validate` says beside that all is well; it reads one file."""
    flat = folder.parent / f"{folder.name}.yaml"
    flat.write_bytes(b"\n---\n".join(path.read_bytes() for path in sorted(folder.rglob("*.yaml"))))
    done = subprocess.run([str(engines.istioctl()), "validate", "-f", str(flat)], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return [line for line in (done.stdout + done.stderr).splitlines() if not line.endswith("is valid")]


def _analyzed(folder: Path) -> list[dict[str, Any]]:
    """Every message of Istio's analyzers."""
    command = [str(engines.istioctl()), "analyze", "--use-kube=false", "--all-namespaces", "--output", "json", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout or "null") or []
    assert found or 0 == done.returncode, done.stderr
    return found


def _build(example: Path, out: Path) -> None:
    """The example's manifests, and the Secret that its gateways name; settings and the kustomization are no objects of Istio."""
    mesh = load_mesh(example).mesh
    assert mesh is not None
    for file in target.emit(mesh):
        if len(file.path.parts) > 1:
            path = out / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)


@pytest.mark.engine
@pytest.mark.parametrize("example", ["users-api", "bookinfo"])
def test_istioctl_has_nothing_to_say_where_no_filter_is_needed(tmp_path: Path, example: str) -> None:
    """Neither an error nor a warning nor a note."""
    _build(EXAMPLES / example, tmp_path)
    assert [] == _analyzed(tmp_path)
    assert [] == _validated(tmp_path)


MEANT = ("internal implementation details", "AuthorizationPolicy will deny all traffic to TCP ports under its scope")


@pytest.mark.engine
def test_istioctl_says_what_is_meant(tmp_path: Path) -> None:
    """
    Of the language's example it says that an EnvoyFilter is one, and that a deny closes ports which it does not name.

    That is what it is for: a deny that named its ports would let pass what comes by another, where the mesh is wrong about a port (L3).
    """
    folder = tmp_path / "shop"
    shutil.copytree(SHOP, folder)
    _build(folder, tmp_path / "out")
    messages = _analyzed(tmp_path / "out")
    one_certificate, relative = "IST0138", "IST0151"  # two listeners show it, as the example says; one object a workload needs no priority
    assert [] == [
        one for one in messages if not any(words in one["message"] for words in MEANT) and one["code"] not in (one_certificate, relative)
    ]
    said = [line for line in _validated(tmp_path / "out") if line.startswith("\t*")]
    assert [] == [line for line in said if not any(words in line for words in MEANT)]


# --- refusals that are about the whole --------------------------------------------------------------------------------------------


def test_services_that_share_pods_are_refused() -> None:
    """What is written for one workload would hold for the other."""
    text = "services: {a: {ports: {http: 80}, selector: {app: x}}, b: {ports: {http: 80}, selector: {app: x, tier: y}}}"
    found = [finding for finding in findings_of(text) if "takes the pods of" in finding.message]
    assert [("services", "b")] == [finding.origin.path for finding in found]
