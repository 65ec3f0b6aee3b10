"""What becomes of a request that is sent on: endpoints, the guard of what lies outside, mutual TLS, the service's checks (L8-L10)."""

from dataclasses import replace

from meshc import access
from meshc.model import Call, Destination, Endpoint, Mesh, Mtls, Port, Service
from meshc.semantics.admission import Verdict, admit
from meshc.semantics.decision import REFUSED, ROUTED, Decision, Outcome, Reached, Reason, unique
from meshc.semantics.hosts import find_service
from meshc.semantics.matching import selects
from meshc.semantics.message import Message, strip
from meshc.semantics.rules import Sending


def reach(mesh: Mesh, sending: Sending, called: str | None, guard: "Guard | None") -> Decision:
    """The decision on what a rule sends, or on what goes straight to a service; `called` is the name of the port that was called."""
    judged = [(one, _judge(mesh, one, one.port or called, sending.message, guard)) for one in sending.destinations]
    weighty = [verdict for one, verdict in judged if one.weight > 0]
    answers = {verdict.permitted[0] for verdict in weighty}
    permitted = unique(tuple(a for verdict in weighty for a in verdict.permitted)) if len(answers) == 1 else (ROUTED,)
    reasons = tuple(dict.fromkeys(reason for verdict in (weighty or [v for _, v in judged]) for reason in verdict.because))
    arrives = permitted[0].outcome is Outcome.ROUTED
    return Decision(
        permitted,
        (*sending.because, *reasons),
        destinations=tuple(
            Reached(one.service, None, one.port or called, one.version, one.weight, verdict.permitted[0]) for one, verdict in judged
        ),
        request=_arriving(mesh, sending).forwarded() if sending.message.http and arrives else None,
        fault=sending.fault,
        mirror=sending.mirror,
        response_headers=sending.rule.response_headers if sending.rule is not None else Decision((), ()).response_headers,
    )


class Guard:
    """The caller's proxy as the guard of external services: only who declares a call reaches them, for exactly what it declares (L8)."""

    __slots__ = ("calls", "message")

    def __init__(self, caller: Service | None, message: Message) -> None:
        self.calls: tuple[Call, ...] = () if caller is None else caller.calls or ()
        self.message = message  # as the application sent it

    def judge(self, mesh: Mesh, service: Service, port: str | None) -> Verdict:
        """The verdict on a request to an external service."""
        for call in self.calls:
            every = self.message.readings()
            if call.service == service.name and all(selects(mesh, call.pattern, one, port) for one in every):
                return Verdict((ROUTED,), (Reason(f"the call of {service.name} is declared", call.origin),))
        refusal = self.message.answer(Outcome.DENIED, 403) if self.message.http else REFUSED
        declared = next((call.origin for call in self.calls if call.service == service.name), service.origin)
        return Verdict((refusal,), (Reason(f"the caller does not declare this call of {service.name}", declared),))


def _judge(mesh: Mesh, destination: Destination, port_name: str | None, message: Message, guard: Guard | None) -> Verdict:
    service = find_service(mesh, destination.service)
    share = Reason(f"to {_named(destination)}", destination.origin)
    if not has_endpoints(service, destination.version):
        refusal = message.answer(Outcome.UNAVAILABLE, 503) if message.http else REFUSED
        return Verdict((refusal,), (share, Reason(f"{_named(destination)} has no endpoint", service.origin)))
    if service.external:
        verdict = Verdict((ROUTED,)) if guard is None else guard.judge(mesh, service, port_name)
    else:
        verdict = check_service(mesh, service, service.port(port_name) if port_name is not None else None, message)
    return replace(verdict, because=(share, *verdict.because))


def check_service(mesh: Mesh, service: Service, port: Port | None, message: Message) -> Verdict:
    """What the service's own proxy says, if it has one."""
    if not service.has_proxy:
        return Verdict((ROUTED,), (Reason(f"{service.name} has no proxy: nothing guards it", service.access_origin),))
    if port is not None and port.mtls is Mtls.DISABLE:
        message = replace(message, identity=None)
    if port is not None and not port.protocol.is_http:
        message = replace(message, http=False)
    base = Reason(f"the base access of {service.name} is {service.access}", service.access_origin)
    arriving = replace(message, headers=strip(message.headers))
    return admit(mesh, access.checks(mesh, service), arriving, port.name if port is not None else None, base)


def has_endpoints(service: Service, version: str | None) -> bool:
    """Whether a service or version can answer; where the platform finds endpoints it is taken to have some."""
    if service.endpoints is None:
        return True
    if version is None:
        return bool(service.endpoints)
    labels = next((one.labels for one in service.versions if one.name == version), ())
    return any(_carries(endpoint, labels) for endpoint in service.endpoints)


def _carries(endpoint: Endpoint, labels: tuple[tuple[str, str], ...]) -> bool:
    return set(labels) <= set(endpoint.labels)


def _arriving(mesh: Mesh, sending: Sending) -> Message:
    """The request as the backends see it: one with a proxy strips once more."""
    proxied = all(find_service(mesh, one.service).has_proxy for one in sending.destinations if one.weight > 0)
    return replace(sending.message, headers=strip(sending.message.headers)) if proxied else sending.message


def _named(destination: Destination) -> str:
    return f"{destination.service}" + (f" version {destination.version}" if destination.version is not None else "")
