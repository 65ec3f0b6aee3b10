"""The features of the language that a target may or may not express: their names, and where a mesh uses them."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias

from meshc.diagnostics import Origin
from meshc.model import (
    CertificateSource,
    Forward,
    Gateway,
    LbPolicy,
    LimitKey,
    Listener,
    ListenerProtocol,
    Mesh,
    Mtls,
    Pattern,
    Policy,
    RateLimit,
    Redirect,
    Respond,
    Route,
    Rule,
    Service,
    SourceKind,
)


class Feature(StrEnum):
    """A feature's name, as `meshc targets` and the docs show it."""

    NORTH_SOUTH_ROUTES = "north-south-routes"
    EAST_WEST_ROUTES = "east-west-routes"
    MATCH_REGEX_PATH = "match-regex-path"
    MATCH_HEADERS = "match-headers"
    MATCH_QUERY = "match-query"
    MATCH_SOURCE = "match-source"
    TRAFFIC_SPLIT = "traffic-split"
    REWRITE = "rewrite"
    REDIRECT = "redirect"
    RESPOND = "respond"
    HEADER_CHANGES = "header-changes"
    MIRROR = "mirror"
    FAULT = "fault"
    CORS = "cors"
    RETRIES = "retries"
    TIMEOUTS = "timeouts"
    RATE_LIMITS = "rate-limits"
    RATE_LIMIT_PER_SOURCE = "rate-limit-per-source"
    RATE_LIMIT_PER_HEADER = "rate-limit-per-header"
    MAX_REQUEST_BODY = "max-request-body"
    LOAD_BALANCING_HASH = "load-balancing-hash"
    CIRCUIT_BREAKER = "circuit-breaker"
    OUTLIER_DETECTION = "outlier-detection"
    HEALTH_CHECK = "health-check"
    SHARED_WORKLOADS = "shared-workloads"
    HEADLESS = "headless-services"
    ENDPOINTS = "endpoints"
    LOCALITY = "locality"
    EXTERNAL_SERVICES = "external-services"
    EXTERNAL_WILDCARD = "external-wildcard-hosts"
    TLS_ORIGINATION = "tls-origination"
    EGRESS_DECLARED = "egress-declared"
    MTLS = "mtls"
    MTLS_PERMISSIVE = "mtls-permissive"
    ACCESS = "access"
    ACCESS_JWT = "access-jwt"
    ACCESS_REGEX_PATH = "access-regex-path"
    ACCESS_GATEWAY_CIDR = "access-gateway-cidr"
    TLS_LISTENER = "tls-listener"
    TLS_PASSTHROUGH = "tls-passthrough"
    TCP_LISTENER = "tcp-listener"
    CLIENT_CERTIFICATES = "client-certificates"
    REDIRECT_TO_HTTPS = "redirect-to-https"
    TRUSTED_HOPS = "trusted-hops"
    SHARED_GATEWAY = "shared-gateway"
    CERTIFICATE_SECRET = "certificate-secret"  # noqa: S105 - a feature's name
    CERTIFICATE_CERT_MANAGER = "certificate-cert-manager"
    CERTIFICATE_FILE = "certificate-file"
    CERTIFICATE_MESH_CA = "certificate-mesh-ca"
    STRICT_REQUESTS = "strict-requests"
    ACCESS_LOG = "access-log"
    METRICS = "metrics"
    TRACING = "tracing"


Used: TypeAlias = Iterator[tuple[Feature, Origin]]


def used(mesh: Mesh) -> Used:
    """Every use of every feature, with the place that needs it; one place may be named several times."""
    yield from _of_mesh(mesh)
    for service in mesh.services:
        yield from _of_service(service)
    for gateway in mesh.gateways:
        yield from _of_gateway(gateway)
    for certificate in mesh.certificates:
        yield _CERTIFICATES[certificate.source], certificate.origin
    for route in mesh.routes:
        yield from _of_route(route)
    for policy in mesh.policies:
        yield from _of_policy(policy)


