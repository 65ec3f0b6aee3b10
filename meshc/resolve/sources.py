"""Who may stand in `from`, at each place where one stands."""

import ipaddress
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from meshc.model import Name, Service, Source, SourceKind
from meshc.resolve.names import Names, Place, did_you_mean, one_of
from meshc.resolve.values import only_key
from meshc.spec.pattern import SourceEntryShape, SourceShape


class Asker(Enum):
    """What may be said of who asks: it differs by who reads it."""

    MATCH = auto()
    SERVICE_POLICY = auto()
    GATEWAY_POLICY = auto()
    TEST = auto()


WORDS: Final = (SourceKind.CALLERS, SourceKind.MTLS, SourceKind.PLAINTEXT, SourceKind.EVERYONE)

_INSIDE: Final = frozenset(SourceKind) - {SourceKind.CIDR}
PERMITTED: Final[Mapping[Asker, tuple[frozenset[SourceKind], str]]] = {
    Asker.MATCH: (
        frozenset((SourceKind.SERVICE, SourceKind.NAMESPACE)),
        "a `match` takes services and namespaces, which a caller's proxy knows",
    ),
    Asker.SERVICE_POLICY: (_INSIDE, "a client's address is known at gateways only"),
    Asker.GATEWAY_POLICY: (
        frozenset((SourceKind.CIDR, SourceKind.EVERYONE)),
        "clients of a gateway have no identity in the mesh: it takes `{cidr: [...]}` and `everyone`",
    ),
    Asker.TEST: (
        frozenset((SourceKind.SERVICE, SourceKind.NAMESPACE, SourceKind.IDENTITY, SourceKind.PLAINTEXT)),
        "a test asks as one service, namespace, identity, or in plaintext",
    ),
}

IDENTITIES: Final = frozenset(
    (
        SourceKind.SERVICE,
        SourceKind.NAMESPACE,
        SourceKind.GATEWAY,
        SourceKind.IDENTITY,
        SourceKind.CALLERS,
        SourceKind.CALLERS_IN,
        SourceKind.MTLS,
    )
)
"""The kinds that know a caller by its certificate."""


def source(shape: SourceEntryShape, place: Place, names: Names, services: Mapping[Name, Service], asker: Asker) -> Source | None:
    """One entry of `from`; None where it can't be had, which is said."""
    if isinstance(shape, str):
        word = next((kind for kind in WORDS if kind == shape), None)
        found = _service(shape, place, names, services) if word is None else Source(word, place.origin)
    else:
        found = _of_map(shape, place, names, services)
    permitted, why = PERMITTED[asker]
    if found is None or found.kind in permitted:
        return found
    if found.kind is SourceKind.CIDR:
        place.error("MC011", f"'cidr' has no meaning here: {why}")
    else:
        place.error("MC118", f"{found.kind} can't stand here: {why}")
    return None


def _of_map(shape: SourceShape, place: Place, names: Names, services: Mapping[Name, Service]) -> Source | None:
    keys = {key: getattr(shape, key) for key in ("service", "namespace", "gateway", "identity", "cidr", "callersIn")}
    match only_key(keys, place, "an entry of `from`"):
        case None:
            return None
        case "service":
            return _service(keys["service"], place.at("service"), names, services)
        case "gateway":
            gateway = names.find("gateway", keys["gateway"], place.at("gateway"))
            return None if gateway is None else Source(SourceKind.GATEWAY, place.origin, name=gateway)
        case "cidr":
            return Source(SourceKind.CIDR, place.origin, cidrs=_networks(keys["cidr"], place.at("cidr")))
        case key:
            if key == "callersIn" and keys[key] not in names.namespaces:
                near = did_you_mean(keys[key], names.namespaces)
                message = f"no service is defined in namespace {keys[key]!r}, so that none declares a call{near}"
                place.at(key).error("MC113", message, f"the mesh has {one_of(sorted(names.namespaces))}")
                return None
            return Source(SourceKind(key), place.origin, value=keys[key])


def _service(reference: str, place: Place, names: Names, services: Mapping[Name, Service]) -> Source | None:
    found = names.find("service", reference, place, f"write `{{gateway: {reference}}}` for a gateway")
    if found is None:
        return None
    service = services.get(found)
    if service is not None and not service.has_proxy:
        what = "lies outside the mesh" if service.external else "has no proxy"
        place.error(
            "MC118", f"service {reference!r} {what}, so that its requests carry no identity", "requests without one are `plaintext`"
        )
        return None
    return Source(SourceKind.SERVICE, place.origin, name=found if service is None else service.workload)


def _networks(texts: Sequence[str], place: Place) -> tuple[str, ...]:
    found = set()
    for index, text in enumerate(texts):
        try:
            found.add(str(ipaddress.ip_network(text)))
        except ValueError:
            place.at(index).error("MC012", f"{text!r} is no address range, expected one such as 10.0.0.0/8 without host bits")
    return tuple(sorted(found))
