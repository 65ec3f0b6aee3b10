"""What callers' proxies do: names, east-west rules, egress and external services, case by case (L5, L6, L8)."""

import pytest

from meshc.model import Mesh
from meshc.semantics import Plaintext, Request, RequestError, decide
from tests.meshes import Case, call, holds, mesh_of

SPEC = """
namespace: shop
mesh: {name: shop, trustDomain: t.test, clusterDomain: cluster.test, access: allow}
services:
  web:
    ports: {http: 80}
    calls: [users, {service: many, ports: [http, admin]}, gone, tcp, mail, {service: stripe, methods: [POST], paths: [/v1/**]}, warehouse]
  free: {ports: {http: 80}}
  mute: {ports: {http: 80}, calls: []}
  users: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v1: 1, v2: 3}}
  plain: {ports: {http: 80}, versions: {v1: {}}}
  many: {ports: {http: 80, admin: {port: 90, protocol: http}}}
  gone: {ports: {http: 80}, endpoints: []}
  tcp: {ports: {tcp: 5432}}
  stripe: {hosts: [api.stripe.test], ports: {http: 80}}
  warehouse: {hosts: ["*.snow.test"], ports: {https: {port: 443, protocol: tls}}}
  mail: {hosts: [smtp.test], ports: {smtp: {port: 25, protocol: tcp}}}
routes:
  users:
    services: [users]
    hosts: [people.test]
    rules:
      - {name: debug, match: {from: [web], headers: {x-debug: {present: true}}}, to: {service: users, version: v2}}
      - {name: ops, match: {from: [{namespace: ops}], paths: /ops}, to: {service: users, version: v1}}
      - {name: moved, match: {paths: /moved}, redirect: {path: {replaceFullPath: /here}}}
      - {name: old, match: {paths: /old/**}, to: users, rewrite: {path: {replacePrefixMatch: /new}}}
      - {name: api, match: {paths: /api/**}, to: users}
  many: {services: [many], rules: [{match: {ports: [admin]}, to: {service: plain, port: http}}, {to: many}]}
"""

OPS = "spiffe://t.test/ns/ops/sa/x"
FOREIGN = "spiffe://t.test.other/ns/ops/sa/x"
USERS = "routed shop/users@v1 shop/users@v2*3"

CASES = [
    Case("L5", "the bare name in its namespace", call("web", "host:users", "GET /api"), USERS),
    Case("L5", "name.namespace", call("web", "host:users.shop", "GET /api"), USERS),
    Case("L5", "name.namespace.svc", call("web", "host:users.shop.svc", "GET /api"), USERS),
    Case("L5", "with the cluster domain", call("web", "host:users.shop.svc.cluster.test:80", "GET /api"), USERS),
    Case("L5", "and a trailing dot", call("web", "host:users.shop.svc.cluster.test.", "GET /api"), USERS),
    Case("L5", "a route's own hosts", call("web", "host:people.test", "GET /api"), USERS),
    Case("L5", "the bare name is not another namespace's", call(OPS, "host:users", "GET /api"), "no-route 502"),
    Case("L5", "another namespace writes it out", call(OPS, "host:users.shop", "GET /api"), USERS),
    Case("L6", "a match by the caller's service", call("web", "users", "GET /api", ("x-debug", "")), "routed shop/users@v2"),
    Case("L6", "does not take others", call("free", "users", "GET /api", ("x-debug", "")), USERS),
    Case("L6", "a match by namespace", call(OPS, "users", "GET /ops"), "routed shop/users@v1"),
    Case("L10", "that of another trust domain is another", call(FOREIGN, "users", "GET /ops"), "no-route 404"),
    Case("L8", "no matching rule is 404", call("web", "users", "GET /ops"), "no-route 404"),
    Case("4", "a redirect inside the mesh", call("web", "host:users", "GET /moved"), "redirect 302 http://users/here"),
    Case("L6", "a service without routes is reached directly", call("free", "plain", "GET /x"), "routed shop/plain"),
    Case("L8", "the called port picks the rule", call("web", "many", port="admin"), "routed shop/plain"),
    Case("L8", "without one, http is called", call("web", "many"), "routed shop/many"),
    Case("L8", "a port by number", call("web", "many", port=90), "routed shop/plain"),
    Case("L8", "no endpoints is 503", call("web", "gone"), "unavailable 503"),
    Case("L8", "what calls don't name is 502", call("web", "plain"), "no-route 502"),
    Case("L8", "calls of nothing", call("mute", "users", "GET /api"), "no-route 502"),
    Case("L8", "no calls key knows all internal services", call("free", "users", "GET /api"), USERS),
    Case("L8", "an unknown host is 502", call("web", "host:example.com"), "no-route 502"),
    Case("L8", "502 to gRPC", call("web", "host:e.com", "POST /", ("content-type", "application/grpc")), "no-route 200 grpc 14"),
    Case("L8", "a tcp service in calls", call("web", "tcp"), "routed shop/tcp"),
    Case("L8", "a tcp service outside calls is a closed connection", call("mute", "tcp"), "refused"),
    Case("L8", "an external service as declared", call("web", "stripe", "POST /v1/x"), "routed shop/stripe"),
    Case("L8", "by its host", call("web", "host:api.stripe.test", "POST /v1/x"), "routed shop/stripe"),
    Case("L8", "not by another method", call("web", "stripe", "GET /v1/x"), "denied 403"),
    Case("L8", "nor another path", call("web", "stripe", "POST /v2"), "denied 403"),
    Case("L8", "nor by who does not declare it", call("free", "stripe", "POST /v1/x"), "no-route 502"),
    Case("L8", "an external tls service", call("web", "warehouse", host=("x.snow.test",)), "routed shop/warehouse"),
    Case("L8", "an external tcp service", call("web", "mail"), "routed shop/mail"),
    Case("L8", "not for others", call("free", "mail"), "refused"),
    Case("L5", "400 inside the mesh", call("web", "users", "GET /%2F"), "bad-request 400"),
    Case("L2", "400 comes before no-route", call("web", "host:example.com", "GET /%2F"), "bad-request 400"),
]

