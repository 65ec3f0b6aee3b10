"""Which things the mesh defines under which names, and how a mistaken reference is answered."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from meshc.diagnostics import Finding, Origin, Step
from meshc.model import Name
from meshc.spec import Spec

OriginOf: TypeAlias = Callable[[tuple[Step, ...]], Origin]
ReadFile: TypeAlias = Callable[[Origin, str], bytes | None]

UNKNOWN: Final = {"service": "MC101", "gateway": "MC104", "certificate": "MC106", "provider": "MC107"}
"""The kinds that others refer to, and the code of a reference that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node of the spec's tree, the namespace that bare names mean there, and the list that takes what is wrong with it."""

    path: tuple[Step, ...]
    namespace: str
    origin_of: OriginOf
    found: list[Finding]

    def at(self, *steps: Step) -> "Place":
        """The node below this one."""
        return Place((*self.path, *steps), self.namespace, self.origin_of, self.found)

    @property
    def origin(self) -> Origin:
        """Where it was written."""
        return self.origin_of(self.path)

    def error(self, code: str, message: str, help_: str | None = None, *related: tuple[Origin, str]) -> None:
        """Something is wrong here."""
        self.found.append(Finding(code, message, self.origin, help=help_, related=related))


def did_you_mean(wanted: str, known: Iterable[str]) -> str:
    """The end of a message: the nearest known name, where one is near."""
    near = difflib.get_close_matches(wanted, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def one_of(words: Iterable[str]) -> str:
    """Words in a row, for a message."""
    return ", ".join(words)


def parse_name(key: str) -> Name:
    """A key of the spec's maps."""
    namespace, _, name = key.partition("/")
    return Name(namespace, name)


@dataclass(frozen=True)
class Names:
    """All names of a mesh."""

    spec: Spec

    @cached_property
    def kinds(self) -> Mapping[str, frozenset[Name]]:
        """The names of each kind that others refer to."""
        spec = self.spec
        maps: dict[str, Mapping[str, object]] = {
            "service": spec.services,
            "gateway": spec.gateways,
            "certificate": spec.certificates,
            "provider": spec.authentication,
        }
        return {kind: frozenset(map(parse_name, things)) for kind, things in maps.items()}

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """The namespaces in which something is defined."""
        spec = self.spec
        maps = (spec.services, spec.gateways, spec.certificates, spec.authentication, spec.routes, spec.policies)
        return frozenset(parse_name(key).namespace for things in maps for key in things) | {spec.mesh.namespace}

    def find(self, kind: str, reference: str, place: Place, help_: str | None = None) -> Name | None:
        """What a reference means; None where it leads nowhere, which is said."""
        namespace, slash, rest = reference.rpartition("/")
        name = Name(namespace if slash else place.namespace, rest)
        if name in self.kinds[kind]:
            return name
        for other, names in self.kinds.items():
            if name in names:
                place.error("MC118", f"{reference!r} is a {other}, expected a {kind}", help_ or f"name a {kind}")
                return None
        where = "" if slash else f" in namespace {place.namespace!r}"
        place.error(UNKNOWN[kind], f"no {kind} {reference!r}{where}{self._near(kind, name, place)}")
        return None

    def find_own(self, kind: str, reference: str, place: Place, help_: str | None = None) -> Name | None:
        """The same where only the own namespace's things may be selected (L9)."""
        namespace, slash, _ = reference.rpartition("/")
        if slash and namespace != place.namespace:
            place.error("MC109", f"{kind} {reference!r} is another namespace's, expected one of {place.namespace!r}")
            return None
        return self.find(kind, reference, place, help_)

    def has_ports(self, service: Name, reference: str, place: Place) -> bool:
        """Whether a service can be called; that it can't is said."""
        if self.spec.services[str(service)].ports is not None:
            return True
        message = f"service {reference!r} has no ports, so that nobody can call it, expected one that has"
        place.error("MC127", message, f"give {service.name} its `ports`", (place.origin_of(("services", str(service))), "the service"))
        return False

    def _near(self, kind: str, wanted: Name, place: Place) -> str:
        known = self.kinds[kind]
        elsewhere = sorted(str(name) for name in known if name.name == wanted.name)
        if elsewhere:
            return f"; did you mean {elsewhere[0]!r}?"
        spelled = {name.name if name.namespace == place.namespace else str(name) for name in known}
        return did_you_mean(wanted.name if wanted.namespace == place.namespace else str(wanted), spelled)
