"""Whether a request lies in a pattern, key by key; who a source is (L6, L9, L10, L13)."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any, assert_never

from meshc import access, paths, regex, space
from meshc.model import ClaimMatch, FieldMatch, JwtMatch, Mesh, Pattern, Source, SourceKind, ValueKind, ValueMatch
from meshc.paths import PathPattern
from meshc.semantics.message import Message
from meshc.semantics.request import Token


def selects(mesh: Mesh, pattern: Pattern, message: Message, port: str | None, *, deny: bool = False) -> bool:
    """Whether all keys of a check's pattern but `jwt` hold; keys of HTTP never do on other ports. A `deny` reads `not` its own way."""
    if pattern.has_http_keys and not message.http:
        return False
    return (pattern.sources is None or any(_is_peer(mesh, source, message) for source in pattern.sources)) and _holds(
        pattern, message, port, deny=deny
    )


def takes(pattern: Pattern, message: Message, port: str | None) -> bool:
    """Whether a route's match holds: its `from` is the caller whose proxy tries the rule."""
    return (pattern.sources is None or any(_is_caller(source, message) for source in pattern.sources)) and _holds(
        pattern, message, port, deny=False
    )


def taken_path(pattern: Pattern, message: Message) -> PathPattern:
    """The path pattern by which a match took the request: the longest that takes it (L7)."""
    if pattern.paths is None:
        return paths.ALL_PATHS
    return next(path for path in paths.longest_first(pattern.paths) if path_holds(path, message))


def path_holds(path: PathPattern, message: Message) -> bool:
    """Whether the pattern takes the request's path, by its segments or by their spelling."""
    return paths.matches_spelling(path, message.segments) if message.spelled else paths.matches(path, message.segments)


def _holds(pattern: Pattern, message: Message, port: str | None, *, deny: bool) -> bool:
    return (
        (pattern.ports is None or port is None or port in pattern.ports)
        and (pattern.hosts is None or any(space.host_covers(host, message.host) for host in pattern.hosts))
        and (pattern.methods is None or message.method in pattern.methods)
        and (pattern.paths is None or any(path_holds(path, message) for path in pattern.paths))
        and all(field_holds(field, message.lines(field.name), deny=deny) for field in pattern.headers)
        and all(field_holds(field, query_values(message.query, field.name), deny=deny) for field in pattern.query)
    )


def field_holds(field: FieldMatch, lines: tuple[str, ...], *, deny: bool = False) -> bool:
    """Whether one of a field's conditions holds; in a deny `not` holds if any line fails it, or none is there (L9)."""
    return any(_value_holds(condition, lines, deny=deny) for condition in field.any_of)


def _value_holds(condition: ValueMatch, lines: tuple[str, ...], *, deny: bool) -> bool:
    match condition.kind:
        case ValueKind.EXACT:
            return condition.value in lines
        case ValueKind.PREFIX:
            return any(line.startswith(condition.value) for line in lines)
        case ValueKind.REGEX:
            return any(regex.matcher(condition.value).fullmatch(line) for line in lines)
        case ValueKind.PRESENT:
            return bool(lines)
        case ValueKind.ABSENT:
            return not lines
        case ValueKind.NOT:
            each = [(line,) for line in lines] if deny and lines else [lines]
            return any(not any(_value_holds(banned, some, deny=deny) for banned in condition.none_of) for some in each)
        case _:
            assert_never(condition.kind)


def query_values(query: str | None, name: str) -> tuple[str, ...]:
    """The first field of that name, undecoded (L13)."""
    for part in (query or "").split("&"):
        field, _, value = part.partition("=")
        if field == name and part:
            return (value,)
    return ()


def _is_caller(source: Source, message: Message) -> bool:
    match source.kind:
        case SourceKind.SERVICE:
            return message.service is not None and source.name == message.service
        case SourceKind.NAMESPACE:
            return message.namespace is not None and source.value == message.namespace
        case SourceKind.EVERYONE:
            return True
        case _:
            return False


def _is_peer(mesh: Mesh, source: Source, message: Message) -> bool:
    match source.kind:
        case SourceKind.SERVICE | SourceKind.GATEWAY | SourceKind.IDENTITY:
            return message.identity is not None and message.identity in access.identities_of(mesh, source)
        case SourceKind.NAMESPACE:
            return message.identity is not None and message.identity.startswith(f"spiffe://{mesh.trust_domain}/ns/{source.value}/sa/")
        case SourceKind.CIDR:
            return message.address is not None and any(ip_address(message.address) in ip_network(cidr) for cidr in source.cidrs)
        case SourceKind.MTLS:
            return message.identity is not None
        case SourceKind.PLAINTEXT:
            return message.identity is None
        case SourceKind.EVERYONE:
            return True
        case SourceKind.CALLERS | SourceKind.CALLERS_IN:
            raise AssertionError("checks hold `callers` as the services they stand for")
        case _:
            assert_never(source.kind)


def token_holds(jwt: JwtMatch, token: Token | None) -> bool:
    """Whether a valid token of the provider with all the claims is there."""
    return (
        token is not None
        and token.valid
        and token.provider == jwt.provider
        and all(claim_holds(claim, token.claims) for claim in jwt.claims)
    )


def claim_holds(claim: ClaimMatch, claims: Any) -> bool:  # noqa: ANN401 - a JSON tree
    """Whether a claim has one of the values: a string equals, a list of strings contains, `scope` is split at spaces (L9)."""
    found = claims
    for step in claim.path:
        if not isinstance(found, Mapping) or step not in found:
            return False
        found = found[step]
    if isinstance(found, str):
        return any(value in (found.split(" ") if claim.path == ("scope",) else [found]) for value in claim.values)
    return isinstance(found, list) and any(isinstance(item, str) and item in claim.values for item in found)
