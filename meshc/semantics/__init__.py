"""The executable reference meaning: `decide` says what happens to any request, and because of which lines (L2)."""

from dataclasses import replace
from typing import assert_never

from meshc.model import Mesh
from meshc.semantics import gateway, sidecar
from meshc.semantics.decision import Answer, Decision, Forwarded, Outcome, Reached, Reason, unique
from meshc.semantics.request import Client, Identity, Outside, Plaintext, Request, RequestError, Token, Workload

__all__ = [
    "Answer",
    "Client",
    "Decision",
    "Forwarded",
    "Identity",
    "Outcome",
    "Outside",
    "Plaintext",
    "Reached",
    "Reason",
    "Request",
    "RequestError",
    "Token",
    "Workload",
    "decide",
]


def decide(mesh: Mesh, request: Request) -> Decision:
    """
    What happens to the request.

    The first that applies answers: handshake refused; 400; 421; redirectToHttps; gateway access; no route; redirect, respond or CORS
    preflight; fault; unavailable; service access.
    """
    match request.client:
        case Outside() as client:
            decision = gateway.decide(mesh, request, client)
        case Workload() | Identity() | Plaintext() as client:
            decision = sidecar.decide(mesh, request, client)
        case _:
            assert_never(request.client)
    return replace(decision, permitted=unique(decision.permitted))
