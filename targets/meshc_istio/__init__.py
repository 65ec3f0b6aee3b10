"""The Istio target: a mesh as Kubernetes objects, one file each, with a kustomization that lists them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from meshc.diagnostics import Finding
from meshc.features import Feature
from meshc.model import Mesh
from meshc.target import BackDoor, File, Settings
from meshc_istio import cluster, complaints, control_plane, options
from meshc_istio.authorization_policy import authorization_policies
from meshc_istio.certificate import certificates
from meshc_istio.check_point import check_points
from meshc_istio.collector import collector_entry, complain_of_collector
from meshc_istio.complaints import Complain
from meshc_istio.destination_rule import destination_rules
from meshc_istio.filters.conditions import Conditions
from meshc_istio.filters.envoy_filter import Patch, envoy_filter
from meshc_istio.filters.limits import limited_rules
from meshc_istio.filters.workload import patches
from meshc_istio.gateway import gateways
from meshc_istio.headless import complain_of_headless
from meshc_istio.kustomization import kustomization
from meshc_istio.objects import Object, manifest, path_of
from meshc_istio.peer_authentication import peer_authentications
from meshc_istio.request_authentication import request_authentication
from meshc_istio.service_entry import service_entries
from meshc_istio.shared_hosts import shared_host_findings
from meshc_istio.shared_pods import workload_findings
from meshc_istio.sidecar import sidecars
from meshc_istio.telemetry import telemetry
from meshc_istio.tenancy import complain_of_shared_pods
from meshc_istio.unsayable import complain_of_check_point, complain_of_mesh
from meshc_istio.virtual_service import virtual_services
from meshc_istio.yaml import dump

__all__ = ["IstioTarget", "target"]


class IstioTarget:
    """The target as core sees it."""

    name = "istio"
    title = "Istio on Kubernetes"
    supports = frozenset(Feature) - {Feature.HEALTH_CHECK}
    acceptable: Mapping[str, str] = options.ACCEPTABLE
    settings_from = cluster.FROM
    settings_into = cluster.INTO

    def check(self, mesh: Mesh) -> Iterable[Finding]:
        """Return what the mesh asks for and Istio can't do exactly."""
        found = [*options.option_findings(mesh), *workload_findings(mesh), *shared_host_findings(mesh)]
        for _ in objects(mesh, complaints.into(found)):
            pass
        return list(dict.fromkeys(found))

    def emit(self, mesh: Mesh) -> Iterable[File]:
        """Return the manifests, their kustomization, and the values of the control plane."""
        made = list(objects(mesh, complaints.ignore))
        files = {path_of(one): dump(manifest(one, mesh.name)) for one in made}
        assert len(files) == len(made), "two objects in one file"  # noqa: S101 - names are made so that this can't be
        files[PurePosixPath("kustomization.yaml")] = dump(kustomization(files))
        files[control_plane.VALUES] = dump(control_plane.values(mesh))
        return [File(path, content) for path, content in sorted(files.items())]

    def summary(self, mesh: Mesh) -> Iterable[str]:
        """Return what the files need from outside."""
        return control_plane.needs(mesh)

    def back_doors(self, mesh: Mesh) -> Iterable[BackDoor]:
        """Return the EnvoyFilters, each with every line that asks for it."""
        found = [BackDoor(f"EnvoyFilter {name}", patch.what, patch.origin) for name, patch in _patches(mesh, complaints.ignore)]
        return list(dict.fromkeys(found))

    def check_settings(self, mesh: Mesh, text: bytes) -> Settings:
        """Return what a cluster's MeshConfig says of the settings that the files rely on."""
        return cluster.check_settings(mesh, text)


def objects(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """Yield every object of a mesh."""
    yield from service_entries(mesh, complain)
    yield from collector_entry(mesh)
    yield from certificates(mesh)
    yield from destination_rules(mesh, complain)
    yield from sidecars(mesh, complain)
    yield from gateways(mesh)
    yield from virtual_services(mesh, complain)
    yield from telemetry(mesh)
    yield from peer_authentications(mesh)
    complain_of_collector(mesh, complain)
    complain_of_headless(mesh, complain)
    complain_of_mesh(mesh, complain)
    yield from _guards(mesh, complain)


def _guards(mesh: Mesh, complain: Complain) -> Iterator[Object]:
    """What guards each workload: policies, tokens, and the patches that they and other lines need."""
    limited = limited_rules(mesh)
    for point in check_points(mesh):
        complain_of_check_point(point, complain)
        conditions = Conditions(point, complain)
        yield from authorization_policies(point, conditions)
        if point.providers:
            yield request_authentication(point)
        needed = list(patches(point, conditions, limited, complain))
        complain_of_shared_pods(point, needed, complain)
        if (made := envoy_filter(point, needed)) is not None:
            yield made


def _patches(mesh: Mesh, complain: Complain) -> Iterator[tuple[str, Patch]]:
    """Every patch, with the workload whose proxy it changes."""
    limited = limited_rules(mesh)
    for point in check_points(mesh):
        conditions = Conditions(point, complain)
        for _ in authorization_policies(point, conditions):
            pass
        for patch in patches(point, conditions, limited, complain):
            yield f"{point.namespace}/{point.name}", patch


target: Final = IstioTarget()
