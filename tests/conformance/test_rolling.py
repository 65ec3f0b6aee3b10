"""A new version of a mesh, applied in the order that Argo CD takes from its output, fails no request."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from meshc.model import Mesh
from tests.conformance.case import compile_over_cast, send_of
from tests.conformance.istio.argo import steps
from tests.conformance.istio.engine import IstioEngine, objects
from tests.conformance.prepare import prepare

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
VERSIONED: dict[str, Any] = {
    "services": {
        "web": {"calls": ["users"]},
        "users": {"access": "declared", "traffic": {"v2": 100}, "circuitBreaker": {"maxConnections": 1000}},
    },
    "routes": {
        "edge": {"gateways": "edge", "hosts": "shop.example.com", "rules": [{"to": {"service": "users", "version": "v2"}}]},
        "users": {
            "services": "users",
            "rules": [{"match": {"paths": "/a/**"}, "to": {"service": "users", "version": "v2"}}, {"to": "users"}],
        },
    },
}
_PLAIN = {"edge": {"gateways": "edge", "hosts": "shop.example.com", "rules": [{"to": "users"}]}}
WITHOUT_V2: dict[str, Any] = {
    "services": {
        "web": {"calls": ["users"]},
        "users": {"access": "declared", "versions": {"v2": None}, "traffic": {"v1": 100}, "circuitBreaker": {"maxConnections": 1000}},
    },
    "routes": _PLAIN,
}
UNVERSIONED: dict[str, Any] = {
    "services": {
        "web": {"calls": ["users"]},
        "users": {"access": "declared", "versions": None, "circuitBreaker": {"maxConnections": 1000}},
    },
    "routes": _PLAIN,
}
CHANGES = {
    "there": (BEFORE, AFTER, {"v2"}),
    "and-back": (AFTER, BEFORE, {"v1"}),
    "a-version-leaves": (VERSIONED, WITHOUT_V2, {"v1"}),
    "a-version-comes": (WITHOUT_V2, VERSIONED, {"v2"}),
    "all-versions-leave": (VERSIONED, UNVERSIONED, {"v1", "v2"}),
    "versions-come": (UNVERSIONED, VERSIONED, {"v2"}),
}
"""Each with the mesh before and after, and the versions that answer in the end."""
WORDS = {"delete": ["delete"], "apply": ["apply", "--server-side", "--force-conflicts"]}
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


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.parametrize("name", CHANGES)
def test_no_request_fails(name: str, istio: IstioEngine) -> None:
    """Clients inside and outside, on new connections and on kept ones, see nothing but answers of the service."""
    old, new, versions = CHANGES[name]
    assert istio.apply(mesh_of(old)) == ()
    wanted = objects(list(istio.target.emit(mesh_of(new))))
    istio.begin(SENDS, "stop")
    try:
        for deleted, applied in steps(istio.applied, wanted):
            for do, trees in (("delete", deleted), ("apply", applied)):
                if trees:
                    istio.call("kubectl", words=[*WORDS[do], "-f", "-"], text=yaml.safe_dump_all(trees))
            istio.call("settle")
        assert istio.apply(mesh_of(new)) == ()
    finally:
        counts = istio.end(SENDS, "stop")
    for each in counts:
        assert {answer for answer in each if not answer.startswith("200 users@")} == set(), counts
        assert sum(each.get(f"200 users@{version}", 0) for version in versions) > 10
