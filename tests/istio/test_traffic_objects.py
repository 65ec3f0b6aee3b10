"""Every other object of the traffic half: connections, listeners, outside services, proxies' knowledge, telemetry."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshc_istio import target, traffic_objects
from meshc_istio.complaints import ignore
from meshc_istio.objects import manifest
from meshc_istio.security import security_objects
from meshc_istio.yaml import dump
from tests import engines
from tests.istio.written import HEAD, SHOP, names, one
from tests.meshes import mesh_in, mesh_of

# --- the whole ------------------------------------------------------------------------------------------------------------------


def test_the_example_of_the_language_is_expressed_wholly() -> None:
    """Nothing of it has to be refused."""
    assert [] == list(target.check(mesh_in(SHOP)))


@pytest.mark.engine
def test_istioctl_finds_nothing_wrong_with_the_example(tmp_path: Path) -> None:
    """Neither Istio's validation nor its analyzers complain, apart from its warning about any EnvoyFilter."""
    mesh = mesh_in(SHOP)
    file = tmp_path / "all.yaml"
    file.write_bytes(b"---\n".join(dump(manifest(o, mesh.name)) for o in traffic_objects(mesh, ignore)))
    for command in (["validate", "-f"], ["analyze", "--use-kube=false"]):
        done = subprocess.run([str(engines.istioctl()), *command, str(file)], capture_output=True, text=True, check=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "internal implementation details" not in line]
        assert (0, []) == (done.returncode, [line for line in said if "rror" in line or "IST" in line or "* " in line])


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
    written = [manifest(one, mesh.name) for one in (*traffic_objects(mesh, ignore), *security_objects(mesh))]
    assert {(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]): one for one in written} == read


def test_order_of_what_was_written_changes_no_byte() -> None:
    """L1: the same things in another order give the same files."""
    files = {file.relative_to(SHOP).as_posix(): file.read_text() for file in SHOP.rglob("*") if file.suffix != ".yaml" and file.is_file()}
    text = (SHOP / "mesh.yaml").read_text()
    tree = yaml.safe_load(text)
    turned = {key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in reversed(tree.items())}
    assert list(target.emit(mesh_of(text, files))) == list(target.emit(mesh_of(json.dumps(turned), files)))


def test_every_object_says_who_made_it_and_from_what() -> None:
    """L16: a label, and a source without line numbers."""
    mesh = mesh_in(SHOP)
    frame = next(manifest(o, mesh.name) for o in traffic_objects(mesh, ignore) if (o.kind, o.name) == ("VirtualService", "users"))
    assert {
        "name": "users",
        "namespace": "shop",
        "labels": {"app.kubernetes.io/managed-by": "meshc", "app.kubernetes.io/part-of": "shop"},
        "annotations": {"argocd.argoproj.io/sync-wave": "0", "meshc.dev/source": "mesh.yaml#/routes/users-internal"},
    } == frame["metadata"]


def test_what_routes_name_is_applied_before_them() -> None:
    """Sync waves: outside services, then subsets, then what proxies know, then routes."""
    waves: dict[str, int] = {o.kind: o.wave for o in traffic_objects(mesh_in(SHOP), ignore)}
    assert waves["ServiceEntry"] < waves["DestinationRule"] < waves["Sidecar"] < waves["VirtualService"]


# --- connections to services ----------------------------------------------------------------------------------------------------


def test_limits_and_outliers_are_written_as_said() -> None:
    """The numbers of the spec, and locality off, which outliers would turn on."""
    policy = one(mesh_in(SHOP), "DestinationRule", "users")["trafficPolicy"]
    assert {"maxConnections": 1000, "connectTimeout": "2s", "idleTimeout": "300s"} == policy["connectionPool"]["tcp"]
    assert (100, 500) == (policy["connectionPool"]["http"]["http1MaxPendingRequests"], policy["connectionPool"]["http"]["http2MaxRequests"])
    assert {"simple": "LEAST_REQUEST", "localityLbSetting": {"enabled": False}} == policy["loadBalancer"]
    outliers = policy["outlierDetection"]
    assert (5, "10s", "30s", 50) == tuple(
        outliers[key] for key in ("consecutive5xxErrors", "interval", "baseEjectionTime", "maxEjectionPercent")
    )


def test_tls_to_each_port_is_what_the_port_takes() -> None:
    """Mutual TLS with the service's own identities, plain text where it is disabled; a port's policy repeats all the rest."""
    spec = one(mesh_in(SHOP), "DestinationRule", "payments")["trafficPolicy"]
    by_port = {entry["port"]["number"]: entry for entry in spec["portLevelSettings"]}
    assert {"mode": "ISTIO_MUTUAL", "subjectAltNames": ["spiffe://shop.example/ns/shop/sa/payments"]} == by_port[80]["tls"]
    assert {"mode": "DISABLE"} == by_port[9090]["tls"]
    assert all(entry["connectionPool"] == spec["connectionPool"] for entry in by_port.values())


