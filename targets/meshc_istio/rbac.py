"""Patterns as Envoy's own matchers: for what an AuthorizationPolicy has no words for (L4, L5, L9, L13)."""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias, assert_never

from meshc import access, paths, regex
from meshc.model import FieldMatch, JwtProvider, Mesh, Pattern, Source, SourceKind, ValueKind, ValueMatch
from meshc.paths import PathPattern
from meshc.regex.charset import complement, intersection
from meshc_istio.joined_lines import by_parts

Tree: TypeAlias = dict[str, Any]

RBAC: Final = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
METADATA: Final = "envoy.filters.http.rbac"
"""Where the filter leaves the result of shadow rules."""

ANY: Final[Tree] = {"any": True}
_AMPERSAND: Final = ord("&")
_JWT_METADATA: Final = "envoy.filters.http.jwt_authn"


def shadow_filter(name: str, prefix: str, policies: dict[str, Tree]) -> Tree:
    """A filter that refuses nothing and leaves `<prefix>shadow_engine_result: allowed` where one of the policies holds."""
    rules = {"action": "ALLOW", "policies": dict(sorted(policies.items()))}
    return {"name": name, "typed_config": {"@type": RBAC, "shadow_rules": rules, "shadow_rules_stat_prefix": prefix}}


def policy(permissions: list[Tree], principals: list[Tree]) -> Tree:
    """A policy in which all permissions and all principals hold."""
    return {"permissions": [_all(permissions, "and_rules", "rules")], "principals": [_all(principals, "and_ids", "ids")]}


def permissions(pattern: Pattern, ports: Iterable[int] = ()) -> list[Tree]:
    """What the pattern says of the request itself, but for who asks; all must hold."""
    found = [_any([{"destination_port": port} for port in ports])] if ports else []
    if pattern.hosts is not None:
        found.append(_any([_header(":authority", {"safe_regex": {"regex": host_regex(host)}}) for host in pattern.hosts]))
    if pattern.methods is not None:
        found.append(_any([_header(":method", {"exact": method}) for method in pattern.methods]))
    if pattern.paths is not None:
        found.append(_any([{"url_path": {"path": path_matcher(path)}} for path in pattern.paths]))
    found.extend(_any([_header_value(field.name, value) for value in field.any_of]) for field in map(by_parts, pattern.headers))
    found.extend(_any([_query_value(field, value) for value in field.any_of]) for field in pattern.query)
    return found


def principals(mesh: Mesh, sources: tuple[Source, ...] | None) -> list[Tree]:
    """Who asks: one of the sources."""
    if sources is None:
        return []
    return [_any([principal for source in sources for principal in _principals(mesh, source)], "or_ids", "ids")]


def holds_token_of(provider: JwtProvider) -> Tree:
    """Who has a valid token of that provider, which the token filter has checked."""
    path = [{"key": "payload"}, {"key": "iss"}]
    return {"metadata": {"filter": _JWT_METADATA, "path": path, "value": {"string_match": {"exact": provider.issuer}}}}


def host_regex(host: str) -> str:
    """A full match of the authorities of a host pattern, with or without a port."""
    if host == "*":
        return ".*"
    name = f"[^:]+{regex.escape(host[1:])}" if host.startswith("*") else regex.escape(host)
    return f"(?i){name}(?::[0-9]+)?"


def path_matcher(path: PathPattern) -> Tree:
    """A string matcher of the canonical spellings of the pattern's paths."""
    if (exact := paths.exact(path)) is not None:
        return {"exact": exact}
    return {"safe_regex": {"regex": paths.canonical_regex(path)}}


# --- fields ---------------------------------------------------------------------------------------------------------------------


def _header(name: str, string_match: Tree) -> Tree:
    return {"header": {"name": name, "string_match": string_match}}


def _header_value(name: str, match: ValueMatch) -> Tree:
    """A condition that one line, whole, satisfies; `absent` and `not` negate the whole, not one line (L13)."""
    match match.kind:
        case ValueKind.EXACT:
            return _header(name, {"exact": match.value})
        case ValueKind.PREFIX if match.value:
            return _header(name, {"prefix": match.value})
        case ValueKind.REGEX:
            return _header(name, {"safe_regex": {"regex": match.value}})
        case ValueKind.PRESENT | ValueKind.PREFIX:
            return {"header": {"name": name, "present_match": True}}
        case ValueKind.ABSENT:
            return {"not_rule": {"header": {"name": name, "present_match": True}}}
        case ValueKind.NOT:
            return {"not_rule": _any([_header_value(name, banned) for banned in match.none_of])}
        case _:
            assert_never(match.kind)


