"""A set of requests: the one pattern of `match`, `calls`, `allow`, `deny` and `require`."""

from dataclasses import dataclass
from enum import StrEnum

from meshc.diagnostics import Origin
from meshc.model.names import Name
from meshc.paths import PathPattern


class ValueKind(StrEnum):
    """The forms of a condition on a header or query value."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    PRESENT = "present"
    ABSENT = "absent"
    NOT = "not"  # none of `none_of` holds


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """One condition on a field's lines: it holds if one line, whole, satisfies it; `absent` and `not` mean that none does (L13)."""

    kind: ValueKind
    value: str = ""  # of exact, prefix, regex
    none_of: tuple["ValueMatch", ...] = ()  # of not


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """A header (its name in lower case) or query field that must satisfy one of `any_of`."""

    name: str
    any_of: tuple[ValueMatch, ...]
    origin: Origin


class SourceKind(StrEnum):
    """Who may stand in `from`."""

    SERVICE = "service"  # name
    NAMESPACE = "namespace"  # value
    GATEWAY = "gateway"  # name
    IDENTITY = "identity"  # value: a SPIFFE id
    CIDR = "cidr"  # cidrs; gateway policies only
    CALLERS = "callers"  # what own-namespace services declare
    CALLERS_IN = "callersIn"  # value: what that namespace's services declare
    MTLS = "mtls"  # any verified certificate
    PLAINTEXT = "plaintext"  # no certificate
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of `from`."""

    kind: SourceKind
    origin: Origin
    name: Name | None = None
    value: str = ""
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimMatch:
    """A claim (its path split at dots) that must have one of the values (L9)."""

    path: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JwtMatch:
    """A valid token of the provider with all the claims."""

    provider: Name
    claims: tuple[ClaimMatch, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    A set of requests: the keys are AND, each key's tuple is OR. `None` is any; an empty tuple matches nothing.

    `ports` are port names of the service that is asked. `hosts` are exact names or `*.suffix`, lower case.
    """

    origin: Origin
    sources: tuple[Source, ...] | None = None
    ports: tuple[str, ...] | None = None
    hosts: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    paths: tuple[PathPattern, ...] | None = None
    headers: tuple[FieldMatch, ...] = ()
    query: tuple[FieldMatch, ...] = ()
    jwt: JwtMatch | None = None

    @property
    def matches_nothing(self) -> bool:
        """Whether an empty list in it keeps every request out: a key without values, a field without conditions, ranges without any."""
        keys = (self.sources, self.ports, self.hosts, self.methods, self.paths, *(field.any_of for field in (*self.headers, *self.query)))
        nobody = self.sources is not None and all(source.kind is SourceKind.CIDR and not source.cidrs for source in self.sources)
        return nobody or () in keys

    @property
    def has_http_keys(self) -> bool:
        """Whether it speaks of anything that only HTTP has."""
        http = (self.hosts, self.methods, self.paths, self.jwt)
        return any(key is not None for key in http) or bool(self.headers or self.query)
