"""Gateways, their listeners and certificates."""

from dataclasses import dataclass
from enum import StrEnum

from meshc.diagnostics import Origin
from meshc.model.names import Name
from meshc.model.services import RateLimit


class ListenerProtocol(StrEnum):
    """What a listener does with a connection."""

    HTTP = "http"
    HTTPS = "https"  # TLS ends here
    TLS = "tls"  # passed through by SNI
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """TLS that ends at a listener. `client_ca_file` set: client certificates of that CA are required."""

    certificate: Name
    min_version: str  # "1.2" | "1.3"
    max_version: str
    client_ca_file: str | None
    client_ca_pem: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Listener:
    """
    A port of a gateway and the hosts it owns; `("*",)` where none are written.

    `port` is the one that clients see, `target_port` the one that the gateway's pods listen on.
    """

    name: str
    port: int
    target_port: int
    protocol: ListenerProtocol
    hosts: tuple[str, ...]
    tls: ListenerTls | None
    redirect_to_https: bool
    max_request_body: int | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class GatewayWorkload:
    """The pods that play the gateway."""

    namespace: str
    selector: tuple[tuple[str, str], ...]
    identity: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where outside traffic enters."""

    name: Name
    workload: GatewayWorkload
    tenancy: str  # own | shared: hosts of others live on its pods too
    trusted_hops: int
    listeners: tuple[Listener, ...]
    rate_limits: tuple[RateLimit, ...]
    origin: Origin

    def listener(self, name: str) -> Listener:
        """The listener of that name, which resolving has made sure of."""
        return next(listener for listener in self.listeners if listener.name == name)


class CertificateSource(StrEnum):
    """Where a certificate comes from."""

    MESH_CA = "mesh-ca"
    FILE = "file"
    SECRET = "secret"  # noqa: S105 - the word of the language, not a password
    CERT_MANAGER = "cert-manager"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server certificate for gateways. Fields beside `source` are of the source that has them."""

    name: Name
    source: CertificateSource
    hosts: tuple[str, ...]
    secret: str | None  # secret, cert-manager: the Secret's name
    file: str | None  # file: the chain, beside the spec
    chain_pem: str | None  # the text of `file`
    key_file: str | None  # file: the key's path on the target host
    issuer: str | None  # cert-manager
    issuer_kind: str  # cert-manager: Issuer | ClusterIssuer
    duration_ms: int | None  # cert-manager, mesh-ca
    renew_before_ms: int | None
    origin: Origin
