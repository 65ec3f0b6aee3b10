"""Why two services must not share pods: what is written for one workload would hold for the other too."""

from collections.abc import Iterator

from meshc.diagnostics import Finding
from meshc.model import Mesh, Service


def workload_findings(mesh: Mesh) -> Iterator[Finding]:
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
