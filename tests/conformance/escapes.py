"""
The check that no case can switch off: nothing reaches a backend past a check that refuses it (L18).

From the mesh, the request as it was sent and what the backend saw: every reading that an application may make of what arrived is put to
the deny, require, allow and base of the service's check point, and so is what the gateway, or the caller's proxy as the guard of
externals, had before it. If one of them refuses a reading, or the normal form of what was sent, an escape is reported. It asks nothing of
`decide` and shares no reading of paths, hosts or tokens with it: only what the entries of check points are, and whether one message lies
in one pattern, is meshc's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from meshc import access, workloads
from meshc.access import Checks, Grant
from meshc.model import Egress, Forward, Gateway, Mesh, Mtls, Name, Pattern, Service
from meshc.semantics.matching import selects, token_holds
from meshc.semantics.message import Message
from meshc.semantics.request import Token
from tests.conformance.case import Send
from tests.conformance.engine import Seen
from tests.conformance.istio import cast

Segments = tuple[str, ...]
Headers = tuple[tuple[str, str], ...]
CLIENT_ADDRESS = "10.244.9.1"
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_HOST = re.compile(r"([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9a-fA-F:.]+\])\.?(?::[0-9]+)?")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]")


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was sent, taken apart."""

    path: str
    query: str | None
    hosts: tuple[str, ...]
    headers: Headers


def escape(mesh: Mesh, send: Send, seen: Seen) -> str | None:
    """The check that the request came past, in one sentence; None where every check lets it pass."""
    if seen.service is None or seen.refused is not None:
        return None
    sent = _sent(send)
    services = [service for service in mesh.services if service.name.name == seen.service]
    inside = [workloads.whole(mesh, service) for service in services if not service.external]
    if inside:
        found = [_past_service(mesh, service, send, sent, seen) for service in inside]
        if None not in found:
            return found[0]
    elif (wrong := _past_guard(mesh, send, sent, seen)) is not None:
        return wrong
    http = not inside or any(port.protocol.is_http for service in inside for port in service.ports if seen.port in (port.name, None))
    return None if send.via is None else _past_gateway(mesh, send, sent, seen, http=http)


def refused_at_gateway(mesh: Mesh, send: Send) -> bool:
    """Whether the gateway's own policies refuse the normal form of the request, or its token."""
    gateway = _gateway(mesh, send)
    sent = _sent(send)
    normal = normal_form(sent.path)
    if gateway is None or normal is None:
        return False
    checks = access.gateway_checks(mesh, gateway)
    messages = _at_gateway(gateway, send, sent, normal, http=True)
    return bool(checks.providers and bad_token(send)) or any(_refusal(mesh, checks, message, None) is not None for message in messages)


def bad_token(send: Send) -> bool:
    """Whether Authorization holds something that a check point takes for a token and that is none: L9 has 401 for it alone."""
    lines = _authorization(send)
    if len(lines) > 1:
        return True
    if not lines or not re.fullmatch(r"Bearer [A-Za-z0-9._~+/-]+=*", lines[0]):
        return False
    return send.token is None or send.token.bad not in (None, "audience") or lines[0] != f"Bearer {send.token.text}"


# --- check points ---------------------------------------------------------------------------------------------------------------


def _past_service(mesh: Mesh, service: Service, send: Send, sent: Sent, seen: Seen) -> str | None:
    if not service.has_proxy:
        return None
    called = (port for port in service.ports if seen.port in (port.name, cast.name_of(port.target_port)))
    port = next(called, None) or next(iter(service.ports), None)
    http = port is None or port.protocol.is_http
    if http and not seen.method and _changes(mesh):
        return None  # an answer to HEAD does not tell what arrived, and it need not be what was sent
    checks = access.checks(mesh, service)
    identity = None if port is not None and port.mtls is Mtls.DISABLE else _identity(mesh, send, seen)
    message = _with_token(replace(_arrived(sent, seen), http=http, method=seen.method or send.method, identity=identity), send)
    hosts = hosts_read((seen.host,)) if seen.method and seen.host is not None else hosts_read(sent.hosts)
    worst = None
    for read_as in _readings_at(mesh, sent, seen) if http else [{("",)}]:
        every = (replace(message, segments=segments, host=host) for segments, host in product(sorted(read_as), sorted(hosts)))
        refusals = ((one, why) for one in every if (why := _refusal(mesh, checks, one, None if port is None else port.name)) is not None)
        if (found := next(refusals, None)) is None:
            return None
        worst = f"{service.name} received {found[0].method} {found[0].host} {list(found[0].segments)}, but {found[1]}"
    return worst