def test_identities_of_versions_are_accepted_too() -> None:
    """A version with its own identity answers under that one."""
    mesh = mesh_of(HEAD + "services: {b: {ports: {http: 80}, versions: {v1: {}, v2: {identity: b2}}}}")
    tls = one(mesh, "DestinationRule", "b")["trafficPolicy"]["tls"]
    assert ["spiffe://shop.example/ns/shop/sa/b", "spiffe://shop.example/ns/shop/sa/b2"] == tls["subjectAltNames"]


def test_tls_to_the_outside_verifies_the_name() -> None:
    """L14: `sni` alone would take any certificate of a trusted CA."""
    tls = one(mesh_in(SHOP), "DestinationRule", "stripe")["trafficPolicy"]["tls"]
    assert {"mode": "SIMPLE", "sni": "api.stripe.com", "subjectAltNames": ["api.stripe.com"], "caCertificates": "system"} == tls


def test_wildcards_outside_have_no_connection_settings() -> None:
    """Envoy refuses the cluster of a wildcard host with any DestinationRule; Istio's own settings are the language's defaults."""
    assert "shop/warehouse" not in names(mesh_in(SHOP), "DestinationRule")


def test_headers_set_to_nothing_are_kept() -> None:
    """Envoy would drop them, so a patch of the rule's route in each caller's proxy says that they stay."""
    text = """
services:
  a: {ports: {http: 80}, calls: [b]}
  b: {ports: {http: 80}, calls: []}
routes: {r: {services: [b], rules: [{name: x, to: b, headers: {request: {set: {x-a: "", x-b: v}}}}]}}
"""
    mesh = mesh_of(HEAD + text)
    (patch,) = one(mesh, "EnvoyFilter", "a.rules")["configPatches"]
    kept = {"header": {"key": "x-a", "value": ""}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "keep_empty_value": True}
    assert {"name": "shop.r.x"} == patch["match"]["routeConfiguration"]["vhost"]["route"]
    assert {"request_headers_to_add": [kept]} == patch["patch"]["value"]
    assert {"x-b": "v"} == one(mesh, "VirtualService", "b")["http"][0]["headers"]["request"]["set"]
    assert [] == [name for name in names(mesh, "EnvoyFilter") if name == "shop/b.rules"]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("header: x-user", {"httpHeaderName": "x-user"}),
        ("cookie: sid", {"httpCookie": {"name": "sid"}}),
        ("query: u", {"httpQueryParameterName": "u"}),
    ],
)
def test_hashes_by_what_is_said(by: str, expected: dict[str, Any]) -> None:
    """Each kind of hash."""
    mesh = mesh_of(HEAD + f"services: {{b: {{ports: {{http: 80}}, loadBalancing: {{policy: hash, hash: {{{by}}}}}}}}}")
    assert expected == one(mesh, "DestinationRule", "b")["trafficPolicy"]["loadBalancer"]["consistentHash"]


# --- names and knowledge --------------------------------------------------------------------------------------------------------


def test_a_proxy_knows_exactly_what_its_workload_calls() -> None:
    """L8: the hosts of its calls, all others stay unknown."""
    spec = one(mesh_in(SHOP), "Sidecar", "frontend")
    hosts = ["shop/api.stripe.com", "shop/payments.shop.svc.cluster.local", "shop/users.shop.svc.cluster.local"]
    assert [{"hosts": hosts}] == spec["egress"]
    assert "REGISTRY_ONLY" == spec["outboundTrafficPolicy"]["mode"]


def test_a_workload_that_calls_nothing_knows_nothing() -> None:
    """An empty list of calls is no host at all; a missing one is every internal service."""
    text = "services: {quiet: {ports: {http: 80}, calls: []}, open: {ports: {http: 80}}, out: {hosts: [x.example], ports: {http: 80}}}"
    mesh = mesh_of(HEAD + text)
    assert [{"hosts": ["~/*"]}] == one(mesh, "Sidecar", "quiet")["egress"]
    assert [{"hosts": ["shop/open.shop.svc.cluster.local", "shop/quiet.shop.svc.cluster.local"]}] == one(mesh, "Sidecar", "open")["egress"]


def test_services_without_a_proxy_have_no_sidecar() -> None:
    """Nothing is written for workloads that Istio does not run beside."""
    assert ["shop/frontend", "shop/legacy", "shop/payments", "shop/users"] == names(mesh_in(SHOP), "Sidecar")


