"""What holds for single values wherever they stand: paths, regular expressions, header names, methods, limits, labels."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from meshc import paths, regex
from meshc.model import LimitKey, RateLimit
from meshc.paths import PathError, PathPattern
from meshc.resolve.names import Place, did_you_mean, one_of
from meshc.spec.pattern import RegexShape
from meshc.spec.services import PerHeaderShape, RateLimitShape
from meshc.spec.shapes import rate

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

HOP_BY_HOP: Final = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Fields that each hop reads and removes (RFC 9110 section 7.6.1)."""


_WRITTEN_BY_PROXIES: Final[Mapping[str, tuple[str, str]]] = {
    "x-forwarded-client-cert": ("write `from`: who calls is known by the certificate", "use `per: source-service`"),
    "x-forwarded-for": ("write `from: [{cidr: [...]}]` in a policy of the gateway", "use `per: source-ip`"),
    "x-forwarded-proto": (
        "tell listeners apart with `listeners: [...]`, or use `redirectToHttps`; a proxy in front is believed with `trustedHops`",
        "use limits of the gateway's rules",
    ),
    "x-forwarded-host": ("write `hosts`; a proxy in front is believed with `trustedHops`", "use limits of the gateway's rules"),
    "x-request-id": ("use a field of your own, which callers send", "each request has its own: use a field of your own"),
}
"""Fields that proxies write before anything looks at them (L13), and what to say instead: as a condition, as the key of a limit."""

_BELIEVED: Final = frozenset(("x-forwarded-proto", "x-forwarded-host"))
"""Those that a gateway with `trustedHops` takes from the proxy in front of it."""


def read_header(name: str, place: Place, *, believed: bool, key: bool = False) -> str | None:
    """
    The name of a header that a condition reads, or (with `key`) by which a limit counts; None where proxies write it, which is said.

    `believed`: it is read at gateways that all have `trustedHops`.
    """
    lower = name.lower()
    if lower not in _WRITTEN_BY_PROXIES or (believed and lower in _BELIEVED):
        return header_name(name, place, change=False)
    what = "the key of a limit" if key else "a condition"
    message = f"header {name!r} can't be {what}: proxies write it themselves before it is read, whatever the client sent"
    place.error("MC121", message, _WRITTEN_BY_PROXIES[lower][key])
    return None


def header_name(name: str, place: Place, *, change: bool) -> str | None:
    """A header's name in lower case; None where no condition may be put on it, or no change be made to it, which is said."""
    lower = name.lower()
    if lower == "host":
        reason = "it is the Host: write `rewrite: {host: ...}`" if change else "it is the Host: write `hosts`"
    elif lower in HOP_BY_HOP:
        reason = "it concerns one connection only, and each proxy has its own"
    elif lower == "x-forwarded-client-cert" or lower.startswith(("x-envoy-", "x-meshc-")):
        reason = "every proxy strips it or writes its own"
    elif "_" in lower:
        reason = "fields with `_` in their name are dropped"
    elif change and lower == "content-length":
        reason = "it belongs to the body"
    else:
        return lower
    place.error("MC121", f"header {name!r} can't be {'changed' if change else 'a condition'}: {reason}")
    return None


def clean(value: str, place: Place) -> str:
    """A header's value, as it can be sent: no control characters, no blanks around it."""
    if any(ord(character) < ord(" ") or ord(character) == 0x7F for character in value):  # noqa: PLR2004 - DEL
        place.error("MC012", f"value {value!r} has a control character, which no header can carry")
    elif value != value.strip(" \t"):
        place.error("MC012", f"value {value!r} has blanks around it, which are no part of a header's value")
    return value


def method_names(names: Sequence[str], place: Place, known: Sequence[str]) -> tuple[str, ...]:
    """Methods that the mesh knows, sorted."""
    for index, name in enumerate(names):
        if name not in known:
            message = f"unknown method {name!r}, expected one of {one_of(known)}{did_you_mean(name, known)}"
            place.at(index).error("MC122", message, "a method of your own stands in `mesh.methods`")
    return tuple(sorted({name for name in names if name in known}))


def regular_expression(text: str, place: Place) -> str | None:
    """An expression on which all engines agree."""
    if (wrong := regex.check(text)) is not None:
        place.error("MC024", f"regular expression {text!r}: {wrong}")
        return None
    return text


def path_pattern(shape: str | RegexShape, place: Place) -> PathPattern | None:
    """A path of a pattern."""
    if isinstance(shape, RegexShape):
        text = regular_expression(shape.regex, place.at("regex"))
        return None if text is None else PathPattern((), below=False, regex=text, text=text)
    try:
        return paths.parse_pattern(shape)
    except PathError as error:
        place.error("MC023", str(error))
        return None


def literal_path(text: str, place: Place) -> str | None:
    """One path, decoded."""
    try:
        return paths.decoded(paths.parse_literal(text))
    except PathError as error:
        place.error("MC023", str(error))
        return None


def only_key(keys: Mapping[str, Any], place: Place, what: str) -> str | None:
    """The one key that is set; else None, which is said. A key's value None stands for not set."""
    present = [key for key, value in keys.items() if value is not None]
    if len(present) == 1:
        return present[0]
    if present:
        place.error("MC012", f"{what} has {one_of(present)}, expected exactly one of {one_of(keys)}")
    else:
        place.error("MC013", f"{what} says nothing, expected exactly one of {one_of(keys)}")
    return None


def refuse(keys: Iterable[str], place: Place, why: str) -> None:
    """Keys that were written where they have no meaning."""
    for key in keys:
        place.at(key).error("MC011", f"{key!r} has no meaning here: {why}")


def rate_limits(shapes: Sequence[RateLimitShape], place: Place, *, believed: bool = False) -> tuple[RateLimit, ...]:
    """Limits, in the order of the spec; `believed` as in `read_header`."""
    return tuple(_rate_limit(shape, place.at(index), believed=believed) for index, shape in enumerate(shapes))


def _rate_limit(shape: RateLimitShape, place: Place, *, believed: bool) -> RateLimit:
    requests, unit = rate(shape.limit)
    header = None
    if isinstance(shape.per, PerHeaderShape):
        header = read_header(shape.per.header, place.at("per", "header"), believed=believed, key=True)
        key = LimitKey.HEADER
    else:
        key = LimitKey(shape.per)
    return RateLimit(requests, unit, shape.burst, key, header, place.origin)


def pairs(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A map, sorted."""
    return tuple(sorted(labels.items()))


def selector(labels: Mapping[str, str], place: "Place") -> tuple[tuple[str, str], ...]:
    """Labels that tell a workload's pods from others; none would select every pod of the namespace."""
    if not labels:
        place.error("MC012", "a selector without labels, which would select every pod of the namespace; expected at least one")
    return pairs(labels)
