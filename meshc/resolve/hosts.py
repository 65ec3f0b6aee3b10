"""Which service answers to which host: a name that two of them claim is nobody's to choose between (L5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from meshc import space
from meshc.diagnostics import Origin
from meshc.model import Name, Service
from meshc.resolve.names import Place, parse_name
from meshc.spec import Spec


@dataclass(frozen=True, slots=True)
class Claim:
    """A host that a service answers to, and where that is said: its own name, its `hosts` outside the mesh, or those of a route."""

    host: str
    owner: Name
    origin: Origin


@dataclass(frozen=True, slots=True)
class _Taken:
    """The claims so far: whole names, and wildcards, which are few."""

    whole: dict[str, list[Claim]] = field(default_factory=dict)
    wild: list[Claim] = field(default_factory=list)

    def add(self, claim: Claim) -> None:
        if claim.host.startswith("*"):
            self.wild.append(claim)
        else:
            self.whole.setdefault(claim.host, []).append(claim)

    def same(self, claim: Claim) -> Iterator[Claim]:
        """Claims of other services on the very same host."""
        those = (one for one in self.wild if one.host == claim.host) if claim.host.startswith("*") else self.whole.get(claim.host, ())
        yield from (one for one in those if one.owner != claim.owner)

    def covered(self, claim: Claim) -> Iterator[Claim]:
        """Claims of other services on hosts that this one takes, the same among them."""
        if not claim.host.startswith("*"):
            yield from self.same(claim)
            return
        everything = (*(one for those in self.whole.values() for one in those), *self.wild)
        yield from (one for one in everything if one.owner != claim.owner and space.host_covers(claim.host, one.host))


def one_owner_each(spec: Spec, services: Mapping[Name, Service], root: Place) -> None:
    """Says every host that two services claim, or that a route claims in another namespace of the cluster."""
    names, outside, routes = _Taken(), _Taken(), _Taken()
    for name, service in services.items():
        for host in _own_names(service, spec.mesh.clusterDomain):
            names.add(Claim(host, name, service.origin))
    for name, service in services.items():
        for host in service.hosts:
            claim = Claim(host, name, service.origin)
            place = _place(root, "services", name).at("hosts")
            if (other := next(names.covered(claim), None)) is not None:
                _conflict(place, claim, other)
            else:
                _same_ports(place, claim, outside, services)
            outside.add(claim)
    # The narrower first, so that the one which takes another's host too is the one that is told.
    for claim, place in sorted(_of_routes(spec, services, root), key=lambda one: (one[0].host.startswith("*"), -len(one[0].host))):
        others = (*names.covered(claim), *outside.covered(claim), *routes.covered(claim))
        if others:
            _conflict(place, claim, others[0])
        else:
            _foreign(place, claim, spec.mesh.clusterDomain)
        routes.add(claim)


def _of_routes(spec: Spec, services: Mapping[Name, Service], root: Place) -> Iterator[tuple[Claim, Place]]:
    """The further names that routes give to services inside the mesh, in the order of the routes' names."""
    for name, shape in sorted(((parse_name(key), shape) for key, shape in spec.routes.items()), key=itemgetter(0)):
        owner = _owner(shape.services, name.namespace, services)
        for index, host in enumerate(shape.hosts if owner is not None else ()):
            place = _place(root, "routes", name).at("hosts", index)
            yield Claim(host.lower(), owner or name, place.origin), place


def _place(root: Place, kind: str, name: Name) -> Place:
    return Place((kind, str(name)), name.namespace, root.origin_of, root.found)


def _own_names(service: Service, domain: str) -> tuple[str, ...]:
    """What callers' proxies know a service by; the bare name in its own namespace only. Pods of a headless one have names too."""
    if service.external or not service.ports:
        return ()
    within = f"{service.name.name}.{service.name.namespace}"
    own = (f"{within}.svc.{domain}", f"{within}.svc", within, service.name.name)
    return (*own, *(f"*.{host}" for host in own)) if service.headless else own


def _owner(references: list[str], namespace: str, services: Mapping[Name, Service]) -> Name | None:
    """The one service inside the mesh whose further names a route's hosts are; of others something is said elsewhere."""
    if len(references) != 1:
        return None
    own = Name(namespace, references[0].rpartition("/")[2])
    return own if own in services and not services[own].external else None


def _conflict(place: Place, claim: Claim, other: Claim) -> None:
    if claim.host == other.host:
        message = f"host {claim.host!r} is {other.owner}'s already, expected one service that answers to it"
    else:
        message = f"host {claim.host!r} takes {other.host!r} too, which is {other.owner}'s, expected one service that answers to it"
    place.error("MC114", message, None, (other.origin, "the other service"))


def _same_ports(place: Place, claim: Claim, outside: _Taken, services: Mapping[Name, Service]) -> None:
    """What lies outside is told apart by port, too, since that is all that callers dial."""
    ports = {port.port for port in services[claim.owner].ports}
    for other in outside.same(claim):
        if shared := sorted(ports & {port.port for port in services[other.owner].ports}):
            message = f"host {claim.host!r} with port {shared[0]} is {other.owner}'s already, expected one service for them"
            place.error("MC114", message, "make one service of the two, with the ports of both", (other.origin, "the other service"))
            return


def _foreign(place: Place, claim: Claim, domain: str) -> None:
    """Names of the cluster belong to the namespace in them, also where the mesh does not know the service."""
    for zone in (f".svc.{domain}", ".svc"):
        above = claim.host.startswith("*") and zone.endswith(claim.host[1:])
        namespace = claim.host.removesuffix(zone).rpartition(".")[2]
        if above or (claim.host.endswith(zone) and namespace != claim.owner.namespace):
            whose = "every namespace" if above or namespace == "*" else f"namespace {namespace!r}"
            message = (
                f"host {claim.host!r} belongs to {whose} of the cluster, expected a name of {claim.owner.namespace!r} or one outside it"
            )
            place.error("MC114", message)
            return