def _of_mesh(mesh: Mesh) -> Used:
    if mesh.requests == "strict":
        yield Feature.STRICT_REQUESTS, mesh.origin.at("requests")
    if mesh.egress == "declared":
        for service in mesh.workloads:
            if service.calls is not None:
                yield Feature.EGRESS_DECLARED, service.origin.at("calls")
    telemetry = mesh.telemetry
    if telemetry is None:
        return
    if telemetry.access_log is not None:
        yield Feature.ACCESS_LOG, telemetry.origin.at("accessLog")
    if telemetry.metrics is not None:
        yield Feature.METRICS, telemetry.origin.at("metrics")
    if telemetry.otlp is not None:
        yield Feature.TRACING, telemetry.origin.at("tracing")


def _of_service(service: Service) -> Used:
    if service.external:
        yield Feature.EXTERNAL_SERVICES, service.origin
        if any(host.startswith("*") for host in service.hosts):
            yield Feature.EXTERNAL_WILDCARD, service.origin.at("hosts")
    if service.headless:
        yield Feature.HEADLESS, service.origin.at("headless")
    if service.shares_workload:
        yield Feature.SHARED_WORKLOADS, service.origin.at("workload")
    else:
        yield from _of_workload(service)
    yield from _of_ports(service)
    yield from _of_endpoints(service)


def _of_workload(service: Service) -> Used:
    if service.has_proxy:
        yield Feature.ACCESS, service.access_origin
    if service.traffic:
        yield Feature.TRAFFIC_SPLIT, service.origin.at("traffic")
    if service.endpoints is not None:
        yield Feature.ENDPOINTS, service.origin.at("endpoints")
    if service.max_request_body is not None:
        yield Feature.MAX_REQUEST_BODY, service.origin.at("maxRequestBody")
    if service.health_check is not None:
        yield Feature.HEALTH_CHECK, service.health_check.origin
    yield from _of_limits(service.rate_limits)


def _of_ports(service: Service) -> Used:
    for port in service.ports:
        if port.tls is not None:
            yield Feature.TLS_ORIGINATION, port.tls.origin
        if service.has_proxy and port.mtls is not Mtls.DISABLE:
            yield Feature.MTLS, port.origin
        if service.has_proxy and port.mtls is Mtls.PERMISSIVE:
            yield Feature.MTLS_PERMISSIVE, port.origin


def _of_endpoints(service: Service) -> Used:
    if service.load_balancing.locality == "prefer":
        yield Feature.LOCALITY, service.load_balancing.origin
    if service.load_balancing.policy is LbPolicy.HASH:
        yield Feature.LOAD_BALANCING_HASH, service.load_balancing.origin
    if service.circuit_breaker is not None:
        yield Feature.CIRCUIT_BREAKER, service.circuit_breaker.origin
    if service.outlier_detection is not None:
        yield Feature.OUTLIER_DETECTION, service.outlier_detection.origin


def _of_limits(limits: tuple[RateLimit, ...]) -> Used:
    for limit in limits:
        yield Feature.RATE_LIMITS, limit.origin
        if limit.per in (LimitKey.SOURCE_SERVICE, LimitKey.SOURCE_IP):
            yield Feature.RATE_LIMIT_PER_SOURCE, limit.origin
        if limit.per is LimitKey.HEADER:
            yield Feature.RATE_LIMIT_PER_HEADER, limit.origin


def _of_gateway(gateway: Gateway) -> Used:
    if gateway.tenancy == "shared":
        yield Feature.SHARED_GATEWAY, gateway.origin.at("tenancy")
    if gateway.trusted_hops:
        yield Feature.TRUSTED_HOPS, gateway.origin.at("trustedHops")
    yield from _of_limits(gateway.rate_limits)
    for listener in gateway.listeners:
        yield from _of_listener(listener)


