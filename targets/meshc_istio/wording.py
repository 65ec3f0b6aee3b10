"""
What of a request an AuthorizationPolicy can say, in the strings of its fields (L4, L5, L9, L13).

A policy compares plain strings. What admits may be narrower for odd requests, what denies must hold for every spelling of what it means
(L18), so the two are worded apart. What has no words here is left to a filter, which the policy then asks.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from meshc import spelling
from meshc.model import FieldMatch, Pattern, ValueKind, ValueMatch
from meshc.paths import PathPattern
from meshc_istio.joined_lines import JOINED

ONE_SEGMENT: Final = "{*}"
ANY_SEGMENTS: Final = "{**}"
MOST_SPELLINGS: Final = 128
_MOST_WILDCARDS: Final = 4  # Envoy's URI templates have five, and a final `{**}` is one
_NOT_IN_TEMPLATE: Final = frozenset('{}*"<>^`|[] \\%')  # of literal segments beside a wildcard (Istio's CheckValidPathTemplate)


@dataclass(frozen=True, slots=True)
class Wording:
    """An entry's pattern as far as a policy can say it, and the rest, which must hold too; None where nothing is left."""

    plain: Pattern
    rest: Pattern | None


def split(pattern: Pattern, *, closed: bool) -> Wording:
    """Divide a pattern; `closed`: it stands in what denies or requires."""
    hosts_left = pattern.hosts if pattern.hosts is not None and not all(map(is_plain_host, pattern.hosts)) else None
    if "*" in (hosts_left or ()):
        pattern, hosts_left = replace(pattern, hosts=None), None
    paths_left = pattern.paths if pattern.paths is not None and any(path_strings(path) is None for path in pattern.paths) else None
    headers_left = tuple(field for field in pattern.headers if field_condition(field, closed=closed) is None)
    plain = replace(
        pattern,
        hosts=None if hosts_left else pattern.hosts,
        paths=None if paths_left else pattern.paths,
        headers=tuple(field for field in pattern.headers if field not in headers_left),
        query=(),
    )
    if not (hosts_left or paths_left or headers_left or pattern.query):
        return Wording(plain, None)
    return Wording(plain, Pattern(pattern.origin, hosts=hosts_left, paths=paths_left, headers=headers_left, query=pattern.query))


# --- hosts ----------------------------------------------------------------------------------------------------------------------


def is_plain_host(host: str) -> bool:
    """Whether a policy can say the host, with any port or none."""
    return not host.startswith("*")


def host_strings(host: str, *, closed: bool) -> tuple[str, ...]:
    """Return the strings that take the host with and without a port; `closed`: also dotted, or one of several lines joined by a comma."""
    if not closed:
        return (host, f"{host}:*")
    return (host, f"{host}:*", f"{host}.", f"{host}.:*", f"{host},*", f"*,{host}")


# --- paths ----------------------------------------------------------------------------------------------------------------------


def takes_all(path: PathPattern) -> bool:
    """Whether the pattern is `/**` alone."""
    return path.below and not path.segments


def path_strings(path: PathPattern) -> tuple[str, ...] | None:
    """Return the strings that take every spelling of the pattern's paths; None where a policy has none."""
    if path.regex is not None or spelling.count(path.segments) > MOST_SPELLINGS:
        return None
    if takes_all(path):
        return ("/*",)
    if None in path.segments:
        return _templates(path)
    spelled = spelling.every(path.segments)
    if any(text.endswith("*") for text in spelled):
        return None
    return tuple(text for one in spelled for text in (one, f"{one}/*")) if path.below else spelled


def _templates(path: PathPattern) -> tuple[str, ...] | None:
    spelled = spelling.every(path.segments, ONE_SEGMENT)
    literal = "".join(segment for segment in path.segments if segment is not None)
    if path.segments.count(None) > _MOST_WILDCARDS or _NOT_IN_TEMPLATE & set(literal) or path.segments[-1] == "":
        return None
    return tuple(text for one in spelled for text in (one, f"{one}/{ANY_SEGMENTS}")) if path.below else spelled


def needs_bracket_rule(path: PathPattern) -> bool:
    """Whether the pattern's strings are templates, which take no segment with a bracket in it."""
    return path.regex is None and None in path.segments


# --- headers --------------------------------------------------------------------------------------------------------------------


def field_condition(field: FieldMatch, *, closed: bool) -> dict[str, Any] | None:
    """Return the condition of a policy on a header; None where there is none."""
    if field.name in JOINED:
        return None
    key = f"request.headers[{field.name}]"
    values = [_value(match) for match in field.any_of]
    if values and None not in values:
        return {"key": key, "values": ["*"] if "*" in values else values}
    if len(field.any_of) != 1 or (closed and field.any_of[0].kind is not ValueKind.ABSENT):
        return None
    (only,) = field.any_of
    banned = [_value(match) for match in only.none_of] if only.kind is ValueKind.NOT else ["*"] if only.kind is ValueKind.ABSENT else []
    return {"key": key, "notValues": banned} if banned and None not in banned else None


def _value(match: ValueMatch) -> str | None:
    """The string of a policy for a condition on a line; None where there is none."""
    if match.kind is ValueKind.PRESENT:
        return "*"
    if match.kind not in (ValueKind.EXACT, ValueKind.PREFIX) or not match.value or "*" in (match.value[0], match.value[-1]):
        return None
    return match.value if match.kind is ValueKind.EXACT else f"{match.value}*"
