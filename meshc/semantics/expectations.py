"""
The tests of a mesh, asked of its meaning: an expectation holds if every permitted answer satisfies it.

A freedom counts as the answer in whose stead it is given: `unauthenticated` holds for a 403 that an engine may say instead. So does the
refusal that any odd request may meet, or no test of one could hold. What else an odd request may be read as is no such freedom: a test
that `//admin` is denied fails where some engine may take it elsewhere.
"""

from dataclasses import dataclass, replace

from meshc import access
from meshc.model import Expectation, Mesh, MeshTest, SourceKind
from meshc.semantics import decide
from meshc.semantics.decision import Answer, Decision, Outcome
from meshc.semantics.request import Client, Identity, Outside, Plaintext, Request, RequestError, Token, Workload


@dataclass(frozen=True, slots=True)
class Checked:
    """A test that was run; `failure` says what came instead, None if it holds. Without `decision` it could not be asked."""

    test: MeshTest
    decision: Decision | None
    failure: str | None

    @property
    def passed(self) -> bool:
        """Whether the expectation holds."""
        return self.failure is None


def check(mesh: Mesh, test: MeshTest) -> Checked:
    """Runs one test."""
    try:
        decision = decide(mesh, request_of(mesh, test))
    except RequestError as error:
        return Checked(test, None, str(error))
    return Checked(test, decision, failure(test.expect, decision))


def request_of(mesh: Mesh, test: MeshTest) -> Request:
    """The request that a test sends."""
    return Request(
        client=_client(mesh, test),
        method=test.method,
        target=test.path,
        host=None if test.host is None else (test.host,),
        headers=test.headers,
        to=test.to,
        port=test.port,
        token=None if test.token is None else Token(test.token, test.claims or {}),
    )


def _client(mesh: Mesh, test: MeshTest) -> Client:
    if test.via is not None:
        outside = Outside(test.via, listener=test.port, scheme=test.scheme)  # via a gateway, `port` is the listener's name
        return outside if test.client_ip is None else replace(outside, ip=test.client_ip)
    source = test.source
    if source is None or source.kind is SourceKind.PLAINTEXT:
        return Plaintext()
    if source.kind is SourceKind.NAMESPACE:
        return Identity(_someone(mesh, source.value))
    if source.kind is SourceKind.SERVICE and source.name is not None:
        return Workload(source.name)
    return Identity(source.value)


def _someone(mesh: Mesh, namespace: str) -> str:
    """An identity of the namespace that no service of the mesh has."""
    taken = {identity for service in mesh.services for identity in access.identities_of_service(mesh, service)}
    names = ("default", *(f"someone-{number}" for number in range(len(taken))))
    return next(one for one in (access.spiffe_id(mesh, namespace, name) for name in names) if one not in taken)


def failure(expect: Expectation, decision: Decision) -> str | None:
    """What came instead of what was expected; None if every permitted answer satisfies it."""
    for answer in decision.permitted:
        owed = answer.stands_for or answer
        if not _satisfies(expect, decision, owed):
            return f"expected {_expected(expect)}, got {_got(decision, owed)}"
    for other in decision.otherwise if decision.odd is not None else ():
        for answer in other.permitted:
            owed = answer.stands_for or answer
            if not _satisfies(expect, other, owed):
                permits = f"which `requests: standard` permits of an odd request ({decision.odd})"
                return f"expected {_expected(expect)}, got {_got(other, owed)}, {permits}"
    return None


def _satisfies(expect: Expectation, decision: Decision, answer: Answer) -> bool:
    if expect.outcome is not None:
        return answer.outcome == expect.outcome
    if expect.status is not None:
        return answer.status == expect.status
    if expect.redirect is not None:
        return answer.outcome is Outcome.REDIRECT and decision.location == expect.redirect
    reached = [one for one in decision.destinations if one.weight > 0]
    return (
        answer.outcome is Outcome.ROUTED
        and bool(reached)
        and all(one.verdict.outcome is Outcome.ROUTED and one.service == expect.reaches for one in reached)
        and (expect.version is None or all(one.version == expect.version for one in reached))
    )


def _expected(expect: Expectation) -> str:
    if expect.outcome is not None:
        return expect.outcome
    if expect.status is not None:
        return f"status {expect.status}"
    if expect.redirect is not None:
        return f"a redirect to {expect.redirect}"
    return f"to reach {expect.reaches}" + (f" version {expect.version}" if expect.version is not None else "")


def _got(decision: Decision, answer: Answer) -> str:
    shown = answer.outcome.value + (f" ({answer.status})" if answer.status is not None else "")
    if answer.outcome is Outcome.REDIRECT:
        return f"{shown} to {decision.location}"
    if answer.outcome is not Outcome.ROUTED:
        return shown
    shares = [
        f"{one.service or one.host}"
        + (f" version {one.version}" if one.version is not None else "")
        + ("" if one.verdict.outcome is Outcome.ROUTED else f" ({one.verdict.outcome.value})")
        for one in decision.destinations
        if one.weight > 0
    ]
    return f"{shown} to {', '.join(shares)}"
