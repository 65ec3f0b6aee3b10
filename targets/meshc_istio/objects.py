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
    """When Argo CD applies an object: what others name comes first, what opens comes before what closes."""

    NAMES = -20  # ServiceEntry, Certificate: hosts and secrets that others refer to
    DESTINATIONS = -10  # DestinationRule: subsets must exist before a route names them
    SIDECARS = -5  # what a proxy knows must exist before it is told so
    ROUTES = 0  # Gateway, VirtualService
    FILTERS = 5  # EnvoyFilter, RequestAuthentication: what policies rely on
    ALLOW = 10  # AuthorizationPolicy ALLOW
    DENY = 20  # AuthorizationPolicy DENY, PeerAuthentication: what closes


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
    annotations = {**one.annotations, SOURCE_ANNOTATION: pointer(one.origin), WAVE_ANNOTATION: str(int(one.wave))}
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
