"""How a pattern of the language becomes `match` entries of a VirtualService: every OR that Istio lacks is multiplied out."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, TypeAlias

from meshc import paths, regex, spelling
from meshc.diagnostics import Origin
from meshc.model import FieldMatch, Mesh, Pattern, Port, Source, SourceKind, ValueKind, ValueMatch
from meshc.paths import PathPattern
from meshc_istio.complaints import Complain
from meshc_istio.joined_lines import by_parts, complain_of_lines
from meshc_istio.wording import takes_all

Entry: TypeAlias = dict[str, Any]
LONGEST_REGEX: Final = 1024  # Istio's validation of StringMatch
PATH_AND_QUERY: Final = ":path"  # what a proxy calls it among the headers
MOST_ENTRIES: Final = 512  # of one rule: beyond it a proxy's table grows out of hand
ANY_PORT: Final = "(?::[0-9]+)?"
_NOTHING: Final[tuple[Entry, ...]] = ({},)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the pattern is matched: the ports that are told apart (none: the listener's one), and whether `from` can be seen."""

    mesh: Mesh
    ports: tuple[Port, ...]  # all HTTP ports of the service
    complain: Complain


def entries(scope: Scope, patterns: Iterable[Pattern]) -> list[Entry]:
    """The entries that together take what the patterns take; an empty entry takes all, no entry nothing."""
    found = [entry for pattern in patterns for entry in _entries_of(scope, pattern)]
    return list({repr(entry): entry for entry in found}.values())


def _entries_of(scope: Scope, pattern: Pattern) -> Iterator[Entry]:
    keys: list[Sequence[Entry]] = [
        _uri(scope, pattern),
        _method(scope.mesh, pattern.methods),
        _authority(pattern.hosts),
        *(_header(scope, field) for field in pattern.headers),
        *(_query(scope, field) for field in pattern.query),
        _port(scope, pattern.ports),
        _source(scope.mesh, pattern.sources),
    ]
    count = 1
    for options in keys:
        count *= len(options)
    if count > MOST_ENTRIES:
        scope.complain(f"a match that Istio can only say in {count} entries; expected at most {MOST_ENTRIES}", pattern.origin)
        return
    for options in product(*keys):
        yield _merged(scope, options, pattern.origin)


def _merged(scope: Scope, parts: Iterable[Entry], origin: Origin) -> Entry:
    entry: Entry = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict) and key in ("headers", "withoutHeaders", "queryParams"):
                held = entry.setdefault(key, {})
                if PATH_AND_QUERY in held and PATH_AND_QUERY in value:
                    either = f"{held[PATH_AND_QUERY]['regex']}|{value[PATH_AND_QUERY]['regex']}"
                    held[PATH_AND_QUERY] = {"regex": _short(scope, either, origin)}
                    continue
                if held.keys() & value.keys():
                    scope.complain(f"two conditions on one field ({', '.join(value)}) in one match, which Istio has no room for", origin)
                held.update(value)
            else:
                entry[key] = value
    return entry


# --- one key each ---------------------------------------------------------------------------------------------------------------


def _uri(scope: Scope, pattern: Pattern) -> Sequence[Entry]:
    if pattern.paths is None or any(takes_all(path) for path in pattern.paths):
        return _NOTHING
    return [{"uri": uri} for path in pattern.paths for uri in path_matches(scope, path, pattern.origin)]


def path_matches(scope: Scope, path: PathPattern, origin: Origin) -> list[Entry]:
    """The path over its spellings; most have one, and are said in plain strings."""
    if spelling.has_one(path):
        if (exact := paths.exact(path)) is not None:
            return [{"exact": exact}]
        if (prefix := paths.prefix(path)) is not None:
            return [{"exact": prefix}, {"prefix": f"{prefix}/"}]
    return [{"regex": _short(scope, spelling.expression(path), origin)}]


def _method(mesh: Mesh, methods: tuple[str, ...] | None) -> Sequence[Entry]:
    if methods is None:
        return _NOTHING
    names = [name for name in mesh.methods if name in methods]
    if not names:
        return []
    return [{"method": {"exact": names[0]} if len(names) == 1 else {"regex": "|".join(map(regex.escape, names))}}]


def _authority(hosts: tuple[str, ...] | None) -> Sequence[Entry]:
    """Istio compares the Host with case and port; the language without (L5)."""
    if hosts is None or "*" in hosts:
        return _NOTHING
    if not hosts:
        return []
    names = "|".join(f"[^:]+{regex.escape(host[1:])}" if host.startswith("*.") else regex.escape(host) for host in hosts)
    return [{"authority": {"regex": f"(?i)(?:{names}){ANY_PORT}"}}]


def _port(scope: Scope, names: tuple[str, ...] | None) -> Sequence[Entry]:
    if names is None or not scope.ports:
        return _NOTHING
    numbers = [port.port for port in scope.ports if port.name in names]
    if len(numbers) == len(scope.ports) == 1:
        return _NOTHING
    return [{"port": number} for number in numbers]


def _source(mesh: Mesh, sources: tuple[Source, ...] | None) -> Sequence[Entry]:
    """Who calls, by what the control plane knows of a proxy: it filters the configuration that the proxy is given."""
    if sources is None or any(source.kind is SourceKind.EVERYONE for source in sources):
        return _NOTHING
    found: list[Entry] = []
    for source in sources:
        if source.kind is SourceKind.NAMESPACE:
            found.append({"sourceNamespace": source.value})
        elif source.kind is SourceKind.SERVICE and source.name is not None:
            selector = mesh.service_by_name[source.name].selector
            found.append({"sourceLabels": dict(selector), "sourceNamespace": source.name.namespace})
    return found


