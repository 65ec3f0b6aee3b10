"""What proxies report: Telemetry objects, the providers that they name, and the collector that they must know."""

from typing import Any

import pytest

from meshc_istio import control_plane
from tests.istio.written import HEAD, complaints_of, names, one, whole
from tests.meshes import mesh_of

SERVICES = "services: {a: {ports: {http: 80}, calls: []}, b: {ports: {http: 80}, calls: [a]}}\n"


def _text(telemetry: str, more: str = "") -> str:
    return HEAD.replace("access: allow", f"access: allow, telemetry: {{{telemetry}}}{more}") + SERVICES


def _providers(text: str) -> dict[str, Any]:
    found = control_plane.values(mesh_of(text))["meshConfig"].get("extensionProviders", [])
    return {one["name"]: one for one in found}


def test_nothing_is_said_where_the_mesh_says_nothing() -> None:
    """The platform's own settings stay."""
    assert [] == names(mesh_of(HEAD + SERVICES), "Telemetry")


def test_each_workload_reports_by_an_object_of_its_own() -> None:
    """L16: nothing in a scope that other workloads share; gateways too, in their namespace."""
    text = _text("accessLog: text") + "gateways: {g: {listeners: {http: 80}}}\n"
    assert ["shop/a", "shop/b", "istio-ingress/shop-shop-g"] == names(mesh_of(text), "Telemetry")
    expected = {"selector": {"matchLabels": {"app": "a"}}, "accessLogging": [{"providers": [{"name": "envoy"}]}]}
    assert expected == one(mesh_of(text), "Telemetry", "a")


@pytest.mark.parametrize(("scope", "expected"), [("namespace", "shop/default"), ("mesh", "istio-system/default")])
def test_one_object_reports_for_all_of_a_scope(scope: str, expected: str) -> None:
    """`scope` says for how many workloads an object stands; then it selects none."""
    mesh = mesh_of(_text("accessLog: text", f", scope: {scope}"))
    assert [expected] == names(mesh, "Telemetry")
    assert "selector" not in one(mesh, "Telemetry", "default")
    assert ("mesh", "telemetry") == whole(mesh, "Telemetry", "default").origin.path[:2]


def test_a_log_of_objects_is_a_provider_of_the_control_plane() -> None:
    """Istio has lines of text by itself, and JSON only where its settings say so."""
    text = _text("accessLog: json")
    (provider,) = _providers(text).values()
    assert {"path": "/dev/stdout"}.items() <= provider["envoyFileAccessLog"].items()
    assert [{"providers": [{"name": provider["name"]}]}] == one(mesh_of(text), "Telemetry", "a")["accessLogging"]
    assert {} == _providers(_text("accessLog: text"))


def test_telemetry_that_is_off_is_switched_off() -> None:
    """`off` silences what the platform's own settings would report."""
    spec = one(mesh_of(_text("accessLog: off, metrics: off")), "Telemetry", "b")
    assert [{"disabled": True}] == spec["accessLogging"]
    assert [True] == [override["disabled"] for override in spec["metrics"][0]["overrides"]]


def test_metrics_for_prometheus_need_no_object() -> None:
    """Istio serves them by itself."""
    assert [] == names(mesh_of(_text("metrics: prometheus")), "Telemetry")


TRACING = 'tracing: {otlp: "%s", sampling: 5%%}'


@pytest.mark.parametrize(
    ("said", "host", "namespace"),
    [
        ("otel:4317", "otel.shop.svc.cluster.local", "shop"),
        ("otel.ops.svc:4317", "otel.ops.svc.cluster.local", "ops"),
        ("otel.ops.svc.cluster.local:4317", "otel.ops.svc.cluster.local", "ops"),
        ("otel.example.com:4317", "otel.example.com", "shop"),
    ],
)
def test_every_proxy_knows_where_traces_go(said: str, host: str, namespace: str) -> None:
    """A collector that a Sidecar does not list has no cluster, and there is no tracing, without a word."""
    mesh = mesh_of(_text(TRACING % said))
    tracing = {"providers": [{"name": "shop-otlp"}], "randomSamplingPercentage": 5.0}
    assert [tracing] == one(mesh, "Telemetry", "a")["tracing"]
    assert {"service": host, "port": 4317} == _providers(_text(TRACING % said))["shop-otlp"]["opentelemetry"]
    assert [f"{namespace}/{host}"] == one(mesh, "Sidecar", "a")["egress"][0]["hosts"]


def test_a_collector_outside_is_told_to_the_control_plane() -> None:
    """Where it is not in the registry there is no tracing at all; one in the cluster is found by itself."""
    assert [] == names(mesh_of(_text(TRACING % "otel:4317")), "ServiceEntry")
    entry = one(mesh_of(_text(TRACING % "otel.example.com:4317")), "ServiceEntry", "shop-collector")
    assert (["otel.example.com"], "MESH_EXTERNAL") == (entry["hosts"], entry["location"])


def test_a_collector_that_takes_mutual_tls_only_is_refused() -> None:
    """Traces go in plain text, and would be lost."""
    strict = _text(TRACING % "otel:4317").replace("services: {", "services: {otel: {ports: {grpc: 4317}}, ")
    assert [True] == ["plain text" in message for message in complaints_of(strict)]
    assert [] == complaints_of(strict.replace("{grpc: 4317}", "{grpc: {port: 4317, mtls: permissive}}"))
