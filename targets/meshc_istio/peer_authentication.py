"""Whose connections a workload takes: mutual TLS by port (L10)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from meshc import workloads
from meshc.model import Mesh, Mtls, Service
from meshc_istio.names import object_name
from meshc_istio.objects import SECURITY, Object, Wave

ROOT_NAMESPACE: Final = "istio-system"
"""Where what holds for the whole mesh lies (`meshConfig.rootNamespace`)."""
_MODE: Final = {Mtls.STRICT: "STRICT", Mtls.PERMISSIVE: "PERMISSIVE", Mtls.DISABLE: "DISABLE"}


def peer_authentications(mesh: Mesh) -> Iterator[Object]:
    """Yield one for each workload, or one for all of a namespace or mesh where `scope` says so, and one for each workload that differs."""
    guarded = [workloads.whole(mesh, workload) for workload in mesh.workloads if workload.has_proxy]
    wide = {"workloads": [], "namespace": sorted({service.name.namespace for service in guarded}), "mesh": [ROOT_NAMESPACE]}[mesh.scope]
    origin = mesh.origin.at("mtls") if wide else mesh.origin
    for namespace in wide:
        yield Object(SECURITY, "PeerAuthentication", "default", namespace, {"mtls": {"mode": _MODE[mesh.mtls]}}, origin, Wave.ACCESS)
    for service in guarded:
        spec = _spec(mesh, service)
        if not wide or len(spec) > 2 or spec["mtls"]["mode"] != _MODE[mesh.mtls]:  # noqa: PLR2004 - selector, mtls
            name = object_name(service.name.name)
            yield Object(SECURITY, "PeerAuthentication", name, service.name.namespace, spec, service.origin, Wave.ACCESS)


def _spec(mesh: Mesh, service: Service) -> dict[str, Any]:
    """The mode of most ports; others are named by target port."""
    modes = {number: port.mtls for port in service.ports for number in service.listens(port)}
    (usual, _), *_ = Counter(modes.values()).most_common() or [(mesh.mtls, 0)]
    usual = mesh.mtls if mesh.mtls in modes.values() else usual
    spec: dict[str, Any] = {"selector": {"matchLabels": dict(sorted(service.selector))}, "mtls": {"mode": _MODE[usual]}}
    other = {str(port): {"mode": _MODE[mode]} for port, mode in sorted(modes.items()) if mode is not usual}
    if other:
        spec["portLevelMtls"] = other
    return spec
