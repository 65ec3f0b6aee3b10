"""The mesh as graphs: who calls whom, by declared calls and by the rules of gateways."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from meshc.diagnostics import Origin
from meshc.model import Forward, Mesh, Name

if TYPE_CHECKING:
    import networkx as nx

Node: TypeAlias = tuple[str, Name]
"""`("service", name)` or `("gateway", name)`: the two kinds may share names."""


def edges(mesh: Mesh) -> Iterator[tuple[Node, Node, Origin]]:
    """Every declared call, and every destination of a gateway's rule, with the place that says so; services by their workloads."""
    for service in mesh.workloads:
        for call in service.calls or ():
            yield ("service", service.name), ("service", mesh.service_by_name[call.service].workload), call.origin
    for route in mesh.routes:
        for rule in route.rules:
            if isinstance(rule.action, Forward):
                for destination in rule.action.destinations:
                    for gateway in route.gateways:
                        yield ("gateway", gateway), ("service", mesh.service_by_name[destination.service].workload), destination.origin


def call_graph(mesh: Mesh) -> "nx.MultiDiGraph[Node]":
    """Services and gateways as nodes; an edge's `origin` is where the call was written."""
    import networkx as nx  # noqa: PLC0415 - 117 ms that only graph rules pay

    graph: nx.MultiDiGraph[Node] = nx.MultiDiGraph()
    graph.add_nodes_from(("service", service.name) for service in mesh.services if not service.shares_workload)
    graph.add_nodes_from(("gateway", gateway.name) for gateway in mesh.gateways)
    for source, target, origin in edges(mesh):
        graph.add_edge(source, target, origin=origin)
    return graph


def cycles(mesh: Mesh) -> tuple[tuple[Node, ...], ...]:
    """Sets of nodes that call each other in a circle, each sorted, in order."""
    import networkx as nx  # noqa: PLC0415 - as above

    graph = call_graph(mesh)
    found = (tuple(sorted(part)) for part in nx.strongly_connected_components(graph))
    return tuple(sorted(part for part in found if len(part) > 1 or graph.has_edge(part[0], part[0])))