def _arrived(sent: Sent, seen: Seen) -> Message:
    """What the backend saw beside the path, or where that is not told, what was sent."""
    if not seen.method or seen.path is None:
        return Message(query=sent.query, headers=sent.headers)
    _, mark, query = seen.path.partition("?")
    return Message(query=query if mark else None, headers=tuple((name, value) for name, value in seen.headers if "_" not in name))


def _readings_at(mesh: Mesh, sent: Sent, seen: Seen) -> list[set[Segments]]:
    """All readings of the path that arrived; where it is not told, of each form in which it may have."""
    if not seen.method or seen.path is None:
        return _forms(mesh, sent, seen)
    normal = normal_form(sent.path)
    return [readings(seen.path.partition("?")[0]) | ({normal} if normal is not None and not _changes(mesh) else set())]


def _past_gateway(mesh: Mesh, send: Send, sent: Sent, seen: Seen, *, http: bool) -> str | None:
    """What the gateway had before it is not seen: one of the forms in which it may have been must pass in every reading."""
    gateway = _gateway(mesh, send)
    if gateway is None:
        return None
    checks = access.gateway_checks(mesh, gateway)
    worst = None
    for read_as in _forms(mesh, sent, seen) if http else [{("",)}]:
        messages = [one for segments in sorted(read_as) for one in _at_gateway(gateway, send, sent, segments, http=http)]
        refusals = ((one, why) for one in messages if (why := _refusal(mesh, checks, one, None)) is not None)
        if (found := next(refusals, None)) is None:
            return None
        worst = f"gateway {gateway.name} let {send.method} {found[0].host} {list(found[0].segments)} pass, but {found[1]}"
    return worst


def _forms(mesh: Mesh, sent: Sent, seen: Seen) -> list[set[Segments]]:
    """
    Each form in which the first proxy may have passed the path on, as all its readings; the normal form of what was sent is one of them.

    Where nothing rewrites paths, only forms that may be what arrived.
    """
    normal = normal_form(sent.path)
    beside = set() if normal is None else {normal}
    forms = [readings(form) for form in sorted(passed_on(sent.path))]
    if seen.method and seen.path and not _changes(mesh):
        arrived = readings(seen.path.partition("?")[0])
        forms = [form for form in forms if form & arrived] or [arrived]
    return [form | beside for form in forms]


def _past_guard(mesh: Mesh, send: Send, sent: Sent, seen: Seen) -> str | None:
    """What leaves the mesh: only who declares the call reaches a listed external service, for exactly what it declares (L8)."""
    caller = mesh.service_by_name.get(_name(send.client))
    if send.via is not None or send.client == "plaintext" or (caller is not None and not caller.has_proxy):
        return None  # no caller's proxy stands on the way
    hosts = hosts_read(sent.hosts)
    listed = {one.name for one in mesh.services if one.external and any(_covers(pattern, host) for pattern in one.hosts for host in hosts)}
    if not listed and (mesh.egress is Egress.ALLOW or _leads_outside(mesh)):
        return None
    for call in caller.calls or () if caller is not None else ():
        if call.service not in listed:
            continue
        for port, read_as in product(mesh.service_by_name[call.service].ports, _forms(mesh, sent, seen)):
            message = Message(http=port.protocol.is_http, method=send.method, query=sent.query, headers=sent.headers)
            every = [replace(message, segments=segments, host=host) for segments, host in product(sorted(read_as), sorted(hosts))]
            if all(selects(mesh, call.pattern, _with_token(one, send), port.name) for one in every):
                return None
    return f"{send.client} reached {seen.service} outside the mesh by {send.method} {sent.hosts} {sent.path}, which it does not declare"


def _leads_outside(mesh: Mesh) -> bool:
    """Whether a route leads callers of a service inside the mesh to one outside: then the Host says nothing of where it is."""
    external = {service.name for service in mesh.services if service.external}
    return any(
        one.service in external
        for route in mesh.routes
        if route.services
        for rule in route.rules
        if isinstance(rule.action, Forward)
        for one in rule.action.destinations
    )


