"""How proxies connect to a service: TLS, limits, balancing, outliers, versions. What equals Istio's own default is not written."""

from collections.abc import Iterator
from typing import Any, Final

from meshc import access
from meshc.model import (
    Forward,
    LbPolicy,
    LoadBalancing,
    Mesh,
    Mtls,
    Name,
    OutlierDetection,
    Port,
    Service,
    Version,
    per_mesh,
)
from meshc_istio.complaints import Complain
from meshc_istio.durations import duration
from meshc_istio.names import fqdn, numbered, object_name
from meshc_istio.objects import NETWORKING, Object, Wave

_CONNECT_MS, _IDLE_MS = 10_000, 3_600_000
_SIMPLE: Final = {LbPolicy.ROUND_ROBIN: "ROUND_ROBIN", LbPolicy.RANDOM: "RANDOM"}
_HASHED: Final = {"header": "httpHeaderName", "query": "httpQueryParameterName"}
_OUTLIERS: Final = {"consecutive5xxErrors": 5, "interval": "10s", "baseEjectionTime": "30s", "maxEjectionPercent": 10}


def destination_rules(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """Yield one DestinationRule for each host of each service that needs one, in the service's namespace, and one for each version."""
    for service in mesh.services:
        hosts = sorted(service.hosts) if service.external else [fqdn(mesh, service.name)]
        for index, host in enumerate(hosts):
            if host.startswith("*"):
                _complain_of_settings(service, complain)
            elif policy := _policy(mesh, service, complain):
                name, spec = numbered(service.name.name, index), {"host": host, "trafficPolicy": policy}
                yield Object(NETWORKING, "DestinationRule", name, service.name.namespace, spec, service.origin, Wave.NAMES)
        yield from (_subset(mesh, service, version) for version in _versions(mesh, service))


def _versions(mesh: Mesh, service: Service) -> tuple[Version, ...]:
    """The versions that have a subset: all of a workload that can be called, and of its further services those that something names."""
    if not service.shares_workload:
        return service.versions if service.ports else ()
    return tuple(version for version in service.versions if (service.name, version.name) in _named_versions(mesh))


@per_mesh
def _named_versions(mesh: Mesh) -> set[tuple[Name, str | None]]:
    actions = [rule.action for route in mesh.routes for rule in route.rules]
    forwards = [action for action in actions if isinstance(action, Forward)]
    to = [one for action in forwards for one in (*action.destinations, *((action.mirror.to,) if action.mirror else ()))]
    return {*((one.service, one.version) for one in to), *((one.name, version) for one in mesh.services for version, _ in one.traffic)}


def _subset(mesh: Mesh, service: Service, version: Version) -> Object:
    """
    A version's subset, which Istio adds to what the service's own object says.

    A subset must be there before routes name it and until none does. An object of its own comes in an early wave, and goes last when its
    version leaves the mesh: between the two no request is lost.
    """
    spec = {"host": fqdn(mesh, service.name), "subsets": [{"name": version.name, "labels": dict(version.labels)}]}
    name = object_name(service.name.name, version.name)
    last = {"argocd.argoproj.io/sync-options": "PruneLast=true"}
    return Object(NETWORKING, "DestinationRule", name, service.name.namespace, spec, version.origin, Wave.NAMES, last)


def _complain_of_settings(service: Service, complain: Complain) -> None:
    """A wildcard's cluster finds its hosts while it runs, and Envoy takes none whose TLS a DestinationRule says anything about."""
    said = {
        "circuitBreaker": service.circuit_breaker is not None,
        "outlierDetection": service.outlier_detection is not None,
        "loadBalancing": service.load_balancing.policy is not LbPolicy.LEAST_REQUEST,
        "timeouts": (service.connect_timeout_ms, service.idle_timeout_ms) != (_CONNECT_MS, _IDLE_MS),
        "tls": any(port.tls is not None for port in service.ports),
    }
    for key, unsayable in said.items():
        if unsayable:
            complain(f"`{key}` of an external service with a wildcard host, which Istio can't set for such hosts", service.origin)


def _policy(mesh: Mesh, service: Service, complain: Complain) -> dict[str, Any]:
    """A port's own policy replaces all of the service's, so that one repeats everything."""
    shared = _shared(service, complain)
    tls = {port.port: _tls(mesh, service, port, complain) for port in service.ports}
    usual = max(tls.values(), key=list(tls.values()).count, default=None)
    other = [{"port": {"number": number}, **_with(one, shared)} for number, one in tls.items() if one != usual]
    return {**_with(usual, shared), **({"portLevelSettings": other} if other else {})}


def _with(tls: dict[str, Any] | None, shared: dict[str, Any]) -> dict[str, Any]:
    return shared if tls is None else {"tls": tls, **shared}


def _shared(service: Service, complain: Complain) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if pool := connection_pool(service, limits=True):
        found["connectionPool"] = pool
    if balancer := _balancer(service, complain):
        found["loadBalancer"] = balancer
    if service.outlier_detection is not None:
        found["outlierDetection"] = _outliers(service.outlier_detection, complain)
    return found


def connection_pool(service: Service, *, limits: bool) -> dict[str, Any]:
    """Return the settings of connections to a service, with or without its circuit breaker's limits."""
    tcp: dict[str, Any] = {}
    http: dict[str, Any] = {}
    breaker = service.circuit_breaker if limits else None
    if breaker is not None:
        tcp |= _said(maxConnections=breaker.max_connections)
        http |= _said(http1MaxPendingRequests=breaker.max_pending_requests, http2MaxRequests=breaker.max_parallel_requests)
    if service.connect_timeout_ms != _CONNECT_MS:
        tcp["connectTimeout"] = duration(service.connect_timeout_ms)
    if service.idle_timeout_ms != _IDLE_MS:
        tcp["idleTimeout"] = http["idleTimeout"] = duration(service.idle_timeout_ms)
    return {**({"tcp": tcp} if tcp else {}), **({"http": http} if http else {})}


def _said(**values: int | None) -> dict[str, int]:
    return {name: value for name, value in values.items() if value is not None}


def _balancer(service: Service, complain: Complain) -> dict[str, Any]:
    """An outlier policy would silently turn failover by zone on, and without one there is none."""
    found = _picking(service.load_balancing)
    wanted = service.load_balancing.locality == "prefer"
    if wanted and service.outlier_detection is None:
        message = "`locality: prefer` without `outlierDetection`, by which alone Istio knows when to leave a zone"
        complain(f"{message}; expected `outlierDetection` beside it", service.load_balancing.origin)
    if service.outlier_detection is not None and not wanted:
        found["localityLbSetting"] = {"enabled": False}
    return found


def _picking(balancing: LoadBalancing) -> dict[str, Any]:
    if balancing.policy is not LbPolicy.HASH:
        return {"simple": _SIMPLE[balancing.policy]} if balancing.policy in _SIMPLE else {}
    by, name = balancing.hash_by or "", balancing.hash_name or ""
    if by == "sourceIp":
        return {"consistentHash": {"useSourceIp": True}}
    if by == "cookie":
        # Without `ttl` no proxy would make the cookie where it is missing; 0s is one that lasts as long as the browser's session.
        return {"consistentHash": {"httpCookie": {"name": name, "path": "/", "ttl": "0s"}}}
    return {"consistentHash": {_HASHED[by]: name}}


def _outliers(outliers: OutlierDetection, complain: Complain) -> dict[str, Any]:
    if not float(outliers.max_ejection_percent).is_integer():
        complain(
            f"maxEjectionPercent {outliers.max_ejection_percent}%; Istio takes whole percents", outliers.origin.at("maxEjectionPercent")
        )
    said = {
        "consecutive5xxErrors": outliers.consecutive_5xx_errors,
        "interval": duration(outliers.interval_ms),
        "baseEjectionTime": duration(outliers.base_ejection_ms),
        "maxEjectionPercent": int(outliers.max_ejection_percent),
    }
    return {key: value for key, value in said.items() if value != _OUTLIERS[key]} or {"consecutive5xxErrors": 5}


def _tls(mesh: Mesh, service: Service, port: Port, complain: Complain) -> dict[str, Any] | None:
    """Return a port's TLS; None where it is left to what Istio finds out by itself."""
    if port.tls is not None:
        if port.tls.ca_file is not None or port.tls.ca_pem is not None:
            message = "a CA file for TLS that the caller's proxy speaks: Istio reads it only from files inside each proxy's container"
            complain(f"{message}; expected `ca: system`", port.tls.origin)
        # `sni` alone would take any certificate of a trusted CA; "system" is what istiod itself writes where no CA is named.
        return {"mode": "SIMPLE", "sni": port.tls.hostname, "subjectAltNames": [port.tls.hostname], "caCertificates": "system"}
    if service.external or not service.has_proxy:
        return None
    if port.mtls is Mtls.DISABLE:
        return {"mode": "DISABLE"}
    if port.mtls is Mtls.PERMISSIVE:
        return None
    # Said though Istio would find it out: to a pod that lacks its sidecar it would speak plain text, and nothing would guard that pod.
    own = {"subjectAltNames": list(access.identities_of_service(mesh, service))} if _has_stated_identity(service) else {}
    return {"mode": "ISTIO_MUTUAL", **own}


def _has_stated_identity(service: Service) -> bool:
    return service.identity != service.workload.name or any(version.identity is not None for version in service.versions)
