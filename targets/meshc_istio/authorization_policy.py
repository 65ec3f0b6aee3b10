"""A check point as AuthorizationPolicies: deny, require as what lacks the token, and allow (L9, L10)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, assert_never

from meshc import access
from meshc.access import Grant
from meshc.diagnostics import Origin
from meshc.model import JwtMatch, Mesh, Pattern, Source, SourceKind
from meshc_istio import conditions
from meshc_istio.check_point import CheckPoint
from meshc_istio.conditions import Conditions
from meshc_istio.names import object_name
from meshc_istio.objects import SECURITY, Object, Wave

Rule = dict[str, Any]

DENY_NAME: Final = "deny"
"""It sorts before the other two: of several policies that refuse a request Envoy names the first, and what it names decides 401 or 403."""
REQUIRE_NAME: Final = "require"
TOKEN_DENY_NAME: Final = "token-deny"  # noqa: S105 - a policy's name
_ISSUER: Final = "request.auth.claims[iss]"


def authorization_policies(point: CheckPoint, bits: Conditions) -> Iterator[Object]:
    """The policies of a check point; `bits` collects what they need from filters."""
    checks = point.checks
    denials = {
        DENY_NAME: [grant for grant in checks.deny if grant.pattern.jwt is None],
        TOKEN_DENY_NAME: [grant for grant in checks.deny if grant.pattern.jwt is not None],
    }
    for name, grants in denials.items():
        rules = [rule for grant in grants for rule in _rules(point, bits, grant, _holding(point, grant.pattern.jwt))]
        if rules:
            yield _policy(point, name, "DENY", rules, grants[0].origin)
    rules = [rule for grant in checks.require for lack in _lacking(point, grant.pattern.jwt) for rule in _rules(point, bits, grant, [lack])]
    if rules:
        yield _policy(point, REQUIRE_NAME, "DENY", rules, checks.require[0].origin)
    if not checks.open:
        rules = [rule for grant in checks.allow for rule in _rules(point, bits, grant, _holding(point, grant.pattern.jwt))]
        yield _policy(point, "allow", "ALLOW", rules, checks.base_origin or point.origin)


def policy_name(point: CheckPoint, name: str) -> str:
    """The name of one of a check point's policies."""
    return object_name(point.name, name)


def _policy(point: CheckPoint, name: str, action: str, rules: list[Rule], origin: Origin) -> Object:
    """Without rules an ALLOW allows nothing, and still locks."""
    spec: dict[str, Any] = {"selector": {"matchLabels": dict(sorted(point.selector))}, "action": action}
    if rules:
        spec["rules"] = list({repr(rule): rule for rule in rules}.values())
    wave = Wave.ALLOW if action == "ALLOW" else Wave.DENY
    return Object(SECURITY, "AuthorizationPolicy", policy_name(point, name), point.namespace, spec, origin, wave)


def _rules(point: CheckPoint, bits: Conditions, grant: Grant, token: list[Rule]) -> Iterator[Rule]:
    """The rule of an entry, or none where it matches nothing. A deny with HTTP keys alone would close TCP ports, so ports are written."""
    pattern = grant.pattern
    ports = point.target_ports(pattern.ports, http=pattern.has_http_keys or bool(token) or bool(grant.also))
    if () in (pattern.sources, pattern.hosts, pattern.methods, pattern.paths) or not ports:
        return
    plain, when = bits.of(grant)
    when = [*({"key": f"request.headers[{field.name}]", "values": _values(field.any_of)} for field in plain.headers), *when, *token]
    rule: Rule = {}
    if sources := _sources(point.mesh, plain.sources):
        rule["from"] = sources
    if operation := _operation(plain, ports):
        rule["to"] = [{"operation": operation}]
    if when:
        rule["when"] = when
    yield rule


def _operation(pattern: Pattern, ports: Iterable[int]) -> Rule:
    operation: Rule = {"ports": numbers} if (numbers := [str(port) for port in ports]) else {}
    if pattern.hosts is not None:
        operation["hosts"] = [spelled for host in pattern.hosts for spelled in (host, f"{host}:*")]
    if pattern.methods is not None:
        operation["methods"] = list(pattern.methods)
    if pattern.paths is not None:
        operation["paths"] = list(dict.fromkeys(text for path in pattern.paths for text in conditions.plain_path(path) or ()))
    return operation


def _values(any_of: Iterable[Any]) -> list[str]:
    return [text for text in map(conditions.plain_value, any_of) if text is not None]


# --- who ------------------------------------------------------------------------------------------------------------------------


def _sources(mesh: Mesh, sources: tuple[Source, ...] | None) -> list[Rule]:
    """The `from` of a rule; none where everyone is meant."""
    if sources is None or any(source.kind is SourceKind.EVERYONE for source in sources):
        return []
    names = sorted({name for source in sources for name in _principals(mesh, source)})
    cidrs = sorted({cidr for source in sources for cidr in source.cidrs})
    found: list[Rule] = [{"source": {"principals": names}}] if names else []
    if cidrs:
        found.append({"source": {"remoteIpBlocks": cidrs}})
    if any(source.kind is SourceKind.PLAINTEXT for source in sources):
        found.append({"source": {"notPrincipals": ["*"]}})
    return found


def _principals(mesh: Mesh, source: Source) -> tuple[str, ...]:
    match source.kind:
        case SourceKind.SERVICE | SourceKind.GATEWAY | SourceKind.IDENTITY:
            return tuple(identity.removeprefix("spiffe://") for identity in access.identities_of(mesh, source))
        case SourceKind.NAMESPACE:
            # Not `namespaces`, which holds for that namespace of any trust domain.
            return (f"{mesh.trust_domain}/ns/{source.value}/sa/*",)
        case SourceKind.MTLS:
            return ("*",)
        case SourceKind.PLAINTEXT | SourceKind.CIDR | SourceKind.EVERYONE:
            return ()
        case SourceKind.CALLERS | SourceKind.CALLERS_IN:
            raise AssertionError("checks hold `callers` as the services they stand for")
        case _:
            assert_never(source.kind)


# --- tokens ---------------------------------------------------------------------------------------------------------------------


def _holding(point: CheckPoint, jwt: JwtMatch | None) -> list[Rule]:
    """Conditions that all hold for a valid token of the provider with the claims."""
    if jwt is None:
        return []
    claims = ({"key": _claim(claim.path), "values": list(claim.values)} for claim in jwt.claims)
    return [{"key": _ISSUER, "values": [point.provider(jwt.provider).issuer]}, *claims]


def _lacking(point: CheckPoint, jwt: JwtMatch | None) -> Iterator[Rule]:
    """Conditions one of which holds where that token is not there."""
    if jwt is not None:
        yield {"key": _ISSUER, "notValues": [point.provider(jwt.provider).issuer]}
        for claim in jwt.claims:
            yield {"key": _claim(claim.path), "notValues": list(claim.values)}


def _claim(path: tuple[str, ...]) -> str:
    return "request.auth.claims" + "".join(f"[{step}]" for step in path)
