"""Where a gateway's workload listens: one Gateway object per listener, so that a VirtualService binds to exactly one."""

from collections.abc import Iterator
from typing import Any, Final

from meshc.model import Gateway, Listener, ListenerProtocol, ListenerTls, Mesh
from meshc_istio.names import client_ca_name, gateway_name, secret_name
from meshc_istio.objects import NETWORKING, Object, Wave

_PROTOCOLS: Final = {
    ListenerProtocol.HTTP: "HTTP",
    ListenerProtocol.HTTPS: "HTTPS",
    ListenerProtocol.TLS: "TLS",
    ListenerProtocol.TCP: "TCP",
}
_FLOOR, _TOP = "1.2", "1.3"  # Istio's own
_TLS_VERSIONS: Final = {"1.2": "TLSV1_2", "1.3": "TLSV1_3"}


def gateways(mesh: Mesh) -> Iterator[Object]:
    """The Gateway objects, each in the namespace of the workload: there it selects no other namespace's pods, however istiod is set."""
    for gateway in mesh.gateways:
        for listener in gateway.listeners:
            spec = {"selector": dict(gateway.workload.selector), "servers": [_server(mesh, gateway, listener)]}
            name = gateway_name(mesh, gateway, listener)
            yield Object(NETWORKING, "Gateway", name, gateway.workload.namespace, spec, listener.origin, Wave.ROUTES)


def _server(mesh: Mesh, gateway: Gateway, listener: Listener) -> dict[str, Any]:
    protocol = _PROTOCOLS[listener.protocol]
    # Listeners of one port share a protocol, and servers of one port must share the port's name too.
    found: dict[str, Any] = {
        "port": {"number": listener.port, "name": f"{protocol.lower()}-{listener.port}", "protocol": protocol},
        "hosts": [f"./{host}" for host in sorted(listener.hosts)],
    }
    if listener.protocol is ListenerProtocol.TLS:
        found["tls"] = {"mode": "PASSTHROUGH"}
    elif listener.tls is not None:
        found["tls"] = _tls(mesh, gateway, listener, listener.tls)
    return found


def _tls(mesh: Mesh, gateway: Gateway, listener: Listener, tls: ListenerTls) -> dict[str, Any]:
    certificate = next(one for one in mesh.certificates if one.name == tls.certificate)
    found = {"mode": "SIMPLE", "credentialName": secret_name(certificate)}
    if tls.client_ca_file is not None or tls.client_ca_pem is not None:
        found = {
            "mode": "MUTUAL",
            "credentialName": secret_name(certificate),
            "caCertCredentialName": client_ca_name(mesh, gateway, listener),
        }
    if tls.min_version != _FLOOR:
        found["minProtocolVersion"] = _TLS_VERSIONS[tls.min_version]
    if tls.max_version != _TOP:
        found["maxProtocolVersion"] = _TLS_VERSIONS[tls.max_version]
    return found