def _refusal(mesh: Mesh, checks: Checks, message: Message, port: str | None) -> str | None:
    """Why a check point refuses one message."""

    def lies_in(grant: Grant, *, deny: bool = False) -> bool:
        patterns: tuple[Pattern, ...] = (grant.pattern, *grant.also)
        return all(selects(mesh, pattern, message, port, deny=deny) for pattern in patterns)

    def has_token(grant: Grant) -> bool:
        return grant.pattern.jwt is None or token_holds(grant.pattern.jwt, message.token)

    for grant in checks.deny:
        if lies_in(grant, deny=True) and has_token(grant):
            return f"{grant.what} denies that"
    for grant in checks.require:
        if lies_in(grant) and not has_token(grant):
            return f"what {grant.what} requires is not there"
    if checks.open or any(lies_in(grant) and has_token(grant) for grant in checks.allow):
        return None
    return "nothing allows that"


# --- who, and with what ---------------------------------------------------------------------------------------------------------


def _name(text: str) -> Name:
    namespace, _, name = text.rpartition("/")
    return Name(namespace or "shop", name)


def _gateway(mesh: Mesh, send: Send) -> Gateway | None:
    return None if send.via is None else mesh.gateway_by_name.get(_name(send.via))


def _identity(mesh: Mesh, send: Send, seen: Seen) -> str | None:
    """The certificate that the caller has; of a workload with several, the one that the backend was told."""
    gateway = _gateway(mesh, send)
    if gateway is not None:
        return access.identity_of_gateway(mesh, gateway)
    if send.client.startswith("spiffe://"):
        return send.client
    service = mesh.service_by_name.get(_name(send.client))
    if send.client == "plaintext" or service is None or not service.has_proxy:
        return None
    identities = access.identities_of_service(mesh, service)
    return seen.identity if seen.identity in identities else identities[0]


def _at_gateway(gateway: Gateway, send: Send, sent: Sent, segments: Segments, *, http: bool) -> Iterator[Message]:
    headers = sent.headers
    if gateway.trusted_hops and not any(name == "x-forwarded-proto" for name, _ in headers):
        headers = (*headers, ("x-forwarded-proto", "https" if send.tls else "http"))
    message = Message(
        http=http,
        method=send.method,
        query=sent.query,
        headers=headers,
        segments=segments,
        address=_address(gateway, send),
    )
    for host in sorted(hosts_read(sent.hosts)):
        yield _with_token(replace(message, host=host), send)


def _address(gateway: Gateway, send: Send) -> str:
    """The client's address, as the trusted proxies in front say it."""
    claimed = [part.strip() for name, value in send.headers if name.lower() == "x-forwarded-for" for part in value.split(",")]
    hops = gateway.trusted_hops
    last = claimed[-hops] if 0 < hops <= len(claimed) else ""
    return last if re.fullmatch(r"[0-9]+(\.[0-9]+){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*", last) else CLIENT_ADDRESS


def _authorization(send: Send) -> list[str]:
    lines = [value.strip() for name, value in send.headers if name.lower() == "authorization"]
    return [*lines, *([send.token.header[1]] if send.token is not None else [])]


def _with_token(message: Message, send: Send) -> Message:
    """The message with the token that stands in its one Authorization line: exactly `Bearer ` and that token, nothing beside it."""
    lines = [value for name, value in message.headers if name == "authorization"]
    if len(lines) != 1 or send.token is None or lines[0] != f"Bearer {send.token.text}" or send.token.bad is not None:
        return message
    return replace(message, token=Token(_name(send.token.provider), send.token.all_claims))


def _changes(mesh: Mesh) -> bool:
    """Whether a rule changes paths or fields, so that what arrives need not be what was sent."""
    return any(
        isinstance(rule.action, Forward)
        and (rule.action.rewrite is not None or rule.request_headers.set or rule.request_headers.add or rule.request_headers.remove)
        for route in mesh.routes
        for rule in route.rules
    )


def _sent(send: Send) -> Sent:
    target = send.target.rstrip(" \t").partition("#")[0]
    hosts = send.hosts
    if absolute := re.match(r"(?i)https?://([^/\\?]*)", target):
        hosts = (absolute.group(1),)
        target = target[absolute.end() :]
        target = target if target.startswith("/") else f"/{target}"
    path, question, query = target.partition("?")
    named = {option.strip().lower() for name, value in send.headers if name.lower() == "connection" for option in value.split(",")}
    headers = [*send.headers, *([send.token.header] if send.token is not None else [])]
    kept = [(name.lower(), re.sub(r"\r?\n[ \t]+", " ", value).strip(" \t")) for name, value in headers if name.lower() not in named]
    return Sent(path, query if question else None, hosts, tuple((name, value) for name, value in kept if "_" not in name))


