"""Which certificates cert-manager makes: one Certificate in every namespace whose gateways use it."""

from collections.abc import Iterator
from typing import Any

from meshc.model import Certificate, CertificateSource, Mesh, Name
from meshc_istio.durations import go_duration
from meshc_istio.names import secret_name
from meshc_istio.objects import CERT_MANAGER, Object, Wave


def certificates(mesh: Mesh) -> Iterator[Object]:
    """The Certificate objects: a gateway's Secret must lie in its workload's namespace."""
    used = namespaces_of(mesh)
    for certificate in mesh.certificates:
        if certificate.source is CertificateSource.CERT_MANAGER:
            for namespace in used.get(certificate.name, ()):
                name = secret_name(certificate)
                yield Object(CERT_MANAGER, "Certificate", name, namespace, _spec(certificate), certificate.origin, Wave.NAMES)


def namespaces_of(mesh: Mesh) -> dict[Name, list[str]]:
    """Certificates and the namespaces of the workloads that show them."""
    found: dict[Name, set[str]] = {}
    for gateway in mesh.gateways:
        for listener in gateway.listeners:
            if listener.tls is not None:
                found.setdefault(listener.tls.certificate, set()).add(gateway.workload.namespace)
    return {name: sorted(namespaces) for name, namespaces in found.items()}


def _spec(certificate: Certificate) -> dict[str, Any]:
    found: dict[str, Any] = {"secretName": secret_name(certificate), "dnsNames": sorted(certificate.hosts)}
    if certificate.duration_ms is not None:
        found["duration"] = go_duration(certificate.duration_ms)
    if certificate.renew_before_ms is not None:
        found["renewBefore"] = go_duration(certificate.renew_before_ms)
    found["usages"] = ["digital signature", "key encipherment", "server auth"]
    found["issuerRef"] = {"group": "cert-manager.io", "kind": certificate.issuer_kind, "name": certificate.issuer}
    return found