EGRESS = [
    Case("L8", "egress allow: another host leaves the mesh", call("web", "host:example.com"), "routed example.com"),
    Case("L8", "egress allow: a listed service is guarded all the same", call("free", "stripe", "POST /v1/x"), "no-route 502"),
    Case("L8", "egress allow: what calls don't name is reached all the same", call("web", "plain"), "routed shop/plain"),
    Case("L8", "egress allow: for exactly what is declared", call("web", "stripe", "GET /v1/x"), "denied 403"),
]


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return mesh_of(SPEC)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_inside(mesh: Mesh, case: Case) -> None:
    """A caller's proxy does what the law says."""
    holds(mesh, case)


@pytest.mark.parametrize("case", EGRESS, ids=str)
def test_egress_allow(case: Case) -> None:
    """With `egress: allow` what is not listed leaves the mesh, and nothing else changes."""
    holds(mesh_of(SPEC.replace("access: allow}", "access: allow, egress: allow}", 1)), case)


def test_rewrite_arrives(mesh: Mesh) -> None:
    """Section 4: an east-west rewrite is what the backend sees."""
    seen = decide(mesh, call("web", "users", "GET /old/a")).request
    assert seen is not None
    assert "/new/a" == seen.path


def test_plaintext_meets_no_route() -> None:
    """L10: a plaintext caller has no proxy, so no east-west route applies to it."""
    spec = SPEC.replace("access: allow}", "access: allow, mtls: permissive}", 1)
    decision = decide(mesh_of(spec), call("plaintext", "users", "GET /moved"))
    assert ["routed"] == [answer.outcome.value for answer in decision.permitted]
    assert [None] == [one.version for one in decision.destinations]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (call("web", "nobody"), "the mesh has no service shop/nobody"),
        (call("nobody", "users"), "the mesh has no service shop/nobody"),
        (call("stripe", "users"), "service shop/stripe lies outside the mesh and cannot call; expected a workload"),
        (call("web", "many", port="nope"), "service shop/many has no port 'nope'; expected one of http (80), admin (90)"),
        (Request(Plaintext(), host=("example.com",)), "a plaintext caller asks a service of the mesh; expected one in `to` or as the host"),
    ],
)
def test_cannot_be_asked(mesh: Mesh, request_: Request, message: str) -> None:
    """A request that names what the mesh does not have is the user's mistake, and said so."""
    with pytest.raises(RequestError) as error:
        decide(mesh, request_)
    assert message == str(error.value)
