"""Which rules are tried for a host and in what order (L5-L7)."""

import pytest

from meshc import routing
from meshc.model import Mesh, Name
from tests.meshes import mesh_of

EDGE = """
namespace: shop
mesh: {namespace: shop}
services: {a: {ports: {http: 80}}, b: {ports: {http: 80}}}
gateways: {edge: {listeners: %s}}
routes:
%s
"""


def _mesh(routes: str, listeners: str = "{http: {port: 80}}") -> Mesh:
    return mesh_of(EDGE % (listeners, routes))


def _tables(mesh: Mesh, listener: str = "http") -> dict[str, list[str]]:
    gateway = mesh.gateways[0]
    return {
        table.host: [f"{route.name.name}.{rule.name}" for route, rule in table.entries]
        for table in routing.host_tables(mesh, gateway, gateway.listener(listener))
    }


def test_inner_route_is_tried_first() -> None:
    """L7: a route whose requests lie inside another's comes first, wherever it stands and whatever its name."""
    mesh = _mesh("""
  aaa: {gateways: edge, hosts: x, rules: [{to: a}]}
  mid: {gateways: edge, hosts: x, rules: [{match: {paths: /m/**}, to: b}]}
  zzz: {gateways: edge, hosts: x, rules: [{match: {paths: /m/n}, to: a}]}
""")
    assert {"x": ["zzz.rule-1", "mid.rule-1", "aaa.rule-1"]} == _tables(mesh)
    assert [] == list(routing.ambiguities(mesh))


def test_priority_comes_before_nesting() -> None:
    """L7: an explicit priority orders before nesting does."""
    mesh = _mesh("""
  inner: {gateways: edge, hosts: x, rules: [{match: {paths: /m}, to: b}]}
  outer: {gateways: edge, hosts: x, priority: 1, rules: [{to: a}]}
""")
    assert {"x": ["outer.rule-1", "inner.rule-1"]} == _tables(mesh)


@pytest.mark.parametrize(
    ("second", "equal"),
    [
        ("{gateways: edge, hosts: x, rules: [{match: {methods: GET}, to: b}]}", False),
        ("{gateways: edge, hosts: x, rules: [{match: {paths: /m/**}, to: b}]}", True),
    ],
)
def test_crossing_and_equal_routes_are_ambiguous(second: str, equal: bool) -> None:  # noqa: FBT001 - a table's column
    """L7: neither disjoint nor nested, or equal, is an ambiguity."""
    mesh = _mesh(f"""
  one: {{gateways: edge, hosts: x, rules: [{{match: {{paths: /m/**}}, to: a}}]}}
  two: {second}
""")
    (found,) = routing.ambiguities(mesh)
    assert ("x", "one", "two", equal) == (found.host, found.first.name.name, found.second.name.name, found.equal)


def test_priority_resolves_an_ambiguity() -> None:
    """L7: routes of different priority are never ambiguous."""
    mesh = _mesh("""
  one: {gateways: edge, hosts: x, rules: [{match: {paths: /m/**}, to: a}]}
  two: {gateways: edge, hosts: x, priority: -1, rules: [{match: {methods: GET}, to: b}]}
""")
    assert [] == list(routing.ambiguities(mesh))


def test_host_is_the_narrower_of_route_and_listener() -> None:
    """L5: a route serves on a listener the hosts that both have."""
    mesh = _mesh(
        "  r: {gateways: edge, hosts: ['*.x', y.z.x, q], rules: [{to: a}]}",
        "{http: {port: 80, hosts: ['*.z.x', a.x]}, rest: {port: 81}}",
    )
    assert ["*.z.x", "a.x", "y.z.x"] == list(_tables(mesh))
    assert ["*.x", "q", "y.z.x"] == list(_tables(mesh, "rest"))


def test_a_redirecting_listener_serves_pinned_routes_only() -> None:
    """L5: `redirectToHttps` answers before routes, except one that is pinned to that listener."""
    mesh = _mesh(
        """
  pinned: {gateways: edge, listeners: http, hosts: x, rules: [{match: {paths: /.well-known/**}, to: a}]}
  plain: {gateways: edge, listeners: rest, hosts: x, rules: [{to: b}]}
  both: {gateways: edge, hosts: y, rules: [{to: b}]}
certificates: {c: {from: {secret: c}}}
""",
        "{http: {port: 80, redirectToHttps: true}, rest: {port: 443, hosts: [x, y], tls: c}}",
    )
    assert {"x": ["pinned.rule-1"]} == _tables(mesh)
    assert {"x": ["plain.rule-1"], "y": ["both.rule-1"]} == _tables(mesh, "rest")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("a.z.x", "a.z.x"), ("b.z.x", "*.z.x"), ("c.x", "*.x"), ("x", "*"), ("z.x", "*.x"), ("q", "*")],
)
def test_best_host(host: str, expected: str) -> None:
    """L5: exact beats the longest wildcard suffix beats `*`."""
    assert expected == routing.best_host(["*", "*.x", "*.z.x", "a.z.x"], host)


def test_names_of_a_service() -> None:
    """L5: a service answers to its names and to the east-west hosts of its routes."""
    mesh = _mesh("  r: {services: a, hosts: a.internal, rules: [{to: a}]}")
    expected = ("a.shop.svc.cluster.local", "a.shop.svc", "a.shop", "a.internal")
    assert expected == routing.service_hosts(mesh, mesh.service_by_name[Name("shop", "a")])