# --- fields ---------------------------------------------------------------------------------------------------------------------


def _header(scope: Scope, field: FieldMatch) -> list[Entry]:
    complain_of_lines(scope.mesh, field, scope.complain)
    field = by_parts(field)
    options: list[Entry] = []
    positive = [one for one in field.any_of if one.kind not in (ValueKind.ABSENT, ValueKind.NOT)]
    if positive:
        options.append({"headers": {field.name: _string(scope, positive, field.origin)}})
    for one in field.any_of:
        if one.kind is ValueKind.ABSENT:
            options.append({"withoutHeaders": {field.name: {}}})
        elif one.kind is ValueKind.NOT:
            options.extend(_negated(scope, field, one.none_of))
    return options


def _negated(scope: Scope, field: FieldMatch, banned: tuple[ValueMatch, ...]) -> Iterator[Entry]:
    """Lines of which none holds: `absent` among them means that there is a line."""
    kinds = {one.kind for one in banned}
    if ValueKind.NOT in kinds:
        scope.complain(f"a `not` inside a `not` on header `{field.name}`, which Istio can't say", field.origin)
        return
    there = ValueKind.ABSENT in kinds
    values = [one for one in banned if one.kind is not ValueKind.ABSENT]
    if there and ValueKind.PRESENT in kinds:
        return
    entry: Entry = {"headers": {field.name: {}}} if there else {}
    if values:
        entry["withoutHeaders"] = {field.name: _string(scope, values, field.origin)}
    yield entry


def _query(scope: Scope, field: FieldMatch) -> list[Entry]:
    options: list[Entry] = []
    positive = [one for one in field.any_of if one.kind not in (ValueKind.ABSENT, ValueKind.NOT)]
    if positive:
        options.append({"queryParams": {field.name: _string(scope, positive, field.origin) or {"regex": ".*"}}})
    for one in field.any_of:
        if one.kind is ValueKind.ABSENT:
            options.append(_no_field(scope, field))
        elif one.kind is ValueKind.NOT:
            options.extend(_other_value(scope, field, one.none_of))
    return options


def _no_field(scope: Scope, field: FieldMatch) -> Entry:
    """Istio has no word for a field that is not there; the proxy's `:path` holds the query, and there a regex can say it."""
    there = rf"[^?]*\?(?:.*&)?{regex.escape(field.name)}(?:[=&].*)?"
    return {"withoutHeaders": {PATH_AND_QUERY: {"regex": _short(scope, there, field.origin)}}}


def _other_value(scope: Scope, field: FieldMatch, banned: tuple[ValueMatch, ...]) -> Iterator[Entry]:
    """A first field with none of the values, or none at all unless `absent` is one of them."""
    kinds = {one.kind for one in banned}
    if kinds & {ValueKind.NOT, ValueKind.REGEX}:
        scope.complain(f"a `not` of a regex or of a `not` on query field `{field.name}`, which Istio can't say", field.origin)
        return
    exacts = {one.value for one in banned if one.kind is ValueKind.EXACT}
    prefixes = {one.value for one in banned if one.kind is ValueKind.PREFIX} | ({""} if ValueKind.PRESENT in kinds else set())
    if (expression := anything_but(exacts, prefixes)) is not None:
        yield {"queryParams": {field.name: {"regex": _short(scope, expression, field.origin)}}}
    if ValueKind.ABSENT not in kinds:
        yield _no_field(scope, field)


def anything_but(exacts: AbstractSet[str], prefixes: AbstractSet[str]) -> str | None:
    """A regex of all texts that are none of the one and begin with none of the other; None where there is no such text."""
    if "" in prefixes:
        return None
    heads = sorted({text[0] for text in (*exacts, *prefixes) if text})
    if not heads:
        return ".+" if exacts else ".*"
    options = ["[^" + "".join(f"\\{head}" if head in "\\^-[]" else head for head in heads) + "].*"]
    for head in heads:
        rest = anything_but({text[1:] for text in exacts if text[:1] == head}, {text[1:] for text in prefixes if text[:1] == head})
        if rest is not None:
            options.append(regex.escape(head) + rest)
    return f"(?:{'|'.join(options)})" + ("" if "" in exacts else "?")


def _string(scope: Scope, conditions: Sequence[ValueMatch], origin: Origin) -> Entry:
    """One StringMatch that takes what any of the conditions takes; the empty one takes whatever is there."""
    if any(one.kind is ValueKind.PRESENT or (one.kind is ValueKind.PREFIX and not one.value) for one in conditions):
        return {}
    only = conditions[0] if len(conditions) == 1 else None
    # Istio reads an empty `exact` as "whatever is there", so that one is said by a regex.
    if only is not None and only.kind in (ValueKind.EXACT, ValueKind.PREFIX) and only.value:
        return {only.kind.value: only.value}
    return {"regex": _short(scope, "|".join(_expression(scope, one, origin) for one in conditions), origin)}


def _expression(scope: Scope, condition: ValueMatch, origin: Origin) -> str:
    if condition.kind is ValueKind.REGEX:
        try:
            return regex.render(regex.parse(condition.value))
        except regex.RegexError as error:
            scope.complain(f"regex `{condition.value}`: {error}", origin)
            return "x"
    return (regex.escape(condition.value) or ".{0}") + (".*" if condition.kind is ValueKind.PREFIX else "")


def _short(scope: Scope, expression: str, origin: Origin) -> str:
    if len(expression) > LONGEST_REGEX:
        scope.complain(f"a match that becomes a regex of {len(expression)} characters; Istio takes at most {LONGEST_REGEX}", origin)
    return expression