def test_further_names_are_known_on_all_ports() -> None:
    """An east-west host stands for the service's own pods, and callers' proxies know it."""
    text = """
services:
  a: {ports: {http: 80}, calls: [b]}
  b: {ports: {http: 8080}}
routes:
  r: {services: [b], hosts: [b.internal], rules: [{to: b}]}
"""
    mesh = mesh_of(HEAD + text)
    entry = one(mesh, "ServiceEntry", "b.names")
    assert (["b.internal"], {"labels": {"app": "b"}}, 8080) == (entry["hosts"], entry["workloadSelector"], entry["ports"][0]["number"])
    assert [{"hosts": ["shop/b.internal", "shop/b.shop.svc.cluster.local"]}] == one(mesh, "Sidecar", "a")["egress"]
    assert ["b.shop.svc.cluster.local", "b.internal"] == one(mesh, "VirtualService", "b")["hosts"]


def test_endpoints_by_hand_keep_their_ports_weights_and_labels() -> None:
    """A service without Kubernetes has its addresses in a ServiceEntry."""
    entry = one(mesh_in(SHOP), "ServiceEntry", "legacy")
    first, second = entry["endpoints"]
    assert ("STATIC", "MESH_INTERNAL") == (entry["resolution"], entry["location"])
    assert ("10.0.0.11", {"http": 8080}, {"version": "v1"}, 1) == (first["address"], first["ports"], first["labels"], first["weight"])
    assert ("10.0.0.12", {"http": 8081}, 2) == (second["address"], second["ports"], second["weight"])


def test_plain_tcp_by_hand_is_dialled_at_its_addresses() -> None:
    """Without addresses Istio would send every connection to that port to this service, whoever it was meant for (IST0134)."""
    text = "services: {db: {ports: {sql: {port: 5432, protocol: tcp}}, endpoints: [{address: 10.0.0.12}, {address: 10.0.0.11}]}}\n"
    assert ["10.0.0.11", "10.0.0.12"] == one(mesh_of(HEAD + text), "ServiceEntry", "db")["addresses"]
    assert "addresses" not in one(mesh_in(SHOP), "ServiceEntry", "legacy")


def test_outside_services_are_resolved_by_name() -> None:
    """Exact hosts by DNS, wildcards by the name that is asked; a port may lead to another one."""
    mesh = mesh_in(SHOP)
    stripe, warehouse = one(mesh, "ServiceEntry", "stripe"), one(mesh, "ServiceEntry", "warehouse")
    assert ("DNS", "MESH_EXTERNAL", 443) == (stripe["resolution"], stripe["location"], stripe["ports"][0]["targetPort"])
    assert ("DYNAMIC_DNS", "TLS") == (warehouse["resolution"], warehouse["ports"][0]["protocol"])


# --- gateways -------------------------------------------------------------------------------------------------------------------


def test_each_listener_is_a_gateway_object_beside_its_workload() -> None:
    """One object a listener, hosts of the same namespace only, secrets by name."""
    mesh = mesh_in(SHOP)
    assert [f"istio-ingress/shop-public-{listener}" for listener in ("admin", "http", "https")] == names(mesh, "Gateway")
    server = one(mesh, "Gateway", "shop-public-admin")["servers"][0]
    assert ["./admin.shop.example.com"] == server["hosts"]
    assert {
        "mode": "MUTUAL",
        "credentialName": "shop-tls",
        "caCertCredentialName": "shop-public-admin-cacert",
        "minProtocolVersion": "TLSV1_2",
        "maxProtocolVersion": "TLSV1_3",
    } == server["tls"]


def test_names_of_listeners_never_meet() -> None:
    """A dash in a name can't make two listeners one object."""
    text = """
services: {a: {ports: {http: 80}}}
gateways:
  x: {workload: {namespace: istio-ingress, selector: {istio: x}, identity: x}, listeners: {y-z: {port: 80, hosts: [a.example]}}}
  x-y: {workload: {namespace: istio-ingress, selector: {istio: y}, identity: y}, listeners: {z: {port: 81, hosts: [b.example]}}}
"""
    assert ["istio-ingress/shop-x-y--z", "istio-ingress/shop-x--y-z"] == names(mesh_of(HEAD + text), "Gateway")


