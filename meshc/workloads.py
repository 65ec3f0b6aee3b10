"""
Workloads: pods that listen, whatever services lead to them (L9).

A check point is a workload's target port. Services and ports that lead to one port of the pods share it, so that what is said of the one
holds for the other. Patterns name ports by a service's names; `whole` is the workload as one service, by whose names all its check points
can be said.
"""

from dataclasses import replace

from meshc.model import Mesh, Port, Service


def whole(mesh: Mesh, service: Service) -> Service:
    """A service's workload as one: its own ports, and those of its further services that lead elsewhere, under names of their own."""
    workload, services = mesh.service_by_name[service.workload], mesh.services_by_workload[service.workload]
    if len(services) == 1:
        return workload
    ports = list(workload.ports)
    reached = {number for port in ports for number in workload.listens(port)}
    for one in services:
        for port in one.ports:
            if not one.listens(port) <= reached:
                reached |= one.listens(port)
                ports.append(replace(port, name=f"{one.name.name}/{port.name}"))
    return replace(workload, ports=tuple(sorted(ports, key=lambda port: port.port)))


def is_shared(one: Service, port: Port, other: Service, same: Port) -> bool:
    """Whether two ports of services of one workload lead to one port of its pods."""
    return not one.listens(port).isdisjoint(other.listens(same))
