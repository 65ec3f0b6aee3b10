"""How a Host is read, and which service answers to it (L5, L8)."""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from meshc import routing
from meshc.model import Egress, Mesh, Name, Port, Service
from meshc.semantics.request import RequestError

_HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\.?(?::[0-9]+)?|\[(?P<ipv6>[0-9A-Fa-f:.]+)\](?::[0-9]+)?")
_IPV4: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")


def parse_host(text: str) -> str | None:
    """The host in lower case, without port and trailing dot; None where it is malformed."""
    found = _HOST.fullmatch(text.strip(" \t"))
    if found is None:
        return None
    if (ipv6 := found.group("ipv6")) is None:
        return found.group("name").lower()
    try:
        IPv6Address(ipv6)
    except AddressValueError:
        return None
    return f"[{ipv6.lower()}]"


def port_in_host(text: str) -> int | None:
    """The port that a well-formed Host says."""
    name, colon, port = text.strip(" \t").rpartition(":")
    return int(port) if colon and port.isascii() and port.isdigit() and parse_host(name) is not None else None


def is_address(host: str) -> bool:
    """Whether a parsed host is an IP address, which no SNI carries."""
    return host.startswith("[") or _IPV4.fullmatch(host) is not None


def find_service(mesh: Mesh, name: Name) -> Service:
    """The service of that name, or a RequestError."""
    service = mesh.service_by_name.get(name)
    if service is None:
        raise RequestError(f"the mesh has no service {name}")
    return service


def find_port(service: Service, asked: str | int | None) -> Port:
    """The port of that name or number; None is the only one, else `http` (L8). A RequestError where there is none."""
    if not service.ports:
        raise RequestError(f"service {service.name} has no ports: nobody can call it")
    if asked is None:
        if len(service.ports) == 1:
            return service.ports[0]
        asked = "http"
    for port in service.ports:
        if asked in (port.name, port.port) or str(port.port) == asked:
            return port
    known = ", ".join(f"{port.name} ({port.port})" for port in service.ports)
    raise RequestError(f"service {service.name} has no port {asked!r}; expected one of {known}")


def default_host(mesh: Mesh, service: Service) -> str:
    """The Host that a client of the service sends where nothing else is said."""
    host = routing.service_hosts(mesh, service)[0]
    return host.replace("*", "any", 1) if host.startswith("*") else host


def names_of(mesh: Mesh, service: Service, namespace: str | None) -> tuple[str, ...]:
    """All host patterns of a service for a caller of that namespace."""
    hosts = routing.service_hosts(mesh, service)
    if service.external or service.name.namespace != namespace or not hosts:
        return hosts
    bare = service.name.name
    return (*hosts, bare, f"*.{bare}") if service.headless else (*hosts, bare)


def service_for(mesh: Mesh, services: tuple[Service, ...], namespace: str | None, host: str, port: str | int | None) -> Service | None:
    """Which of the services the host belongs to: the best pattern owns it, and of several with that pattern the one that has the port."""
    by_pattern: dict[str, list[Service]] = {}
    for service in services:
        for pattern in names_of(mesh, service, namespace):
            by_pattern.setdefault(pattern, []).append(service)
    best = routing.best_host(by_pattern, host)
    if best is None:
        return None
    owners = by_pattern[best]
    return next((owner for owner in owners if _has_port(owner, port)), owners[0])


def _has_port(service: Service, asked: str | int | None) -> bool:
    """Whether it has the port; where none was asked, one that speaks HTTP."""
    return any(port.protocol.is_http if asked is None else str(asked) in (port.name, str(port.port)) for port in service.ports)


def collector(mesh: Mesh) -> Service | None:
    """The service of the mesh to which proxies send their telemetry, if it is one."""
    if mesh.telemetry is None or mesh.telemetry.otlp is None:
        return None
    host, _, port = mesh.telemetry.otlp.rpartition(":")
    return service_for(mesh, mesh.services, mesh.namespace, host.lower(), port)


def known_services(mesh: Mesh, caller: Service | None) -> tuple[Service, ...]:
    """The services that a caller's proxy knows: those in its `calls`, all internal ones where it has none or where egress is free (L8)."""
    declared = {call.service for call in caller.calls or ()} if caller else set()
    every_internal = caller is None or caller.calls is None or mesh.egress is Egress.ALLOW
    return tuple(service for service in mesh.services if service.name in declared or (every_internal and not service.external))
