"""Why workloads must not share pods, nor ports of different protocols a number: what is written for one would hold for the other too."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from meshc import workloads
from meshc.diagnostics import Finding
from meshc.model import Mesh, Port, Service


def workload_findings(mesh: Mesh) -> Iterator[Finding]:
    """Workloads that Istio could not tell apart, and ports that it could not."""
    yield from _shared_pods(mesh)
    yield from _pods_of_gateways(mesh)
    for workload in mesh.workloads:
        if workload.has_proxy:
            yield from _shared_numbers([(one, port) for one in mesh.services_by_workload[workload.name] for port in one.ports])


def _shared_pods(mesh: Mesh) -> Iterator[Finding]:
    """Workloads of one namespace whose selector takes all pods of another's."""
    by_first: dict[tuple[str, tuple[str, str]], list[Service]] = {}
    selecting = [workload for workload in mesh.workloads if workload.selector]
    for service in selecting:
        by_first.setdefault((service.name.namespace, min(service.selector)), []).append(service)
    for service in selecting:
        labels = set(service.selector)
        for label in sorted(labels):
            for wider in by_first.get((service.name.namespace, label), ()):
                equal = set(wider.selector) == labels
                if wider is not service and set(wider.selector) <= labels and (not equal or wider.name < service.name):
                    yield Finding(
                        "MC502",
                        f"the selector of {wider.name} takes the pods of {service.name} too; expected selectors that no pod of both has,"
                        " because Istio knows workloads by their labels",
                        service.origin,
                        help=f"if these are two Services over one workload's pods, write `workload: {wider.name.name}` and no `selector`",
                        related=((wider.origin, "the wider selector"),),
                    )


def _pods_of_gateways(mesh: Mesh) -> Iterator[Finding]:
    """Services that select a gateway's pods, or are selected by it."""
    for gateway in mesh.gateways:
        mine = set(gateway.workload.selector)
        for service in mesh.workloads:
            labels = set(service.selector)
            if service.name.namespace != gateway.workload.namespace or not (labels <= mine or mine <= labels):
                continue
            what = f"the selectors of {service.name} and of gateway {gateway.name} take the same pods"
            message = f"{what}; expected selectors that no pod of both has"
            yield Finding("MC502", message, service.origin, related=((gateway.origin, "the gateway"),))


def _shared_numbers(ports: Sequence[tuple[Service, Port]]) -> Iterator[Finding]:
    """Ports that lead to one number and speak different forms of HTTP: a proxy speaks to the application as the oldest Service says."""
    for (one, first), (other, second) in combinations(ports, 2):
        if first.protocol is not second.protocol and workloads.is_shared(one, first, other, second):
            whose = f"of {one.name}" if one is other else f"of {one.name} and {other.name}"
            message = f"ports {first.name} and {second.name} {whose} listen on one number and differ in protocol"
            yield Finding(
                "MC502",
                f"{message}, which Istio can't tell apart",
                second.origin,
                help="let them listen on different ports",
                related=((first.origin, "the other port"),),
            )
