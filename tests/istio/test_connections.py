"""How proxies connect to services: DestinationRules, and nothing in them that Istio does by itself."""

from typing import Any

import pytest

from tests.istio.written import HEAD, SHOP, complaints_of, names, one, whole
from tests.meshes import mesh_in, mesh_of


def policy_of(service: str, name: str = "b") -> dict[str, Any]:
    """The traffic policy of a service."""
    found: dict[str, Any] = one(mesh_of(f"{HEAD}services: {{b: {{{service}}}}}"), "DestinationRule", name)["trafficPolicy"]
    return found


# --- TLS --------------------------------------------------------------------------------------------------------------------------


def test_mutual_tls_is_said_where_it_is_strict() -> None:
    """To a pod that lacks its sidecar Istio would speak plain text by itself, and nothing would guard that pod: so it is 503."""
    mesh = mesh_of(HEAD + "services: {b: {ports: {http: 80}}}")
    assert {"host": "b.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}} == one(mesh, "DestinationRule", "b")


def test_mutual_tls_is_left_to_istio_where_both_are_taken() -> None:
    """Permissive ports take both, so Istio's choice holds, and there is nothing to write."""
    assert [] == names(mesh_of(HEAD + "services: {b: {ports: {http: {port: 80, mtls: permissive}}}}"), "DestinationRule")


def test_a_port_that_differs_says_its_own() -> None:
    """Plain text where mutual TLS is disabled; the rest is the service's."""
    ports = "ports: {http: 80, metrics: {port: 9090, protocol: http, mtls: disable}}"
    expected = {"tls": {"mode": "ISTIO_MUTUAL"}, "portLevelSettings": [{"port": {"number": 9090}, "tls": {"mode": "DISABLE"}}]}
    assert expected == policy_of(ports)


def test_a_port_that_differs_repeats_all_that_the_service_says() -> None:
    """Istio lets a port's settings replace the whole policy, not its TLS alone."""
    policy = policy_of("ports: {http: 80, metrics: {port: 9090, protocol: http, mtls: disable}}, circuitBreaker: {maxConnections: 7}")
    (port,) = policy["portLevelSettings"]
    assert {"tcp": {"maxConnections": 7}} == policy["connectionPool"] == port["connectionPool"]


@pytest.mark.parametrize(
    ("service", "accounts"),
    [
        ("identity: other", ["other"]),
        ("versions: {v1: {}, v2: {identity: b2}}", ["b", "b2"]),
    ],
)
def test_stated_identities_are_verified(service: str, accounts: list[str]) -> None:
    """What the spec states holds though the platform would say otherwise; versions answer under their own."""
    tls = policy_of(f"ports: {{http: 80}}, {service}")["tls"]
    assert {"mode": "ISTIO_MUTUAL", "subjectAltNames": [f"spiffe://shop.example/ns/shop/sa/{one}" for one in accounts]} == tls


def test_services_without_a_proxy_are_spoken_to_in_plain_text() -> None:
    """Istio finds that out by itself."""
    assert [] == names(mesh_of(HEAD + "services: {b: {ports: {http: 80}, sidecar: none, access: allow}}"), "DestinationRule")


def test_tls_to_the_outside_verifies_the_name() -> None:
    """L14: `sni` alone would take any certificate of a trusted CA."""
    tls = one(mesh_in(SHOP), "DestinationRule", "stripe")["trafficPolicy"]["tls"]
    assert {"mode": "SIMPLE", "sni": "api.stripe.com", "subjectAltNames": ["api.stripe.com"], "caCertificates": "system"} == tls


def test_wildcards_outside_have_no_connection_settings() -> None:
    """Envoy refuses the cluster of a wildcard host with any DestinationRule; Istio's own settings are the language's defaults."""
    assert "shop/warehouse" not in names(mesh_in(SHOP), "DestinationRule")


# --- limits, balancing, outliers --------------------------------------------------------------------------------------------------


def test_limits_and_outliers_are_written_as_said() -> None:
    """The numbers of the spec that are not Istio's own, and locality off, which outliers would turn on."""
    policy = one(mesh_in(SHOP), "DestinationRule", "users")["trafficPolicy"]
    assert {"maxConnections": 1000, "connectTimeout": "2s", "idleTimeout": "300s"} == policy["connectionPool"]["tcp"]
    assert {"http1MaxPendingRequests": 100, "http2MaxRequests": 500, "idleTimeout": "300s"} == policy["connectionPool"]["http"]
    assert {"localityLbSetting": {"enabled": False}} == policy["loadBalancer"]
    assert {"maxEjectionPercent": 50} == policy["outlierDetection"]  # 5 errors, 10s and 30s are Istio's own


@pytest.mark.parametrize(
    "service",
    [
        "loadBalancing: {policy: least-request}",
        "timeouts: {connect: 10s, idle: 1h}",
        "loadBalancing: {locality: off}",
    ],
)
def test_what_is_istio_s_own_is_not_written(service: str) -> None:
    """A default that a user spells out says no more than one that is left out."""
    assert {"tls": {"mode": "ISTIO_MUTUAL"}} == policy_of(f"ports: {{http: 80}}, {service}")


def test_outliers_that_are_istio_s_own_are_still_asked_for() -> None:
    """An empty policy would be none."""
    said = "outlierDetection: {consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 30s, maxEjectionPercent: 10%}"
    assert {"consecutive5xxErrors": 5} == policy_of(f"ports: {{http: 80}}, {said}")["outlierDetection"]


def test_zones_are_preferred_where_the_spec_says_so() -> None:
    """Outliers turn failover by zone on: it is left on where it is wanted, and off else."""
    outliers = "ports: {http: 80}, outlierDetection: {consecutive5xxErrors: 3}"
    assert {"localityLbSetting": {"enabled": False}} == policy_of(outliers)["loadBalancer"]
    wanted = policy_of(f"{outliers}, loadBalancing: {{policy: round-robin, locality: prefer}}")
    assert {"simple": "ROUND_ROBIN"} == wanted["loadBalancer"]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("header: x-user", {"httpHeaderName": "x-user"}),
        ("query: u", {"httpQueryParameterName": "u"}),
        ("sourceIp: true", {"useSourceIp": True}),
    ],
)
def test_hashes_by_what_is_said(by: str, expected: dict[str, Any]) -> None:
    """Each kind of hash."""
    assert {"consistentHash": expected} == policy_of(f"ports: {{http: 80}}, loadBalancing: {{policy: hash, hash: {{{by}}}}}")[
        "loadBalancer"
    ]


