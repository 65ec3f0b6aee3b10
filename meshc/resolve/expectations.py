"""What a test of the mesh asks and expects, by the names that the mesh defines."""

import ipaddress
from collections.abc import Mapping

from meshc.model import Expectation, Gateway, ListenerProtocol, MeshTest, Name, Service
from meshc.resolve.names import Names, Place, did_you_mean, one_of
from meshc.resolve.patterns import Patterns
from meshc.resolve.sources import Asker, source
from meshc.resolve.values import method_names, only_key
from meshc.spec.expectations import ExpectShape, TestShape


def mesh_test(
    shape: TestShape,
    place: Place,
    patterns: Patterns,
    gateways: Mapping[Name, Gateway],
) -> MeshTest | None:
    """A test; None where it can't be asked, which is said."""
    names, services = patterns.names, patterns.services
    before = len(place.found)
    via = None if shape.via is None else names.find("gateway", shape.via, place.at("via"))
    asker = None if shape.from_ is None else source(shape.from_, place.at("from"), names, services, Asker.TEST)
    to = None if shape.to is None else names.find("service", shape.to, place.at("to"))
    if to is not None:
        names.has_ports(to, shape.to or "", place.at("to"))
    scheme, port = _entrance(shape, place, gateways.get(via) if via else None)
    if to is not None and (asked := services.get(to)) is not None and shape.port is not None:
        port = shape.port
        has = [one.name for one in asked.ports]
        if port not in has:
            place.at("port").error("MC102", f"no port {port!r} at {to}, which has {one_of(has)}{did_you_mean(port, has)}")
    _who(shape, place)
    request = shape.request
    at = place.at("request")
    method_names([request.method], at.at("method"), patterns.methods)
    token = None if request.jwt is None else names.find("provider", request.jwt.provider, at.at("jwt", "provider"))
    expect = _expectation(shape.expect, place.at("expect"), names, services)
    if expect is None or len(place.found) > before:
        return None
    return MeshTest(
        name=shape.name,
        via=via,
        source=asker,
        to=to,
        port=port,
        method=request.method,
        scheme=scheme,
        host=request.host,
        path=request.path,
        headers=tuple(sorted(request.headers.items())),
        token=token,
        claims={} if request.jwt is None else request.jwt.claims,
        client_ip=shape.clientIp,
        expect=expect,
        origin=place.origin,
    )


def _who(shape: TestShape, place: Place) -> None:
    """By a gateway, or from inside: what else must be said depends on it."""
    if (shape.via is None) == (shape.from_ is None):
        code, what = ("MC013", "neither `via` nor `from`") if shape.via is None else ("MC012", "both `via` and `from`")
        place.error(code, f"a test with {what}, expected exactly one of them")
        return
    if shape.via is None:
        for key, value in (("listener", shape.listener), ("clientIp", shape.clientIp)):
            if value is not None:
                place.at(key).error("MC011", f"{key!r} has no meaning here: the request enters by no gateway")
        if shape.to is None and shape.request.host is None:
            place.error(
                "MC013", "a test from inside the mesh without `to`, expected the service that is asked", "or `request: {host: ...}`"
            )
        return
    if shape.to is not None:
        place.at("to").error(
            "MC011", "'to' has no meaning here: the gateway's routes decide where the request goes", "expect it with `reaches`"
        )
    if shape.request.host is None:
        place.at("request").error("MC013", "a test via a gateway without a host, expected `request: {host: ...}`")
    if shape.clientIp is not None:
        try:
            ipaddress.ip_address(shape.clientIp)
        except ValueError:
            place.at("clientIp").error("MC012", f"{shape.clientIp!r} is no IP address")


def _entrance(shape: TestShape, place: Place, gateway: Gateway | None) -> tuple[str | None, str | None]:
    """The scheme and listener of a test via a gateway, where it names one."""
    if gateway is None:
        return None, shape.port
    if shape.port is not None:
        place.at("port").error("MC011", "'port' has no meaning here: a gateway has listeners", "name one with `listener`")
    if shape.listener is None:
        return shape.request.scheme, None
    known = {listener.name: listener for listener in gateway.listeners}
    if shape.listener not in known:
        message = (
            f"no listener {shape.listener!r} at gateway {gateway.name}, which has {one_of(known)}{did_you_mean(shape.listener, known)}"
        )
        place.at("listener").error("MC105", message)
        return None, None
    plain = known[shape.listener].protocol in (ListenerProtocol.HTTP, ListenerProtocol.TCP)
    return "http" if plain else "https", shape.listener


def _expectation(shape: str | ExpectShape, place: Place, names: Names, services: Mapping[Name, Service]) -> Expectation | None:
    if isinstance(shape, str):
        return Expectation(outcome=shape)
    key = only_key({"status": shape.status, "redirect": shape.redirect, "reaches": shape.reaches}, place, "`expect`")
    if key is None:
        return None
    if shape.reaches is None:
        return Expectation(status=shape.status, redirect=shape.redirect)
    at = place.at("reaches")
    name = names.find("service", shape.reaches.service, at.at("service"))
    service = None if name is None else services.get(name)
    if name is None or service is None or not names.has_ports(name, shape.reaches.service, at.at("service")):
        return None
    known = [version.name for version in service.versions]
    if shape.reaches.version is not None and shape.reaches.version not in known:
        near = did_you_mean(shape.reaches.version, known)
        message = f"no version {shape.reaches.version!r} of {name}, which has {one_of(known) or 'none'}{near}"
        at.at("version").error("MC103", message)
    return Expectation(reaches=name, version=shape.reaches.version)
