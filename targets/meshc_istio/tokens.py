"""When a refusal is 401 instead of 403: bad tokens, and requests that nothing but a missing token refuses (L9)."""

from collections.abc import Iterator
from typing import Any, Final

from meshc.access import Grant
from meshc.model import JwtProvider
from meshc_istio import rbac
from meshc_istio.authorization_policy import DENY_NAME, policy_name
from meshc_istio.check_point import CheckPoint
from meshc_istio.normalize_lua import restore_filter

_CEL: Final = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"


def token_filters(point: CheckPoint) -> list[dict[str, Any]]:
    """The filters that stand between tokens and policies, in order: what `unauthenticated` reads, and the header given back."""
    shadows = [
        rbac.shadow_filter(f"meshc.token.{number}.{what}", _prefix(point, number, what), policies)
        for number, provider in enumerate(point.providers)
        for what, policies in _policies(point, provider)
    ]
    return [restore_filter(), *shadows]


def unauthenticated_mapper(point: CheckPoint) -> dict[str, Any]:
    """How local replies become 401 where the law says so."""
    challenge = {"header": {"key": "www-authenticate", "value": "Bearer"}, "append_action": "ADD_IF_ABSENT"}
    return {**reply_mapper(_expression(point), 401), "headers_to_add": [challenge]}


def reply_mapper(expression: str, status: int) -> dict[str, Any]:
    """How local replies of which the expression (CEL) holds get another status."""
    typed = {"@type": _CEL, "expression": expression}
    return {
        "filter": {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": typed}},
        "status_code": status,
    }


def _expression(point: CheckPoint) -> str:
    details = "response.code_details"
    refused = f"{details}.startsWith('rbac_access_denied') && !{details}.contains('-policy[{policy_name(point, DENY_NAME)}]')"
    saved = " || ".join(_saved(point))
    return f"{details}.startsWith('jwt_authn_access_denied') || ({refused} && ({saved}))"


def _saved(point: CheckPoint) -> Iterator[str]:
    """For each provider: a token of it would let the request pass."""
    for number, provider in enumerate(point.providers):
        bits = {what: _bit(point, number, what) for what, _ in _policies(point, provider)}
        yield f"({bits['would']} == 'allowed'" + (f" && {bits['other']} != 'allowed')" if "other" in bits else ")")


def _bit(point: CheckPoint, number: int, what: str) -> str:
    return f"metadata.filter_metadata['{rbac.METADATA}']['{_prefix(point, number, what)}shadow_engine_result']"


def _prefix(point: CheckPoint, number: int, what: str) -> str:
    return f"meshc_{point.filter_id}_{what}_{number}_"


def _policies(point: CheckPoint, provider: JwtProvider) -> Iterator[tuple[str, dict[str, Any]]]:
    """`would`: without a token of the provider, and let in if it had one. `other`: another provider's token is required too."""
    checks = point.checks
    lacking = {"not_id": rbac.holds_token_of(provider)}
    demanding = [grant for grant in checks.require if _asks_for(grant, provider)]
    admitting = demanding if checks.open else [grant for grant in checks.allow if _asks_for(grant, provider)]
    ways: list[tuple[Grant, ...]] = [(grant,) for grant in admitting]
    if not checks.open:
        # What asks for no token is refused for want of one only where a token is required.
        ways += [(grant, need) for grant in checks.allow if grant.pattern.jwt is None for need in demanding]
    yield "would", _numbered(point, ways, [lacking])
    others = [grant for grant in checks.require if not _asks_for(grant, provider)]
    if others:
        yield "other", _numbered(point, [(grant,) for grant in others], [])


def _asks_for(grant: Grant, provider: JwtProvider) -> bool:
    return grant.pattern.jwt is not None and grant.pattern.jwt.provider == provider.name


def _numbered(point: CheckPoint, ways: list[tuple[Grant, ...]], more: list[dict[str, Any]]) -> dict[str, Any]:
    concerned = [way for way in ways if all(point.target_ports(grant.pattern.ports, http=True) for grant in way)]
    return {f"{number:04d}": _selecting(point, way, more) for number, way in enumerate(concerned)}


def _selecting(point: CheckPoint, way: tuple[Grant, ...], more: list[dict[str, Any]]) -> dict[str, Any]:
    """All keys but the tokens of entries that must all be met."""
    asked = [permission for grant in way for permission in _permissions(point, grant)]
    asking = [principal for grant in way for principal in rbac.principals(point.mesh, grant.pattern.sources)]
    return rbac.policy(asked, [*asking, *more])


def _permissions(point: CheckPoint, grant: Grant) -> Iterator[dict[str, Any]]:
    yield from rbac.permissions(grant.pattern, point.target_ports(grant.pattern.ports, http=True))
    for pattern in grant.also:
        yield from rbac.permissions(pattern)
