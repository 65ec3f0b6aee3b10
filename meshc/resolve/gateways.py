"""What gateways and their certificates are once their defaults are written out, and which listeners can't stand side by side."""

from collections.abc import Iterable, Mapping
from typing import Final

from meshc.model import (
    Certificate,
    CertificateSource,
    Gateway,
    GatewayWorkload,
    Listener,
    ListenerProtocol,
    ListenerTls,
    Name,
)
from meshc.resolve.files import read_pem
from meshc.resolve.names import Names, Place, ReadFile, one_of
from meshc.resolve.values import only_key, rate_limits, selector
from meshc.spec.gateways import CertificateFromShape, CertificateShape, GatewayShape, ListenerShape, ListenerTlsShape
from meshc.spec.shapes import duration_ms, size_bytes


def gateway(name: Name, shape: GatewayShape, place: Place, names: Names, read_file: ReadFile) -> Gateway:
    """A gateway; its listeners sorted by name."""
    listeners = tuple(_listener(key, one, place.at("listeners", key), names, read_file) for key, one in sorted(shape.listeners.items()))
    for listener in listeners:
        if listener.redirect_to_https and not any(one.protocol is ListenerProtocol.HTTPS for one in listeners):
            message = "`redirectToHttps` at a gateway without an https listener, expected one to redirect to"
            place.at("listeners", listener.name, "redirectToHttps").error("MC012", message)
    return Gateway(
        name=name,
        workload=GatewayWorkload(
            shape.workload.namespace, selector(shape.workload.selector, place.at("workload", "selector")), shape.workload.identity
        ),
        tenancy=shape.tenancy,
        trusted_hops=shape.trustedHops,
        listeners=listeners,
        rate_limits=rate_limits(shape.rateLimits, place.at("rateLimits"), believed=shape.trustedHops > 0),
        origin=place.origin,
    )


def believed(gateways: Iterable[Gateway]) -> bool:
    """Whether there are gateways, and all of them believe what a proxy in front of them says."""
    hops = [one.trusted_hops for one in gateways]
    return bool(hops) and 0 not in hops


def _listener(name: str, shape: ListenerShape, place: Place, names: Names, read_file: ReadFile) -> Listener:
    protocol = ListenerProtocol(shape.protocol or ("http" if shape.tls is None else "https"))
    hosts = tuple(sorted({host.lower() for host in shape.hosts}))
    if protocol is ListenerProtocol.HTTPS and shape.tls is None:
        place.error("MC013", f"listener {name!r} ends TLS and names no certificate, expected `tls: {{certificate: ...}}`")
    if protocol is not ListenerProtocol.HTTPS and shape.tls is not None:
        help_ = "leave `protocol` out where TLS ends at the listener"
        place.at("tls").error("MC011", f"'tls' has no meaning here: protocol {protocol} does not end TLS, expected https", help_)
    if shape.redirectToHttps and protocol is not ListenerProtocol.HTTP:
        place.at("redirectToHttps").error("MC012", f"`redirectToHttps` at a listener of protocol {protocol}, expected http")
    if shape.maxRequestBody is not None and protocol in (ListenerProtocol.TLS, ListenerProtocol.TCP):
        place.at("maxRequestBody").error("MC011", f"'maxRequestBody' has no meaning here: protocol {protocol} shows no requests")
    if protocol is ListenerProtocol.TCP and hosts != ("*",):
        place.at("hosts").error(
            "MC012", "hosts at a listener of protocol tcp, where no host is ever seen", "use another port for each service"
        )
    return Listener(
        name=name,
        port=shape.port,
        target_port=shape.targetPort or shape.port,
        protocol=protocol,
        hosts=hosts,
        tls=None if shape.tls is None else _listener_tls(shape.tls, place.at("tls"), names, read_file),
        redirect_to_https=shape.redirectToHttps,
        max_request_body=None if shape.maxRequestBody is None else size_bytes(shape.maxRequestBody),
        origin=place.origin,
    )


