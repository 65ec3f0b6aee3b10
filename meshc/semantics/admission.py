"""What a check point says to a request: token, deny, require, allow, base, in that order (L9)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Final

from meshc.access import Checks, Grant
from meshc.model import JwtMatch, Mesh, Name
from meshc.semantics.decision import REFUSED, ROUTED, Answer, Outcome, Reason, unique
from meshc.semantics.matching import selects, token_holds
from meshc.semantics.message import Message, token_of
from meshc.semantics.request import Token

_MOST_TOKENS: Final = 512  # what is tried to find one token that would do


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check point answers (`routed`: it lets pass), with its freedoms, and why."""

    permitted: tuple[Answer, ...]
    because: tuple[Reason, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the request goes on."""
        return self.permitted[0].outcome is Outcome.ROUTED


def admit(mesh: Mesh, checks: Checks, message: Message, port: str | None, base: Reason) -> Verdict:
    """The verdict of a check point: it lets pass what it lets pass in every reading. `base` is what decides where no policy does."""
    verdicts = [_admit(mesh, checks, reading, port, base) for reading in message.readings()]
    return next((verdict for verdict in verdicts if not verdict.passes), verdicts[0])


def _admit(mesh: Mesh, checks: Checks, message: Message, port: str | None, base: Reason) -> Verdict:
    token = token_of(message) if checks.providers and message.http else None
    if token is None or (token.valid and token.provider in checks.providers):
        return _judge(mesh, checks, message, port, token=token, base=base)
    rejected = message.answer(Outcome.UNAUTHENTICATED, 401)
    reason = Reason(f"the token is not a valid one of {_list(checks.providers)}", _naming(checks, base).origin)
    if message.preflight:  # a bad token on a preflight is 401 or ignored
        ignoring = _judge(mesh, checks, message, port, token=None, base=base)
        return Verdict(unique((*ignoring.permitted, rejected)), (*ignoring.because, reason))
    # Engines that read the audience only after they have verified the token say 403 (L18 e).
    return Verdict((rejected,) if token.audience else _or_denied(message, rejected), (reason,))


def _judge(mesh: Mesh, checks: Checks, message: Message, port: str | None, *, token: Token | None, base: Reason) -> Verdict:
    """The verdict once the token is known to be good or missing."""
    deny = _selected(mesh, message, port, checks.deny, deny=True)
    scene = _Scene(checks, (deny, *(_selected(mesh, message, port, grants) for grants in (checks.require, checks.allow))))
    refusal = scene.refusal(token, base)
    if refusal is None:
        return Verdict((ROUTED,), scene.admission(token, base))
    if not message.http:
        return Verdict((REFUSED,), (refusal,))
    saviours = {candidate.provider for candidate in scene.candidates() if scene.refusal(candidate, base) is None}
    if saviours and (token is None or token.provider not in saviours):
        missing = replace(refusal, what=f"a token is missing: {refusal.what}")
        return Verdict(_or_denied(message, message.answer(Outcome.UNAUTHENTICATED, 401)), (missing,))
    return Verdict((message.answer(Outcome.DENIED, 403),), (refusal,))


def _or_denied(message: Message, owed: Answer) -> tuple[Answer, ...]:
    """401, or in its stead 403 (L18 e)."""
    return owed, message.answer(Outcome.DENIED, 403).instead_of(owed)


def _selected(mesh: Mesh, message: Message, port: str | None, grants: tuple[Grant, ...], *, deny: bool = False) -> tuple[Grant, ...]:
    return tuple(
        grant for grant in grants if all(selects(mesh, pattern, message, port, deny=deny) for pattern in (grant.pattern, *grant.also))
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """The entries of a check point whose keys but `jwt` hold: what is left depends on the token alone."""

    checks: Checks
    selected: tuple[tuple[Grant, ...], ...]  # deny, require, allow

    def refusal(self, token: Token | None, base: Reason) -> Reason | None:
        """Why a request with that token is refused."""
        deny, require, allow = self.selected
        for grant in deny:
            if _jwt_holds(grant, token):
                return Reason(f"denied by {grant.what}", grant.origin)
        for grant in require:
            if not _jwt_holds(grant, token):
                return Reason(f"what {grant.what} requires is not there", grant.origin)
        if self.checks.open or any(_jwt_holds(grant, token) for grant in allow):
            return None
        if allow:
            return Reason(f"the token that {allow[0].what} asks for is not there", allow[0].origin)
        return Reason(f"nothing allows it; {base.what}", base.origin)

    def admission(self, token: Token | None, base: Reason) -> tuple[Reason, ...]:
        """The lines by which it may pass."""
        _, require, allow = self.selected
        required = tuple(Reason(f"what {grant.what} requires is there", grant.origin) for grant in require)
        allowing = next((grant for grant in allow if _jwt_holds(grant, token)), None)
        return (*required, Reason(f"allowed by {allowing.what}", allowing.origin) if allowing is not None else base)

    def candidates(self) -> Iterator[Token]:
        """Tokens that could make the difference: of each provider, what some allow and all requires ask for, each value tried."""
        _, require, allow = self.selected
        demanded = [grant.pattern.jwt for grant in require if grant.pattern.jwt is not None]
        choices: list[list[JwtMatch]] = [[]] if self.checks.open else []
        choices += [[] if grant.pattern.jwt is None else [grant.pattern.jwt] for grant in allow]
        for choice in choices:
            wanted = demanded + choice
            for provider in {jwt.provider for jwt in wanted} if len({jwt.provider for jwt in wanted}) == 1 else ():
                yield from _tokens(provider, wanted)


def _tokens(provider: Name, wanted: list[JwtMatch]) -> Iterator[Token]:
    claims = [claim for jwt in wanted for claim in jwt.claims]
    for values in islice(product(*(claim.values for claim in claims)), _MOST_TOKENS):
        tree: dict[str, Any] = {}
        for claim, value in zip(claims, values, strict=True):
            _put(tree, claim.path, value)
        yield Token(provider, tree)


def _put(tree: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    """Adds a value to a claim, which may hold several."""
    for step in path[:-1]:
        inner = tree.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    if isinstance(held := tree.setdefault(path[-1], []), list) and value not in held:
        held.append(value)


def _jwt_holds(grant: Grant, token: Token | None) -> bool:
    return grant.pattern.jwt is None or token_holds(grant.pattern.jwt, token)


def _naming(checks: Checks, base: Reason) -> Reason:
    """The first entry that names a provider."""
    for grant in (*checks.deny, *checks.require, *checks.allow):
        if grant.pattern.jwt is not None:
            return Reason(grant.what, grant.pattern.jwt.origin)
    return base


def _list(names: tuple[Name, ...]) -> str:
    return " or ".join(str(name) for name in names)
