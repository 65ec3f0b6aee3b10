"""How a proxy under Istio reads VirtualServices and Sidecars: a reading of its documentation, to hold what is written against `decide`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from meshc.model import Mesh, Name
from meshc_istio.objects import Object

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the proxy has it once filters have made its path canonical; `labels` and `namespace` are the proxy's own."""

    host: str
    port: int
    method: str = "GET"
    path: str = "/"
    query: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What the proxy does: a status of its own, a Location, or destinations (host, port, subset, weight) and what they get."""

    status: int | None = None
    location: str | None = None
    destinations: tuple[tuple[str, int, str | None, int], ...] = ()
    path: str | None = None
    host: str | None = None
    route: Mapping[str, Any] | None = None


def inside(mesh: Mesh, objects: Iterable[Object], caller: Name, asked: Asked) -> Done:
    """
    What the caller's sidecar does: it answers 502 for hosts that it does not know.

    A VirtualService without `gateways` is for sidecars. A host that has none, or none with a route for this proxy, goes to its service.
    """
    kinds = list(objects)
    if not _knows(kinds, caller, asked.host):
        return Done(status=502)
    labels = tuple(sorted(mesh.service_by_name[caller].selector))
    mine = Asked(asked.host, asked.port, asked.method, asked.path, asked.query, asked.headers, labels, caller.namespace)
    service = _owner((one for one in kinds if one.kind == "VirtualService" and "gateways" not in one.spec), asked.host)
    if service is None or not any(_applying(route, mine) for route in service.spec["http"]):
        return Done(destinations=((asked.host, asked.port, None, 1),), path=_with_query(asked.path, asked), host=asked.host)
    return read(service, mine, "http")


def _knows(objects: Iterable[Object], caller: Name, host: str) -> bool:
    """Whether the proxy has heard of the host: its Sidecar lists it, and a ServiceEntry that says it is exported to its namespace."""
    kinds = list(objects)
    sidecar = next((one for one in kinds if one.kind == "Sidecar" and (one.namespace, one.name) == caller), None)
    if sidecar is not None:
        listed = (entry.partition("/") for entry in sidecar.spec["egress"][0]["hosts"])
        if not any(_covers(name, host) for namespace, _, name in listed if namespace != "~"):
            return False
    entries = [one for one in kinds if one.kind == "ServiceEntry" and any(_covers(name, host) for name in one.spec["hosts"])]
    return not entries or any(_is_exported(one, caller.namespace) for one in entries)


def _is_exported(entry: Object, namespace: str) -> bool:
    exported = entry.spec.get("exportTo", ["*"])
    return "*" in exported or namespace in exported or ("." in exported and entry.namespace == namespace)


def at_gateway(objects: Iterable[Object], gateway: str, asked: Asked, scheme: str) -> Done:
    """What a gateway does with a request that came to that Gateway object's server: `namespace/name`, which its neighbours call `name`."""
    namespace, _, name = gateway.partition("/")
    services = [
        one
        for one in objects
        if one.kind == "VirtualService"
        for bound in one.spec.get("gateways", ())
        if bound == gateway or (bound == name and one.namespace == namespace)
    ]
    service = _owner(services, asked.host)
    return Done(status=404) if service is None else read(service, asked, scheme)


def read(service: Object, asked: Asked, scheme: str) -> Done:
    """The first route that takes the request."""
    mine = [(route, _applying(route, asked)) for route in service.spec["http"]]
    for route, entries in mine:
        for entry in entries:
            if _holds(entry, asked):
                return _do(route, entry, asked, scheme)
    return Done(status=404)


def _applying(route: Mapping[str, Any], asked: Asked) -> list[Mapping[str, Any]]:
    """Entries for other sources never reach this proxy; a route that has only such ones does not either."""
    entries: list[Mapping[str, Any]] = route.get("match", [{}])
    return [
        entry
        for entry in entries
        if entry.get("sourceLabels", {}).items() <= dict(asked.labels).items()
        and entry.get("sourceNamespace", asked.namespace) == asked.namespace
    ]


def _holds(entry: Mapping[str, Any], asked: Asked) -> bool:
    lines: dict[str, list[str]] = {}
    for name, value in asked.headers:
        lines.setdefault(name, []).append(value)
    lines[":path"] = [_with_query(asked.path, asked)]
    fields = dict(reversed(parse_qsl(asked.query or "", keep_blank_values=True)))
    return (
        ("uri" not in entry or _string(entry["uri"], asked.path))
        and ("method" not in entry or _string(entry["method"], asked.method))
        and ("authority" not in entry or _string(entry["authority"], asked.host))
        and entry.get("port", asked.port) == asked.port
        and all(any(_string(wanted, line) for line in lines.get(name, ())) for name, wanted in entry.get("headers", {}).items())
        and not any(any(_string(banned, line) for line in lines.get(name, ())) for name, banned in entry.get("withoutHeaders", {}).items())
        and all(name in fields and _string(wanted, fields[name]) for name, wanted in entry.get("queryParams", {}).items())
    )


def _string(wanted: Mapping[str, str], value: str) -> bool:
    match wanted:
        case {"exact": text}:
            return value == text
        case {"prefix": text}:
            return value.startswith(text)
        case {"regex": expression}:
            return re.fullmatch(expression, value) is not None
        case _:
            return True


def _do(route: Mapping[str, Any], entry: Mapping[str, Any], asked: Asked, scheme: str) -> Done:
    match route:
        case {"directResponse": {"status": status}}:
            return Done(status=status, route=route)
        case {"redirect": redirect}:
            return Done(status=redirect.get("redirectCode", 301), location=_location(redirect, entry, asked, scheme), route=route)
        case _:
            shares = tuple(sorted(_share(one) for one in route["route"]))
            rewrite = route.get("rewrite", {})
            path = asked.path
            if "uriRegexRewrite" in rewrite:
                path = re.sub(rewrite["uriRegexRewrite"]["match"], rewrite["uriRegexRewrite"]["rewrite"], path, count=1)
            return Done(destinations=shares, path=_with_query(path, asked), host=rewrite.get("authority", asked.host), route=route)


def _share(one: Mapping[str, Any]) -> tuple[str, int, str | None, int]:
    to = one["destination"]
    return to["host"], to["port"]["number"], to.get("subset"), one.get("weight", 1)


def _location(redirect: Mapping[str, Any], entry: Mapping[str, Any], asked: Asked, scheme: str) -> str:
    scheme = redirect.get("scheme", scheme)
    shown = f":{redirect['port']}" if redirect.get("port", DEFAULT_PORTS[scheme]) != DEFAULT_PORTS[scheme] else ""
    path = redirect.get("uri", asked.path)
    if "prefixRewrite" in redirect:
        path = redirect["prefixRewrite"] + asked.path.removeprefix(entry["uri"]["prefix"])
    return f"{scheme}://{redirect.get('authority', asked.host)}{shown}{_with_query(path, asked)}"


def _with_query(path: str, asked: Asked) -> str:
    return path if asked.query is None else f"{path}?{asked.query}"


def _owner(services: Iterable[Object], host: str) -> Object | None:
    owning = [(pattern, one) for one in services for pattern in one.spec["hosts"] if _covers(pattern, host)]
    return max(owning, key=lambda pair: (not pair[0].startswith("*"), len(pair[0])))[1] if owning else None


def _covers(pattern: str, host: str) -> bool:
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))
