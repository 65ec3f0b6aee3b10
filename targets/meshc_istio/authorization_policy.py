"""A check point as AuthorizationPolicies: one that denies, for deny and require, and one that allows (L9, L10)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, assert_never

from meshc import access
from meshc.access import Grant
from meshc.diagnostics import Origin
from meshc.model import JwtMatch, Mesh, Pattern, Source, SourceKind
from meshc.paths import PathPattern
from meshc_istio import dot_segments, wording
from meshc_istio.check_point import CheckPoint, takes_plaintext
from meshc_istio.filters.conditions import Conditions
from meshc_istio.names import object_name
from meshc_istio.objects import SECURITY, Object, Wave

Rule = dict[str, Any]

_ISSUER: Final = "request.auth.claims[iss]"


def authorization_policies(point: CheckPoint, conditions: Conditions) -> Iterator[Object]:
    """Yield the policies of a check point; `conditions` collects what they need from filters."""
    checks = point.checks
    refused = [*_denials(point, conditions), *_lacks(point, conditions), *_dot_segments(point, conditions)]
    if refused:
        rules = [*refused, *_other_schemes(point), *_brackets(point)]
        yield _policy(point, "deny", "DENY", rules, next((grant.origin for grant in (*checks.deny, *checks.require)), point.origin))
    elif point.providers:
        rules = list(_other_schemes(point))
        yield _policy(point, "deny", "DENY", rules, point.origin)
    if not checks.open:
        rules = [rule for grant in checks.allow for rule in _admitting(point, conditions, grant)]
        yield _policy(point, None, "ALLOW", rules, _line_of_allow(point))


def _line_of_allow(point: CheckPoint) -> Origin:
    """The line that matters: a policy's, or what the service says itself; not what it takes over from the whole mesh."""
    said = [grant.origin for grant in point.checks.allow if grant.origin.path[:1] == ("policies",)]
    base = point.checks.base_origin
    own = [base] if base is not None and base.path[:1] != ("mesh",) else []
    return next(iter((*said, *own)), point.origin)


def _policy(point: CheckPoint, suffix: str | None, action: str, rules: list[Rule], origin: Origin) -> Object:
    """An ALLOW without rules lets nobody in, and is Istio's default action."""
    spec: dict[str, Any] = {"selector": {"matchLabels": dict(sorted(point.selector))}}
    if action != "ALLOW":
        spec["action"] = action
    if rules:
        spec["rules"] = _merged(rules)
    name = point.name if suffix is None else object_name(point.name, suffix)
    return Object(SECURITY, "AuthorizationPolicy", name, point.namespace, spec, origin, Wave.ACCESS)


def _merged(rules: Iterable[Rule]) -> list[Rule]:
    """The rules, those of callers that ask for the same as one."""
    found: dict[str, Rule] = {}
    for rule in rules:
        sources = rule.get("from", [])
        names = sources[0]["source"].get("principals") if len(sources) == 1 else None
        rest = {key: value for key, value in rule.items() if key != "from"}
        held = found.setdefault(repr((names is None and sources, rest)), {**({"from": sources} if sources else {}), **rest})
        if names is not None and held.get("from") != sources:
            together = sorted({*held["from"][0]["source"]["principals"], *names})
            held["from"] = [{"source": {"principals": together}}]
    return list(found.values())


# --- what is refused ------------------------------------------------------------------------------------------------------------


def _denials(point: CheckPoint, conditions: Conditions) -> Iterator[Rule]:
    for grant in point.checks.deny:
        yield from _refusing(point, conditions, grant, _holding(point, grant.pattern.jwt))


def _lacks(point: CheckPoint, conditions: Conditions) -> Iterator[Rule]:
    """The requests that `require` selects and that lack the token or one of its claims."""
    for grant in point.checks.require:
        for lack in _lacking(point, grant.pattern.jwt):
            yield from _refusing(point, conditions, grant, [lack])


