"""A first apply may stop after any object, and a removal too: whatever passes then, the finished mesh lets pass, or passed before it."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from meshc.model import Mesh
from tests.conformance.case import Send, compile_over_cast, send_of
from tests.conformance.istio.argo import wave_of
from tests.conformance.istio.engine import IstioEngine, objects
from tests.conformance.prepare import prepare

MESH: dict[str, Any] = {
    "authentication": {"id": {"jwt": {"issuer": "https://id.example", "audiences": ["shop"], "jwks": {"file": "keys/id.jwks.json"}}}},
    "services": {
        "web": {"calls": ["users"]},
        "users": {"access": "declared", "traffic": {"v1": 50, "v2": 50}},
        "cart": {"access": "declared"},
    },
    "routes": {
        "edge": {
            "gateways": "edge",
            "hosts": "shop.example.com",
            "rules": [{"match": {"paths": "/private/**"}, "to": "cart"}, {"match": {"paths": "/users/**"}, "to": "users"}],
        },
        "users": {
            "services": "users",
            "rules": [{"match": {"paths": "/canary"}, "to": {"service": "users", "version": "v2"}}, {"to": "users"}],
        },
    },
    "policies": {
        "edge": {"gateways": "edge", "require": [{"paths": "/private/**", "jwt": "id"}], "deny": [{"paths": "/users/closed"}]},
        "cart": {"services": "cart", "deny": [{"paths": "/private/admin/**"}]},
    },
}
REFUSED: dict[str, dict[str, Any]] = {
    "a gateway request without a token": {"via": "edge", "host": "shop.example.com", "path": "/private/x"},
    "a gateway request with a foreign token": {
        "via": "edge",
        "host": "shop.example.com",
        "path": "/private/x",
        "token": {"provider": "id", "bad": "key"},
    },
    "what the service denies, through the gateway": {"via": "edge", "host": "shop.example.com", "path": "/private/admin/x", "token": "id"},
    "what the gateway denies": {"via": "edge", "host": "shop.example.com", "path": "/users/closed"},
    "plaintext straight to a pod": {"from": "plaintext", "to": "cart", "path": "/private/x"},
    "plaintext straight to a pod behind no policy": {"from": "plaintext", "to": "users", "path": "/x"},
    "a caller that declares nothing": {"from": "web", "to": "cart", "path": "/private/x"},
    "a caller of another namespace": {"from": "ops/spy", "to": "users", "path": "/x"},
}
SERVED: dict[str, dict[str, Any]] = {
    "a gateway request with a token": {"via": "edge", "host": "shop.example.com", "path": "/private/x", "token": "id"},
    "a gateway request": {"via": "edge", "host": "shop.example.com", "path": "/users/x"},
    "a declared call": {"from": "web", "to": "users", "path": "/x"},
}


@pytest.fixture(scope="module")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real Istio."""
    with IstioEngine(tmp_path_factory.mktemp("istio")) as engine:
        prepare(engine)
        yield engine


def mesh() -> Mesh:
    """The cast with gateway, tokens, denies and declared calls."""
    compiled = compile_over_cast({"mesh": MESH})
    assert compiled.mesh is not None, compiled.findings
    return compiled.mesh


def passing(engine: IstioEngine, requests: dict[str, dict[str, Any]]) -> set[str]:
    """The requests that come to a backend."""
    sends: list[Send] = [send_of(written) for written in requests.values()]
    return {name for name, seen in zip(requests, engine.send(sends), strict=True) if seen.service is not None}


@pytest.mark.engine
@pytest.mark.rig
def test_no_prefix_is_open(istio: IstioEngine) -> None:
    """
    Object by object on a cluster without any of them, and then away in the opposite order.

    What passed on the bare cluster may pass until it is first refused; once the gateway serves anything, nothing refused passes.
    """
    built = mesh()
    istio.make_ready(built)
    bare = passing(istio, REFUSED)
    assert bare == {name for name in REFUSED if "via" not in REFUSED[name]}, "a bare Istio takes plaintext and refuses no caller"
    ordered = objects(list(istio.target.emit(built)))
    wrong: list[str] = []
    shut: set[str] = set()
    for one in ordered:
        istio.call("kubectl", words=["apply", "--server-side", "-f", "-"], text=yaml.safe_dump(one))
        istio.call("settle")
        passes = passing(istio, REFUSED)
        wrong += [f"after {_name(one)}: {name} passes" for name in sorted(_open(istio, passes, bare) | passes & shut)]
        shut |= set(REFUSED) - passes
    assert passing(istio, SERVED) == set(SERVED)
    for one in reversed(ordered):
        istio.call("kubectl", words=["delete", "-f", "-"], text=yaml.safe_dump(one))
        istio.call("settle")
        passes = passing(istio, REFUSED)
        wrong += [f"after the removal of {_name(one)}: {name} passes" for name in sorted(_open(istio, passes, bare))]
    assert wrong == [], "\n".join(wrong)


def _open(engine: IstioEngine, passes: set[str], bare: set[str]) -> set[str]:
    """What should not pass: all of it while the gateway serves, else what the bare cluster does not let pass."""
    serves = any("via" in SERVED[name] for name in passing(engine, SERVED))
    return passes if serves else passes - bare


def _name(one: dict[str, Any]) -> str:
    return f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']} of wave {wave_of(one)}"
