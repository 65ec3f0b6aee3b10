"""Whose connections a workload takes: mutual TLS by port, written out in full (L10)."""

from collections import Counter
from typing import Final

from meshc.model import Mesh, Mtls, Service
from meshc_istio.check_point import listens
from meshc_istio.names import object_name
from meshc_istio.objects import SECURITY, Object, Wave

_MODE: Final = {Mtls.STRICT: "STRICT", Mtls.PERMISSIVE: "PERMISSIVE", Mtls.DISABLE: "DISABLE"}


def peer_authentication(mesh: Mesh, service: Service) -> Object:
    """The PeerAuthentication of a service's workload; ports that differ from most are named by target port."""
    modes = {number: port.mtls for port in service.ports for number in listens(service, port)}
    (usual, _), *_ = Counter(modes.values()).most_common() or [(mesh.mtls, 0)]
    usual = mesh.mtls if mesh.mtls in modes.values() else usual
    spec = {"selector": {"matchLabels": dict(sorted(service.selector))}, "mtls": {"mode": _MODE[usual]}}
    other = {str(port): {"mode": _MODE[mode]} for port, mode in sorted(modes.items()) if mode is not usual}
    if other:
        spec["portLevelMtls"] = other
    return Object(SECURITY, "PeerAuthentication", object_name(service.name.name), service.name.namespace, spec, service.origin, Wave.DENY)
