"""What a route serves, and how its rules are completed from the mesh's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass

from meshc import space
from meshc.model import (
    Action,
    Forward,
    Gateway,
    ListenerProtocol,
    Mirror,
    Name,
    Pattern,
    Port,
    Protocol,
    Route,
    Rule,
    Service,
)
from meshc.resolve import actions
from meshc.resolve.destinations import Destinations
from meshc.resolve.gateways import believed
from meshc.resolve.names import Names, Place, did_you_mean, one_of
from meshc.resolve.patterns import Asked, Patterns, Use
from meshc.resolve.values import rate_limits, refuse
from meshc.spec.mesh import DefaultsShape
from meshc.spec.routes import RouteShape, RuleShape
from meshc.spec.shapes import duration_ms, percent, size_bytes

_ONLY_FORWARDED = ("rewrite", "timeout", "retries", "mirror")
_STREAMS = (Protocol.GRPC, Protocol.GRPC_WEB, Protocol.TCP, Protocol.TLS)
"""What has no timeout unless one is stated (L12)."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Makes routes: what a mesh defines, and its defaults."""

    names: Names
    services: Mapping[Name, Service]
    gateways: Mapping[Name, Gateway]
    patterns: Patterns
    defaults: DefaultsShape
    defaults_place: Place

    def route(self, name: Name, shape: RouteShape, place: Place) -> Route:
        """A route; what leads nowhere is said and left out."""
        gateways = self._gateways(shape, place)
        services = self._services(shape, place)
        if bool(shape.gateways) == bool(shape.services):
            code, what = ("MC012", "both `gateways` and `services`") if shape.gateways else ("MC013", "neither `gateways` nor `services`")
            place.error(code, f"a route with {what}, expected exactly one of them")
        if shape.gateways:
            self._hosts(shape, place, gateways)
        elif shape.listeners is not None:
            place.at("listeners").error("MC011", "'listeners' has no meaning here: an east-west route has no gateway")
        if shape.services and shape.hosts and len(services) > 1:
            place.at("hosts").error("MC012", "`hosts` of a route for several services, expected one service that answers to them")
        if shape.hosts:
            self._no_further_names(services, place)
        if shape.gateways and _is_blind(shape, gateways):
            _only_bytes(shape, place.at("rules"))
        hosts = tuple(sorted({host.lower() for host in shape.hosts}))
        asked = Asked(tuple(self.services[one] for one in services), believed=believed(gateways.values()))
        return Route(
            name=name,
            gateways=tuple(sorted(gateways)),
            listeners=None if shape.listeners is None else tuple(sorted(set(shape.listeners))),
            services=services,
            hosts=hosts,
            priority=shape.priority,
            rules=self._rules(shape, place.at("rules"), asked, east_west=not shape.gateways),
            origin=place.origin,
        )

    def _gateways(self, shape: RouteShape, place: Place) -> dict[Name, Gateway]:
        found = {}
        for index, reference in enumerate(shape.gateways):
            name = self.names.find("gateway", reference, place.at("gateways", index))
            if name is not None and (gateway := self.gateways.get(name)) is not None:
                found[name] = gateway
        return found

    def _services(self, shape: RouteShape, place: Place) -> tuple[Name, ...]:
        found = set()
        for index, reference in enumerate(shape.services):
            at = place.at("services", index)
            name = self.names.find_own("service", reference, at)
            if name is not None and name in self.services and self.names.has_ports(name, reference, at):
                found.add(name)
        return tuple(sorted(found))

    def _no_further_names(self, services: tuple[Name, ...], place: Place) -> None:
        """What lies outside answers to its own hosts alone: callers' proxies know it by those."""
        outside = next((name for name in services if self.services[name].external), None)
        if outside is not None:
            message = f"'hosts' has no meaning here: service {outside} lies outside the mesh, where it answers to its own hosts only"
            help_ = "add the name to the service's own `hosts`, if it answers to it"
            place.at("hosts").error("MC011", message, help_, (self.services[outside].origin, "the service"))

    def _hosts(self, shape: RouteShape, place: Place, gateways: Mapping[Name, Gateway]) -> None:
        """Each host must be some listener's, at every gateway, or the route would silently serve nobody there."""
        if not shape.hosts:
            place.error("MC013", "a route of gateways without `hosts`, expected the hosts that it serves", "`hosts: ['*']` serves all")
        for name, gateway in gateways.items():
            known = [listener.name for listener in gateway.listeners]
            for index, pinned in enumerate(shape.listeners or ()):
                if pinned not in known:
                    message = f"no listener {pinned!r} at gateway {name}, which has {one_of(known)}{did_you_mean(pinned, known)}"
                    place.at("listeners", index).error("MC105", message)
            if shape.listeners is None:
                serving = [listener for listener in gateway.listeners if not listener.redirect_to_https]
            else:
                serving = [listener for listener in gateway.listeners if listener.name in shape.listeners]
            for index, host in enumerate(shape.hosts if serving or shape.listeners is None else ()):
                if not any(space.host_overlap(host.lower(), own) for listener in serving for own in listener.hosts):
                    has = one_of(sorted({own for listener in serving for own in listener.hosts})) or "none that does not redirect to https"
                    message = f"host {host!r} is owned by no listener of gateway {name} that this route can use: {has}"
                    place.at("hosts", index).error("MC120", message, "add the host to a listener", (gateway.origin, "the gateway"))
            for index, pinned in enumerate(shape.listeners or ()):
                own = next((listener.hosts for listener in serving if listener.name == pinned), None)
                if (
                    own is not None
                    and shape.hosts
                    and not any(space.host_overlap(host.lower(), mine) for host in shape.hosts for mine in own)
                ):
                    message = f"listener {pinned!r} of gateway {name} owns none of the route's hosts, only {one_of(own)}"
                    place.at("listeners", index).error("MC120", message)

    def _rules(self, shape: RouteShape, place: Place, asked: Asked, *, east_west: bool) -> tuple[Rule, ...]:
        found: dict[str, Place] = {}
        rules = []
        for index, rule in enumerate(shape.rules):
            at = place.at(index)
            name = rule.name or f"rule-{index + 1}"
            if name in found:
                at.error("MC015", f"a second rule {name!r} in this route, expected another name", None, (found[name].origin, "first"))
            found[name] = at
            made = self._rule(name, rule, at, asked, east_west=east_west)
            if made is not None:
                rules.append(made)
        return tuple(rules)

    def _rule(self, name: str, shape: RuleShape, place: Place, asked: Asked, *, east_west: bool) -> Rule | None:
        matches = self._matches(shape, place, asked, east_west=east_west)
        action = self._action(shape, place, matches, asked, east_west=east_west)
        request = actions.header_changes(shape.headers.request, place.at("headers", "request"))
        response = actions.header_changes(shape.headers.response, place.at("headers", "response"))
        fault = actions.fault(shape.fault, place.at("fault"))
        cors = actions.cors(shape.cors, place.at("cors"), self.patterns.methods)
        limits = rate_limits(shape.rateLimits, place.at("rateLimits"), believed=asked.believed)
        if action is None:
            return None
        body = None if shape.maxRequestBody is None else size_bytes(shape.maxRequestBody)
        return Rule(name, matches, action, request, response, fault, cors, limits, body, place.origin)

    def _matches(self, shape: RuleShape, place: Place, asked: Asked, *, east_west: bool) -> tuple[Pattern, ...]:
        if shape.match is None:
            return (Pattern(place.origin),)
        if not shape.match:
            place.at("match").error("MC012", "an empty `match` matches nothing, expected patterns", "leave `match` out to take everything")
        use = Use.EAST_WEST if east_west else Use.NORTH_SOUTH
        return tuple(self.patterns.pattern(one, place.at("match", index), use, asked) for index, one in enumerate(shape.match))

    def _action(self, shape: RuleShape, place: Place, matches: tuple[Pattern, ...], asked: Asked, *, east_west: bool) -> Action | None:
        said = [key for key in ("to", "redirect", "respond") if getattr(shape, key) is not None]
        if len(said) != 1:
            code, what = ("MC012", one_of(said)) if said else ("MC013", "no action")
            place.error(code, f"a rule with {what}, expected exactly one of to, redirect, respond")
            return None
        if shape.to is not None:
            return self._forward(shape, place, matches, asked, east_west=east_west)
        refuse((key for key in _ONLY_FORWARDED if getattr(shape, key) is not None), place, f"a rule with `{said[0]}` forwards nothing")
        if shape.headers.request.model_fields_set:
            place.at("headers", "request").error("MC011", f"'request' has no meaning here: a rule with `{said[0]}` forwards nothing")
        if shape.redirect is not None:
            return actions.redirect(shape.redirect, place.at("redirect"), matches)
        return None if shape.respond is None else actions.respond(shape.respond, place.at("respond"))

    def _forward(self, shape: RuleShape, place: Place, matches: tuple[Pattern, ...], asked: Asked, *, east_west: bool) -> Forward:
        called = tuple({(one.name, port.name): (one, port) for pattern in matches for one, port in _called(asked, pattern)}.values())
        makes = Destinations(self.names, self.services, called, east_west)
        destinations = makes.shares(shape.to or (), place.at("to"))
        retries = actions.retries(self.defaults.retries, self.defaults_place.at("retries"))
        if shape.retries is not None:
            retries = actions.retries(shape.retries, place.at("retries"))
        mirror = None
        if shape.mirror is not None and (copied := makes.mirror(shape.mirror.to, place.at("mirror", "to"))) is not None:
            mirror = Mirror(copied, percent(shape.mirror.percent), place.at("mirror").origin)
        reached = {
            port.protocol
            for one in destinations
            for port in self.services[one.service].ports
            if port.name == one.port or (one.port is None and port.name in {mine.name for _, mine in called})
        }
        return Forward(
            destinations=destinations,
            rewrite=actions.rewrite(shape.rewrite, place.at("rewrite"), matches),
            timeout_ms=self._timeout(shape, place, reached),
            retries=retries,
            mirror=mirror,
        )

    def _timeout(self, shape: RuleShape, place: Place, reached: set[Protocol]) -> int:
        if shape.timeout is not None:
            return duration_ms(shape.timeout)
        default = duration_ms(self.defaults.timeout)
        streams = {protocol for protocol in reached if protocol in _STREAMS}
        if streams and default and (others := reached - streams):
            stream, other, own = one_of(sorted(streams)), one_of(sorted(others)), self.defaults.timeout
            message = f"a rule for {stream}, which has no timeout unless stated, and for {other}, whose default is {own}"
            place.error(
                "MC013", f"{message}; expected a `timeout` that holds for both", "or give each its rule, with `match: {ports: [...]}`"
            )
        return 0 if streams else default


def _is_blind(shape: RouteShape, gateways: Mapping[Name, Gateway]) -> bool:
    """Whether the route's listeners see connections only, not requests."""
    protocols = {
        listener.protocol
        for gateway in gateways.values()
        for listener in gateway.listeners
        if (shape.listeners is None or listener.name in shape.listeners)
        and any(space.host_overlap(host.lower(), own) for host in shape.hosts for own in listener.hosts)
    }
    return bool(protocols) and protocols <= {ListenerProtocol.TCP, ListenerProtocol.TLS}


def _only_bytes(shape: RouteShape, place: Place) -> None:
    """Where no request is seen, a rule takes every connection and passes it on."""
    for index, rule in enumerate(shape.rules):
        for key in ("match", "redirect", "respond", "rewrite", "cors", "fault", "mirror"):
            if getattr(rule, key) is not None:
                message = f"`{key}` at listeners of protocol tcp or tls, where no request is seen"
                place.at(index, key).error("MC115", message, "leave it out: the rule takes every connection")


def _called(asked: Asked, pattern: Pattern) -> tuple[tuple[Service, Port], ...]:
    ports = asked.concerned(pattern.ports)
    return tuple((one, port) for one, port in ports if port.protocol.is_http) if pattern.has_http_keys else ports
