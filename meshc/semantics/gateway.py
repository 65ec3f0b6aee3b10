"""What a gateway does with a request from outside, from the handshake to its destinations (L2, L5)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address

from meshc import access, routing
from meshc.model import Gateway, Listener, ListenerProtocol, ListenerTls, Mesh, Name
from meshc.semantics import destinations, rules
from meshc.semantics.admission import Verdict, admit
from meshc.semantics.decision import REFUSED, Answer, Decision, Outcome, Reason
from meshc.semantics.freedoms import freed, settle
from meshc.semantics.hosts import is_address
from meshc.semantics.message import Message, asked_host, read, without_forwarded
from meshc.semantics.request import Outside, Request, RequestError
from meshc.semantics.rules import Place, Taken, location

_PLAIN = (ListenerProtocol.HTTP, ListenerProtocol.TCP)
_PROTO = "x-forwarded-proto"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a client's connection ended: the listener that its port and SNI picked, or why there is none."""

    listener: Listener | None
    sni: str
    refusal: Reason | None = None


def decide(mesh: Mesh, request: Request, client: Outside) -> Decision:
    """The decision on a request through a gateway."""
    gateway = find_gateway(mesh, client.gateway)
    connection = connect(gateway, client, asked_host(request))
    listener = connection.listener
    if listener is None:
        reason = connection.refusal or Reason("no listener takes the connection", gateway.origin)
        return Decision((REFUSED,), (reason,))
    reason = Reason(f"listener {listener.name} of gateway {gateway.name}", listener.origin)
    if listener.tls is not None and _asks_certificate(listener.tls) and not client.client_certificate:
        return Decision((REFUSED,), (reason, Reason("a client certificate is required", listener.tls.origin)))
    if listener.protocol in (ListenerProtocol.TLS, ListenerProtocol.TCP):
        return _pass_through(mesh, gateway, connection, listener, _peer(client))
    reading = read(mesh, request, trusted=gateway.trusted_hops > 0)
    return settle(mesh, reading, lambda message: _http(mesh, gateway, listener, _at_edge(gateway, listener, client, message)))


def find_gateway(mesh: Mesh, name: Name) -> Gateway:
    """The gateway of that name, or a RequestError."""
    gateway = mesh.gateway_by_name.get(name)
    if gateway is None:
        raise RequestError(f"the mesh has no gateway {name}")
    return gateway


# --- the connection -------------------------------------------------------------------------------------------------------------


def connect(gateway: Gateway, client: Outside, host: str | None) -> Connection:
    """The listener that a client comes to; without a word about it the TLS one that owns the host, else the plain one (L8)."""
    sni = client.sni if client.sni is not None else ("" if host is None or is_address(host) else host)
    sni = sni.lower()
    asked = _asked(gateway, client)
    if asked is not None:
        if asked.protocol in _PLAIN:
            return Connection(asked, "")
        if host is None and client.sni is None:
            return Connection(asked, sni)
        return _by_sni(gateway, [asked.port], sni)
    tls_ports = _ports(gateway, ListenerProtocol.HTTPS, ListenerProtocol.TLS)
    plain = _plain(gateway, host)
    if client.scheme != "http" and (client.scheme == "https" or plain is None or _by_sni(gateway, tls_ports, sni).listener is not None):
        return _by_sni(gateway, tls_ports, sni)
    return Connection(plain, "")


def _asked(gateway: Gateway, client: Outside) -> Listener | None:
    if client.listener is None:
        return None
    for listener in gateway.listeners:
        if listener.name == client.listener:
            return listener
    known = ", ".join(listener.name for listener in gateway.listeners)
    raise RequestError(f"gateway {gateway.name} has no listener {client.listener}; expected one of {known}")


def _ports(gateway: Gateway, *protocols: ListenerProtocol) -> list[int]:
    """The ports of those protocols, the well-known ones first."""
    ports = {listener.port for listener in gateway.listeners if listener.protocol in protocols}
    return sorted(ports, key=lambda port: (port not in (80, 443), port))


