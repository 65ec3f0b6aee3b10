"""A new version of a mesh, applied in the order that its output asks for, fails no request."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pytest
import yaml

from meshc.model import Mesh
from meshc.target import load
from tests.conformance.case import compile_over_cast, send_of
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.prepare import prepare

WAVE = "argocd.argoproj.io/sync-wave"
BEFORE: dict[str, Any] = {
    "services": {"web": {"calls": ["users"]}, "users": {"access": "declared", "traffic": {"v1": 100, "v2": 0}}},
    "routes": {"edge": {"gateways": "edge", "hosts": "shop.example.com", "rules": [{"to": "users"}]}},
}
AFTER: dict[str, Any] = {
    "services": {
        "web": {"calls": ["cart", {"service": "users", "methods": ["GET"], "paths": ["/a/**"]}]},
        "users": {
            "access": "deny",
            "traffic": {"v1": 0, "v2": 100},
            "circuitBreaker": {"maxConnections": 1000},
            "rateLimits": [{"limit": "100000/s"}],
        },
    },
    "routes": {
        "edge": {
            "gateways": "edge",
            "hosts": "shop.example.com",
            "rules": [
                {"match": {"paths": "/a/b", "methods": ["GET"]}, "to": {"service": "users", "version": "v2"}, "timeout": "3s"},
                {"match": {"paths": "/old"}, "redirect": {"path": {"replaceFullPath": "/a/b"}}},
                {"match": {"paths": "/a/**"}, "to": "users"},
            ],
        },
        "users": {
            "services": "users",
            "rules": [{"match": {"paths": "/a/**"}, "to": {"service": "users", "version": "v2"}}, {"to": "users"}],
        },
    },
    "policies": {
        "users": {
            "services": "users",
            "allow": [{"from": ["web", {"gateway": "edge"}], "paths": ["/a/**"]}],
            "deny": [{"paths": ["/a/closed"]}],
        }
    },
}
SENDS = [
    send_of({"from": "web", "to": "users", "path": "/a/b"}),
    send_of({"via": "edge", "port": "http", "host": "shop.example.com", "path": "/a/b"}),
]


@pytest.fixture(scope="module")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real Istio."""
    with IstioEngine(tmp_path_factory.mktemp("istio")) as engine:
        prepare(engine)
        yield engine


def mesh_of(overlay: dict[str, Any]) -> Mesh:
    """The cast with this overlay."""
    compiled = compile_over_cast({"mesh": overlay})
    assert compiled.mesh is not None, compiled.findings
    return compiled.mesh


def objects(mesh: Mesh) -> list[dict[str, Any]]:
    """The objects of the build in the order of their waves."""
    trees = [yaml.safe_load(file.content) for file in load("istio").emit(mesh)]
    return sorted((tree for tree in trees if "metadata" in tree), key=_wave)


def _wave(one: dict[str, Any]) -> int:
    return int(one["metadata"]["annotations"][WAVE])


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.parametrize(("old", "new", "version"), [(BEFORE, AFTER, "v2"), (AFTER, BEFORE, "v1")], ids=["there", "and-back"])
def test_no_request_fails(old: dict[str, Any], new: dict[str, Any], version: str, istio: IstioEngine) -> None:
    """Wave by wave, and then what is no longer wanted is removed; clients inside and outside see nothing but answers of the service."""
    assert istio.apply(mesh_of(old)) == ()
    istio.begin(SENDS, "stop")
    try:
        for _, wave in groupby(objects(mesh_of(new)), key=_wave):
            istio.call("kubectl", words=["apply", "--server-side", "--force-conflicts", "-f", "-"], text=yaml.safe_dump_all(wave))
            istio.call("settle")
        assert istio.apply(mesh_of(new)) == ()
    finally:
        counts = istio.end(SENDS, "stop")
    for each in counts:
        assert {name for name in each if not name.startswith("200 users@")} == set(), counts
        assert each[f"200 users@{version}"] > 10
