"""
Which requests are odd, and why (L2): everything but what clients send in earnest.

A plain request gets the exact answer on every engine; an odd one may be refused, or under `requests: standard` be read otherwise (L18).
"""

import re
from collections.abc import Iterable
from typing import Final

from meshc import paths
from meshc.model import Mesh
from meshc.semantics.hosts import parse_host
from meshc.semantics.request import Request

BLANKS: Final = " \t"
FOLD: Final = re.compile(r"\r?\n[ \t]+")
BEARER: Final = re.compile(r"Bearer [A-Za-z0-9._~+/-]+=*")  # RFC 6750 section 2.1

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_SCHEME: Final = re.compile(r"(?!(?i:bearer)(?: |$))[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ].*")
_ANOTHER_BEARER: Final = re.compile(r"(?i)\bbearer\s")
_CONTROL: Final = "\r\n\0"

_FORWARDED: Final = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})
_PROXIES_OWN: Final = _FORWARDED | {"x-forwarded-client-cert", "x-request-id"}
_NEEDED_BY_PROXIES: Final = frozenset({"host", *_FORWARDED})


def owned_by_proxies(name: str) -> bool:
    """Whether proxies write the field of that name (in lower case) themselves (L13)."""
    return name in _PROXIES_OWN or name.startswith("x-envoy-")


def is_forwarded(name: str) -> bool:
    """Whether it is a field in which a proxy in front of a gateway with `trustedHops` says what it has seen."""
    return name in _FORWARDED


def oddness(mesh: Mesh, request: Request, *, trusted: bool = False) -> str | None:
    """Why the request is odd; None of a plain one. `trusted`: proxies stand in front whose `x-forwarded-` fields are no forgery."""
    return (
        _method(mesh, request.method)
        or _target(request.target)
        or _host(request)
        or _fields(request.headers, trusted=trusted)
        or _authorization(value for name, value in request.headers if name.lower() == "authorization")
    )


def malformed_field(headers: Iterable[tuple[str, str]]) -> str | None:
    """A header line that is none, for which there is only 400."""
    for name, value in headers:
        if not _NAME.fullmatch(name):
            return f"a malformed header name {name!r}"
        if any(character in FOLD.sub(" ", value) for character in _CONTROL):
            return f"a control byte in header {name}"
    return None


def hop_by_hop(headers: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The fields that Connection names: they end at the first proxy, before anything looks at them (RFC 9110 section 7.6.1)."""
    lines = [value for name, value in headers if name.lower() == "connection"]
    return frozenset(option.strip(BLANKS).lower() for line in lines for option in line.split(","))


def _method(mesh: Mesh, method: str) -> str | None:
    return None if method in mesh.methods else f"method {method} is not one of the mesh's"


def _target(target: str) -> str | None:
    parts = paths.split_target(target)
    if parts.authority is not None:
        return "an absolute URI in the request line"
    if parts.cut:
        return "a fragment in the request line"
    if odd := paths.read(parts.path).odd:
        return odd
    query = (parts.query or "").encode("utf-8", "surrogatepass")
    return "a byte in the query that HTTP forbids" if paths.forbidden_in_line(query) or not query.isascii() else None


def _host(request: Request) -> str | None:
    lines = host_lines(request)
    if request.host is None and not lines:
        return None  # what the client would send
    if len(lines) != 1:
        return "a repeated Host" if lines else "a missing Host"
    if parse_host(lines[0]) is None:
        return f"a malformed Host {lines[0]!r}"
    name = lines[0].strip(BLANKS)
    return f"a Host with a trailing dot: {name}" if re.search(r"\.(:[0-9]+)?$", name) else None


def host_lines(request: Request) -> tuple[str, ...]:
    """All that is sent as Host."""
    return (*(request.host or ()), *(value for name, value in request.headers if name.lower() == "host"))


def _fields(headers: tuple[tuple[str, str], ...], *, trusted: bool) -> str | None:
    if bad := malformed_field(headers):
        return bad
    for name, value in headers:
        lower = name.lower()
        if "_" in lower:
            return f"a field with an underscore in its name: {name}"
        if owned_by_proxies(lower) and not (trusted and is_forwarded(lower)):
            return f"a field that proxies own: {name}"
        if FOLD.search(value):
            return f"a folded line of header {name}"
    needed = sorted(name for name in hop_by_hop(headers) if name in _NEEDED_BY_PROXIES or name.startswith(":"))
    return f"a Connection line that names what a proxy needs: {needed[0]}" if needed else None


def _authorization(values: Iterable[str]) -> str | None:
    lines = [FOLD.sub(" ", value).strip(BLANKS) for value in values]
    if len(lines) > 1:
        return "several Authorization lines"
    if not lines or BEARER.fullmatch(lines[0]):
        return None
    if _SCHEME.fullmatch(lines[0]) and not _ANOTHER_BEARER.search(lines[0]):
        return None
    return "an Authorization that is neither `Bearer <token>` nor another scheme"
