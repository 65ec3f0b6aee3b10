"""How policies and token providers are written: who may reach what."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictStr, model_validator

from meshc.spec.pattern import PatternShape
from meshc.spec.shapes import OneKey, OneOrMany, Reference, Shape, lacking


class PolicyShape(Shape):
    """Access to services or gateways of its namespace: deny beats require beats allow."""

    services: Annotated[list[Reference], OneOrMany()] = Field(default=[], examples=[["users"], ["all"]])
    """Services of this namespace, or `all` of them that have a proxy."""
    gateways: Annotated[list[Reference], OneOrMany()] = []
    """Gateways of this namespace."""
    allow: Annotated[list[PatternShape] | None, OneOrMany()] = None
    """Requests that are let in, added to the base. `[]` selects, as every `allow` does, and lets nobody in."""
    require: Annotated[list[PatternShape], OneOrMany()] = []
    """`jwt` is the condition, the other keys select; every selected entry must hold."""
    deny: Annotated[list[PatternShape], OneOrMany()] = []
    """Requests that are refused."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["services"]}, {"required": ["gateways"]}]})

    @model_validator(mode="after")
    def _selects(self) -> Self:
        if not self.model_fields_set & {"services", "gateways"}:
            raise lacking("services", "expected whom it guards: `services` or `gateways`")
        return self


class JwksShape(OneKey):
    """The keys that tokens are signed with: exactly one key."""

    file: StrictStr | None = None
    """A JWKS file beside the spec."""
    uri: StrictStr | None = None
    """Where the proxy fetches it."""


class JwtProviderShape(Shape):
    """Signed tokens."""

    issuer: StrictStr
    """The `iss` of its tokens."""
    audiences: Annotated[list[StrictStr], OneOrMany()] = []
    """One of them must be in `aud`. Default: any."""
    jwks: JwksShape
    """The keys."""


class ProviderShape(Shape):
    """Who vouches for end users."""

    jwt: JwtProviderShape
    """Signed tokens."""
