"""Routes: rules, and what a rule does with a request."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from meshc.diagnostics import Origin
from meshc.model.names import Name
from meshc.model.requests import Pattern
from meshc.model.services import RateLimit


@dataclass(frozen=True, slots=True)
class Destination:
    """
    Where a rule sends its share: `traffic` of the service is already expanded here.

    `port` is None only in east-west rules, and means the port that was called (by name). A missing `version` means all endpoints.
    """

    service: Name
    port: str | None
    version: str | None
    weight: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Changes before forwarding: at most one of the two path forms, and the host."""

    replace_prefix: str | None  # decoded, begins with "/"
    replace_full: str | None
    host: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Redirect:
    """A local answer with a Location; what is None stays as it was asked."""

    scheme: str | None
    host: str | None
    port: int | None
    replace_prefix: str | None
    replace_full: str | None
    status: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Respond:
    """A local answer."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...]
    origin: Origin


class RetryCondition(StrEnum):
    """When a try counts as failed (L12)."""

    CONNECT_FAILURE = "connect-failure"
    REFUSED_STREAM = "refused-stream"
    RESET = "reset"
    GATEWAY_ERROR = "gateway-error"


@dataclass(frozen=True, slots=True)
class Retries:
    """`attempts` counts retries, not tries; `per_try_ms` None: no limit of one try."""

    attempts: int
    per_try_ms: int | None
    conditions: tuple[RetryCondition, ...]
    codes: tuple[int, ...]
    backoff_initial_ms: int
    backoff_max_ms: int
    idempotent: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """`remove`, then `set`, then `add`; names in lower case."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Injected trouble: a delay, then an abort; a percentage is written out always."""

    delay_ms: int | None
    delay_percent: float
    abort_status: int | None
    abort_percent: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy of a share of the requests, whose answers are dropped."""

    to: Destination
    percent: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Cors:
    """Who may read answers from a browser page of another origin. `origins` are exact, or `*`, or `https://*.suffix`."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    max_age_ms: int | None
    credentials: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Forward:
    """The action of a rule with `to`; several destinations share by weight, and the weights' sum is positive."""

    destinations: tuple[Destination, ...]
    rewrite: Rewrite | None
    timeout_ms: int  # 0: none
    retries: Retries
    mirror: Mirror | None


Action: TypeAlias = Forward | Redirect | Respond


@dataclass(frozen=True, slots=True)
class Rule:
    """The first rule of a route one of whose `matches` holds takes the request."""

    name: str  # the user's, else `rule-<n>`, n from 1
    matches: tuple[Pattern, ...]  # never empty: a rule without `match` has one pattern that takes all
    action: Action
    request_headers: HeaderChanges
    response_headers: HeaderChanges
    fault: Fault | None
    cors: Cors | None
    rate_limits: tuple[RateLimit, ...]
    max_request_body: int | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Route:
    """
    North-south where `gateways` is not empty, else east-west on `services`, which are its own namespace's.

    `hosts` are never empty north-south.
    """

    name: Name
    gateways: tuple[Name, ...]
    listeners: tuple[str, ...] | None  # names of listeners it is pinned to; None: all whose hosts overlap
    services: tuple[Name, ...]
    hosts: tuple[str, ...]  # east-west: further names these services answer to
    priority: int
    rules: tuple[Rule, ...]
    origin: Origin