def _refusing(point: CheckPoint, conditions: Conditions, grant: Grant, token: list[Rule]) -> Iterator[Rule]:
    pattern = grant.pattern
    worded = wording.split(pattern, closed=True)
    reads = pattern.has_http_keys or bool(token) or bool(grant.also)
    spared = point.spared_ports(pattern, http=reads)
    if spared is None or pattern.matches_nothing:
        return
    operation: Rule = {"notPorts": [str(port) for port in spared]} if spared else {}
    plain = worded.plain if worded.plain.hosts is not None else replace(worded.plain, hosts=point.own_hosts)
    yield _rule(point, plain, operation, [*conditions.of(grant, worded, closed=True), *token], closed=True)


def _dot_segments(point: CheckPoint, conditions: Conditions) -> Iterator[Rule]:
    """Dot segments with parameters of plaintext callers, whom no proxy of the mesh holds back."""
    if point.service is None or not takes_plaintext(point.service) or not dot_segments.are_compared(point.checks):
        return
    path = PathPattern((), below=False, regex=dot_segments.DECODED, text=dot_segments.DECODED)
    pattern = Pattern(point.origin, paths=(path,))
    grant = Grant(
        pattern, next((one.origin for one in (*point.checks.deny, *point.checks.require, *point.checks.allow)), point.origin), "paths"
    )
    yield from _refusing(point, conditions, grant, [])


def _other_schemes(point: CheckPoint) -> Iterator[Rule]:
    """A token is read wherever `Bearer ` stands in the field; only at its beginning does it count (L9)."""
    if point.providers:
        issuers = sorted({provider.issuer for provider in point.providers})
        when = [{"key": _ISSUER, "values": issuers}, {"key": "request.headers[authorization]", "notValues": ["Bearer *"]}]
        yield {**_only_http(point), "when": when}


def _brackets(point: CheckPoint) -> Iterator[Rule]:
    """Templates take no bracket, which no path may hold unescaped (RFC 3986), and which would so escape a deny."""
    patterns = [grant.pattern for grant in (*point.checks.deny, *point.checks.require)]
    if any(wording.needs_bracket_rule(path) for pattern in patterns for path in pattern.paths or ()):
        templates = {"paths": ["/*"], "notPaths": [f"/{wording.ANY_SEGMENTS}"]}
        (to,) = _only_http(point).get("to", [{"operation": {}}])
        hosts = [text for host in point.own_hosts or () for text in wording.host_strings(host, closed=True)]
        yield {"to": [{"operation": {**to["operation"], **({"hosts": hosts} if hosts else {}), **templates}}]}


def _only_http(point: CheckPoint) -> Rule:
    """What keeps a rule that reads requests from closing connections that show none."""
    return {"to": [{"operation": {"notPorts": list(map(str, point.other_ports))}}]} if point.other_ports else {}


# --- what is let in -------------------------------------------------------------------------------------------------------------


def _admitting(point: CheckPoint, conditions: Conditions, grant: Grant) -> Iterator[Rule]:
    pattern = grant.pattern
    ports = point.admitted_ports(pattern)
    if ports == () or pattern.matches_nothing:
        return
    worded = wording.split(pattern, closed=False)
    operation: Rule = {"ports": [str(port) for port in ports]} if ports else {}
    when = [*conditions.of(grant, worded, closed=False), *_holding(point, pattern.jwt)]
    yield _rule(point, worded.plain, operation, when, closed=False)


def _rule(point: CheckPoint, plain: Pattern, operation: Rule, when: list[Rule], *, closed: bool) -> Rule:
    if plain.hosts is not None:
        operation["hosts"] = [text for host in plain.hosts for text in wording.host_strings(host, closed=closed)]
    if plain.methods is not None:
        operation["methods"] = list(plain.methods)
    if plain.paths is not None and not any(map(wording.takes_all, plain.paths)):
        operation["paths"] = list(dict.fromkeys(text for path in plain.paths for text in wording.path_strings(path) or ()))
    headers = [one for field in plain.headers if (one := wording.field_condition(field, closed=closed)) is not None]
    rule: Rule = {}
    if sources := _sources(point.mesh, plain.sources):
        rule["from"] = sources
    if operation:
        rule["to"] = [{"operation": operation}]
    if headers or when:
        rule["when"] = [*headers, *when]
    return rule


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


def _claim(path: Iterable[str]) -> str:
    return "request.auth.claims" + "".join(f"[{step}]" for step in path)
