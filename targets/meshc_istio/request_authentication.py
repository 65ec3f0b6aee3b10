"""Whose tokens a check point reads, and where they stand in a request (L9)."""

from typing import Any

from meshc.model import JwtProvider
from meshc_istio.check_point import CheckPoint
from meshc_istio.objects import SECURITY, Object, Wave


def request_authentication(point: CheckPoint) -> Object:
    """Return the RequestAuthentication of a check point that names providers."""
    spec = {
        "selector": {"matchLabels": dict(sorted(point.selector))},
        "jwtRules": [_jwt_rule(provider) for provider in point.providers],
    }
    return Object(SECURITY, "RequestAuthentication", point.name, point.namespace, spec, point.origin, Wave.ACCESS)


def _jwt_rule(provider: JwtProvider) -> dict[str, Any]:
    keys = {"jwks": provider.jwks} if provider.jwks is not None else {"jwksUri": provider.jwks_uri}
    return {
        "issuer": provider.issuer,
        **({"audiences": list(provider.audiences)} if provider.audiences else {}),
        **keys,
        # Without `fromHeaders` a token in the query would count too.
        "fromHeaders": [{"name": "Authorization", "prefix": "Bearer "}],
        "forwardOriginalToken": True,
    }
