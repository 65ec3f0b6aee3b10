"""Why workloads must not share pods, nor ports a number: what is written for one would hold for the other too."""

from collections.abc import Iterator
from itertools import combinations

from meshc import access
from meshc.diagnostics import Finding
from meshc.model import Mesh, Service
from meshc_istio.check_point import listens


def workload_findings(mesh: Mesh) -> Iterator[Finding]:
    """Workloads that Istio could not tell apart, and ports that it could not."""
    yield from _shared_pods(mesh)
    yield from _pods_of_gateways(mesh)
    for service in mesh.services:
        if service.has_proxy and not service.external and len(service.ports) > 1:
            yield from _shared_numbers(mesh, service)


def _shared_pods(mesh: Mesh) -> Iterator[Finding]:
    """Services of one namespace whose selector takes all pods of another's."""
    by_first: dict[tuple[str, tuple[str, str]], list[Service]] = {}
    selecting = [service for service in mesh.services if not service.external and service.selector]
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
                        related=((wider.origin, "the wider selector"),),
                    )


def _pods_of_gateways(mesh: Mesh) -> Iterator[Finding]:
    """Services that select a gateway's pods, or are selected by it."""
    for gateway in mesh.gateways:
        mine = set(gateway.workload.selector)
        for service in mesh.services:
            labels = set(service.selector)
            if service.external or service.name.namespace != gateway.workload.namespace or not (labels <= mine or mine <= labels):
                continue
            what = f"the selectors of {service.name} and of gateway {gateway.name} take the same pods"
            message = f"{what}; expected selectors that no pod of both has"
            yield Finding("MC502", message, service.origin, related=((gateway.origin, "the gateway"),))


def _shared_numbers(mesh: Mesh, service: Service) -> Iterator[Finding]:
    """Ports that listen on one number and yet differ: Istio's policies and modes of mTLS go by that number."""
    pairs = [(one, other) for one, other in combinations(service.ports, 2) if listens(service, one) & listens(service, other)]
    if not pairs:
        return
    checks = access.checks(mesh, service)
    named = [set(grant.pattern.ports) for grant in (*checks.deny, *checks.require, *checks.allow) if grant.pattern.ports is not None]
    for one, other in pairs:
        if one.mtls is not other.mtls:
            what = "mtls"
        elif one.protocol.is_http is not other.protocol.is_http:
            what = "protocol"
        elif any((one.name in ports) is not (other.name in ports) for ports in named):
            what = "access"
        else:
            continue
        message = (
            f"ports {one.name} and {other.name} of {service.name} listen on one number and differ in {what}, which Istio can't tell apart"
        )
        yield Finding("MC502", message, other.origin, help="let them listen on different ports", related=((one.origin, "the other port"),))
