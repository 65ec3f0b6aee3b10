"""What the output relies on and no object of it can say: settings of Istio's control plane, and Secrets."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from meshc.model import CertificateSource, Mesh
from meshc_istio.certificate import namespaces_of
from meshc_istio.names import client_ca_name, secret_name
from meshc_istio.versions import version_of

VALUES: Final = PurePosixPath("istio-values.yaml")


def values(mesh: Mesh) -> dict[str, Any]:
    """Helm values of the chart `istiod`, to merge into one's own."""
    return {
        "meshConfig": {
            "trustDomain": mesh.trust_domain,
            # The filters that meshc writes read paths; a proxy's own normalisation would hide from them what `reject` refuses.
            "pathNormalization": {"normalization": "NONE" if mesh.requests == "strict" else "BASE"},
        },
        "global": {"proxy": {"clusterDomain": mesh.cluster_domain}},
        "pilot": {
            "env": {
                "ENABLE_INBOUND_RETRY_POLICY": "false",
                "PILOT_HTTP10": "1",  # without it a request of HTTP/1.0 meets a closed connection
            }
        },
    }


def needs(mesh: Mesh) -> Iterator[str]:
    """What a person has to see to, a line each."""
    yield f"for Istio {version_of(mesh)}; apply with `kubectl apply -k` or point Argo CD or Flux at the folder"
    yield f"{VALUES}: settings of the control plane (Helm chart istiod) that the laws rely on; no manifest, so kustomization.yaml omits it"
    yield "every Service names its ports' protocols (`appProtocol` or the port's name), as the mesh says them"
    for gateway in mesh.gateways:
        yield f"the Service of gateway {gateway.name} maps each listener's port to the same port of its pods"
    telemetry = mesh.telemetry
    if telemetry is not None and telemetry.metrics == "prometheus":
        yield "metrics: each proxy serves Prometheus on port 15090 (`/stats/prometheus`); nothing is written for that"
    yield from _secrets(mesh)


def _secrets(mesh: Mesh) -> Iterator[str]:
    used = namespaces_of(mesh)
    for certificate in mesh.certificates:
        for namespace in used.get(certificate.name, ()):
            secret = f"Secret {namespace}/{secret_name(certificate)}"
            match certificate.source:
                case CertificateSource.SECRET:
                    yield f"{secret} of type kubernetes.io/tls holds certificate {certificate.name}"
                case CertificateSource.FILE:
                    yield f"{secret} of type kubernetes.io/tls must be made from {certificate.file} and its key"
                case CertificateSource.MESH_CA:
                    yield f"{secret} of type kubernetes.io/tls must be made from what `meshc certs` makes for {certificate.name}"
                case CertificateSource.CERT_MANAGER:
                    yield f"{secret} is made by cert-manager"
    for gateway in mesh.gateways:
        for listener in gateway.listeners:
            if listener.tls is not None and listener.tls.client_ca_file is not None:
                secret = f"Secret {gateway.workload.namespace}/{client_ca_name(gateway, listener)}"
                yield f"{secret} must hold the CA of client certificates, {listener.tls.client_ca_file}, under the key ca.crt"
