"""`redirectToHttps`: for which hosts of a plain listener there is a TLS listener to go to (L5)."""

from typing import Any

from meshc import routing, space
from meshc.model import Gateway, Listener, ListenerProtocol


def redirected_hosts(gateway: Gateway, listener: Listener) -> dict[str, int]:
    """Return the host patterns that the listener redirects, each with the port that clients are sent to."""
    found: dict[str, int] = {}
    for other in gateway.listeners:
        if other.protocol is ListenerProtocol.HTTPS:
            for pair in ((one, host) for one in listener.hosts for host in other.hosts):
                host = space.host_overlap(*pair)
                if host is not None and (owner := routing.https_owner(gateway, host)) is not None:
                    found[host] = owner.port
    return dict(sorted(found.items()))


def redirect_route(host: str | None, port: int) -> dict[str, Any]:
    """The route of a VirtualService that sends everything to https; `host` is None where it is not one name."""
    authority = {} if host is None else {"authority": host}
    return {"redirect": {**authority, "scheme": "https", **({} if port == routing.HTTPS_PORT else {"port": port})}}
