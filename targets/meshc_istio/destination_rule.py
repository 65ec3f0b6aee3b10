"""How proxies connect to a service: TLS, limits, balancing, outliers, versions. One DestinationRule each, every field said."""

from collections.abc import Iterator
from typing import Any, Final

from meshc import access
from meshc.model import LbPolicy, LoadBalancing, Mesh, Mtls, OutlierDetection, Port, Service
from meshc_istio.complaints import Complain
from meshc_istio.durations import duration
from meshc_istio.names import fqdn, numbered
from meshc_istio.objects import NETWORKING, Object, Wave

NO_LIMIT: Final = 2_147_483_647
_ISTIO_TIMEOUTS: Final = (10_000, 3_600_000)  # connecting, idle: what Istio itself writes
_SIMPLE: Final = {LbPolicy.ROUND_ROBIN: "ROUND_ROBIN", LbPolicy.LEAST_REQUEST: "LEAST_REQUEST", LbPolicy.RANDOM: "RANDOM"}
_HASHED: Final = {"header": "httpHeaderName", "query": "httpQueryParameterName"}


def destination_rules(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """One DestinationRule for each host of each service, in the service's namespace."""
    for service in mesh.services:
        hosts = sorted(service.hosts) if service.external else [fqdn(mesh, service.name)]
        for index, host in enumerate(hosts):
            if host.startswith("*"):
                _complain_of_settings(service, complain)
                continue
            spec: dict[str, Any] = {"host": host, "exportTo": ["*"], "trafficPolicy": _policy(mesh, service, complain)}
            if service.versions:
                spec["subsets"] = [{"name": version.name, "labels": dict(version.labels)} for version in service.versions]
            name = numbered(service.name.name, index)
            yield Object(NETWORKING, "DestinationRule", name, service.name.namespace, spec, service.origin, Wave.DESTINATIONS)


def _complain_of_settings(service: Service, complain: Complain) -> None:
    """A wildcard's cluster finds its hosts while it runs, and Envoy takes none whose TLS a DestinationRule says anything about."""
    said = {
        "circuitBreaker": service.circuit_breaker is not None,
        "outlierDetection": service.outlier_detection is not None,
        "loadBalancing": service.load_balancing.policy is not LbPolicy.LEAST_REQUEST,
        "timeouts": (service.connect_timeout_ms, service.idle_timeout_ms) != _ISTIO_TIMEOUTS,
        "tls": any(port.tls is not None for port in service.ports),
    }
    for key, unsayable in said.items():
        if unsayable:
            complain(f"`{key}` of an external service with a wildcard host, which Istio can't set for such hosts", service.origin)


def _policy(mesh: Mesh, service: Service, complain: Complain) -> dict[str, Any]:
    """A port's own policy replaces all of the service's, so each repeats everything."""
    shared = _shared(service, complain)
    by_port = {port.port: {**shared, "tls": _tls(mesh, service, port, complain)} for port in service.ports}
    policies = list(by_port.values())
    if not policies or all(policy == policies[0] for policy in policies):
        return policies[0] if policies else shared
    return {**shared, "portLevelSettings": [{"port": {"number": number}, **policy} for number, policy in by_port.items()]}


def _shared(service: Service, complain: Complain) -> dict[str, Any]:
    found: dict[str, Any] = {"connectionPool": _pool(service), "loadBalancer": _balancer(service.load_balancing)}
    if service.outlier_detection is not None:
        found["outlierDetection"] = _outliers(service.outlier_detection, complain)
    return found


def _pool(service: Service) -> dict[str, Any]:
    limits = service.circuit_breaker
    idle = {"idleTimeout": duration(service.idle_timeout_ms)} if service.idle_timeout_ms else {}
    return {
        "tcp": {
            "maxConnections": _limit(None if limits is None else limits.max_connections),
            "connectTimeout": duration(service.connect_timeout_ms),
            **idle,
        },
        "http": {
            "http1MaxPendingRequests": _limit(None if limits is None else limits.max_pending_requests),
            "http2MaxRequests": _limit(None if limits is None else limits.max_parallel_requests),
            "maxRetries": NO_LIMIT,
            "h2UpgradePolicy": "DO_NOT_UPGRADE",
            **idle,
        },
    }


def _limit(said: int | None) -> int:
    return NO_LIMIT if said is None else said


def _balancer(balancing: LoadBalancing) -> dict[str, Any]:
    """Locality is off: an outlier policy would silently turn failover by zone on."""
    off = {"localityLbSetting": {"enabled": balancing.locality == "prefer"}}
    if balancing.policy is not LbPolicy.HASH:
        return {"simple": _SIMPLE[balancing.policy], **off}
    by, name = balancing.hash_by or "", balancing.hash_name or ""
    if by == "sourceIp":
        return {"consistentHash": {"useSourceIp": True}, **off}
    if by == "cookie":
        return {"consistentHash": {"httpCookie": {"name": name}}, **off}
    return {"consistentHash": {_HASHED[by]: name}, **off}


def _outliers(outliers: OutlierDetection, complain: Complain) -> dict[str, Any]:
    if not float(outliers.max_ejection_percent).is_integer():
        complain(
            f"maxEjectionPercent {outliers.max_ejection_percent}%; Istio takes whole percents", outliers.origin.at("maxEjectionPercent")
        )
    return {
        "consecutive5xxErrors": outliers.consecutive_5xx_errors,
        "consecutiveGatewayErrors": 0,
        "interval": duration(outliers.interval_ms),
        "baseEjectionTime": duration(outliers.base_ejection_ms),
        "maxEjectionPercent": int(outliers.max_ejection_percent),
        "minHealthPercent": 0,
        "splitExternalLocalOriginErrors": False,
    }


def _tls(mesh: Mesh, service: Service, port: Port, complain: Complain) -> dict[str, Any]:
    """Said always: what Istio would find out by itself depends on what else is applied."""
    if port.tls is not None:
        if port.tls.ca_file is not None or port.tls.ca_pem is not None:
            message = "a CA file for TLS that the caller's proxy speaks: Istio reads it only from files inside each proxy's container"
            complain(f"{message}; expected `ca: system`", port.tls.origin)
        # `sni` alone would take any certificate of a trusted CA; "system" is what istiod itself writes where no CA is named.
        return {"mode": "SIMPLE", "sni": port.tls.hostname, "subjectAltNames": [port.tls.hostname], "caCertificates": "system"}
    if service.external or not service.has_proxy or port.mtls is Mtls.DISABLE:
        return {"mode": "DISABLE"}
    return {"mode": "ISTIO_MUTUAL", "subjectAltNames": list(access.identities_of_service(mesh, service))}
