"""Where a rule sends requests: ports made certain, `traffic` written out, weights made whole numbers of one sum."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshc.model import Destination, Name, Port, Service
from meshc.resolve.names import Names, Place, did_you_mean, one_of
from meshc.spec.routes import DestinationShape

MAX_WEIGHT = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Destinations:
    """Makes destinations. `called` are the ports that requests of the rule come for: empty north-south, where none has been named."""

    names: Names
    services: Mapping[Name, Service]
    called: tuple[tuple[Service, Port], ...]
    east_west: bool

    def shares(self, shapes: Sequence[DestinationShape], place: Place) -> tuple[Destination, ...]:
        """The destinations of a `to`, each with its share."""
        parts: list[tuple[tuple[Destination, ...], int]] = []
        for index, (shape, weight) in enumerate(zip(shapes, _weights(shapes, place), strict=True)):
            if (made := self.one(shape, place.at(index), weight)) is not None:
                traffic = self._traffic(made)
                parts.append((self._expand(made), max(1, sum(share for _, share in traffic))))
        whole = math.lcm(*(own for _, own in parts))
        scaled = [_weighing(one, one.weight * (whole // own)) for part, own in parts for one in part]
        if len(shapes) > 1 and (common := math.gcd(*(one.weight for one in scaled))) > 1:
            scaled = [_weighing(one, one.weight // common) for one in scaled]
        if sum(one.weight for one in scaled) > MAX_WEIGHT:
            place.error("MC012", f"the weights, `traffic` written out, add up to more than {MAX_WEIGHT}", "use smaller numbers")
        return tuple(scaled)

    def one(self, shape: DestinationShape, place: Place, weight: int) -> Destination | None:
        """One destination, its `traffic` not written out yet."""
        found = self.names.find("service", shape.service, place.at("service"))
        if found is None or (service := self.services.get(found)) is None:
            return None
        if not self.names.has_ports(found, shape.service, place.at("service")):
            return None
        known = [version.name for version in service.versions]
        if shape.version is not None and shape.version not in known:
            message = f"no version {shape.version!r} of {found}, which has {one_of(known) or 'none'}{did_you_mean(shape.version, known)}"
            place.at("version").error("MC103", message)
        return Destination(found, self._port(shape, service, place), shape.version, weight, place.origin)

    def mirror(self, shape: DestinationShape, place: Place) -> Destination | None:
        """The destination of a copy: one, so that `traffic` must leave no choice."""
        if shape.weight is not None:
            place.at("weight").error("MC011", "'weight' has no meaning here: a copy has one destination")
        made = self.one(shape, place, 1)
        if made is None:
            return None
        live = [one for one in self._expand(made) if one.weight]
        if len(live) > 1:
            message = f"{made.service} has `traffic` to several versions, expected the one that is sent the copy"
            place.error("MC013", message, f"add `version: {live[0].version}`")
        return _weighing(live[0], 1) if live else made

    def _traffic(self, made: Destination) -> tuple[tuple[str, int], ...]:
        return self.services[made.service].traffic if made.version is None else ()

    def _expand(self, made: Destination) -> tuple[Destination, ...]:
        traffic = self._traffic(made)
        if not traffic:
            return (made,)
        return tuple(Destination(made.service, made.port, version, made.weight * share, made.origin) for version, share in traffic)

    def _port(self, shape: DestinationShape, service: Service, place: Place) -> str | None:
        has = [port.name for port in service.ports]
        if shape.port is not None:
            if shape.port not in has:
                message = f"no port {shape.port!r} at {service.name}, which has {one_of(has)}{did_you_mean(shape.port, has)}"
                place.at("port").error("MC102", message)
            return shape.port
        if len(has) == 1:
            return has[0]
        if not self.east_west:
            message = f"{service.name} has several ports ({one_of(has)}), expected the one that is meant"
            place.error("MC108", message, f"write `{{service: {shape.service}, port: {has[0]}}}`")
            return has[0]
        for caller, port in self.called:
            if port.name not in has:
                message = f"{service.name} has no port {port.name!r}, which callers of {caller.name} ask for, but {one_of(has)}"
                place.error("MC102", message, "name the port, or match the `ports` this rule is for")
                break
        return None


def _weighing(one: Destination, weight: int) -> Destination:
    return Destination(one.service, one.port, one.version, weight, one.origin)


def _weights(shapes: Sequence[DestinationShape], place: Place) -> tuple[int, ...]:
    """One may leave its weight out; of several, all have one or none has."""
    if len(shapes) > 1 and any(shape.weight is not None for shape in shapes):
        for index, shape in enumerate(shapes):
            if shape.weight is None:
                place.at(index).error("MC013", "a destination without a weight beside others that have one, expected a weight for each")
    weights = tuple(1 if shape.weight is None else shape.weight for shape in shapes)
    if not sum(weights):
        place.error("MC012", "the weights of the destinations add up to 0, expected more")
    return weights
