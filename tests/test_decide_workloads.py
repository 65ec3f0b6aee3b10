"""What becomes of requests to further services of a workload, to pods by their names, and of those that workers send (L5, L8, L9)."""

import pytest

from meshc.model import Name
from meshc.semantics import Plaintext, Request, RequestError, Workload, decide
from tests.meshes import Case, call, edge, holds, mesh_of

SPEC = """
namespace: shop
mesh: {name: shop, trustDomain: t.test, clusterDomain: cluster.test}
services:
  users:
    ports: {http: {port: 80, targetPort: 8080}, tcp: 5432}
    versions: {v1: {}, v2: {identity: users-v2}}
    traffic: {v1: 1, v2: 3}
    calls: [other]
  twin: {workload: users, ports: {web: {port: 81, targetPort: 8080, protocol: http}, bytes: {port: 5433, targetPort: 5432, protocol: tcp}}}
  pods: {workload: users, headless: true, ports: {http: 8080, tcp: 5432}}
  nightly: {calls: [{service: pods, ports: http, methods: GET}, {service: twin, ports: web, paths: /twin/**}, {service: pods, ports: tcp}]}
  web: {ports: {http: 80}, calls: [{service: users, ports: http, paths: /web/**}]}
  free: {ports: {http: 80}}
  other: {ports: {http: 80}}
policies:
  users: {services: users, deny: [{ports: http, paths: /denied/**}]}
  other: {services: other, deny: [{from: twin, paths: /not-users}]}
gateways: {edge: {listeners: {http: 80}}}
routes:
  edge: {gateways: edge, hosts: shop.test, rules: [{match: {paths: /gate}, to: {service: twin, port: web}}]}
  other: {services: other, rules: [{match: {from: pods, paths: /from}, respond: {status: 201}}, {to: other}]}
"""
FREE = "spiffe://t.test/ns/ops/sa/x"
TWIN = "routed shop/twin@v1 shop/twin@v2*3"
GONE = "no-route 502"

CASES = [
    Case("L9", "a call by the one that is declared", call("nightly", "pods", "GET /a", port="http"), "routed shop/pods"),
    Case("L9", "what is declared to the one holds at the other", call("nightly", "twin", "GET /a", port="web"), TWIN),
    Case("L9", "and what it does not declare does not", call("nightly", "twin", "POST /a", port="web"), "denied 403"),
    Case("L9", "paths declared to the other", call("nightly", "pods", "POST /twin/a", port="http"), "routed shop/pods"),
    Case("L9", "a deny for the one holds at the other", call("nightly", "pods", "GET /denied/a", port="http"), "denied 403"),
    Case("L9", "what a gateway declares holds at the other", edge("GET shop.test /gate"), TWIN),
    Case("L9", "bytes", call("nightly", "pods", port="tcp"), "routed shop/pods"),
    Case("L8", "bytes by a service that is not called for them", call("nightly", "twin", port="bytes"), TWIN),
    Case(
        "L8", "a caller's proxy knows the services that are called, by whatever pods", call("nightly", "users", "GET /a", port="http"), GONE
    ),
    Case("L8", "and so the other way round", call("web", "pods", "GET /web/a", port="http"), GONE),
    Case("L5", "a pod by its bare name", call("nightly", "host:users-0.pods", "GET /a", port=8080), "routed shop/pods"),
    Case("L5", "with the namespace", call("nightly", "host:users-0.pods.shop", "GET /a", port=8080), "routed shop/pods"),
    Case("L5", "with svc", call("nightly", "host:users-0.pods.shop.svc", "GET /a", port=8080), "routed shop/pods"),
    Case(
        "L5",
        "with the cluster domain",
        call("nightly", "host:users-0.pods.shop.svc.cluster.test:8080", "GET /a", port=8080),
        "routed shop/pods",
    ),
    Case("L5", "a pod's bare name is not another namespace's", call(FREE, "host:users-0.pods", port=8080), GONE),
    Case("L5", "a service with an address gives pods no names", call("nightly", "host:users-0.twin", "GET /twin/a", port=81), GONE),
    Case("L8", "a worker has no name", call("free", "host:nightly"), GONE),
    Case("L10", "a caller that is named by a further service is its workload", call("twin", "other", "GET /a"), "routed shop/other"),
    Case("L10", "a policy that names the caller so means the workload", call("users", "other", "GET /not-users"), "denied 403"),
    Case("L10", "and so does a match", call("users", "other", "GET /from"), "respond 201"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_workloads(case: Case) -> None:
    """The mesh answers as the law says."""
    holds(mesh_of(SPEC), case)


@pytest.mark.parametrize("client", [Workload(Name("shop", "web")), Plaintext()], ids=["a workload", "plaintext"])
def test_a_worker_can_not_be_asked(client: Workload | Plaintext) -> None:
    """L8: there is nothing that could be dialled, and the message says so."""
    with pytest.raises(RequestError, match="service shop/nightly has no ports: nobody can call it"):
        decide(mesh_of(SPEC), Request(client, to=Name("shop", "nightly")))


def test_a_pods_name_says_what_it_needs() -> None:
    """L5: whoever calls a pod by its name is told why there is none."""
    decision = decide(mesh_of(SPEC), call("nightly", "host:users-0.twin.shop", "GET /twin/a", port=81))
    expected = "the caller's proxy does not know host users-0.twin.shop: pods of shop/twin have names only if it is `headless: true`"
    assert [expected] == [reason.what for reason in decision.because]


def test_a_version_of_a_further_service_calls_as_itself() -> None:
    """L10: versions are the workload's, with the identities that they have."""
    spec = SPEC.replace("deny: [{from: twin, paths: /not-users}]", 'deny: [{from: {identity: "spiffe://t.test/ns/shop/sa/users-v2"}}]')
    request = Request(Workload(Name("shop", "twin"), "v2"), to=Name("shop", "other"))
    assert "denied" == decide(mesh_of(spec), request).outcome.value
