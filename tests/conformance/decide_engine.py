"""The reference meaning as an engine: what `decide` says, in the terms of what is seen on a wire."""

import random
from collections.abc import Sequence

from meshc.diagnostics import Finding
from meshc.model import Mesh, Name
from meshc.semantics import Client, Decision, Identity, Outcome, Outside, Plaintext, Request, Token, Workload, decide
from tests.conformance.case import Send
from tests.conformance.engine import Seen

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
        """Each request's decision, as it would be seen."""
        assert self.mesh is not None
        return [self._seen(decide(self.mesh, request_of(send))) for send in sends]

    def _seen(self, decision: Decision) -> Seen:
        permitted = tuple(answer.status for answer in decision.permitted)
        if decision.outcome is not Outcome.ROUTED:
            refused = "refused" if decision.outcome is Outcome.REFUSED else None
            grpc = decision.grpc_status
            return Seen(status=decision.status, refused=refused, location=decision.location, grpc=grpc, permitted=permitted)
        weights = [reached.weight for reached in decision.destinations]
        (reached,) = self.chance.choices(decision.destinations, weights)
        if reached.verdict.outcome is not Outcome.ROUTED:
            return Seen(status=reached.verdict.status, grpc=reached.verdict.grpc_status, permitted=(*permitted, reached.verdict.status))
        forwarded = decision.request
        service = reached.host if reached.service is None else reached.service.name
        if forwarded is None:  # a connection of bytes: what the backend answers, and not more, is seen
            return Seen(status=200, service=service, version=reached.version, permitted=permitted)
        return Seen(
            status=200,
            service=service,
            version=reached.version,
            port=reached.port,
            method=forwarded.method,
            path=forwarded.path,
            host=forwarded.host,
            headers=forwarded.headers,
            permitted=permitted,
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
            token = Token(provider, send.token.all_claims, valid=send.token.bad is None)
    to = None if send.to is None else _name(send.to)
    port = None if send.via is not None else send.port
    return Request(client, send.method, send.target, send.hosts, headers, to=to, port=port, token=token)
