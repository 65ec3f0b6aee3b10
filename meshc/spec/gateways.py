"""How gateways and their certificates are written."""

from typing import Annotated, Literal

from pydantic import Field, StrictStr

from meshc.spec.services import FileShape, RateLimitShape
from meshc.spec.shapes import (
    Count,
    DnsLabel,
    Duration,
    Flag,
    HostPattern,
    Identity,
    Labels,
    OneKey,
    OneOrMany,
    PortNumber,
    Reference,
    Shape,
    Short,
    ShortMap,
    Size,
    ThingName,
)


class WorkloadShape(Shape):
    """The pods that play the gateway."""

    namespace: DnsLabel = "istio-ingress"
    """Their namespace."""
    selector: Labels = {"istio": "ingressgateway"}
    """Their labels."""
    identity: Identity = "istio-ingressgateway"
    """Their service account."""


class ClientCertificatesShape(Shape):
    """Clients must show a certificate."""

    ca: FileShape
    """The authority, a PEM file."""


class ListenerTlsShape(Shape):
    """TLS that ends at the listener."""

    certificate: Reference
    """A certificate of `certificates`."""
    minVersion: Literal["1.2", "1.3"] = "1.2"
    """The floor."""
    maxVersion: Literal["1.2", "1.3"] = "1.3"
    """The top."""
    clientCertificates: ClientCertificatesShape | None = None
    """Clients must show a certificate."""


class ListenerShape(Shape):
    """A port of a gateway."""

    port: PortNumber
    """The port that clients see."""
    targetPort: PortNumber | None = None
    """The port that the gateway's pods listen on. Default: `port`."""
    protocol: Literal["http", "https", "tls", "tcp"] | None = None
    """`tls` is passed through by SNI. Default: https where `tls` stands, else http."""
    hosts: Annotated[list[HostPattern], OneOrMany()] = Field(default=["*"], min_length=1)
    """The hosts it owns. Default: all."""
    tls: Annotated[ListenerTlsShape | None, Short("certificate")] = None
    """TLS ends here."""
    redirectToHttps: Flag = False
    """Answers 301 to https."""
    maxRequestBody: Size | None = None
    """Above it 413. Absent: no limit."""


class GatewayShape(Shape):
    """Where outside traffic enters."""

    workload: WorkloadShape = Field(default_factory=WorkloadShape)
    """The pods that play it."""
    tenancy: Literal["own", "shared"] = "own"
    """Whose its pods are. `shared`: hosts of others live on them too, and only this mesh's are touched."""
    trustedHops: Count = 0
    """Proxies in front whose X-Forwarded-For is believed."""
    listeners: dict[ThingName, Annotated[ListenerShape, Short("port")]] = Field(min_length=1)
    """Its ports."""
    rateLimits: Annotated[list[RateLimitShape], OneOrMany()] = []
    """Limits at the gateway."""


class CertManagerShape(Shape):
    """cert-manager makes it."""

    issuer: StrictStr
    """The issuer's name."""
    kind: Literal["Issuer", "ClusterIssuer"] = "ClusterIssuer"
    """The issuer's kind."""
    secret: ThingName | None = None
    """The Secret it is kept in. Default: the certificate's name."""
    duration: Duration | None = None
    """How long it holds."""
    renewBefore: Duration | None = None
    """How long before its end it is renewed."""


class CertificateFileShape(Shape):
    """It lies in files."""

    certificate: StrictStr
    """The chain, PEM, beside the spec."""
    key: StrictStr
    """The key's path on the target host; meshc never reads it."""


class MeshCaShape(Shape):
    """The mesh's own authority makes it (`meshc certs`)."""

    duration: Duration | None = None
    """How long it holds."""


class CertificateFromShape(OneKey):
    """Where it comes from: exactly one key."""

    mesh_ca: MeshCaShape | None = Field(default=None, alias="mesh-ca")
    """The mesh's own authority."""
    file: CertificateFileShape | None = None
    """Files."""
    secret: ThingName | None = None
    """A Secret in the gateway workload's namespace."""
    cert_manager: Annotated[CertManagerShape | None, Short("issuer")] = Field(default=None, alias="cert-manager")
    """cert-manager."""


class CertificateShape(Shape):
    """A gateway's certificate."""

    from_: Annotated[CertificateFromShape, ShortMap({"mesh-ca": {}})] = Field(alias="from")
    """Where it comes from."""
    hosts: Annotated[list[HostPattern] | None, OneOrMany()] = Field(default=None, min_length=1)
    """The names it covers. Default: the hosts of the listeners that use it."""
