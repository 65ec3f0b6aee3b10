"""What proxies report: access logs and traces by EnvoyFilter on each workload, so that nothing of the control plane's is touched (L16)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from meshc.diagnostics import Origin
from meshc.model import Mesh, Telemetry
from meshc_istio.complaints import Complain, may_filter
from meshc_istio.names import fqdn, object_name
from meshc_istio.objects import NETWORKING_ALPHA, TELEMETRY, Object, Wave

_HCM: Final = "envoy.filters.network.http_connection_manager"
_HCM_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TCP_PROXY: Final = "envoy.filters.network.tcp_proxy"
_TCP_PROXY_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_STDOUT_TYPE: Final = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
_OPTIONS_TYPE: Final = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
COLLECTOR: Final = "meshc-otlp"
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


@dataclass(frozen=True, slots=True)
class Workload:
    """Pods with a proxy that the mesh speaks of."""

    name: str
    namespace: str
    selector: dict[str, str]
    reports_as: str
    origin: Origin
    gateway: bool = False


def workloads(mesh: Mesh) -> Iterator[Workload]:
    """Every service with a proxy and every gateway; workloads that several gateways share once."""
    for service in mesh.services:
        if service.has_proxy and not service.external:
            reports_as = f"{service.name.name}.{service.name.namespace}"
            yield Workload(service.name.name, service.name.namespace, dict(service.selector), reports_as, service.origin)
    seen: set[object] = set()
    for gateway in mesh.gateways:
        where = (gateway.workload.namespace, gateway.workload.selector)
        if where not in seen:
            seen.add(where)
            name = object_name(gateway.name.namespace, gateway.name.name)
            reports_as = f"{gateway.workload.identity}.{gateway.workload.namespace}"
            yield Workload(name, gateway.workload.namespace, dict(gateway.workload.selector), reports_as, gateway.origin, gateway=True)


def telemetry(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """The Telemetry and EnvoyFilter objects of `mesh.telemetry`; Istio's proxies serve Prometheus' metrics by themselves."""
    said = mesh.telemetry
    if said is None:
        return
    patches_wanted = said.access_log in ("json", "text") or said.otlp is not None
    if patches_wanted:
        patches_wanted = may_filter(mesh, "telemetry", "telemetry for the mesh's own workloads alone", said.origin, complain)
    if said.otlp is not None:
        _complain_of_collector(mesh, said.otlp, said, complain)
    for workload in workloads(mesh):
        if (spec := _turned_off(workload, said)) is not None:
            yield Object(TELEMETRY, "Telemetry", workload.name, workload.namespace, spec, said.origin, Wave.FILTERS)
        if patches_wanted:
            patches = [*_access_log(said), *(_tracing(mesh, workload, said, said.otlp) if said.otlp is not None else ())]
            spec = {"workloadSelector": {"labels": workload.selector}, "priority": 10, "configPatches": patches}
            name = object_name(workload.name, "telemetry")
            yield Object(NETWORKING_ALPHA, "EnvoyFilter", name, workload.namespace, spec, said.origin, Wave.FILTERS)


def _turned_off(workload: Workload, said: Telemetry) -> dict[str, Any] | None:
    found: dict[str, Any] = {"selector": {"matchLabels": workload.selector}}
    if said.access_log == "off":
        found["accessLogging"] = [{"disabled": True}]
    if said.metrics == "off":
        found["metrics"] = [{"providers": [{"name": "prometheus"}], "overrides": [{"match": {"metric": "ALL_METRICS"}, "disabled": True}]}]
    return found if len(found) > 1 else None


# --- access logs ----------------------------------------------------------------------------------------------------------------


def _access_log(said: Telemetry) -> Iterator[dict[str, Any]]:
    if said.access_log not in ("json", "text"):
        return
    log_format: dict[str, Any] = {"json_format": _FIELDS}
    if said.access_log == "text":
        log_format = {"text_format_source": {"inline_string": " ".join(f"{key}={value}" for key, value in _FIELDS.items()) + "\n"}}
    log = {"name": "envoy.access_loggers.stdout", "typed_config": {"@type": _STDOUT_TYPE, "log_format": log_format}}
    yield _network_filter(_HCM, {"@type": _HCM_TYPE, "access_log": [log]})
    yield _network_filter(_TCP_PROXY, {"@type": _TCP_PROXY_TYPE, "access_log": [log]})


def _network_filter(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "applyTo": "NETWORK_FILTER",
        "match": {"context": "ANY", "listener": {"filterChain": {"filter": {"name": name}}}},
        "patch": {"operation": "MERGE", "value": {"name": name, "typed_config": config}},
    }


# --- traces ---------------------------------------------------------------------------------------------------------------------


def _tracing(mesh: Mesh, workload: Workload, said: Telemetry, otlp: str) -> Iterator[dict[str, Any]]:
    """The collector is a cluster of its own, so that a proxy's reports are no call of its workload (L8)."""
    host, port = collector(mesh, otlp)
    yield {
        "applyTo": "CLUSTER",
        # Not ANY: a sidecar would be given the cluster twice, once for each direction.
        "match": {"context": "GATEWAY" if workload.gateway else "SIDECAR_OUTBOUND"},
        "patch": {"operation": "ADD", "value": _cluster(host, port)},
    }
    provider = {
        "name": "envoy.tracers.opentelemetry",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
            "grpc_service": {"envoy_grpc": {"cluster_name": COLLECTOR, "authority": f"{host}:{port}"}, "timeout": "0.250s"},
            "service_name": workload.reports_as,
        },
    }
    tracing = {
        "provider": provider,
        "random_sampling": {"value": said.sampling_percent},
        "client_sampling": {"value": 100},
        "overall_sampling": {"value": 100},
    }
    yield _network_filter(_HCM, {"@type": _HCM_TYPE, "tracing": tracing})


def _cluster(host: str, port: int) -> dict[str, Any]:
    endpoint = {"address": {"socket_address": {"address": host, "port_value": port}}}
    return {
        "name": COLLECTOR,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        # A proxy takes no other clusters while one waits for its name: a collector that is not there must not hold up the mesh.
        "wait_for_warm_on_init": False,
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _OPTIONS_TYPE,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {"cluster_name": COLLECTOR, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }


def collector(mesh: Mesh, otlp: str) -> tuple[str, int]:
    """Where traces go: a name without dots is a service beside the mesh's own file."""
    host, _, port = otlp.rpartition(":")
    parts = host.split(".")
    if len(parts) == 1:
        host = f"{host}.{_namespace(mesh)}.svc.{mesh.cluster_domain}"
    return host, int(port)


def _namespace(mesh: Mesh) -> str:
    """The namespace of the file that says `mesh:`: everything else in that file lies in it."""
    places = [(service.name, service.origin) for service in mesh.services]
    places += [(gateway.name, gateway.origin) for gateway in mesh.gateways]
    places += [(route.name, route.origin) for route in mesh.routes]
    return next((name.namespace for name, origin in places if origin.file == mesh.origin.file), mesh.namespace)


def _complain_of_collector(mesh: Mesh, otlp: str, said: Telemetry, complain: Complain) -> None:
    host, number = collector(mesh, otlp)
    for service in mesh.services:
        if fqdn(mesh, service.name) == host and service.has_proxy:
            for port in service.ports:
                if port.port == number and port.mtls.value == "strict":
                    complain(f"traces go to {otlp} in plain text, and port {port.name} takes mutual TLS only", said.origin)
