"""What proxies know: Sidecars, and ServiceEntries for what the control plane can't find by itself."""

import pytest

from tests.istio.written import HEAD, SHOP, complaints_of, names, one, whole
from tests.meshes import mesh_in, mesh_of

# --- Sidecars ---------------------------------------------------------------------------------------------------------------------


def test_a_proxy_knows_exactly_what_its_workload_calls() -> None:
    """L8: the hosts of its calls and of the collector, all others stay unknown."""
    spec = one(mesh_in(SHOP), "Sidecar", "frontend")
    hosts = ["api.stripe.com", "otel-collector.shop.svc.cluster.local", "payments.shop.svc.cluster.local", "users.shop.svc.cluster.local"]
    assert {
        "workloadSelector": {"labels": {"app": "frontend"}},
        "egress": [{"hosts": [f"shop/{host}" for host in hosts]}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    } == spec


def test_a_workload_that_calls_nothing_knows_nothing() -> None:
    """An empty list of calls is no host at all; a missing one is every internal service."""
    text = "services: {quiet: {ports: {http: 80}, calls: []}, open: {ports: {http: 80}}, out: {hosts: [x.example], ports: {http: 80}}}"
    mesh = mesh_of(HEAD + text)
    assert [{"hosts": ["~/*"]}] == one(mesh, "Sidecar", "quiet")["egress"]
    assert [{"hosts": ["shop/open.shop.svc.cluster.local", "shop/quiet.shop.svc.cluster.local"]}] == one(mesh, "Sidecar", "open")["egress"]


def test_services_without_a_proxy_have_no_sidecar() -> None:
    """Nothing is written for workloads that Istio does not run beside."""
    assert ["shop/frontend", "shop/legacy", "shop/payments", "shop/users"] == names(mesh_in(SHOP), "Sidecar")


def test_a_workload_that_may_call_anything_has_no_sidecar() -> None:
    """With `egress: allow` and no calls declared, Istio's own behaviour is what the spec says."""
    text = HEAD.replace("access: allow", "access: allow, egress: allow") + "services: {a: {ports: {http: 80}}}"
    assert [] == names(mesh_of(text), "Sidecar")


def test_a_sidecar_points_at_the_calls_that_it_holds_to() -> None:
    """The line that matters is `calls`, or the service where there is none."""
    mesh = mesh_of(HEAD + "services: {a: {ports: {http: 80}, calls: []}, b: {ports: {http: 80}}}")
    assert [("services", "a", "calls"), ("services", "b")] == [whole(mesh, "Sidecar", name).origin.path for name in ("a", "b")]


# --- further names ----------------------------------------------------------------------------------------------------------------


def test_further_names_are_known_on_all_ports() -> None:
    """An east-west host stands for the service's own pods, and callers' proxies know it."""
    text = """
services:
  a: {ports: {http: 80}, calls: [b]}
  b: {ports: {http: {port: 80, targetPort: 8080}}}
routes:
  r: {services: [b], hosts: [b.internal], rules: [{to: b}]}
"""
    mesh = mesh_of(HEAD + text)
    assert {
        "hosts": ["b.internal"],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}],
        "workloadSelector": {"labels": {"app": "b"}},
    } == one(mesh, "ServiceEntry", "b.names")
    assert [{"hosts": ["shop/b.internal", "shop/b.shop.svc.cluster.local"]}] == one(mesh, "Sidecar", "a")["egress"]
    assert ["b.shop.svc.cluster.local", "b.internal"] == one(mesh, "VirtualService", "b")["hosts"]
    assert ("routes", "r") == whole(mesh, "ServiceEntry", "b.names").origin.path[:2]


def test_further_names_have_no_ports_without_requests() -> None:
    """Nothing but an address tells their connections apart: a proxy would send every connection to that port to this service."""
    mixed = "services: {b: {ports: {http: 80, pg: {port: 5432, protocol: tcp}}}}\n"
    route = "routes: {r: {services: [b], hosts: [b.internal], rules: [{to: {service: b, port: http}}]}}\n"
    assert ["http"] == [port["name"] for port in one(mesh_of(HEAD + mixed + route), "ServiceEntry", "b.names")["ports"]]
    opaque = "services: {b: {ports: {pg: {port: 5432, protocol: tcp}}}}\n"
    assert [] == names(mesh_of(HEAD + opaque + route.replace(", port: http", ", port: pg")), "ServiceEntry")


def test_further_names_with_wildcards_are_refused() -> None:
    """Inside the mesh Istio knows services by whole names; the error points at the hosts."""
    text = "services: {b: {ports: {http: 80}}}\nroutes: {r: {services: [b], hosts: ['*.internal'], rules: [{to: b}]}}"
    assert [True] == ["by whole names" in message for message in complaints_of(text)]


# --- endpoints by hand ------------------------------------------------------------------------------------------------------------


def test_endpoints_by_hand_keep_their_ports_weights_and_labels() -> None:
    """A service without Kubernetes has its addresses in a ServiceEntry; what is Istio's own is not written."""
    entry = one(mesh_in(SHOP), "ServiceEntry", "legacy")
    assert {
        "hosts": ["legacy.shop.svc.cluster.local"],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [{"number": 8080, "name": "http", "protocol": "HTTP"}],
        "endpoints": [
            {"address": "10.0.0.11", "labels": {"version": "v1"}, "locality": "eu-west-1/eu-west-1a", "serviceAccount": "legacy"},
            {"address": "10.0.0.12", "ports": {"http": 8081}, "locality": "eu-west-1/eu-west-1b", "weight": 2, "serviceAccount": "legacy"},
        ],
    } == entry


def test_plain_tcp_by_hand_is_dialled_at_its_addresses() -> None:
    """Without addresses Istio would send every connection to that port to this service, whoever it was meant for (IST0134)."""
    text = "services: {db: {ports: {sql: {port: 5432, protocol: tcp}}, endpoints: [{address: 10.0.0.12}, {address: 10.0.0.11}]}}\n"
    assert ["10.0.0.11", "10.0.0.12"] == one(mesh_of(HEAD + text), "ServiceEntry", "db")["addresses"]


# --- outside ----------------------------------------------------------------------------------------------------------------------


def test_outside_services_are_resolved_by_name() -> None:
    """Exact hosts by DNS, wildcards by the name that is asked; a port may lead to another one."""
    mesh = mesh_in(SHOP)
    assert {
        "hosts": ["api.stripe.com"],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 443}],
        "exportTo": ["."],
    } == one(mesh, "ServiceEntry", "stripe")
    warehouse = one(mesh, "ServiceEntry", "warehouse")
    assert ("DYNAMIC_DNS", "TLS") == (warehouse["resolution"], warehouse["ports"][0]["protocol"])


@pytest.mark.parametrize("hosts", ["[a.example, b.example]", "[b.example, a.example]"])
def test_each_host_outside_has_an_object(hosts: str) -> None:
    """Hosts of one ServiceEntry would share their addresses: a request for the one could reach the other."""
    mesh = mesh_of(HEAD + f"services: {{x: {{hosts: {hosts}, ports: {{http: 80}}}}}}")
    assert [("x", ["a.example"]), ("x.2", ["b.example"])] == [
        (name.partition("/")[2], one(mesh, "ServiceEntry", name.partition("/")[2])["hosts"]) for name in names(mesh, "ServiceEntry")
    ]
