"""Policies and token providers."""

from dataclasses import dataclass

from meshc.diagnostics import Origin
from meshc.model.names import Name
from meshc.model.requests import Pattern


@dataclass(frozen=True, slots=True)
class JwtProvider:
    """Who signs tokens. Exactly one of `jwks` (JSON text) and `jwks_uri`."""

    name: Name
    issuer: str
    audiences: tuple[str, ...]
    jwks: str | None
    jwks_uri: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Policy:
    """Access to its own namespace's services and gateways; `all` is already expanded."""

    name: Name
    services: tuple[Name, ...]
    gateways: tuple[Name, ...]
    allow: tuple[Pattern, ...] | None  # None: none is written; empty: it selects and lets nobody in
    require: tuple[Pattern, ...]  # each with `jwt`, which is the condition; the other keys select
    deny: tuple[Pattern, ...]
    origin: Origin
