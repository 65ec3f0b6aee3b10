"""What becomes of a request that starts inside the mesh: the caller's proxy, or none (L6, L8, L10)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from meshc import access, routing
from meshc.model import Destination, Egress, Mesh, Mtls, Port, Service
from meshc.semantics import destinations, rules
from meshc.semantics.decision import REFUSED, ROUTED, Decision, Outcome, Reached, Reason
from meshc.semantics.destinations import Guard, check_service, has_endpoints
from meshc.semantics.freedoms import freed, settle
from meshc.semantics.hosts import collector, default_host, find_port, find_service, known_services, port_in_host, service_for
from meshc.semantics.message import Message, asked_host, read
from meshc.semantics.request import Identity, Plaintext, Request, RequestError, Workload
from meshc.semantics.rules import Place, Sending


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: its service where the spec has it, its namespace, and the SPIFFE id of its certificate."""

    service: Service | None
    namespace: str | None
    identity: str | None


@dataclass(frozen=True, slots=True)
class Called:
    """The service that is asked, at one of its ports."""

    service: Service
    port: Port


def decide(mesh: Mesh, request: Request, client: Workload | Identity | Plaintext) -> Decision:
    """The decision on a request inside the mesh."""
    caller = _caller(mesh, client)
    known = known_services(mesh, caller.service) if caller.identity is not None else mesh.services
    called = _called(mesh, request, caller, known)
    if caller.identity is None:
        return _direct(mesh, request, called)
    if called is not None and not called.port.protocol.is_http:
        return _connection(mesh, caller, called, known)
    reading = read(mesh, request, None if request.to is None else default_host(mesh, find_service(mesh, request.to)))
    name = None if caller.service is None else caller.service.name

    def judge(message: Message) -> Decision:
        message = replace(message, service=name, namespace=caller.namespace, identity=caller.identity)
        asked = called if message.host else None  # a host that only `*` takes is nobody's inside the mesh
        if asked is not None and asked.service not in known:
            unknown = _elsewhere(mesh, caller, message)
            return _or_known(mesh, asked, unknown, lambda: _proxied(mesh, caller, asked, message))
        return _port_counts(asked, request, _proxied(mesh, caller, asked, message), message)

    return settle(mesh, reading, judge)


def _caller(mesh: Mesh, client: Workload | Identity | Plaintext) -> Caller:
    match client:
        case Plaintext():
            return Caller(None, None, None)
        case Identity(spiffe):
            # A namespace is the mesh's own only in its own trust domain (L10).
            namespace, _, rest = spiffe.removeprefix(f"spiffe://{mesh.trust_domain}/ns/").partition("/")
            inside = spiffe.startswith(f"spiffe://{mesh.trust_domain}/ns/") and rest.startswith("sa/")
            return Caller(None, namespace if inside else None, spiffe)
        case Workload(name, version):
            service = find_service(mesh, name)
            if service.external:
                raise RequestError(f"service {name} lies outside the mesh and cannot call; expected a workload")
            service = find_service(mesh, service.workload)
            own = next((one.identity for one in service.versions if one.name == version and one.identity is not None), None)
            identity = access.spiffe_id(mesh, name.namespace, service.identity if own is None else own)
            return Caller(service, name.namespace, identity if service.has_proxy else None)


def _called(mesh: Mesh, request: Request, caller: Caller, known: tuple[Service, ...]) -> Called | None:
    """The service and port that is asked: `to` says what is dialled, on an HTTP port the Host says what is meant."""
    host = asked_host(request)
    dialled = None
    if request.to is not None:
        service = find_service(mesh, request.to)
        dialled = Called(service, find_port(service, request.port))
        if host is None or not dialled.port.protocol.is_http or caller.identity is None:
            return dialled
    if host is None:
        return None
    dialling = request.port if dialled is None else dialled.port.port
    # A service that the proxy does not know is found all the same: the answer can name it.
    named = service_for(mesh, known, caller.namespace, host, dialling) or service_for(mesh, mesh.services, caller.namespace, host, dialling)
    if named is None:
        return None
    if dialled is None:
        return Called(named, find_port(named, request.port))
    if named is dialled.service:
        return dialled
    same = next((port for port in named.ports if port.port == dialled.port.port), None)
    return None if same is None else Called(named, same)


# --- through the caller's proxy -------------------------------------------------------------------------------------------------


def _proxied(mesh: Mesh, caller: Caller, called: Called | None, message: Message) -> Decision:
    if called is None:
        return _elsewhere(mesh, caller, message)
    service, port = called.service, called.port
    because = (Reason(f"host {message.host} is service {service.name}", service.origin),)
    guard = Guard(caller.service, message)
    entries = routing.east_west(mesh, service.name)
    if not entries:
        after = destinations.reach(mesh, Sending(message, _all_of(service), ()), port.name, guard)
        return replace(after, because=(*because, *after.because))
    taken = rules.take(entries, message, port.name)
    if taken is None:
        reason = Reason(f"no rule takes {message.method} {message.host}{message.path_and_query}", entries[0][0].origin)
        return Decision((message.answer(Outcome.NO_ROUTE, 404),), (*because, reason))
    done = rules.act(taken, message, Place("http", port.port))
    after = done if isinstance(done, Decision) else destinations.reach(mesh, done, port.name, guard)
    return replace(after, because=(*because, *after.because))