def _by_sni(gateway: Gateway, ports: Iterable[int], sni: str) -> Connection:
    for port in ports:
        owner = _tls_owner(gateway, port, sni)
        if owner is not None:
            return Connection(owner, sni)
    shown = f"SNI {sni}" if sni else "a handshake without SNI"
    return Connection(None, sni, Reason(f"no TLS listener takes {shown}", gateway.origin))


def _tls_owner(gateway: Gateway, port: int, name: str) -> Listener | None:
    """The TLS listener of the port that owns the name; no name matches only `*` (L5)."""
    listeners = [one for one in routing.on_port(gateway, port) if one.protocol not in _PLAIN]
    return routing.owner(listeners, name)


def _plain(gateway: Gateway, host: str | None) -> Listener | None:
    ports = _ports(gateway, ListenerProtocol.HTTP)
    for port in ports:
        if host is not None and (owner := routing.owner(routing.on_port(gateway, port), host)) is not None:
            return owner
    protocols = (ListenerProtocol.HTTP, ListenerProtocol.TCP)
    return next((one for protocol in protocols for port in _ports(gateway, protocol) for one in routing.on_port(gateway, port)), None)


def _at_edge(gateway: Gateway, listener: Listener, client: Outside, message: Message) -> Message:
    """
    The request with what the gateway's proxy knows of the client.

    Its address is the peer's, or what the trusted proxies in front say; a list that is too short or no address counts as none. They also
    say the scheme, the listener's where they are silent (L13).
    """
    claimed = [part.strip() for line in message.lines("x-forwarded-for") for part in line.split(",")]
    hops = gateway.trusted_hops
    believed = claimed[-hops] if 0 < hops <= len(claimed) else ""
    headers = message.headers
    if hops and not message.lines(_PROTO):
        headers = (*headers, (_PROTO, _scheme(listener)))
    return replace(message, address=believed if _is_ip(believed) else _peer(client), headers=headers)


def _scheme(listener: Listener) -> str:
    return "https" if listener.protocol is ListenerProtocol.HTTPS else "http"


def _peer(client: Outside) -> str:
    if not _is_ip(client.ip):
        raise RequestError(f"client address {client.ip!r} is no IP address")
    return client.ip


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _asks_certificate(tls: ListenerTls) -> bool:
    return tls.client_ca_file is not None or tls.client_ca_pem is not None


# --- requests -------------------------------------------------------------------------------------------------------------------


def _http(mesh: Mesh, gateway: Gateway, listener: Listener, message: Message) -> Decision:
    tls = listener.protocol is ListenerProtocol.HTTPS
    beside = [one for one in routing.on_port(gateway, listener.port) if (one.protocol not in _PLAIN) == tls]
    owner = routing.owner(beside, message.host)
    verdict = _check(mesh, gateway, message)
    if owner is None or (tls and owner is not listener):
        reason = Reason(f"listener {listener.name} does not own host {message.host}", listener.origin)
        return _or_refused(Decision((_not_owned(message, tls=tls),), (reason,)), _instead(message) if tls else (), verdict)
    because: tuple[Reason, ...] = (Reason(f"listener {owner.name} of gateway {gateway.name} owns host {message.host}", owner.origin),)
    taken = _take(mesh, gateway, owner, message)
    if owner.redirect_to_https and taken is None:
        return _or_refused(_to_https(gateway, owner, message, because), (), verdict)
    preflight = None if taken is None else rules.answer_preflight(taken, message)
    if preflight is not None:
        return replace(preflight, because=(*because, *preflight.because))
    because = (*because, *verdict.because)
    if not verdict.passes:
        return Decision(verdict.permitted, because)
    after = _route(mesh, gateway, owner, message, taken)
    return replace(after, permitted=(*after.permitted, *verdict.permitted[1:]), because=(*because, *after.because))


def _not_owned(message: Message, *, tls: bool) -> Answer:
    return message.answer(Outcome.MISDIRECTED, 421) if tls else message.answer(Outcome.NO_ROUTE, 404)


def _instead(message: Message) -> tuple[Answer, ...]:
    """What 421 may be as well (L18 f): engines that know no misdirection have no route there, or are told to refuse."""
    return message.answer(Outcome.NO_ROUTE, 404), message.answer(Outcome.DENIED, 403)


