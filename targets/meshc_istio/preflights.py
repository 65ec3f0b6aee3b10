"""Preflights of CORS that a gateway's policies would refuse: Istio answers them after its policies, the language before (L9)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from meshc import access, space
from meshc.model import Gateway, Mesh, Pattern, Route, Rule
from meshc_istio.complaints import Complain

_PREFLIGHT: Final = "OPTIONS"


def complain_of_preflights(mesh: Mesh, gateway: Gateway, complain: Complain) -> None:
    """Complain of entries that may take a preflight which a rule's `cors` would answer; browsers send no token with it."""
    checks = access.gateway_checks(mesh, gateway)
    for route, rule in _with_cors(mesh, gateway):
        asked = list(_preflights(route, rule))
        where = f"rule {rule.name} of route {route.name}"
        for grant in (*checks.deny, *checks.require):
            if not space.disjoint([replace(grant.pattern, sources=None)], asked):
                message = f"this entry refuses preflights (OPTIONS) that the `cors` of {where} has to answer"
                complain(f"{message}; expected `methods` without OPTIONS, since a browser sends no token with them", grant.origin)
        let_in = [grant.pattern for grant in checks.allow if grant.pattern.jwt is None and not grant.also]
        if not checks.open and asked and not space.covers(let_in, asked):
            message = f"gateway {gateway.name} lets no preflight (OPTIONS) in that the `cors` of {where} has to answer"
            complain(f"{message}; expected an `allow` of OPTIONS for everyone", rule.origin.at("cors"))


def _with_cors(mesh: Mesh, gateway: Gateway) -> Iterator[tuple[Route, Rule]]:
    for route in mesh.routes_by_gateway.get(gateway.name, ()):
        yield from ((route, rule) for rule in route.rules if rule.cors is not None)


def _preflights(route: Route, rule: Rule) -> Iterator[Pattern]:
    """What of a rule's matches a preflight may be, whatever its headers are."""
    hosts = None if "*" in route.hosts else route.hosts
    for match in rule.matches:
        if match.methods is None or _PREFLIGHT in match.methods:
            yield Pattern(match.origin, hosts=hosts, methods=(_PREFLIGHT,), paths=match.paths)
