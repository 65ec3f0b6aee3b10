"""Hosts that two services have in common: Istio keeps one set of rules for a host, and a proxy that knows a wildcard knows all below it."""

from collections.abc import Iterator

from meshc.diagnostics import Finding
from meshc.model import Mesh, Name, Service
from meshc_istio.egress_guard import callers_of


def shared_host_findings(mesh: Mesh) -> Iterator[Finding]:
    """Services that answer to one host, and wildcards that let callers know a service that they do not declare."""
    owners: dict[str, Service] = {}
    for service, host in _hosts(mesh):
        first = owners.setdefault(host, service)
        if first is not service:
            message = (
                f"host {host} is one of {first.name} too; Istio keeps one set of rules for a host, expected one service with both's ports"
            )
            yield Finding("MC502", message, service.origin, related=((first.origin, "the other service"),))
    for host, service in owners.items():
        for wildcard in _above(host):
            wider = owners.get(wildcard)
            if wider is None or wider is service:
                continue
            missing = sorted(_callers(mesh, wider.name) - _callers(mesh, service.name))
            if missing:
                message = f"{missing[0]} declares {wider.name} by {wildcard}, and its proxy knows {host} of {service.name} with it on Istio"
                yield Finding(
                    "MC502", f"{message}; expected a call of {service.name} too", service.origin, related=((wider.origin, wildcard),)
                )


def _hosts(mesh: Mesh) -> Iterator[tuple[Service, str]]:
    for service in mesh.services:
        if service.external:
            yield from ((service, host) for host in sorted(service.hosts))
        else:
            further = {host for route in mesh.routes_by_service.get(service.name, ()) for host in route.hosts}
            yield from ((service, host) for host in sorted(further))


def _above(host: str) -> Iterator[str]:
    labels = host.removeprefix("*.").split(".")
    start = 0 if host.startswith("*.") else 1
    yield from ("*." + ".".join(labels[index:]) for index in range(start, len(labels)) if "*." + ".".join(labels[index:]) != host)


def _callers(mesh: Mesh, name: Name) -> set[Name]:
    return {caller.name for caller, _ in callers_of(mesh, name)}
