"""Patterns as Envoy's own matchers: for what an AuthorizationPolicy has no words for (L4, L5, L9, L13)."""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias, assert_never

from meshc import regex, spelling
from meshc.model import FieldMatch, Pattern, ValueKind, ValueMatch
from meshc.paths import PathPattern
from meshc.regex.charset import complement, intersection
from meshc_istio.complaints import Complain
from meshc_istio.http_match import anything_but
from meshc_istio.joined_lines import by_parts

Tree: TypeAlias = dict[str, Any]

RBAC: Final = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
METADATA: Final = "envoy.filters.http.rbac"
"""Where the filter leaves the result of shadow rules."""

ANY: Final[Tree] = {"any": True}
_AMPERSAND: Final = ord("&")
_PRESENT: Final = "(?:=[^&]*)?"


def shadow_filter(name: str, prefix: str, policies: dict[str, Tree]) -> Tree:
    """A filter that refuses nothing and leaves `<prefix>shadow_engine_result: allowed` where one of the policies holds."""
    rules = {"action": "ALLOW", "policies": dict(sorted(policies.items()))}
    return {"name": name, "typed_config": {"@type": RBAC, "shadow_rules": rules, "shadow_rules_stat_prefix": prefix}}


def policy(permissions: list[Tree]) -> Tree:
    """A policy in which all permissions hold, whoever asks."""
    return {"permissions": [_all(permissions)], "principals": [ANY]}


def permissions(pattern: Pattern, complain: Complain, *, closed: bool) -> list[Tree]:
    """Return what the pattern says of the request itself; all must hold. `closed`: it stands in what denies or requires."""
    found = []
    if pattern.hosts is not None:
        found.append(_any([header(":authority", {"safe_regex": {"regex": host_regex(host, closed=closed)}}) for host in pattern.hosts]))
    if pattern.methods is not None:
        found.append(_any([header(":method", {"exact": method}) for method in pattern.methods]))
    if pattern.paths is not None:
        found.append(_any([_path(path, closed=closed) for path in pattern.paths]))
    fields = Fields(complain, closed=closed)
    found.extend(_any([fields.header(field, value) for value in field.any_of]) for field in map(by_parts, pattern.headers))
    found.extend(_any([fields.query(field, value) for value in field.any_of]) for field in pattern.query)
    return found


def _path(path: PathPattern, *, closed: bool) -> Tree:
    taken = _url_path({"safe_regex": {"regex": spelling.expression(path, closed=closed)}})
    return taken if closed or not spelling.mistakes_slashes(path) else _all([taken, _not(_url_path({"exact": "//"}))])


def _url_path(match: Tree) -> Tree:
    return {"url_path": {"path": match}}


def host_regex(host: str, *, closed: bool) -> str:
    """A full match of the authorities of a host pattern, with or without a port; `closed`: malformed ones in which it stands too."""
    if host == "*":
        return ".*"
    name = f"[^:]+{regex.escape(host[1:])}" if host.startswith("*") else regex.escape(host)
    return f"(?i)(?:.*,)?{name}\\.?(?:[:,].*)?" if closed else f"(?i){name}(?::[0-9]+)?"


# --- fields ---------------------------------------------------------------------------------------------------------------------


def header(name: str, string_match: Tree) -> Tree:
    """A header of whose lines one matches."""
    return {"header": {"name": name, "string_match": string_match}}


class Fields:
    """Conditions on headers and query fields. In a deny `not` holds if a line fails it or none is there, else if none satisfies it."""

    __slots__ = ("_closed", "_complain")

    def __init__(self, complain: Complain, *, closed: bool) -> None:
        self._complain = complain
        self._closed = closed

    def header(self, field: FieldMatch, match: ValueMatch) -> Tree:
        """A condition on the lines of a header (L13)."""
        name = field.name
        match match.kind:
            case ValueKind.EXACT:
                return header(name, {"exact": match.value})
            case ValueKind.PREFIX if match.value:
                return header(name, {"prefix": match.value})
            case ValueKind.REGEX:
                return header(name, {"safe_regex": {"regex": match.value}})
            case ValueKind.PRESENT | ValueKind.PREFIX:
                return {"header": {"name": name, "present_match": True}}
            case ValueKind.ABSENT:
                return _not({"header": {"name": name, "present_match": True}})
            case ValueKind.NOT if self._closed:
                return self._other_line(field, match.none_of)
            case ValueKind.NOT:
                return _not(_any([self.header(field, banned) for banned in match.none_of]))
            case _:
                assert_never(match.kind)

    def _other_line(self, field: FieldMatch, banned: tuple[ValueMatch, ...]) -> Tree:
        """A line with none of the values, or no line at all unless `absent` is one of them."""
        kinds = {one.kind for one in banned}
        if kinds & {ValueKind.NOT, ValueKind.REGEX}:
            message = f"a deny of all but a regex or another `not` on header `{field.name}`, which no filter of Envoy can say"
            self._complain(f"{message}; expected exact values and prefixes inside the `not`", field.origin)
            return ANY
        exacts = {one.value for one in banned if one.kind is ValueKind.EXACT}
        prefixes = {one.value for one in banned if one.kind is ValueKind.PREFIX} | ({""} if ValueKind.PRESENT in kinds else set())
        options = [] if ValueKind.ABSENT in kinds else [_not({"header": {"name": field.name, "present_match": True}})]
        if (expression := anything_but(exacts, prefixes)) is not None:
            options.append(header(field.name, {"safe_regex": {"regex": expression}}))
        return _any(options)

    def query(self, field: FieldMatch, match: ValueMatch) -> Tree:
        """A condition on the first query field of that name."""
        match match.kind:
            case ValueKind.EXACT:
                return _query(field.name, f"={regex.escape(match.value)}" if match.value else "=?")
            case ValueKind.PREFIX if match.value:
                return _query(field.name, f"={regex.escape(match.value)}[^&]*")
            case ValueKind.REGEX:
                matches_empty = regex.matcher(match.value).fullmatch("")
                return _query(field.name, f"(?:={_within_field(match.value)}){'?' if matches_empty else ''}")
            case ValueKind.PRESENT | ValueKind.PREFIX:
                return _query(field.name, _PRESENT)
            case ValueKind.ABSENT:
                return _not(_query(field.name, _PRESENT))
            case ValueKind.NOT:
                return _not(_any([self.query(field, banned) for banned in match.none_of]))
            case _:
                assert_never(match.kind)


def _query(name: str, rest: str) -> Tree:
    return header(":path", {"safe_regex": {"regex": query_regex(name, rest)}})


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


# --- trees ----------------------------------------------------------------------------------------------------------------------


def _not(tree: Tree) -> Tree:
    return {"not_rule": tree}


def _all(trees: list[Tree]) -> Tree:
    if not trees:
        return ANY
    return trees[0] if len(trees) == 1 else {"and_rules": {"rules": trees}}


def _any(trees: Iterable[Tree]) -> Tree:
    """One of them; none at all holds never."""
    found = list(trees)
    if not found:
        return _not(ANY)
    return found[0] if len(found) == 1 else {"or_rules": {"rules": found}}
