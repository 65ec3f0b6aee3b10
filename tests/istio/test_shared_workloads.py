"""Workloads and ports that Istio can't tell apart are refused; entries that match nothing open and close nothing."""

import pytest

from meshc import access
from meshc.model import Name
from meshc.target import load, unsupported
from tests.istio.written import names, one, written
from tests.meshes import mesh_of

HEAD = "namespace: shop\nmesh: {namespace: shop, targets: {istio: {}}}\n"


def _said(text: str) -> list[str]:
    return [finding.message.partition(";")[0] for finding in unsupported(mesh_of(HEAD + text), load("istio")) if finding.code == "MC502"]


PORTS = "http: {port: 80, targetPort: 8080}, more: {port: 81, targetPort: 8080, protocol: http}"


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        ("deny: [{from: {namespace: ops}, ports: more}]", "a.deny"),
        ("allow: [{from: {namespace: ops}, ports: more}]", "a"),
    ],
)
def test_policies_hold_for_all_ports_on_one_number(policy: str, kind: str) -> None:
    """L9: an entry for one of them is one for their check point, which the other shares."""
    services = f"services: {{a: {{access: allow, ports: {{{PORTS}, other: {{port: 82, protocol: http}}}}}}}}\n"
    mesh = mesh_of(HEAD + f"{services}policies: {{p: {{services: a, {policy}}}}}\n")
    (rule,) = one(mesh, "AuthorizationPolicy", kind)["rules"]
    assert ({"notPorts": ["82"]} if kind == "a.deny" else {"ports": ["8080"]}) == rule["to"][0]["operation"]


@pytest.mark.parametrize("selector", ["{istio: ingressgateway}", "{istio: ingressgateway, app: a}"])
def test_gateways_and_services_share_no_pods(selector: str) -> None:
    """L16: what is written for the one would hold for the other."""
    gateway = "gateways: {g: {workload: {namespace: shop}, listeners: {http: 80}}}\n"
    assert ["the selectors of shop/a and of gateway shop/g take the same pods"] == _said(
        f"{gateway}services: {{a: {{ports: {{http: 80}}, selector: {selector}}}}}\n"
    )
    assert [] == _said(f"{gateway}services: {{a: {{ports: {{http: 80}}}}}}\n")


GATEWAY = "gateways: {g: {listeners: {http: 80}}}\n"


@pytest.mark.parametrize("entry", ["{from: {cidr: []}}", "{headers: {x-a: []}}", "{query: {a: []}}", "{methods: []}", "{from: []}"])
def test_an_entry_that_matches_nothing_lets_nobody_in(entry: str) -> None:
    """An empty list matches nothing: such an allow closes, and such a deny refuses nobody."""
    allows = mesh_of(HEAD + GATEWAY + f"policies: {{p: {{gateways: g, allow: {entry}}}}}\n")
    assert () == access.gateway_checks(allows, allows.gateways[0]).allow
    assert not access.gateway_checks(allows, allows.gateways[0]).open
    (policy,) = [made for made in written(allows) if made.kind == "AuthorizationPolicy"]
    assert {"selector": {"matchLabels": {"istio": "ingressgateway"}}} == policy.spec
    denies = mesh_of(HEAD + GATEWAY + f"policies: {{p: {{gateways: g, deny: {entry}}}}}\n")
    assert () == access.gateway_checks(denies, denies.gateways[0]).deny
    assert access.gateway_checks(denies, denies.gateways[0]).open
    assert [] == names(denies, "AuthorizationPolicy")


def test_a_match_that_matches_nothing_takes_nothing() -> None:
    """A rule whose every match is empty leaves its requests to the rules behind it."""
    text = (
        "services: {a: {ports: {http: 80}}, b: {ports: {http: 80}}}\n"
        "routes: {r: {services: a, rules: [{match: {headers: {x-a: []}}, to: b}, {match: {methods: []}, to: b}, {to: a}]}}\n"
    )
    mesh = mesh_of(HEAD + text)
    hosts = [route["route"][0]["destination"]["host"] for route in one(mesh, "VirtualService", "a")["http"] if "route" in route]
    assert ["a.shop.svc.cluster.local"] == sorted(set(hosts))
    assert Name("shop", "b") in mesh.service_by_name
