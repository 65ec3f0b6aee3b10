"""What a request pattern may say at each place where one stands, and which requests it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from meshc.model import ClaimMatch, FieldMatch, JwtMatch, Name, Pattern, Port, Service, Source, ValueKind, ValueMatch
from meshc.paths import PathPattern
from meshc.resolve.names import Names, Place, did_you_mean, one_of
from meshc.resolve.sources import Asker, source
from meshc.resolve.values import clean, method_names, only_key, path_pattern, read_header, regular_expression
from meshc.spec.pattern import JwtShape, PathShape, PatternShape, ValueConditionShape
from meshc.spec.services import CallShape


class Use(Enum):
    """Where a pattern stands."""

    NORTH_SOUTH = auto()
    EAST_WEST = auto()
    CALL = auto()
    ALLOW = auto()
    REQUIRE = auto()
    DENY = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What is asked by the requests of a pattern: services, with whether each was named (not by `all`), or gateways.

    `believed`: gateways that all believe what a proxy in front of them says (`trustedHops`).
    """

    services: tuple[Service, ...]
    named: bool = True
    gateways: bool = False
    believed: bool = False

    @property
    def ports(self) -> tuple[str, ...]:
        """The names of all their ports."""
        return tuple(sorted({port.name for service in self.services for port in service.ports}))

    def concerned(self, ports: tuple[str, ...] | None) -> tuple[tuple[Service, Port], ...]:
        """The ports that an entry with these `ports` is about."""
        return tuple((one, port) for one in self.services for port in one.ports if ports is None or port.name in ports)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Makes patterns: what a mesh defines, and the methods it knows."""

    names: Names
    services: Mapping[Name, Service]
    methods: tuple[str, ...]

    def pattern(self, shape: PatternShape | CallShape, place: Place, use: Use, asked: Asked) -> Pattern:
        """The requests that a pattern means; what can't be there is said and left out."""
        ports = _ports(shape.ports, place, use, asked)
        jwt = None
        sources = None
        if isinstance(shape, PatternShape):
            # An empty map says as little as no key; an empty list says "nothing".
            if all(getattr(shape, key) in (None, {}) for key in shape.model_fields_set):
                place.error("MC019", "an empty pattern, expected at least one key", "to take everything, write `paths: /**`")
            jwt = self._jwt(shape.jwt, place.at("jwt"), use)
            sources = self._sources(shape, place.at("from"), use, asked)
        made = Pattern(
            origin=place.origin,
            sources=sources,
            ports=ports,
            hosts=None if shape.hosts is None else tuple(sorted({host.lower() for host in shape.hosts})),
            methods=None if shape.methods is None else method_names(shape.methods, place.at("methods"), self.methods),
            paths=_paths(shape.paths, place.at("paths"), use),
            headers=_headers(shape.headers, place.at("headers"), believed=asked.believed),
            query=_fields(shape.query, place.at("query")),
            jwt=jwt,
        )
        if made.has_http_keys:
            _only_http(made, place, asked)
        return made

    def _jwt(self, shape: JwtShape | None, place: Place, use: Use) -> JwtMatch | None:
        if shape is None:
            return None
        if use in (Use.NORTH_SOUTH, Use.EAST_WEST):
            place.error("MC011", "'jwt' has no meaning here: tokens are read by policies only")
            return None
        provider = self.names.find("provider", shape.provider, place.at("provider"))
        claims = []
        for claim, values in sorted(shape.claims.items()):
            steps = tuple(claim.split("."))
            if "" in steps:
                place.at("claims", claim).error("MC012", f"claim {claim!r} has an empty step, expected names joined by dots")
            if not values:
                place.at("claims", claim).error("MC012", f"no value for claim {claim!r}, expected at least one")
            claims.append(ClaimMatch(steps, tuple(sorted(set(values)))))
        return None if provider is None else JwtMatch(provider, tuple(claims), place.origin)

    def _sources(self, shape: PatternShape, place: Place, use: Use, asked: Asked) -> tuple[Source, ...] | None:
        if shape.from_ is None:
            return None
        asker = Asker.GATEWAY_POLICY if asked.gateways else Asker.SERVICE_POLICY
        match use:
            case Use.NORTH_SOUTH | Use.CALL:
                place.error("MC011", "'from' has no meaning here: it stands in policies and in the `match` of east-west routes")
                return None
            case Use.EAST_WEST:
                asker = Asker.MATCH
            case _:
                pass
        found = (source(one, place.at(index), self.names, self.services, asker) for index, one in enumerate(shape.from_))
        return tuple(one for one in found if one is not None)