def test_a_cookie_that_is_missing_is_made() -> None:
    """Without a `ttl` no proxy makes one, and clients would move about; 0s is a cookie of the browser's session, for all paths."""
    cookie = policy_of("ports: {http: 80}, loadBalancing: {hash: {cookie: sid}}")["loadBalancer"]["consistentHash"]["httpCookie"]
    assert {"name": "sid", "path": "/", "ttl": "0s"} == cookie


def test_versions_are_subsets_in_objects_of_their_own() -> None:
    """By their labels; one that leaves the mesh is removed after the routes that named it."""
    mesh = mesh_of(HEAD + "services: {b: {ports: {http: 80}, versions: {v1: {}, v2: {labels: {track: x}}}}}")
    host = "b.shop.svc.cluster.local"
    assert {"host": host, "subsets": [{"name": "v1", "labels": {"version": "v1"}}]} == one(mesh, "DestinationRule", "b.v1")
    assert {"host": host, "subsets": [{"name": "v2", "labels": {"track": "x"}}]} == one(mesh, "DestinationRule", "b.v2")
    assert {"host": host, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}} == one(mesh, "DestinationRule", "b")
    made = whole(mesh, "DestinationRule", "b.v1")
    assert {"argocd.argoproj.io/sync-options": "PruneLast=true"} == made.annotations
    assert ("services", "b", "versions", "v1") == made.origin.path


# --- what a workload's own proxy keeps -------------------------------------------------------------------------------------------


def test_a_pool_of_the_callee_stands_only_with_limits() -> None:
    """Istio takes the DestinationRule's pool in the callee's proxy too, where limits of each caller would hold for all together."""
    plain = one(mesh_of(HEAD + "services: {b: {ports: {http: 80}, timeouts: {idle: 4s}}}"), "Sidecar", "b")
    assert "inboundConnectionPool" not in plain
    limited = "services: {b: {ports: {http: 80}, timeouts: {idle: 4s, connect: 2s}, circuitBreaker: {maxConnections: 3}}}"
    pool = one(mesh_of(HEAD + limited), "Sidecar", "b")["inboundConnectionPool"]
    # It replaces the DestinationRule's whole, so the service's timeouts stand in it again.
    most = 2**31 - 1
    assert {"maxConnections": most, "connectTimeout": "2s", "idleTimeout": "4s"} == pool["tcp"]
    assert {"http1MaxPendingRequests": most, "http2MaxRequests": most, "idleTimeout": "4s"} == pool["http"]


def test_fractions_of_a_percent_are_refused() -> None:
    """Istio takes whole percents."""
    text = "services: {b: {ports: {http: 80}, outlierDetection: {consecutive5xxErrors: 1, maxEjectionPercent: 0.5%}}}"
    assert [True] == ["whole percents" in message for message in complaints_of(text)]
