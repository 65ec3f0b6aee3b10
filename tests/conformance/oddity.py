"""
Whether a request of a case is odd (L2), said a second time and from the law alone.

Nothing here comes from meshc: the suite would not notice a request that meshc takes for odd by mistake, and so frees from its exact answer.
"""

import re
from urllib.parse import unquote_to_bytes

from tests.conformance.case import Send

STANDARD_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OWN = frozenset({"x-forwarded-client-cert", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"})
_OF_TRUSTED = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})
_PCHAR = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})*")
_NEEDS_NO_ESCAPE = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=:@]")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[0-9]+)?|\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\](?::[0-9]+)?")


def is_odd(send: Send, methods: frozenset[str] = STANDARD_METHODS, *, trusted: bool = False) -> bool:
    """Whether the request is odd in a mesh with those methods; `trusted`: it comes to a gateway with `trustedHops`."""
    path, _, query = send.target.partition("?")
    names = [name.lower() for name, _ in send.headers]
    return (
        send.method not in methods
        or not is_canonical(path)
        or not re.fullmatch(r"[!-\"$-~]*", query)
        or len(send.hosts) != 1
        or not _NAME.fullmatch(send.hosts[0])
        or any("_" in name or _is_own(name, trusted=trusted) for name in names)
        or any("\n" in value for _, value in send.headers)
        or _odd_connection(send)
        or _odd_authorization(send)
    )


def is_canonical(path: str) -> bool:
    """Whether a path is the canonical spelling of its normal form."""
    if not path.startswith("/") or not all(_PCHAR.fullmatch(segment) for segment in path.split("/")):
        return False
    for escape in re.findall(r"%..", path):
        byte = unquote_to_bytes(escape)
        if _NEEDS_NO_ESCAPE.fullmatch(byte) or byte in b"/\\" or byte[0] < 0x20 or byte[0] == 0x7F:
            return False
    segments = path.split("/")[1:]
    if "" in segments[:-1] or any(re.fullmatch(r"\.\.?(?:;.*)?", segment) for segment in segments):
        return False
    try:
        for segment in segments:
            unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_own(name: str, *, trusted: bool) -> bool:
    return name.startswith("x-envoy-") or (name in _OWN and not (trusted and name in _OF_TRUSTED))


def _odd_connection(send: Send) -> bool:
    named = {option.strip().lower() for name, value in send.headers if name.lower() == "connection" for option in value.split(",")}
    return bool(named & {"host", *_OF_TRUSTED})


def _odd_authorization(send: Send) -> bool:
    lines = [value.strip() for name, value in send.headers if name.lower() == "authorization"]
    if send.token is not None:
        lines.append(send.token.header[1])
    if not lines:
        return False
    if len(lines) > 1:
        return True
    scheme, blank, rest = lines[0].partition(" ")
    if scheme == "Bearer":
        return not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", rest)
    elsewhere = re.search(r"(?i)\bbearer\s", lines[0]) is not None
    return scheme.lower() == "bearer" or not blank or not rest or rest.startswith(" ") or elsewhere
