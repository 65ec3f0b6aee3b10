"""Which header fields Envoy keeps as one value, and how a condition on one of their lines is put to that value (L13)."""

from dataclasses import replace
from typing import Final

from meshc import regex
from meshc.model import FieldMatch, Mesh, ValueKind, ValueMatch
from meshc_istio.complaints import Complain, gives_up

JOINED: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-type",
        "expect",
        "grpc-accept-encoding",
        "grpc-timeout",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "origin",
        "pragma",
        "referer",
        "user-agent",
        "via",
        "x-client-trace-id",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    }
)
"""Envoy's inline headers, whose lines it joins by commas as it reads them: measured on Envoy 1.40."""
_BY_VALUE: Final = (ValueKind.EXACT, ValueKind.PREFIX, ValueKind.REGEX)


def complain_of_lines(mesh: Mesh, field: FieldMatch, complain: Complain) -> None:
    """One line with a comma and two lines look alike there, so that a part between commas counting as a line must be accepted."""
    if field.name in JOINED and any(map(_reads_lines, field.any_of)):
        message = f"a condition on the value of `{field.name}`, whose lines Envoy joins by commas"
        gives_up(mesh, "joined-header-lines", message, field.origin, complain)


def by_parts(field: FieldMatch) -> FieldMatch:
    """The condition with each part between commas as a line, where Envoy joins the field's lines."""
    return replace(field, any_of=tuple(map(_by_parts, field.any_of))) if field.name in JOINED else field


def _by_parts(match: ValueMatch) -> ValueMatch:
    if match.kind not in _BY_VALUE:
        return replace(match, none_of=tuple(map(_by_parts, match.none_of)))
    if match.kind is ValueKind.PREFIX and not match.value:
        return match
    value = f"(?:{match.value})" if match.kind is ValueKind.REGEX else regex.escape(match.value)
    rest = ".*" if match.kind is ValueKind.PREFIX else "[ \\x09]*(?:,.*)?"
    return ValueMatch(ValueKind.REGEX, f"(?:.*,)?[ \\x09]*{value}{rest}")


def _reads_lines(match: ValueMatch) -> bool:
    """Whether a condition asks for more than whether a field is there."""
    return match.kind in _BY_VALUE or any(map(_reads_lines, match.none_of))
