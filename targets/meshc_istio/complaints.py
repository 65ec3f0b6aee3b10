"""How the builders of objects say that Istio can't express something, without stopping at the first."""

from collections.abc import Callable
from typing import TypeAlias

from meshc.diagnostics import Finding, Origin
from meshc.model import Mesh
from meshc_istio.options import ACCEPTABLE, accepts, allows_envoy_filters

Complain: TypeAlias = Callable[[str, Origin], None]
"""Called with what Istio can't express, and where it was written."""


def into(findings: list[Finding]) -> Complain:
    """Complaints as errors of the list."""

    def complain(message: str, origin: Origin) -> None:
        findings.append(Finding("MC502", message, origin))

    return complain


def ignore(_message: str, _origin: Origin) -> None:
    """What emitting does: whatever can't be expressed stopped the build before."""


def gives_up(mesh: Mesh, name: str, message: str, origin: Origin, complain: Complain) -> None:
    """Complains unless the user accepts the approximation of that name."""
    if not accepts(mesh, name):
        complain(f"{message}; accept it by `mesh.targets.istio.accept: [{name}]`", origin)


def may_filter(mesh: Mesh, name: str, what: str, origin: Origin, complain: Complain) -> bool:
    """Whether an EnvoyFilter may be emitted for it; where they are forbidden it is an error, unless it can be given up by that name."""
    if allows_envoy_filters(mesh):
        return True
    message = f"{what} needs an EnvoyFilter, and `mesh.targets.istio.envoyFilters` forbids them"
    if name in ACCEPTABLE:
        gives_up(mesh, name, message, origin, complain)
    else:
        complain(message, origin)
    return False
