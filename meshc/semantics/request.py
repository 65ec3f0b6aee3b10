"""What is asked: a request as it is sent, who sends it, and where to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from meshc.model import Name


class RequestError(ValueError):
    """A request that cannot be asked of this mesh, such as to a service that it does not have; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Outside:
    """
    A client outside the mesh, through a gateway.

    Without `listener` and `scheme` the TLS listener that owns the host is meant, else the plain one (L8). `sni` None is the host, empty is
    none sent. `ip` is the peer's address.
    """

    gateway: Name
    listener: str | None = None
    scheme: str | None = None  # http: the plain listener, https: the TLS one
    sni: str | None = None
    ip: str = "203.0.113.1"
    client_certificate: bool = False  # of the CA that the listener asks for


@dataclass(frozen=True, slots=True)
class Workload:
    """A service of the mesh as a caller; one without a proxy calls in plaintext."""

    name: Name
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller with a proxy that the spec does not have: its proxy knows all internal services."""

    spiffe: str


@dataclass(frozen=True, slots=True)
class Plaintext:
    """A caller without certificate and proxy: it goes straight to the service."""


Client: TypeAlias = Outside | Workload | Identity | Plaintext


@dataclass(frozen=True, slots=True)
class Token:
    """
    What is known of the token in `Authorization`: whose it is (None: no provider of the mesh), and whether it verifies.

    `audience`: whether it is meant for the mesh. A token that is only meant for others is not `valid`, and engines answer it in two ways.
    """

    provider: Name | None
    claims: Mapping[str, Any]
    valid: bool = True
    audience: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request as it is sent.

    `host` are the raw values of its Host lines; None is what a client that calls `to` would send. Inside the mesh the Host says which
    service is asked, `to` only where there is none. `port` is a port's name or number. A `token` without an Authorization line implies one.
    """

    client: Client
    method: str = "GET"
    target: str = "/"
    host: tuple[str, ...] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    to: Name | None = None
    port: str | int | None = None
    token: Token | None = None
