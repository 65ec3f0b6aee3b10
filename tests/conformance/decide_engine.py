"""The reference meaning as an engine: what `decide` says, in the terms of what is seen on a wire."""

import random
from collections.abc import Sequence
from dataclasses import replace

from meshc.diagnostics import Finding
from meshc.model import Mesh, Name
from meshc.semantics import Answer, Client, Decision, Identity, Outcome, Outside, Plaintext, Reached, Request, Token, Workload, decide
from tests.conformance.case import Send
from tests.conformance.engine import Seen
from tests.conformance.istio import cast

CLIENT_ADDRESS = "10.244.9.1"


def _name(text: str) -> Name:
    namespace, _, name = text.rpartition("/")
    return Name(namespace or "shop", name)


class DecideEngine:
    """Answers by `decide` alone."""

    name = "decide"

    def __init__(self) -> None:
        self.mesh: Mesh | None = None
        self.chance = random.Random(1)  # noqa: S311 - draws a destination by weight

    def apply(self, mesh: Mesh) -> Sequence[Finding]:
        """Nothing refuses a mesh here."""
        self.mesh = mesh
        return ()

    def send(self, sends: Sequence[Send]) -> list[Seen]:
        """Each request's decision, as it would be seen, with all else that is permitted."""
        assert self.mesh is not None
        return [self._seen(decide(self.mesh, request_of(send))) for send in sends]

    def _seen(self, decision: Decision) -> Seen:
        others = [_answered(answer, decision) for answer in decision.permitted[1:]]
        others += [replace(self._seen(other), others=()) for other in decision.otherwise]
        return replace(self._first(decision), others=tuple(others))

    def _workload(self, reached: Reached) -> Reached:
        """What is reached, by the names of its workload and its port, which are all that a backend knows of itself."""
        assert self.mesh is not None
        service = None if reached.service is None else self.mesh.service_by_name[reached.service]
        if service is None or not service.shares_workload:
            return reached
        port = None if reached.port is None else cast.name_of(service.port(reached.port).target_port)
        return replace(reached, service=service.workload, port=port)

    def _first(self, decision: Decision) -> Seen:
        if decision.outcome is not Outcome.ROUTED:
            return _answered(decision.permitted[0], decision)
        (reached,) = self.chance.choices(decision.destinations, [reached.weight for reached in decision.destinations])
        return _arrived(self._workload(reached), decision)


def _answered(answer: Answer, decision: Decision) -> Seen:
    refused = "refused" if answer.outcome is Outcome.REFUSED else None
    location = decision.location if answer.outcome is Outcome.REDIRECT else None
    return Seen(status=answer.status, refused=refused, location=location, grpc=answer.grpc_status)


def _arrived(reached: Reached, decision: Decision) -> Seen:
    if reached.verdict.outcome is not Outcome.ROUTED:
        return _answered(reached.verdict, decision)
    forwarded = decision.request
    service = reached.host if reached.service is None else reached.service.name
    if forwarded is None:  # a connection of bytes: what the backend answers, and not more, is seen
        return Seen(status=200, service=service, version=reached.version, port=reached.port)
    return Seen(
        status=200,
        service=service,
        version=reached.version,
        port=reached.port,
        method=forwarded.method,
        path=forwarded.path,
        host=forwarded.host,
        headers=forwarded.headers,
    )


def request_of(send: Send) -> Request:
    """The request in the reference's terms."""
    client: Client
    if send.via is not None:
        scheme = "https" if send.tls else "http"
        client = Outside(
            _name(send.via),
            str(send.port) if isinstance(send.port, str) else None,
            scheme,
            send.sni,
            CLIENT_ADDRESS,
            client_certificate=send.client_cert,
        )
    elif send.client == "plaintext":
        client = Plaintext()
    elif send.client.startswith("spiffe://"):
        client = Identity(send.client)
    else:
        client = Workload(_name(send.client))
    token = None
    headers = send.headers
    if send.token is not None:
        headers = (*headers, send.token.header)
        if send.token.scheme == "Bearer ":
            provider = None if send.token.bad == "issuer" else _name(send.token.provider)
            token = Token(provider, send.token.all_claims, valid=send.token.bad is None, audience=send.token.bad != "audience")
    to = None if send.to is None else _name(send.to)
    port = None if send.via is not None else send.port
    return Request(client, send.method, send.target, send.hosts, headers, to=to, port=port, token=token)