def _listener_tls(shape: ListenerTlsShape, place: Place, names: Names, read_file: ReadFile) -> ListenerTls | None:
    if shape.minVersion > shape.maxVersion:
        place.error("MC012", f"TLS from {shape.minVersion} to {shape.maxVersion}, expected minVersion <= maxVersion")
    ca = None
    if shape.clientCertificates is not None:
        ca = read_pem(shape.clientCertificates.ca.file, place.at("clientCertificates", "ca", "file"), read_file)
    certificate = names.find("certificate", shape.certificate, place.at("certificate"))
    if certificate is None:
        return None
    return ListenerTls(certificate, shape.minVersion, shape.maxVersion, ca and ca[0], ca and ca[1], place.origin)


def conflicts(gateways: Iterable[tuple[Gateway, Place]]) -> None:
    """Listeners that one workload can't have together: on one port, another protocol or the same host."""
    by_port: dict[tuple[GatewayWorkload, int], list[tuple[Listener, Place]]] = {}
    for owner, place in gateways:
        for listener in owner.listeners:
            by_port.setdefault((owner.workload, listener.port), []).append((listener, place.at("listeners", listener.name)))
    for listeners in by_port.values():
        for index, (listener, place) in enumerate(listeners):
            for other, _ in listeners[:index]:
                related = (other.origin, "the other listener")
                if other.protocol is not listener.protocol:
                    message = (
                        f"port {listener.port} has protocol {other.protocol} at {other.name!r} and {listener.protocol} here, expected one"
                    )
                    place.error("MC119", message, None, related)
                elif shared := sorted(set(other.hosts) & set(listener.hosts)):
                    message = f"{one_of(shared)} on port {listener.port} is {other.name!r}'s already, expected one owner"
                    place.error("MC119", message, None, related)


_FROM: Final = ("mesh-ca", "file", "secret", "cert-manager")


def certificate(name: Name, shape: CertificateShape, place: Place, used_for: Iterable[str], read_file: ReadFile) -> Certificate | None:
    """A certificate; its hosts are those of the listeners that use it where none are written."""
    at = place.at("from")
    keys = {key: getattr(shape.from_, key.replace("-", "_")) for key in _FROM}
    key = only_key(keys, at, "`from`")
    if key is None:
        return None
    hosts = {host.lower() for host in shape.hosts} if shape.hosts is not None else set(used_for)
    return _certificate(name, shape.from_, CertificateSource(key), hosts=tuple(sorted(hosts)), place=place, read_file=read_file)


def _certificate(
    name: Name, shape: CertificateFromShape, kind: CertificateSource, *, hosts: tuple[str, ...], place: Place, read_file: ReadFile
) -> Certificate:
    at = place.at("from")
    manager, file, mesh_ca = shape.cert_manager, shape.file, shape.mesh_ca
    secret = shape.secret if manager is None else (manager.secret or name.name)
    timed = manager or mesh_ca
    read = None if file is None else read_pem(file.certificate, at.at("file", "certificate"), read_file)
    if file is not None and not file.key.startswith("/"):
        at.at("file", "key").error(
            "MC012", f"key {file.key!r}, expected an absolute path on the target host: keys never lie beside the spec"
        )
    return Certificate(
        name=name,
        source=kind,
        hosts=hosts,
        secret=secret,
        file=read and read[0],
        chain_pem=read and read[1],
        key_file=None if file is None else file.key,
        issuer=None if manager is None else manager.issuer,
        issuer_kind="ClusterIssuer" if manager is None else manager.kind,
        duration_ms=duration_ms(timed.duration) if timed is not None and timed.duration is not None else None,
        renew_before_ms=duration_ms(manager.renewBefore) if manager is not None and manager.renewBefore is not None else None,
        origin=place.origin,
    )


def hosts_by_certificate(gateways: Iterable[Gateway]) -> Mapping[Name, set[str]]:
    """Which hosts each certificate is used for."""
    found: dict[Name, set[str]] = {}
    for one in gateways:
        for listener in one.listeners:
            if listener.tls is not None:
                found.setdefault(listener.tls.certificate, set()).update(listener.hosts)
    return found
