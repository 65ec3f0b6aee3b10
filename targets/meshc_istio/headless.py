"""Headless services: a caller's proxy connects to the pod that the caller chose, whatever a rule says; a gateway chooses one itself."""

from collections.abc import Iterator

from meshc.model import Destination, Forward, Mesh, Route, Rule
from meshc_istio.complaints import Complain


def complain_of_headless(mesh: Mesh, complain: Complain) -> None:
    """Complain of rules inside the mesh that send requests to other pods of a headless service than the one that was called."""
    for route in mesh.routes:
        for rule in route.rules if route.services else ():
            for to, copied in _destinations(rule):
                if mesh.service_by_name[to.service].headless and (copied or not _is_called(route, to)):
                    what = "a copy" if copied else "a request"
                    message = f"{what} to headless {to.service}: a caller's proxy sends it to the address that was called, whatever that is"
                    complain(f"{message}; expected a service with an address of its own", to.origin)


def _destinations(rule: Rule) -> Iterator[tuple[Destination, bool]]:
    """Where a rule sends requests, and copies of them."""
    if isinstance(rule.action, Forward):
        yield from ((one, False) for one in rule.action.destinations)
        if rule.action.mirror is not None:
            yield rule.action.mirror.to, True


def _is_called(route: Route, to: Destination) -> bool:
    """Whether all requests of the route were meant for any pod of that service."""
    return route.services == (to.service,) and to.version is None