# --- what may be read -----------------------------------------------------------------------------------------------------------


def hosts_read(lines: tuple[str, ...]) -> set[str]:
    """The names that may be read in Host lines: one where there is one that is well formed, else each that stands in them, and none."""
    if len(lines) == 1 and (found := _HOST.fullmatch(lines[0].strip(" \t"))):
        return {found.group(1).lower()}
    names = {""}
    for line in lines:
        for part in re.split(r"[,@/\\\s?#]", line):
            if found := _HOST.fullmatch(re.sub(r":[^\]]*$", "", part).rstrip(".")):
                names.add(found.group(1).lower())
    return names


def _covers(pattern: str, host: str) -> bool:
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def passed_on(path: str) -> set[str]:
    """The forms that a proxy's normalisation may give a raw path, spelled as they are."""
    forms = set()
    for slash, backslash, parameters, merge_first, percent in product((False, True), repeat=5):
        text = _ESCAPE.sub(lambda one: "%25" if one.group(1) is None else one.group(0), path) if percent else path
        text = _ESCAPE.sub(lambda one: chr(int(one.group(1) or "0", 16)) if _unreserved(one) else one.group(0), text)
        text = re.sub("(?i)%2f|%5c", "/", text) if slash else text
        text = text.replace("\\", "/") if backslash else text
        forms.add("/" + "/".join(_undotted(text.split("/")[1:], parameters=parameters, merge_first=merge_first)))
    return forms


def readings(path: str) -> set[Segments]:
    """All that an application may read in a path."""
    found: set[Segments] = set()
    for slash, backslash, parameters in product((False, True), repeat=3):
        text = re.sub("(?i)%2f", "/", path) if slash else path
        text = re.sub(r"(?i)%5c|\\", "/", text) if backslash else text
        for strict in (False, True):
            decoded = [_decoded(part, literal=strict) for part in text.split("/")[1:]]
            found.add(_undotted(decoded, parameters=parameters, merge_first=False))
    return found


def normal_form(path: str) -> Segments | None:
    """The one meaning of a path, where readers agree on it (L4)."""
    if (
        not path.startswith("/")
        or not re.fullmatch(r"[!-~]*", path)
        or re.search(r"[\\#]|(?i:%2f|%5c|%[01].|%7f)|%(?![0-9A-Fa-f]{2})", path)
    ):
        return None
    parts = [_decoded(part, literal=False) for part in path.split("/")[1:]]
    if any(re.fullmatch(r"\.\.?;.*", part, re.DOTALL) or re.search("[\udc80-\udcff]", part) for part in parts):
        return None
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 0 if part == "." else 1
        if depth < 0:
            return None
    return _undotted(parts, parameters=False, merge_first=False)


def _unreserved(one: re.Match[str]) -> bool:
    return one.group(1) is not None and _UNRESERVED.fullmatch(chr(int(one.group(1), 16))) is not None


def _undotted(parts: list[str], *, parameters: bool, merge_first: bool) -> Segments:
    if merge_first:
        parts = [*filter(None, parts[:-1]), *parts[-1:]]
    kept: list[str] = []
    dots = False
    for part in parts:
        bare = re.split(r"(?i);|%3b", part)[0] if parameters else part
        dots = bare in (".", "..")
        if bare == "..":
            del kept[-1:]
        elif not dots:
            kept.append(part)
    last = "" if dots or not kept else kept.pop()
    return (*filter(None, kept), last)


def _decoded(part: str, *, literal: bool) -> str:
    """Decoded as UTF-8; what is none, as it is spelled where it is taken literally, else as bytes that are no text."""
    data = b"".join(
        bytes([int(one[1:], 16)]) if re.fullmatch("%[0-9A-Fa-f]{2}", one) else one.encode("latin-1", "replace")
        for one in re.findall("%[0-9A-Fa-f]{2}|.", part, re.DOTALL)
    )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return part if literal else data.decode("utf-8", "surrogateescape")