def _or_refused(decision: Decision, others: tuple[Answer, ...], verdict: Verdict) -> Decision:
    """
    A gateway's own answer that comes before its policies, or in its stead what they say (L18 f).

    421, the 404 of a host that no listener owns, and redirectToHttps may stand behind the policies: where these refuse, their refusal is
    as right. What the order puts behind the policies anyway (no route, what rules answer) has no such freedom.
    """
    owed = decision.permitted[0]
    freedoms = freed((*others, *(() if verdict.passes else verdict.permitted)), owed)
    return replace(decision, permitted=(*decision.permitted, *freedoms))


def _take(mesh: Mesh, gateway: Gateway, listener: Listener, message: Message) -> Taken | None:
    """The rule that takes the request: the best host's, without falling back to a wider one."""
    tables = {table.host: table for table in routing.host_tables(mesh, gateway, listener)}
    best = routing.best_host(tables, message.host)
    return None if best is None else rules.take(tables[best].entries, message, None)


def _to_https(gateway: Gateway, listener: Listener, message: Message, because: tuple[Reason, ...]) -> Decision:
    owner = routing.https_owner(gateway, message.host)
    if owner is None:
        reason = Reason(f"no TLS listener owns host {message.host}", listener.origin)
        return Decision((message.answer(Outcome.NO_ROUTE, 404),), (*because, reason))
    reasons = (Reason("redirectToHttps", listener.origin), Reason(f"listener {owner.name} owns host {message.host}", owner.origin))
    where, *others = (location("https", host, owner.port, message.path_and_query) for host in rules.hosts_in_location(message))
    answer = message.answer(Outcome.REDIRECT, 301)
    return Decision((answer,), (*because, *reasons), location=where, locations=tuple(others))


def _check(mesh: Mesh, gateway: Gateway, message: Message) -> Verdict:
    base = Reason(f"gateway {gateway.name} admits all that no allow of its own says otherwise of", gateway.origin)
    verdict = admit(mesh, access.gateway_checks(mesh, gateway), message, None, base)
    return replace(verdict, because=tuple(reason for reason in verdict.because if reason is not base))  # that nobody objects is no news


def _route(mesh: Mesh, gateway: Gateway, listener: Listener, message: Message, taken: Taken | None) -> Decision:
    if taken is None:
        reason = Reason(f"no rule takes {message.method} {message.host}{message.path_and_query}", listener.origin)
        return Decision((message.answer(Outcome.NO_ROUTE, 404),), (reason,))
    done = rules.act(taken, message, Place(_scheme(listener), listener.port))
    if isinstance(done, Decision):
        return done
    return destinations.reach(mesh, replace(done, message=_as_gateway(mesh, gateway, done.message)), None, None)


def _as_gateway(mesh: Mesh, gateway: Gateway, message: Message) -> Message:
    """A gateway is a caller with an identity of its own (L10)."""
    identity = access.spiffe_id(mesh, gateway.workload.namespace, gateway.workload.identity)
    return replace(without_forwarded(message), identity=identity, address=None)


# --- connections ----------------------------------------------------------------------------------------------------------------


def _pass_through(mesh: Mesh, gateway: Gateway, connection: Connection, listener: Listener, address: str) -> Decision:
    because: tuple[Reason, ...] = (Reason(f"listener {listener.name} of gateway {gateway.name}", listener.origin),)
    message = Message(http=False, host=connection.sni, address=address)
    verdict = _check(mesh, gateway, message)
    because = (*because, *verdict.because)
    if not verdict.passes:
        return Decision((REFUSED,), because)
    tables = {table.host: table for table in routing.host_tables(mesh, gateway, listener)}
    best = routing.best_host(tables, connection.sni) or (next(iter(tables), None) if listener.protocol is ListenerProtocol.TCP else None)
    taken = None if best is None else rules.take(tables[best].entries, message, None)
    sending = None if taken is None else rules.send_connection(taken, _as_gateway(mesh, gateway, message))
    if sending is None:
        return Decision((REFUSED,), (*because, Reason("no rule takes the connection", listener.origin)))
    after = destinations.reach(mesh, sending, None, None)
    return replace(after, because=(*because, *after.because))
