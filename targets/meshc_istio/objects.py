"""The frame of every Kubernetes object: its kind, labels, source annotation and sync wave, and the file it lies in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import PurePosixPath
from typing import Any

from meshc.diagnostics import Origin

NETWORKING = "networking.istio.io/v1"
NETWORKING_ALPHA = "networking.istio.io/v1alpha3"
SECURITY = "security.istio.io/v1"
TELEMETRY = "telemetry.istio.io/v1"
CERT_MANAGER = "cert-manager.io/v1"
SOURCE_ANNOTATION = "meshc.dev/source"
WAVE_ANNOTATION = "argocd.argoproj.io/sync-wave"


class Wave(IntEnum):
    """
    When Argo CD applies an object: what closes comes before what opens (L17), what others name before those that name it.

    Argo CD removes in the reverse order, so that routes go before the policies that guard what they lead to. The default wave is 0.
    """

    CONDITIONS = -4  # EnvoyFilter: what policies read, limits
    ACCESS = -3  # AuthorizationPolicy, RequestAuthentication, PeerAuthentication
    NAMES = -2  # ServiceEntry, Certificate, DestinationRule: hosts, secrets and subsets that others refer to
    KNOWN = -1  # Sidecar: what a proxy knows must exist before it is told so
    ROUTES = 0  # Gateway, VirtualService, Telemetry


@dataclass(frozen=True, slots=True)
class Object:
    """A Kubernetes object that a build makes; `spec` is a plain tree of dicts, lists and scalars."""

    api_version: str
    kind: str
    name: str
    namespace: str
    spec: dict[str, Any]
    origin: Origin
    wave: int
    annotations: Mapping[str, str] = field(default_factory=dict)


def path_of(one: Object) -> PurePosixPath:
    """Where the object's file lies below the target's output."""
    return PurePosixPath(one.namespace) / f"{one.kind.lower()}-{one.name}.yaml"


def manifest(one: Object, mesh_name: str) -> dict[str, Any]:
    """The object as the tree that Kubernetes reads."""
    annotations = {**one.annotations, SOURCE_ANNOTATION: pointer(one.origin)}
    if one.wave:
        annotations[WAVE_ANNOTATION] = str(int(one.wave))
    return {
        "apiVersion": one.api_version,
        "kind": one.kind,
        "metadata": {
            "name": one.name,
            "namespace": one.namespace,
            "labels": {"app.kubernetes.io/managed-by": "meshc", "app.kubernetes.io/part-of": mesh_name},
            "annotations": dict(sorted(annotations.items())),
        },
        "spec": one.spec,
    }


def pointer(origin: Origin) -> str:
    """A file and a JSON pointer (RFC 6901) into it: it stays when lines move."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in origin.path)
    return f"{origin.file}#" + "".join(f"/{step}" for step in steps)
