"""What an AuthorizationPolicy can't say of a request, and the bits that say it: shadow rules whose result a policy reads."""

from dataclasses import replace
from typing import Any, Final

from meshc import paths
from meshc.access import Grant
from meshc.model import FieldMatch, Pattern, ValueKind, ValueMatch
from meshc.paths import PathPattern
from meshc_istio import rbac
from meshc_istio.check_point import CheckPoint
from meshc_istio.joined_lines import JOINED

_PLAIN_KINDS: Final = (ValueKind.EXACT, ValueKind.PREFIX)


def plain_path(path: PathPattern) -> tuple[str, ...] | None:
    """
    The strings of a policy that take exactly the pattern's paths; None where there are none.

    Not `{*}`: Envoy's template takes no segment with a `*` or other characters that a path may hold, so a deny would be escaped.
    """
    exact, prefix = paths.exact(path), paths.prefix(path)
    if exact is not None:
        return None if exact.endswith("*") else (exact,)
    if prefix is None:
        return None
    if prefix == "":
        return ("/*",)
    return None if prefix.endswith("*") else (prefix, f"{prefix}/*")


def plain_value(match: ValueMatch) -> str | None:
    """The string of a policy for a condition on a header; None where there is none."""
    if match.kind not in _PLAIN_KINDS or not match.value or "*" in (match.value[0], match.value[-1]):
        return None
    return match.value if match.kind is ValueKind.EXACT else f"{match.value}*"


def is_plain_field(field: FieldMatch) -> bool:
    """Whether a policy has strings for all conditions on a header."""
    return field.name not in JOINED and all(plain_value(match) is not None for match in field.any_of)


def is_plain_host(host: str) -> bool:
    """Whether a policy can say the host, with any port or none."""
    return not host.startswith("*")


def split(pattern: Pattern) -> tuple[Pattern, Pattern | None]:
    """What a policy can say of the pattern, and the rest: both must hold."""
    hosts_left = pattern.hosts if pattern.hosts is not None and not all(map(is_plain_host, pattern.hosts)) else None
    paths_left = pattern.paths if pattern.paths is not None and any(plain_path(path) is None for path in pattern.paths) else None
    headers_left = tuple(field for field in pattern.headers if not is_plain_field(field))
    if "*" in (hosts_left or ()):
        pattern, hosts_left = replace(pattern, hosts=None), None
    plain = replace(
        pattern,
        hosts=None if hosts_left else pattern.hosts,
        paths=None if paths_left else pattern.paths,
        headers=tuple(field for field in pattern.headers if is_plain_field(field)),
        query=(),
    )
    if not (hosts_left or paths_left or headers_left or pattern.query):
        return plain, None
    return plain, Pattern(pattern.origin, hosts=hosts_left, paths=paths_left, headers=headers_left, query=pattern.query)


class Conditions:
    """The bits of one check point, each once; filled while its policies are built."""

    __slots__ = ("_point", "_prefixes")

    def __init__(self, point: CheckPoint) -> None:
        self._point = point
        self._prefixes: dict[str, tuple[str, Pattern]] = {}

    def of(self, grant: Grant) -> tuple[Pattern, list[dict[str, Any]]]:
        """What a policy can say of an entry, and the `when` conditions for the rest."""
        plain, rest = split(grant.pattern)
        needed = [*([rest] if rest is not None else []), *grant.also]
        return plain, [
            {"key": f"experimental.{rbac.METADATA}[{self._prefix(one)}shadow_engine_result]", "values": ["allowed"]} for one in needed
        ]

    def filters(self) -> list[dict[str, Any]]:
        """The filters that set the bits."""
        return [
            rbac.shadow_filter(f"meshc.condition.{number}", prefix, {"holds": rbac.policy(rbac.permissions(pattern), [])})
            for number, (prefix, pattern) in enumerate(self._prefixes.values(), 1)
        ]

    def _prefix(self, pattern: Pattern) -> str:
        key = repr(rbac.permissions(pattern))
        if key not in self._prefixes:
            self._prefixes[key] = (f"meshc_{self._point.filter_id}_{len(self._prefixes) + 1}_", pattern)
        return self._prefixes[key][0]
