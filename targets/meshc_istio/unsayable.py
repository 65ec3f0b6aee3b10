"""What of check points Istio can't say exactly: each an error at its line, or an approximation that must be accepted (L3)."""

from typing import Final

from meshc import routing
from meshc.access import Grant
from meshc.model import Gateway, JwtMatch, Listener, Mesh, Pattern, SourceKind
from meshc_istio.check_point import CheckPoint, check_points
from meshc_istio.complaints import Complain, may_filter
from meshc_istio.conditions import split
from meshc_istio.joined_lines import complain_of_lines
from meshc_istio.versions import allows_envoy_filters

_DEFAULT_DOMAIN: Final = "cluster.local"


def complain_of_check_point(point: CheckPoint, complain: Complain) -> None:
    """What its entries say that no policy and no filter can."""
    for grant in (*point.checks.deny, *point.checks.require, *point.checks.allow):
        _entry(point, grant, complain)
    _providers(point, complain)
    if point.providers:
        may_filter(point.mesh, "unauthenticated-status", "401 for a missing token", point.origin, complain)


def complain_of_mesh(mesh: Mesh, complain: Complain) -> None:
    """What holds for the whole mesh."""
    if any(point.http_ports for point in check_points(mesh)):
        for name, what in (
            ("path-encodings", "the law of paths (L4)"),
            ("host-forms", "the law of hosts (L5)"),
            ("method-list", "the law of methods (L13)"),
            ("header-stripping", "the law of headers (L13)"),
        ):
            may_filter(mesh, name, what, mesh.origin, complain)
    for gateway in mesh.gateways:
        _gateway(mesh, gateway, complain)
        for other in mesh.gateways:
            if other.name < gateway.name and _share_pods(gateway, other):
                complain(
                    f"gateways {other.name} and {gateway.name} select the same pods; expected one gateway with both's listeners",
                    gateway.origin,
                )


def _share_pods(one: Gateway, other: Gateway) -> bool:
    labels = [set(gateway.workload.selector) for gateway in (one, other)]
    return one.workload.namespace == other.workload.namespace and (labels[0] <= labels[1] or labels[1] <= labels[0])


def _gateway(mesh: Mesh, gateway: Gateway, complain: Complain) -> None:
    if gateway.trusted_hops:
        may_filter(mesh, "trusted-hops", "`trustedHops`", gateway.origin, complain)
    if any(listener.tls is not None for listener in gateway.listeners):
        may_filter(mesh, "misdirected-status", "421", gateway.origin, complain)
    for listener in gateway.listeners:
        if listener.redirect_to_https:
            may_filter(mesh, "redirect-after-policies", "`redirectToHttps` before policies", listener.origin, complain)
            _pinned(mesh, gateway, listener, complain)


def _pinned(mesh: Mesh, gateway: Gateway, listener: Listener, complain: Complain) -> None:
    """Rules that come before the redirect are tried in Lua, which knows paths and methods."""
    for table in routing.host_tables(mesh, gateway, listener):
        for _, rule in table.entries:
            for match in rule.matches:
                if match.headers or match.query or any(path.regex is not None for path in match.paths or ()):
                    complain(
                        "a rule pinned to a listener with `redirectToHttps` may match only by plain paths and methods on Istio",
                        match.origin,
                    )


def _entry(point: CheckPoint, grant: Grant, complain: Complain) -> None:
    for pattern in (grant.pattern, *grant.also):
        for field in pattern.headers:
            complain_of_lines(point.mesh, field, complain)
    _, rest = split(grant.pattern)
    if rest is not None or grant.also:
        _needs_bits(point, grant, rest or grant.also[0], complain)
    if grant.pattern.jwt is not None:
        _claims(grant.pattern.jwt, complain)
    for source in grant.pattern.sources or ():
        foreign = source.kind is SourceKind.IDENTITY and source.value.startswith(f"spiffe://{_DEFAULT_DOMAIN}/")
        if foreign and point.mesh.trust_domain != _DEFAULT_DOMAIN:
            complain(
                f"identity `{source.value}`: Istio reads `{_DEFAULT_DOMAIN}` in a policy as the mesh's own trust domain", source.origin
            )


def _needs_bits(point: CheckPoint, grant: Grant, rest: Pattern, complain: Complain) -> None:
    """A condition that is left out would widen or narrow access, so this can't be accepted."""
    if not allows_envoy_filters(point.mesh):
        keys = [name for name in ("hosts", "paths", "headers", "query") if getattr(rest, name)]
        complain(
            f"`{'`, `'.join(keys)}` here needs an EnvoyFilter, and `mesh.targets.istio.envoyFilters` forbids them; expected what an"
            " AuthorizationPolicy can say: plain hosts and paths, a final `/**`, exact or prefix values of headers",
            grant.origin,
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
                f"providers `{seen[provider.issuer]}` and `{provider.name.name}` have one issuer, and Istio can't tell them apart",
                provider.origin,
            )
        if provider.issuer.startswith("*") or provider.issuer.endswith("*"):
            complain(f"issuer {provider.issuer!r}, which Istio reads as a wildcard", provider.origin)
        seen[provider.issuer] = provider.name.name