def test_connections_are_passed_on_by_name_or_by_port() -> None:
    """TLS by SNI, TCP by port; weights as said."""
    text = """
services: {b: {ports: {db: {port: 5432, protocol: tcp}}, versions: {v1: {}, v2: {}}, traffic: {v1: 3, v2: 1}}}
gateways:
  g:
    listeners:
      raw: {port: 9443, protocol: tls, hosts: [raw.example]}
      tcp: {port: 5432, protocol: tcp}
routes:
  raw: {gateways: [g], listeners: [raw], hosts: [raw.example], rules: [{to: b}]}
  tcp: {gateways: [g], listeners: [tcp], hosts: ["*"], rules: [{to: b}]}
"""
    mesh = mesh_of(HEAD + text)
    to = {"host": "b.shop.svc.cluster.local", "port": {"number": 5432}}
    shares = [{"destination": {**to, "subset": "v1"}, "weight": 3}, {"destination": {**to, "subset": "v2"}, "weight": 1}]
    assert [{"match": [{"port": 9443, "sniHosts": ["raw.example"]}], "route": shares}] == one(
        mesh, "VirtualService", "shop-g-raw.raw.example"
    )["tls"]
    assert [{"match": [{"port": 5432}], "route": shares}] == one(mesh, "VirtualService", "shop-g-tcp.any")["tcp"]
    assert {"mode": "PASSTHROUGH"} == one(mesh, "Gateway", "shop-g-raw")["servers"][0]["tls"]


def test_cert_manager_is_asked_in_the_namespace_of_the_workload() -> None:
    """The Secret must lie there; durations stand as cert-manager stores them."""
    text = """
services: {a: {ports: {http: 80}}}
gateways:
  g:
    workload: {namespace: edge, selector: {x: y}, identity: edge}
    listeners: {s: {port: 443, hosts: [a.example], tls: {certificate: c}}}
certificates: {c: {from: {cert-manager: {issuer: le, duration: 2160h, renewBefore: 360h}}, hosts: [a.example]}}
"""
    mesh = mesh_of(HEAD + text)
    assert ["edge/c"] == names(mesh, "Certificate")
    spec = one(mesh, "Certificate", "c")
    assert ("c", ["a.example"], "2160h0m0s", "360h0m0s") == (spec["secretName"], spec["dnsNames"], spec["duration"], spec["renewBefore"])


# --- telemetry ------------------------------------------------------------------------------------------------------------------


def test_telemetry_is_set_on_the_mesh_s_own_workloads() -> None:
    """L16: one EnvoyFilter a workload, each with a selector, and the collector as a cluster that no workload can call."""
    mesh = mesh_in(SHOP)
    spec = one(mesh, "EnvoyFilter", "users.telemetry")
    assert {"labels": {"app": "users"}} == spec["workloadSelector"]
    cluster = next(patch["patch"]["value"] for patch in spec["configPatches"] if patch["applyTo"] == "CLUSTER")
    address = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert {"address": "otel-collector.shop.svc.cluster.local", "port_value": 4317} == address
    samplings = [
        patch["patch"]["value"]["typed_config"]["tracing"]["random_sampling"]["value"]
        for patch in spec["configPatches"]
        if "tracing" in patch["patch"]["value"].get("typed_config", {})
    ]
    assert [5.0] == samplings


def test_a_missing_collector_holds_up_no_proxy() -> None:
    """The collector's cluster is added once for each proxy, and other clusters do not wait until its name is found."""
    mesh = mesh_in(SHOP)
    for name, context in (("users.telemetry", "SIDECAR_OUTBOUND"), ("shop.public.telemetry", "GATEWAY")):
        (added,) = [patch for patch in one(mesh, "EnvoyFilter", name)["configPatches"] if patch["applyTo"] == "CLUSTER"]
        assert (context, False) == (added["match"]["context"], added["patch"]["value"]["wait_for_warm_on_init"])


@pytest.mark.parametrize(("said", "expected"), [("json", "json_format"), ("text", "text_format_source")])
def test_access_logs_go_to_standard_output(said: str, expected: str) -> None:
    """Requests and plain connections are logged in the form that is said."""
    mesh = mesh_of(HEAD.replace("access: allow", f"access: allow, telemetry: {{accessLog: {said}}}") + "services: {b: {ports: {http: 80}}}")
    patches = one(mesh, "EnvoyFilter", "b.telemetry")["configPatches"]
    logs = [patch["patch"]["value"]["typed_config"]["access_log"][0] for patch in patches]
    assert [("envoy.access_loggers.stdout", [expected])] * 2 == [(log["name"], list(log["typed_config"]["log_format"])) for log in logs]


def test_telemetry_that_is_off_is_switched_off() -> None:
    """`off` silences what the platform's own settings would report."""
    mesh = mesh_of(
        HEAD.replace("access: allow", "access: allow, telemetry: {accessLog: off, metrics: off}") + "services: {b: {ports: {http: 80}}}"
    )
    spec = one(mesh, "Telemetry", "b")
    assert ({"matchLabels": {"app": "b"}}, [{"disabled": True}]) == (spec["selector"], spec["accessLogging"])
    assert [True] == [override["disabled"] for override in spec["metrics"][0]["overrides"]]
