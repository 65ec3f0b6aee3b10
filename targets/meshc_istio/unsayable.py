"""What of check points Istio can't say exactly: each an error at its line (L3)."""

from typing import Final

from meshc.access import Grant
from meshc.model import Gateway, JwtMatch, Mesh, SourceKind
from meshc_istio.check_point import CheckPoint
from meshc_istio.complaints import Complain
from meshc_istio.joined_lines import complain_of_lines
from meshc_istio.preflights import complain_of_preflights

_DEFAULT_DOMAIN: Final = "cluster.local"


def complain_of_check_point(point: CheckPoint, complain: Complain) -> None:
    """Complain of what its entries say that no policy and no filter can."""
    for grant in (*point.checks.deny, *point.checks.require, *point.checks.allow):
        _entry(point, grant, complain)
    _providers(point, complain)


def complain_of_mesh(mesh: Mesh, complain: Complain) -> None:
    """Complain of gateways that Istio can't tell apart, and of what they would answer in another order."""
    for gateway in mesh.gateways:
        complain_of_preflights(mesh, gateway, complain)
        for other in mesh.gateways:
            if other.name < gateway.name and _share_pods(gateway, other):
                complain(
                    f"gateways {other.name} and {gateway.name} select the same pods; expected one gateway with both's listeners",
                    gateway.origin,
                )


def _share_pods(one: Gateway, other: Gateway) -> bool:
    labels = [set(gateway.workload.selector) for gateway in (one, other)]
    return one.workload.namespace == other.workload.namespace and (labels[0] <= labels[1] or labels[1] <= labels[0])


def _entry(point: CheckPoint, grant: Grant, complain: Complain) -> None:
    for pattern in (grant.pattern, *grant.also):
        for field in pattern.headers:
            complain_of_lines(point.mesh, field, complain)
    if grant.pattern.jwt is not None:
        _claims(grant.pattern.jwt, complain)
    for source in grant.pattern.sources or ():
        foreign = source.kind is SourceKind.IDENTITY and source.value.startswith(f"spiffe://{_DEFAULT_DOMAIN}/")
        if foreign and point.mesh.trust_domain != _DEFAULT_DOMAIN:
            complain(
                f"identity `{source.value}`: Istio reads `{_DEFAULT_DOMAIN}` in a policy as the mesh's own trust domain", source.origin
            )


def _claims(jwt: JwtMatch, complain: Complain) -> None:
    for claim in jwt.claims:
        if claim.path == ("permission",):
            complain("claim `permission`, which Istio splits at spaces", jwt.origin)
        for step in claim.path:
            if "[" in step or "]" in step or not step:
                complain(f"claim `{'.'.join(claim.path)}`, whose name Istio can't write", jwt.origin)
        for value in claim.values:
            if value.startswith("*") or value.endswith("*") or not value:
                complain(f"value {value!r} of claim `{'.'.join(claim.path)}`, which Istio reads as a wildcard", jwt.origin)


def _providers(point: CheckPoint, complain: Complain) -> None:
    seen: dict[str, str] = {}
    for provider in point.providers:
        if provider.issuer in seen:
            complain(
                f"providers `{seen[provider.issuer]}` and `{provider.name.name}` have one issuer, by which Istio tells tokens apart;"
                " expected one provider with the audiences of both, and `claims: {aud: [...]}` where only one of them is meant",
                provider.origin,
            )
        if provider.issuer.startswith("*") or provider.issuer.endswith("*"):
            complain(f"issuer {provider.issuer!r}, which Istio reads as a wildcard", provider.origin)
        seen[provider.issuer] = provider.name.name