def _query_value(field: FieldMatch, match: ValueMatch) -> Tree:
    match match.kind:
        case ValueKind.EXACT:
            return _query(field.name, f"={regex.escape(match.value)}" if match.value else "=?")
        case ValueKind.PREFIX if match.value:
            return _query(field.name, f"={regex.escape(match.value)}[^&]*")
        case ValueKind.REGEX:
            matches_empty = regex.matcher(match.value).fullmatch("")
            return _query(field.name, f"(?:={_within_field(match.value)}){'?' if matches_empty else ''}")
        case ValueKind.PRESENT | ValueKind.PREFIX:
            return _query(field.name, "(?:=[^&]*)?")
        case ValueKind.ABSENT:
            return {"not_rule": _query(field.name, "(?:=[^&]*)?")}
        case ValueKind.NOT:
            return {"not_rule": _any([_query_value(field, banned) for banned in match.none_of])}
        case _:
            assert_never(match.kind)


def _query(name: str, rest: str) -> Tree:
    return _header(":path", {"safe_regex": {"regex": query_regex(name, rest)}})


def query_regex(name: str, rest: str) -> str:
    """A full match of targets whose first field of that name goes on with `rest`; RE2 has no look-ahead, so others are spelled out."""
    return rf"[^?]*\?(?:{_other_field(name)}&)*{regex.escape(name)}{rest}(?:&.*)?"


def _other_field(name: str) -> str:
    """Any field but one of that name: it leaves the name at some character, ends before its end, or goes on past it."""
    ways = [f"{regex.escape(name[:index])}(?:[^&{_in_class(letter)}][^&]*)?" for index, letter in enumerate(name)]
    ways.append(f"{regex.escape(name)}[^&=][^&]*")
    return f"(?:{'|'.join(ways)})"


def _in_class(letter: str) -> str:
    return f"\\{letter}" if letter in r"\]^-[" else letter


def _within_field(pattern: str) -> str:
    """The expression without the separator of fields: none of its characters may be an ampersand."""
    return regex.render(_without_ampersand(regex.parse(pattern)))


def _without_ampersand(node: regex.Node) -> regex.Node:
    match node:
        case regex.Chars(ranges):
            return regex.Chars(intersection(ranges, complement(((_AMPERSAND, _AMPERSAND),))))
        case regex.Concat(parts):
            return regex.Concat(tuple(_without_ampersand(part) for part in parts))
        case regex.Alternation(options):
            return regex.Alternation(tuple(_without_ampersand(option) for option in options))
        case regex.Repeat(inner, low, high):
            return regex.Repeat(_without_ampersand(inner), low, high)
        case _:
            assert_never(node)


# --- who ------------------------------------------------------------------------------------------------------------------------


def _principals(mesh: Mesh, source: Source) -> list[Tree]:
    match source.kind:
        case SourceKind.SERVICE | SourceKind.GATEWAY | SourceKind.IDENTITY:
            return [_named({"exact": identity}) for identity in access.identities_of(mesh, source)]
        case SourceKind.NAMESPACE:
            return [_named({"prefix": f"spiffe://{mesh.trust_domain}/ns/{source.value}/sa/"})]
        case SourceKind.CIDR:
            return [{"remote_ip": cidr_range(cidr)} for cidr in source.cidrs]
        case SourceKind.MTLS:
            return [_named({"safe_regex": {"regex": ".+"}})]
        case SourceKind.PLAINTEXT:
            return [{"not_id": _named({"safe_regex": {"regex": ".+"}})}]
        case SourceKind.EVERYONE:
            return [ANY]
        case SourceKind.CALLERS | SourceKind.CALLERS_IN:
            raise AssertionError("checks hold `callers` as the services they stand for")
        case _:
            assert_never(source.kind)


def _named(string_match: Tree) -> Tree:
    return {"authenticated": {"principal_name": string_match}}


def cidr_range(cidr: str) -> Tree:
    """A range of addresses as Envoy writes it."""
    address, _, length = cidr.partition("/")
    return {"address_prefix": address, "prefix_len": int(length) if length else (128 if ":" in address else 32)}


# --- trees ----------------------------------------------------------------------------------------------------------------------


def _all(trees: list[Tree], key: str, inner: str) -> Tree:
    if not trees:
        return ANY
    return trees[0] if len(trees) == 1 else {key: {inner: trees}}


def _any(trees: list[Tree], key: str = "or_rules", inner: str = "rules") -> Tree:
    """One of them; none at all holds never."""
    negate = "not_rule" if key == "or_rules" else "not_id"
    if not trees:
        return {negate: ANY}
    return trees[0] if len(trees) == 1 else {key: {inner: trees}}