def _elsewhere(mesh: Mesh, caller: Caller, message: Message) -> Decision:
    """A host that the caller's proxy does not know: it leaves the mesh, or is answered 502; a listed external service is guarded always."""
    listed = service_for(mesh, mesh.services, caller.namespace, message.host, None)
    origin = caller.service.origin if caller.service is not None else mesh.origin
    if listed is None and mesh.egress is Egress.ALLOW:
        outside = Reached(None, message.host, None, None, 1, ROUTED)
        reason = Reason(f"host {message.host} is outside the mesh, and egress is allowed", mesh.origin)
        return Decision((ROUTED,), (reason,), destinations=(outside,), request=message.forwarded())
    what = f"host {message.host}{_pod_of(mesh, caller, message.host)}" if listed is None else f"service {listed.name}"
    owed = message.answer(Outcome.NO_ROUTE, 502)
    return Decision((owed, REFUSED.instead_of(owed)), (Reason(f"the caller's proxy does not know {what}", origin),))


def _pod_of(mesh: Mesh, caller: Caller, host: str) -> str:
    """A word on a host that would be a pod's name if its service were headless."""
    owner = service_for(mesh, mesh.services, caller.namespace, host.partition(".")[2], None)
    return "" if owner is None or owner.external or owner.headless else f": pods of {owner.name} have names only if it is `headless: true`"


def _or_known(mesh: Mesh, called: Called, unknown: Decision, known: Callable[[], Decision]) -> Decision:
    """What the caller's proxy does not know, or knows all the same because it is where proxies send their telemetry (L18 g)."""
    return replace(unknown, otherwise=(known(),)) if called.service is collector(mesh) else unknown


def _port_counts(called: Called | None, request: Request, decision: Decision, message: Message) -> Decision:
    """The port in the Host of a wildcard external may count: another than the called one is refused then (L18 h)."""
    if called is None or decision.outcome is not Outcome.ROUTED or not called.service.external:
        return decision
    pattern = routing.best_host(called.service.hosts, message.host)
    ports = {port for line in request.host or () if (port := port_in_host(line)) is not None}
    if pattern is None or not pattern.startswith("*") or ports <= {called.port.port}:
        return decision
    owed = decision.permitted[0]
    return replace(decision, permitted=(*decision.permitted, *freed((message.answer(Outcome.DENIED, 403),), owed)))


def _all_of(service: Service) -> tuple[Destination, ...]:
    """The service as a destination that names no version: shared as its `traffic` says."""
    shares = service.traffic or ((None, 1),)
    return tuple(Destination(service.name, None, version, weight, service.origin) for version, weight in shares)


def _connection(mesh: Mesh, caller: Caller, called: Called, known: tuple[Service, ...]) -> Decision:
    """A connection to a `tcp` or `tls` port: no route applies."""
    message = Message(http=False, identity=caller.identity)
    if called.service not in known:
        origin = caller.service.origin if caller.service is not None else mesh.origin
        refused = Decision((REFUSED,), (Reason(f"the caller's proxy does not know service {called.service.name}", origin),))
        return _or_known(mesh, called, refused, lambda: _send_bytes(mesh, caller, called, message))
    return _send_bytes(mesh, caller, called, message)


def _send_bytes(mesh: Mesh, caller: Caller, called: Called, message: Message) -> Decision:
    sending = Sending(message, _all_of(called.service), ())
    return destinations.reach(mesh, sending, called.port.name, Guard(caller.service, message))


# --- without a proxy ------------------------------------------------------------------------------------------------------------


def _direct(mesh: Mesh, request: Request, called: Called | None) -> Decision:
    """A caller without a proxy: only the service's own proxy, where it has one, says anything."""
    if called is None:
        raise RequestError("a plaintext caller asks a service of the mesh; expected one in `to` or as the host")
    service, port = called.service, called.port
    because = (Reason(f"plaintext to {service.name}", service.origin),)
    reached = Reached(service.name, None, port.name, None, 1, ROUTED)
    if not has_endpoints(service, None):
        return Decision((REFUSED,), (*because, Reason(f"{service.name} has no endpoint", service.origin)))
    guarded = service.has_proxy and not service.external
    if guarded and port.mtls is Mtls.STRICT:
        return Decision((REFUSED,), (*because, Reason(f"port {port.name} takes mutual TLS only", port.origin)))
    if not port.protocol.is_http:
        verdict = check_service(mesh, service, port, Message(http=False))
        reached = replace(reached, verdict=verdict.permitted[0])
        return Decision(verdict.permitted, (*because, *verdict.because), (reached,))
    reading = read(mesh, request, default_host(mesh, service))
    if not guarded:  # no proxy stands between: whatever was sent arrives
        request_seen = reading.message.forwarded() if reading.message is not None else None
        return Decision((ROUTED,), because, (reached,), request=request_seen)

    def judge(message: Message) -> Decision:
        verdict = check_service(mesh, service, port, message)
        return Decision(
            verdict.permitted,
            (*because, *verdict.because),
            (replace(reached, verdict=verdict.permitted[0]),),
            request=message.forwarded() if verdict.passes else None,
        )

    return settle(mesh, reading, judge)
