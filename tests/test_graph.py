"""Who calls whom, as a graph."""

from meshc.compile import load_mesh
from meshc.graph import call_graph, cycles
from meshc.model import Mesh, Name

TEXT = """
apiVersion: meshc/v1
namespace: shop
services:
  a: {ports: {http: 80}, calls: [b]}
  b: {ports: {http: 80}, calls: [c]}
  c: {ports: {http: 80}, calls: [b]}
  d: {ports: {http: 80}}
gateways: {a: {listeners: {http: 80}}}
routes: {r: {gateways: [a], hosts: [a.example], rules: [{to: [a, d]}]}}
"""


def mesh() -> Mesh:
    """A gateway, and services of which two call each other."""
    compiled = load_mesh({"mesh.yaml": TEXT.encode()})
    assert compiled.mesh is not None
    return compiled.mesh


def test_calls_and_gateway_rules_are_edges() -> None:
    """A gateway and a service of one name are two nodes."""
    expected = {
        (("gateway", "a"), ("service", "a")),
        (("gateway", "a"), ("service", "d")),
        (("service", "a"), ("service", "b")),
        (("service", "b"), ("service", "c")),
        (("service", "c"), ("service", "b")),
    }
    assert expected == {((one[0], one[1].name), (two[0], two[1].name)) for one, two in call_graph(mesh()).edges()}


def test_cycles_are_found() -> None:
    """Two services that call each other are a cycle; who calls them is no part of it."""
    assert ((("service", Name("shop", "b")), ("service", Name("shop", "c"))),) == cycles(mesh())
