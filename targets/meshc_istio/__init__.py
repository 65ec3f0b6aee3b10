"""The Istio target: a mesh as Kubernetes objects, one file each, with a kustomization that lists them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from meshc.diagnostics import Finding
from meshc.features import Feature
from meshc.model import Mesh
from meshc.target import File, Settings
from meshc_istio import approximations, cluster, complaints, control_plane, security, versions
from meshc_istio.certificate import certificates
from meshc_istio.complaints import Complain
from meshc_istio.destination_rule import destination_rules
from meshc_istio.gateway import gateways
from meshc_istio.kustomization import kustomization
from meshc_istio.objects import Object, manifest, path_of
from meshc_istio.rule_patches import rule_patches
from meshc_istio.service_entry import service_entries
from meshc_istio.shared_hosts import shared_host_findings
from meshc_istio.sidecar import sidecars
from meshc_istio.telemetry import telemetry
from meshc_istio.virtual_service import virtual_services
from meshc_istio.workloads import workload_findings
from meshc_istio.yaml import dump

__all__ = ["IstioTarget", "target"]

TRAFFIC_FEATURES: Final = frozenset(
    {
        Feature.NORTH_SOUTH_ROUTES,
        Feature.EAST_WEST_ROUTES,
        Feature.MATCH_REGEX_PATH,
        Feature.MATCH_HEADERS,
        Feature.MATCH_QUERY,
        Feature.MATCH_SOURCE,
        Feature.TRAFFIC_SPLIT,
        Feature.REWRITE,
        Feature.REDIRECT,
        Feature.RESPOND,
        Feature.HEADER_CHANGES,
        Feature.MIRROR,
        Feature.FAULT,
        Feature.CORS,
        Feature.RETRIES,
        Feature.TIMEOUTS,
        Feature.LOAD_BALANCING_HASH,
        Feature.CIRCUIT_BREAKER,
        Feature.OUTLIER_DETECTION,
        Feature.ENDPOINTS,
        Feature.LOCALITY,
        Feature.EXTERNAL_SERVICES,
        Feature.EXTERNAL_WILDCARD,
        Feature.TLS_ORIGINATION,
        Feature.EGRESS_DECLARED,
        Feature.TLS_LISTENER,
        Feature.TLS_PASSTHROUGH,
        Feature.TCP_LISTENER,
        Feature.CLIENT_CERTIFICATES,
        Feature.CERTIFICATE_SECRET,
        Feature.CERTIFICATE_CERT_MANAGER,
        Feature.CERTIFICATE_FILE,
        Feature.CERTIFICATE_MESH_CA,
        Feature.ACCESS_LOG,
        Feature.METRICS,
        Feature.TRACING,
    }
)

ACCEPTABLE: Final = {**versions.APPROXIMATIONS, **approximations.ACCEPTABLE}
"""Every legal name of `mesh.targets.istio.accept`, and what it gives up."""


class IstioTarget:
    """The target as core sees it."""

    name = "istio"
    title = "Istio on Kubernetes"
    supports = TRAFFIC_FEATURES | security.SECURITY_FEATURES
    acceptable: Mapping[str, str] = ACCEPTABLE
    settings_from = cluster.FROM
    settings_into = cluster.INTO

    def check(self, mesh: Mesh) -> Iterable[Finding]:
        """What the mesh asks for and Istio can't do exactly."""
        found = [
            *versions.option_findings(mesh, ACCEPTABLE),
            *workload_findings(mesh),
            *shared_host_findings(mesh),
            *security.security_findings(mesh),
        ]
        for _ in traffic_objects(mesh, complaints.into(found)):
            pass
        return list(dict.fromkeys(found))

    def emit(self, mesh: Mesh) -> Iterable[File]:
        """The manifests, their kustomization, and the values of the control plane."""
        objects = [*traffic_objects(mesh, complaints.ignore), *security.security_objects(mesh)]
        files = {path_of(one): dump(manifest(one, mesh.name)) for one in objects}
        assert len(files) == len(objects), "two objects in one file"  # noqa: S101 - names are made so that this can't be
        files[PurePosixPath("kustomization.yaml")] = dump(kustomization(files))
        files[control_plane.VALUES] = dump(control_plane.values(mesh))
        return [File(path, content) for path, content in sorted(files.items())]

    def summary(self, mesh: Mesh) -> Iterable[str]:
        """What the files need from outside."""
        return control_plane.needs(mesh)

    def check_settings(self, mesh: Mesh, text: bytes) -> Settings:
        """Which settings a cluster's MeshConfig lacks."""
        return cluster.check_settings(mesh, text)


def traffic_objects(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """The objects that say where requests go."""
    yield from service_entries(mesh, complain)
    yield from certificates(mesh)
    yield from destination_rules(mesh, complain)
    yield from sidecars(mesh, complain)
    yield from gateways(mesh)
    yield from virtual_services(mesh, complain)
    yield from telemetry(mesh, complain)
    yield from rule_patches(mesh, complain)


target: Final = IstioTarget()