def _of_listener(listener: Listener) -> Used:
    if listener.protocol in _LISTENERS:
        yield _LISTENERS[listener.protocol], listener.origin
    if listener.tls is not None and listener.tls.client_ca_file is not None:
        yield Feature.CLIENT_CERTIFICATES, listener.tls.origin
    if listener.redirect_to_https:
        yield Feature.REDIRECT_TO_HTTPS, listener.origin
    if listener.max_request_body is not None:
        yield Feature.MAX_REQUEST_BODY, listener.origin


def _of_route(route: Route) -> Used:
    yield (Feature.NORTH_SOUTH_ROUTES if route.gateways else Feature.EAST_WEST_ROUTES), route.origin
    for rule in route.rules:
        for pattern in rule.matches:
            yield from _of_match(pattern)
        yield from _of_action(rule)
        yield from _of_rule(rule)


def _of_match(pattern: Pattern) -> Used:
    if any(path.regex is not None for path in pattern.paths or ()):
        yield Feature.MATCH_REGEX_PATH, pattern.origin
    for header in pattern.headers:
        yield Feature.MATCH_HEADERS, header.origin
    for field in pattern.query:
        yield Feature.MATCH_QUERY, field.origin
    for source in pattern.sources or ():
        yield Feature.MATCH_SOURCE, source.origin


def _of_action(rule: Rule) -> Used:
    match rule.action:
        case Redirect(origin=origin):
            yield Feature.REDIRECT, origin
        case Respond(origin=origin):
            yield Feature.RESPOND, origin
        case Forward() as forward:
            if len(forward.destinations) > 1:
                yield Feature.TRAFFIC_SPLIT, rule.origin.at("to")
            if forward.rewrite is not None:
                yield Feature.REWRITE, forward.rewrite.origin
            if forward.mirror is not None:
                yield Feature.MIRROR, forward.mirror.origin
            if forward.timeout_ms:
                yield Feature.TIMEOUTS, rule.origin.at("timeout")
            if forward.retries.attempts:
                yield Feature.RETRIES, forward.retries.origin


def _of_rule(rule: Rule) -> Used:
    for key, changes in (("request", rule.request_headers), ("response", rule.response_headers)):
        if changes.set or changes.add or changes.remove:
            yield Feature.HEADER_CHANGES, rule.origin.at("headers", key)
    if rule.fault is not None:
        yield Feature.FAULT, rule.fault.origin
    if rule.cors is not None:
        yield Feature.CORS, rule.cors.origin
    if rule.max_request_body is not None:
        yield Feature.MAX_REQUEST_BODY, rule.origin.at("maxRequestBody")
    yield from _of_limits(rule.rate_limits)


def _of_policy(policy: Policy) -> Used:
    yield Feature.ACCESS, policy.origin
    for pattern in (*(policy.allow or ()), *policy.require, *policy.deny):
        if pattern.jwt is not None:
            yield Feature.ACCESS_JWT, pattern.jwt.origin
        if any(path.regex is not None for path in pattern.paths or ()):
            yield Feature.ACCESS_REGEX_PATH, pattern.origin
        for source in pattern.sources or ():
            if source.kind is SourceKind.CIDR:
                yield Feature.ACCESS_GATEWAY_CIDR, source.origin


_LISTENERS = {
    ListenerProtocol.HTTPS: Feature.TLS_LISTENER,
    ListenerProtocol.TLS: Feature.TLS_PASSTHROUGH,
    ListenerProtocol.TCP: Feature.TCP_LISTENER,
}
_CERTIFICATES = {
    CertificateSource.SECRET: Feature.CERTIFICATE_SECRET,
    CertificateSource.CERT_MANAGER: Feature.CERTIFICATE_CERT_MANAGER,
    CertificateSource.FILE: Feature.CERTIFICATE_FILE,
    CertificateSource.MESH_CA: Feature.CERTIFICATE_MESH_CA,
}