def _ports(names: Sequence[str] | None, place: Place, use: Use, asked: Asked) -> tuple[str, ...] | None:
    if use is Use.NORTH_SOUTH or not asked.services:
        if names is not None and (use is Use.NORTH_SOUTH or asked.gateways):
            place.at("ports").error(
                "MC011", "'ports' has no meaning here: a request at a gateway has not reached a service yet", "use `listeners`"
            )
        return None
    if names is None:
        return _no_ports(place, use, asked)
    for index, name in enumerate(names):
        if name not in asked.ports:
            whose = one_of(str(service.name) for service in asked.services)
            near = did_you_mean(name, asked.ports)
            place.at("ports", index).error("MC102", f"no port {name!r} at {whose}, which has {one_of(asked.ports)}{near}")
    found = tuple(sorted({name for name in names if name in asked.ports}))
    for service in asked.services if asked.named and found else ():
        if not any(port.name in found for port in service.ports):
            has = one_of(port.name for port in service.ports)
            place.at("ports").error("MC102", f"{service.name} has none of the ports {one_of(found)}, only {has}")
    return found


def _no_ports(place: Place, use: Use, asked: Asked) -> tuple[str, ...] | None:
    """Without `ports`: what a call and an allow mean is the only port; the rest is about all (L8)."""
    if use not in (Use.CALL, Use.ALLOW):
        return None
    for service in asked.services:
        if len(service.ports) > 1:
            has = one_of(port.name for port in service.ports)
            help_ = f"add `ports: [{service.ports[0].name}]`, or those that are meant"
            place.error("MC108", f"{service.name} has several ports ({has}), expected the names of those this is about", help_)
    if use is Use.CALL:
        return tuple(sorted(port.name for port in asked.services[0].ports))
    return None


def _paths(shapes: Sequence[PathShape] | None, place: Place, use: Use) -> tuple[PathPattern, ...] | None:
    if shapes is None:
        return None
    found = []
    for index, shape in enumerate(shapes):
        at = place.at(index)
        if isinstance(shape, str) and shape.endswith("/*") and use in (Use.DENY, Use.REQUIRE):
            help_ = f"write {shape[:-1] + '{id}'!r} for one segment, or {shape + '*'!r} for all that lies below"
            at.error("MC023", f"path {shape!r} ends in `*`, which takes one segment only and would leave out what lies below", help_)
        elif (pattern := path_pattern(shape, at)) is not None:
            found.append(pattern)
    return tuple(found)


_Conditions: TypeAlias = Mapping[str, Sequence[ValueConditionShape]] | None


def _headers(shapes: _Conditions, place: Place, *, believed: bool) -> tuple[FieldMatch, ...]:
    found: dict[str, FieldMatch] = {}
    for key, conditions in (shapes or {}).items():
        at = place.at(key)
        name = read_header(key, at, believed=believed)
        any_of = _values(conditions, at, headers=True)
        if name is None:
            continue
        if name in found:
            at.error("MC012", f"header {key!r} is written twice, in different case", "write one list of conditions")
        found[name] = FieldMatch(name, any_of, at.origin)
    return tuple(found[name] for name in sorted(found))


def _fields(shapes: _Conditions, place: Place) -> tuple[FieldMatch, ...]:
    found = (FieldMatch(key, _values(one, place.at(key), headers=False), place.at(key).origin) for key, one in (shapes or {}).items())
    return tuple(sorted(found, key=lambda field: field.name))


def _values(conditions: Sequence[ValueConditionShape], place: Place, *, headers: bool) -> tuple[ValueMatch, ...]:
    found = (_value(one, place.at(index), headers=headers) for index, one in enumerate(conditions))
    return tuple(one for one in found if one is not None)


def _value(shape: ValueConditionShape, place: Place, *, headers: bool) -> ValueMatch | None:
    if isinstance(shape, str):
        return ValueMatch(ValueKind.EXACT, clean(shape, place) if headers else shape)
    keys = {key: getattr(shape, "not_" if key == "not" else key) for key in ("present", "absent", "exact", "prefix", "regex", "not")}
    match only_key(keys, place, "a condition"):
        case None:
            return None
        case ("present" | "absent") as key:
            if keys[key] is False:
                other = "absent" if key == "present" else "present"
                place.at(key).error("MC012", f"`{key}: false`, expected true", f"write `{other}: true`")
            return ValueMatch(ValueKind(key))
        case "not":
            return ValueMatch(ValueKind.NOT, none_of=_values(keys["not"], place.at("not"), headers=headers))
        case "regex":
            text = regular_expression(keys["regex"], place.at("regex"))
            return None if text is None else ValueMatch(ValueKind.REGEX, text)
        case key:
            text = keys[key]
            if headers and key == "exact":
                clean(text, place.at(key))
            return ValueMatch(ValueKind(key), text)


def _only_http(pattern: Pattern, place: Place, asked: Asked) -> None:
    """HTTP keys concern HTTP ports only: naming another is an error, and so is having no other (L9)."""
    concerned = asked.concerned(pattern.ports)
    blind = [(service, port) for service, port in concerned if not port.protocol.is_http]
    if not blind or (pattern.ports is None and len(blind) < len(concerned)):
        return
    service, port = blind[0]
    message = (
        f"port {port.name!r} of {service.name} speaks {port.protocol}, where methods, paths, headers, query, hosts and tokens can't be seen"
    )
    (place.at("ports") if pattern.ports is not None else place).error("MC115", message, "leave those keys out for it")
