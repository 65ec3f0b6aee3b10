"""
What the laws leave free to every engine for every request (L18 e-h), as further expectations beside that of a case.

Written from the law, once, so that no row has to list it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from meshc.model import Mesh, Name
from tests.conformance.case import Send
from tests.conformance.escapes import bad_token, refused_at_gateway

Expect = Mapping[str, Any]
_UNAUTHENTICATED, _DENIED, _UNKNOWN = 16, 7, 14
_BEFORE_POLICIES = (301, 404, 421)


def freed(mesh: Mesh, send: Send, expect: Expect) -> Iterator[Expect]:
    """What may come in the stead of what is expected."""
    status, grpc = expect.get("status"), expect.get("grpc")
    # (e) A missing token, or one of a wrong audience.
    if status == 401 and not bad_token(send):
        yield {"status": 403}
    if grpc == _UNAUTHENTICATED and not bad_token(send):
        yield {"status": 200, "grpc": _DENIED}
    # (f) What a gateway answers before its policies may stand behind them.
    if send.via is not None and status == 421:
        yield {"status": 404}
        yield {"status": 403}
    if send.via is not None and status in _BEFORE_POLICIES and refused_at_gateway(mesh, send):
        yield {"status": 401}
        yield {"status": 403}
    # (g) What a caller's proxy does not know.
    if send.via is None and (status == 502 or (status == 200 and grpc == _UNKNOWN and "reaches" not in expect)):
        yield {"refused": True}
    # (h) The port in the Host of a wildcard external.
    if status == 200 and _another_port_of_a_wildcard(mesh, send):
        yield {"status": 403}


def _another_port_of_a_wildcard(mesh: Mesh, send: Send) -> bool:
    if send.via is not None or len(send.hosts) != 1:
        return False
    name, colon, port = send.hosts[0].lower().rpartition(":")
    if not colon or not port.isdigit():
        return False
    wildcards = [
        (service, pattern[1:]) for service in mesh.services for pattern in service.hosts if service.external and pattern.startswith("*.")
    ]
    return any(
        name.removesuffix(".").endswith(suffix) and int(port) != _called(mesh, send, service.name, service.ports[0].port)
        for service, suffix in wildcards
    )


def _called(mesh: Mesh, send: Send, service: Name, default: int) -> int:
    if isinstance(send.port, int):
        return send.port
    named = next((port.port for port in mesh.service_by_name[service].ports if port.name == send.port), None)
    return default if named is None else named
