"""The Lua filter that stands first in every chain: its text, and how its settings are written (L4, L5, L13)."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from meshc import paths, routing
from meshc.model import Gateway, Listener, ListenerProtocol, Mesh, Pattern, Port

FILTER_NAME: Final = "meshc.normalize"
_HTTP, _HTTPS = 80, 443
_PARTS: Final = {"ports": "gateway", "bearer": "bearer", "outside": "outside"}
LUA: Final = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"


def normalize_filter(mesh: Mesh, *, bearer: bool, peer: bool, gateway: Gateway | None = None, outbound: bool = False) -> dict[str, Any]:
    """The filter for a workload; `bearer` where token providers are named, `peer` where its address counts, `gateway` for its listeners."""
    return lua_filter(FILTER_NAME, source(settings(mesh, bearer=bearer, peer=peer, gateway=gateway, outbound=outbound)))


def restore_filter() -> dict[str, Any]:
    """The filter that follows the token filter, where `bearer` is set."""
    return lua_filter("meshc.restore", text("restore"))


def lua_filter(name: str, program: str) -> dict[str, Any]:
    """An HTTP filter with that program."""
    return {"name": name, "typed_config": {"@type": LUA, "default_source_code": {"inline_string": program}}}


def source(settings_tree: Mapping[str, Any]) -> str:
    """The program of the filter with these settings, of no more parts than they need."""
    parts = ["normalize", *(part for key, part in _PARTS.items() if key in settings_tree), "request"]
    return f"local S = {literal(settings_tree)}\n" + "".join(map(text, parts))


@cache
def text(part: str) -> str:
    """A file of `lua/` without its comments: it goes into every workload's objects."""
    lines = resources.files("meshc_istio").joinpath("lua", f"{part}.lua").read_text(encoding="utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines if line.strip() and not line.lstrip().startswith("--"))


def settings(mesh: Mesh, *, bearer: bool, peer: bool, gateway: Gateway | None, outbound: bool = False) -> dict[str, Any]:
    """What the filter needs to know of the mesh."""
    tree: dict[str, Any] = {"methods": _set(mesh.methods)}
    if mesh.requests == "strict":
        tree["reject"] = True
    if bearer:
        tree["bearer"] = True
    if peer:
        tree["peer"] = True
    if gateway is not None:
        tree["ports"] = {port: _port(mesh, gateway, port) for port in sorted({one.port for one in gateway.listeners})}
        tree["https"] = _https(gateway)
    if outbound and (outside := _outside(mesh)):
        tree["outside"] = outside
    return tree


def _outside(mesh: Mesh) -> dict[str, dict[int, str]]:
    """Of each wildcard outside, what stands after the name in the Host for each port that may be called."""
    found: dict[str, dict[int, str]] | None = mesh.__dict__.get("_istio_outside")
    if found is None:
        found = mesh.__dict__["_istio_outside"] = {}
        for service in mesh.services:
            for host in service.hosts if service.external else ():
                if host.startswith("*"):
                    found.setdefault(host, {}).update({port.port: _shown(port) for port in service.ports if port.protocol.is_http})
    return found


def _shown(port: Port) -> str:
    default = _HTTPS if port.tls is not None else _HTTP
    return "" if port.target_port == default else f":{port.target_port}"


def _port(mesh: Mesh, gateway: Gateway, port: int) -> dict[str, Any]:
    listeners = routing.on_port(gateway, port)
    plain = [one for one in listeners if one.protocol is ListenerProtocol.HTTP]
    tls = [one for one in listeners if one.protocol in (ListenerProtocol.HTTPS, ListenerProtocol.TLS)]
    return {
        "plain": {host: _plain(mesh, gateway, one) for one in plain for host in one.hosts},
        "tls": {host: one.name for one in tls for host in one.hosts},
    }


def _plain(mesh: Mesh, gateway: Gateway, listener: Listener) -> dict[str, Any]:
    if not listener.redirect_to_https:
        return {"redirect": False}
    tables = routing.host_tables(mesh, gateway, listener)
    pinned = {table.host: [tree for _, rule in table.entries for match in rule.matches for tree in _pinned(match)] for table in tables}
    return {"redirect": True, "pinned": pinned}


def _pinned(match: Pattern) -> Iterable[dict[str, Any]]:
    for path in match.paths if match.paths is not None else (paths.ALL_PATHS,):
        segments = [True if part is None else paths.canonical_segment(part) for part in path.segments]
        tree: dict[str, Any] = {"path": segments, "below": path.below}
        yield tree if match.methods is None else {**tree, "methods": _set(match.methods)}


def _https(gateway: Gateway) -> list[dict[str, Any]]:
    """The TLS ports in the order in which they are asked for a host: 443 first (L5)."""
    numbers = {one.port for one in gateway.listeners if one.protocol is ListenerProtocol.HTTPS}
    return [
        {
            "number": number,
            "hosts": {host: one.protocol is ListenerProtocol.HTTPS for one in routing.on_port(gateway, number) for host in one.hosts},
        }
        for number in sorted(numbers, key=lambda number: (number != 443, number))  # noqa: PLR2004 - https
    ]


def _set(names: Iterable[str]) -> dict[str, bool]:
    return dict.fromkeys(sorted(names), True)


def literal(value: Any) -> str:  # noqa: ANN401 - a tree of dicts, lists and scalars
    """A tree as Lua writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\{b:03d}" for c in value for b in c.encode()) + '"'
        case list():
            return "{ " + ", ".join(literal(each) for each in value) + " }" if value else "{}"
        case dict():
            entries = (f"[{literal(key)}] = {literal(each)}" for key, each in sorted(value.items()))
            return "{ " + ", ".join(entries) + " }" if value else "{}"
        case _:
            raise TypeError(f"no Lua literal for {value!r}")
