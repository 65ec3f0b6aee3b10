"""The names of things in Istio: hosts of services, names of objects, of routes, of Secrets."""

import re
from hashlib import sha256
from typing import Final

from meshc.model import Certificate, CertificateSource, Gateway, Listener, Mesh, Name, Route, Rule, Service

_NOT_A_NAME: Final = re.compile(r"[^a-z0-9.-]+")
_UNNAMED: Final = re.compile(r"rule-[0-9]+")
_LONGEST: Final = 253  # RFC 1123 subdomain, the longest name of a Kubernetes object
_LONGEST_LABEL: Final = 63  # RFC 1123 label, which the name of a Gateway must be


def fqdn(mesh: Mesh, name: Name) -> str:
    """The one host by which objects name a service of the mesh."""
    return f"{name.name}.{name.namespace}.svc.{mesh.cluster_domain}"


def host_of(mesh: Mesh, service: Service) -> str:
    """The host by which a destination names a service."""
    return service.hosts[0] if service.external else fqdn(mesh, service.name)


def gateway_workload_name(mesh: Mesh, gateway: Gateway) -> str:
    """Return how names of a gateway's objects begin: several meshes may share the namespace of its workload."""
    return _joined(mesh.name, gateway.name.namespace, gateway.name.name)


def gateway_name(mesh: Mesh, gateway: Gateway, listener: Listener) -> str:
    """Return the name of a listener's Gateway object, in the namespace of the gateway's workload."""
    return _joined(mesh.name, gateway.name.namespace, gateway.name.name, listener.name)


def _joined(first: str, *parts: str) -> str:
    """Join parts by dashes; where dashes inside them would let two things have one name, a digest tells them apart."""
    lowered = [part.lower() for part in parts]
    name = "-".join((first, *lowered))
    if any("-" in part for part in lowered):
        name = f"{name}-{sha256('/'.join(parts).encode()).hexdigest()[:6]}"
    return _shortened(name, _LONGEST_LABEL)


def gateway_host_name(mesh: Mesh, gateway: Gateway, listener: Listener, host: str) -> str:
    """The name of the VirtualService of one host of a listener."""
    return object_name(gateway_name(mesh, gateway, listener), re.sub(r"^\*", "any", host))


def route_name(route: Route, rule: Rule) -> str:
    """The name of a rule's routes in a proxy, by which other objects patch them."""
    return f"{route.name.namespace}.{route.name.name}.{rule.name}"


def shown_name(route: Route, rule: Rule) -> str | None:
    """Return the name that a rule's routes show: what other objects patch them by, else what the user called the rule."""
    if is_patched(rule):
        return route_name(route, rule)
    return None if _UNNAMED.fullmatch(rule.name) else rule.name


def is_patched(rule: Rule) -> bool:
    """Whether an EnvoyFilter changes the rule's routes, which it knows by their name."""
    changes = (rule.request_headers, rule.response_headers)
    empty = any(not value for one in changes for _, value in (*one.set, *one.add))
    return empty or bool(rule.rate_limits) or rule.max_request_body is not None


def secret_name(certificate: Certificate) -> str:
    """The Secret, in the namespace of a gateway's workload, that holds a certificate."""
    if certificate.source in (CertificateSource.SECRET, CertificateSource.CERT_MANAGER) and certificate.secret is not None:
        return certificate.secret
    return object_name(certificate.name.namespace, certificate.name.name)


def client_ca_name(mesh: Mesh, gateway: Gateway, listener: Listener) -> str:
    """The Secret, in the namespace of a gateway's workload, that holds the CA of a listener's client certificates."""
    # By that end of its name alone istiod knows a Secret that holds no key (pilot/pkg/xds/sds.go).
    return f"{gateway_name(mesh, gateway, listener)}-cacert"


def numbered(name: str, index: int) -> str:
    """The name of one of several objects of a thing: the first has the thing's own."""
    return name if index == 0 else f"{name}.{index + 1}"


def object_name(*parts: str) -> str:
    """Parts joined to a name that Kubernetes takes; a name that is too long ends in a digest of all of it."""
    return _shortened(_NOT_A_NAME.sub("-", ".".join(parts).lower()).strip("-."), _LONGEST)


def _shortened(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    return f"{name[: longest - 11].rstrip('-.')}-{sha256(name.encode()).hexdigest()[:10]}"
