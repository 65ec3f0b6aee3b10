"""A tenant who shares a gateway's pods, by objects of his own, is served as before while a mesh is applied there and removed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from meshc.target import unsupported
from tests.conformance.case import compile_over_cast, send_of
from tests.conformance.istio import cast
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.prepare import prepare

HOST = "tenant.example.com"
_API = "networking.istio.io/v1"
TENANT: list[dict[str, Any]] = [
    {
        "apiVersion": _API,
        "kind": "Gateway",
        "metadata": {"name": "tenant", "namespace": "tenants"},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [HOST]},
                {
                    "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                    "hosts": [HOST],
                    "tls": {"mode": "SIMPLE", "credentialName": "edge-tls"},
                },
            ],
        },
    },
    {
        "apiVersion": _API,
        "kind": "VirtualService",
        "metadata": {"name": "tenant", "namespace": "tenants"},
        "spec": {
            "hosts": [HOST],
            "gateways": ["tenant"],
            "http": [{"route": [{"destination": {"host": "tenant.tenants.svc.cluster.local", "port": {"number": 80}}}]}],
        },
    },
]
"""What another team has written by hand: its own host on both ports, and every path of it."""

_ROUTES = {"edge": {"gateways": "edge", "hosts": "shop.example.com", "rules": [{"to": "users"}]}}
_LISTENERS = {
    "http": {"port": 80, "targetPort": 8080, "hosts": ["shop.example.com"], "redirectToHttps": True},
    "https": {"port": 443, "targetPort": 8443, "hosts": ["shop.example.com"], "tls": {"certificate": "edge"}},
}
_BASE: dict[str, Any] = {
    "authentication": {"id": {"jwt": {"issuer": "https://id.example", "audiences": ["shop"], "jwks": {"file": "keys/id.jwks.json"}}}},
    "certificates": {"edge": {"from": {"secret": "edge-tls"}, "hosts": ["shop.example.com"]}},
    "services": {"web": {"calls": ["users"]}},
    "routes": _ROUTES,
}
MESHES: dict[str, dict[str, Any]] = {
    "deny": {
        **_BASE,
        "gateways": {"edge": {"tenancy": "shared", "listeners": _LISTENERS}},
        "policies": {"edge": {"gateways": "edge", "deny": [{"paths": ["/admin/**", "/{id}/closed"]}, {"methods": ["DELETE"]}]}},
    },
    "require": {
        **_BASE,
        "gateways": {"edge": {"tenancy": "shared", "listeners": _LISTENERS}},
        "policies": {"edge": {"gateways": "edge", "require": [{"paths": "/**", "jwt": "id"}]}},
    },
    "routes": {**_BASE, "gateways": {"edge": {"listeners": _LISTENERS}}},
}
"""Meshes of `shop.example.com` alone. Without policies even a gateway of one's own touches nobody else."""
CANNOT_BE_SHARED = frozenset({"require"})
"""What a target may refuse: Istio's tokens are the workload's, so that another tenant's would be looked at."""
SENDS = [
    send_of({"via": "edge", "port": port, "host": HOST, "method": method, "path": path, "tls": port == 443, "headers": headers})
    for port in (80, 443)
    for method, path, headers in (
        ("GET", "/", {}),
        ("GET", "/admin/users", {"authorization": "Bearer not.of.your.issuer"}),
        ("DELETE", "/a/closed", {"x_y": "1"}),
    )
]


@pytest.fixture(scope="module")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real Istio with one workload that no mesh of meshc's knows."""
    pod = cast.Pod("tenant", "tenants", "tenant", "v1", "10.244.1.20", "tenant")
    workloads = replace(
        cast.FIXED, pods=(*cast.FIXED.pods, pod), ports=cast.FIXED.ports | {"tenants/tenant": (cast.ServicePort("http", 80, 8080),)}
    )
    with IstioEngine(tmp_path_factory.mktemp("istio"), workloads=workloads) as engine:
        prepare(engine)
        engine.call("kubectl", words=["apply", "--server-side", "-f", "-"], text=yaml.safe_dump_all(TENANT))
        yield engine


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.parametrize("name", sorted(MESHES))
def test_is_served_throughout(name: str, istio: IstioEngine) -> None:
    """Requests to the tenant's host, with what the mesh refuses for its own, are 200 before, during and after; or the mesh is refused."""
    compiled = compile_over_cast({"mesh": MESHES[name]})
    assert compiled.mesh is not None, compiled.findings
    if unsupported(compiled.mesh, istio.target):
        assert name in CANNOT_BE_SHARED
        return
    istio.make_ready(compiled.mesh)
    istio.call("settle")
    assert {one.status for one in istio.send(SENDS)} == {200}, "the tenant is served on his own"
    istio.begin(SENDS, f"stop-{name}")
    try:
        assert istio.apply(compiled.mesh) == ()
        istio.remove()
    finally:
        counts = istio.end(SENDS, f"stop-{name}")
    assert [set(each) for each in counts] == [{"200 tenant@v1"}] * len(counts), counts
    assert all(sum(each.values()) > 10 for each in counts)
