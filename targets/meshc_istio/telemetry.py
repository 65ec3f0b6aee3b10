"""What proxies report: Telemetry objects, and the providers that they name among the control plane's settings."""

from collections.abc import Iterator
from typing import Any, Final

from meshc.diagnostics import Origin
from meshc.model import Mesh, Telemetry
from meshc_istio.collector import collector
from meshc_istio.names import gateway_workload_name, object_name
from meshc_istio.objects import TELEMETRY, Object, Wave
from meshc_istio.peer_authentication import ROOT_NAMESPACE

_TEXT: Final = "envoy"
"""A provider that every istiod has: lines of text to standard output."""
_JSON: Final = "json-access-log"
_FIELDS: Final = {
    "authority": "%REQ(:AUTHORITY)%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "downstream_peer": "%DOWNSTREAM_PEER_URI_SAN%",
    "duration": "%DURATION%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "response_code": "%RESPONSE_CODE%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "response_flags": "%RESPONSE_FLAGS%",
    "route_name": "%ROUTE_NAME%",
    "start_time": "%START_TIME%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "upstream_host": "%UPSTREAM_HOST%",
}


def telemetry(mesh: Mesh) -> Iterator[Object]:
    """Yield the Telemetry objects of `mesh.telemetry`: one for each workload, namespace or the mesh, as its `scope` says."""
    said = mesh.telemetry
    reports = {} if said is None else _reports(mesh, said)
    if said is None or not reports:
        return
    for name, namespace, selector, origin in _places(mesh):
        spec = {**({"selector": {"matchLabels": selector}} if selector else {}), **reports}
        yield Object(TELEMETRY, "Telemetry", name, namespace, spec, origin, Wave.ROUTES)


def _places(mesh: Mesh) -> Iterator[tuple[str, str, dict[str, str], Origin]]:
    """Name, namespace and selector of each object."""
    origin = mesh.origin if mesh.telemetry is None else mesh.telemetry.origin
    guarded = [workload for workload in mesh.workloads if workload.has_proxy]
    gateways = {(gateway.workload.namespace, gateway.workload.selector): gateway for gateway in reversed(mesh.gateways)}
    if mesh.scope == "mesh":
        yield "default", ROOT_NAMESPACE, {}, origin
    elif mesh.scope == "namespace":
        for namespace in sorted({service.name.namespace for service in guarded}):
            yield "default", namespace, {}, origin
    else:
        for service in guarded:
            yield object_name(service.name.name), service.name.namespace, dict(service.selector), origin
    if mesh.scope != "mesh":
        # What is said of shared pods would hold for others' requests too.
        for (namespace, selector), gateway in sorted((place, one) for place, one in gateways.items() if one.tenancy == "own"):
            yield gateway_workload_name(mesh, gateway), namespace, dict(selector), origin


def _reports(mesh: Mesh, said: Telemetry) -> dict[str, Any]:
    found: dict[str, Any] = {}
    match said.access_log:
        case "off":
            found["accessLogging"] = [{"disabled": True}]
        case "json" | "text":
            found["accessLogging"] = [{"providers": [{"name": _JSON if said.access_log == "json" else _TEXT}]}]
        case _:
            pass
    if said.metrics == "off":
        found["metrics"] = [{"providers": [{"name": "prometheus"}], "overrides": [{"match": {"metric": "ALL_METRICS"}, "disabled": True}]}]
    if said.otlp is not None:
        found["tracing"] = [{"providers": [{"name": _tracing(mesh)}], "randomSamplingPercentage": said.sampling_percent}]
    return found


def _tracing(mesh: Mesh) -> str:
    return f"{mesh.name}-otlp"


def providers(mesh: Mesh) -> list[dict[str, Any]]:
    """Return the providers that the control plane's settings must have (`meshConfig.extensionProviders`)."""
    found: list[dict[str, Any]] = []
    if mesh.telemetry is not None and mesh.telemetry.access_log == "json":
        found.append({"name": _JSON, "envoyFileAccessLog": {"path": "/dev/stdout", "logFormat": {"labels": _FIELDS}}})
    if (to := collector(mesh)) is not None:
        found.append({"name": _tracing(mesh), "opentelemetry": {"service": to.host, "port": to.port}})
    return found
