"""Gateways whose pods others share: what would touch more than this mesh's hosts is an error at its line (L3)."""

from meshc.model import Pattern
from meshc_istio.check_point import CheckPoint
from meshc_istio.complaints import Complain
from meshc_istio.filters.envoy_filter import Patch


def complain_of_shared_pods(point: CheckPoint, patches: list[Patch], complain: Complain) -> None:
    """Complain of what no object of Istio can limit to some hosts of a gateway's pods."""
    if not point.shared or point.gateway is None:
        return
    name = point.gateway.name
    for patch in patches:
        complain(f"`{patch.what}` at gateway {name}, whose pods are shared: it would hold for everybody's requests", patch.origin)
    for grant in point.checks.require:
        what = "a token that is required"
        complain(f"{what} at gateway {name}, whose pods are shared: Istio would check the tokens of everybody's requests", grant.origin)
    for grant in point.checks.deny:
        _deny(point, grant.pattern, complain)
    if not point.checks.open:
        said = next((grant.origin for grant in point.checks.allow), point.gateway.origin)
        complain(f"an `allow` at gateway {name}, whose pods are shared: it would lock everybody else's hosts out; expected `deny`", said)


def _deny(point: CheckPoint, pattern: Pattern, complain: Complain) -> None:
    name = "" if point.gateway is None else point.gateway.name
    if pattern.jwt is not None:
        complain(f"a token that a deny asks for at gateway {name}, whose pods are shared: Istio would check everybody's", pattern.origin)
    wild = [host for host in pattern.hosts or point.own_hosts or () if host.startswith("*")]
    if wild:
        message = f"a deny for host {wild[0]} at gateway {name}, whose pods are shared: no policy tells which of its hosts are its own"
        complain(f"{message}; expected listeners with whole names", pattern.origin)
