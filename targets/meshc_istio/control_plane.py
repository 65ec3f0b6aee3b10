"""What the output relies on and no object of it can say: settings of Istio's control plane, Secrets, Services, names."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from meshc.model import CertificateSource, ListenerProtocol, Mesh
from meshc_istio.certificate import namespaces_of
from meshc_istio.collector import collector
from meshc_istio.names import client_ca_name, secret_name
from meshc_istio.options import CONNECTION_SETTINGS, has, settings_by_filter
from meshc_istio.service_entry import further_names
from meshc_istio.telemetry import providers

VALUES: Final = PurePosixPath("istio-values.yaml")
_DOMAIN: Final = "cluster.local"
_READING: Final = {
    "httpHeadersWithUnderscoresAction": "HEADERS_WITH_UNDERSCORES_DROP_HEADER",
    "httpMergeSlashes": True,
    "httpPathWithEscapedSlashesAction": "REJECT_REQUEST",
}


def values(mesh: Mesh) -> dict[str, Any]:
    """Return the Helm values of the chart `istiod` that the output relies on, to merge into one's own."""
    proxies: dict[str, Any] = {}
    config: dict[str, Any] = {}
    if mesh.trust_domain != _DOMAIN:
        config["trustDomain"] = mesh.trust_domain
    config["defaultHttpRetryPolicy"] = {"attempts": 0}
    if settings_by_filter(mesh):
        pass
    elif has(mesh, CONNECTION_SETTINGS):
        proxies["connectionSettings"] = dict(_READING)
    else:
        config["pathNormalization"] = {"normalization": "DECODE_AND_MERGE_SLASHES"}
    if _names_without_service(mesh):
        # Proxies answer for names that only a ServiceEntry says; DNS knows none of them.
        proxies["proxyMetadata"] = {"ISTIO_META_DNS_CAPTURE": "true"}
    if proxies:
        config["defaultConfig"] = proxies
    if named := providers(mesh):
        config["extensionProviders"] = named
    found: dict[str, Any] = {"meshConfig": config}
    # Without it a request of HTTP/1.0, which some clients and proxies still speak, meets a closed connection inside the mesh (L13).
    found["pilot"] = {"env": {"PILOT_HTTP10": "1"}}
    if mesh.cluster_domain != _DOMAIN:
        found["global"] = {"proxy": {"clusterDomain": mesh.cluster_domain}}
    return found


def _names_without_service(mesh: Mesh) -> list[str]:
    """The hosts of ServiceEntries inside the mesh that applications look up."""
    by_hand = [str(service.name) for service in mesh.services if service.endpoints and not service.external]
    return sorted({*by_hand, *(host for service in mesh.services for host in further_names(mesh, service))})


def needs(mesh: Mesh) -> Iterator[str]:
    """Yield what the cluster must provide, a line each, the most important first."""
    yield f"you must set what {VALUES} says (meshConfig): `meshc check-cluster` tells what is missing, and requests would be read otherwise"
    yield from _secrets(mesh)
    for gateway in mesh.gateways:
        ports = ", ".join(f"{one.port} to {one.target_port}" for one in gateway.listeners)
        labels = ",".join(f"{key}={value}" for key, value in gateway.workload.selector)
        yield f"you must have a Service for the pods {labels} in {gateway.workload.namespace} that maps {ports} (gateway {gateway.name})"
        if gateway.tenancy == "own" and mesh.policies_by_gateway.get(gateway.name):
            what = f"you must keep others' hosts off the pods of gateway {gateway.name}"
            yield f"{what}, whose policies hold for all of them, or say `tenancy: shared`"
        if gateway.tenancy == "shared" and mesh.telemetry is not None:
            yield f"you must see to logs and traces of gateway {gateway.name} yourself: its pods are shared, and are left as they are"
    if any(service.endpoints is None and service.ports and not service.external for service in mesh.services):
        yield "you must name each Service port by its protocol, or say `appProtocol`, as the mesh does"
    if headless := sorted(str(service.name) for service in mesh.services if service.headless):
        yield f"you must have headless Services (clusterIP: None), and pods that they give names to: {', '.join(headless)}"
    if names := _names_without_service(mesh):
        yield f"you must let names resolve that no Service makes (DNS capture, set by {VALUES}, or records of your own): {', '.join(names)}"
    if (to := collector(mesh)) is not None and not to.outside:
        yield f"you must have a Service {to.host} with port {to.port}, or traces go nowhere"
    if mesh.telemetry is not None and mesh.telemetry.metrics == "prometheus":
        yield "you must let Prometheus scrape port 15090 of each pod (/stats/prometheus)"


def _secrets(mesh: Mesh) -> Iterator[str]:
    used = namespaces_of(mesh)
    for certificate in mesh.certificates:
        for namespace in used.get(certificate.name, ()):
            secret = f"Secret {namespace}/{secret_name(certificate)} (kubernetes.io/tls)"
            match certificate.source:
                case CertificateSource.SECRET:
                    yield f"you must have {secret} with certificate {certificate.name}"
                case CertificateSource.FILE:
                    yield f"you must make {secret} from {certificate.file} and its key"
                case CertificateSource.MESH_CA:
                    yield f"you must make {secret} from what `meshc certs` makes for {certificate.name}"
                case CertificateSource.CERT_MANAGER:
                    yield f"you must run cert-manager with {certificate.issuer_kind} {certificate.issuer}, which makes {secret}"
    for gateway in mesh.gateways:
        for listener in gateway.listeners:
            if listener.protocol is ListenerProtocol.HTTPS and listener.tls is not None and listener.tls.client_ca_file is not None:
                secret = f"Secret {gateway.workload.namespace}/{client_ca_name(mesh, gateway, listener)}"
                yield f"you must make {secret} from {listener.tls.client_ca_file}, under the key ca.crt"
