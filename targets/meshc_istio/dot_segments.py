"""
Dot segments with parameters, where a check compares paths (L4).

Some applications take `..;x` for `..`, escaped as it may be. A proxy takes it so only where nothing of it is escaped: `%2e%2e;x` and
`..%3bx` stay, a policy has no string for "a segment that begins so", and an application behind it might read what a check refuses. So
the proxies that send such requests on refuse them, by a route before all others; where plaintext callers come past every such proxy, the
policy asks a filter.
"""

from collections.abc import Iterable
from typing import Any, Final

from meshc import access, paths
from meshc.access import Checks, Grant
from meshc.model import Mesh, Name, Pattern, Service, SourceKind
from meshc.paths import PathPattern
from meshc_istio.wording import takes_all

REGEX: Final = r".*/\.\.?(?:;|%3[Bb]).*"
DECODED: Final = r".*/\.\.?;.*"
"""The same of a decoded path."""
_ROUTE: Final[dict[str, Any]] = {"match": [{"uri": {"regex": REGEX}}], "directResponse": {"status": 400}}


def refusal() -> dict[str, Any]:
    """Return the route that refuses them."""
    return dict(_ROUTE)


def are_compared(checks: Checks, *, inside: bool = False) -> bool:
    """
    Whether a check compares paths in a way that such a segment could get past.

    `inside`: of requests from within the mesh alone; a check point that lets in gateways only has none.
    """
    allowed = [grant for grant in checks.allow if not inside or not _is_of_gateways(grant)]
    if not checks.open and not allowed:
        return False
    closing = any(not _is_all(grant.pattern) for grant in (*checks.deny, *checks.require))
    return closing or any(not _is_exact(pattern) for grant in allowed for pattern in _patterns(grant))


def are_compared_at(mesh: Mesh, services: Iterable[Name], *, inside: bool = False) -> bool:
    """Whether the own proxy of one of the services compares paths so."""
    guarded = (service for service in map(mesh.service_by_name.__getitem__, services) if _guarded(service))
    return any(are_compared(access.checks(mesh, service), inside=inside) for service in guarded)


def _is_of_gateways(grant: Grant) -> bool:
    sources = grant.pattern.sources
    return sources is not None and all(source.kind is SourceKind.GATEWAY for source in sources)


def _guarded(service: Service) -> bool:
    return service.has_proxy and not service.external


def _patterns(grant: Grant) -> tuple[Pattern, ...]:
    return (grant.pattern, *grant.also)


def _is_all(pattern: Pattern) -> bool:
    return pattern.paths is None or any(map(takes_all, pattern.paths))


def _is_exact(pattern: Pattern) -> bool:
    """Whether it takes all paths, or none but those that it writes out."""
    return _is_all(pattern) or all(map(_is_one, pattern.paths or ()))


def _is_one(path: PathPattern) -> bool:
    return path.regex is None and paths.exact(path) is not None
