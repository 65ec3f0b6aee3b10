"""What a policy selects, which entries it may have there, and what a token provider is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from meshc.model import Gateway, JwtProvider, Mtls, Name, Pattern, Policy, Service
from meshc.resolve.files import read_jwks
from meshc.resolve.gateways import believed
from meshc.resolve.names import Names, Place, ReadFile
from meshc.resolve.patterns import Asked, Patterns, Use
from meshc.resolve.sources import IDENTITIES
from meshc.resolve.values import only_key
from meshc.spec.pattern import PatternShape
from meshc.spec.policies import PolicyShape, ProviderShape


@dataclass(frozen=True, slots=True)
class Policies:
    """Makes policies."""

    names: Names
    services: Mapping[Name, Service]
    gateways: Mapping[Name, Gateway]
    patterns: Patterns

    def policy(self, name: Name, shape: PolicyShape, place: Place) -> Policy:
        """A policy, `all` written out."""
        services = self._services(shape, place.at("services"))
        gateways = self._gateways(shape, place.at("gateways"))
        if bool(shape.services) == bool(shape.gateways):
            code, what = ("MC012", "both `services` and `gateways`") if shape.services else ("MC013", "neither `services` nor `gateways`")
            place.error(code, f"a policy with {what}, expected entries in exactly one of them")
        if shape.allow is None and not (shape.require or shape.deny):
            place.error("MC013", "a policy that says nothing, expected allow, require or deny")
        asked = Asked(
            tuple(self.services[one] for one in services),
            named="all" not in shape.services,
            gateways=bool(shape.gateways),
            believed=believed(self.gateways[one] for one in gateways if one in self.gateways),
        )
        return Policy(
            name=name,
            services=services,
            gateways=gateways,
            allow=None if shape.allow is None else self._entries(shape.allow, place.at("allow"), Use.ALLOW, asked),
            require=self._entries(shape.require, place.at("require"), Use.REQUIRE, asked),
            deny=self._entries(shape.deny, place.at("deny"), Use.DENY, asked),
            origin=place.origin,
        )

    def _services(self, shape: PolicyShape, place: Place) -> tuple[Name, ...]:
        found = set()
        for index, reference in enumerate(shape.services):
            at = place.at(index)
            if reference == "all":
                mine = ((name, one) for name, one in self.services.items() if name.namespace == place.namespace)
                found |= {name for name, one in mine if one.has_proxy and one.ports}
                continue
            name = self.names.find_own("service", reference, at, f"write `gateways: [{reference}]` for a gateway")
            if name is None or (service := self.services.get(name)) is None:
                continue
            if not service.has_proxy:
                what = "lies outside the mesh" if service.external else "has `sidecar: none`"
                at.error("MC110", f"service {reference!r} {what}: no proxy there would check this policy")
            elif self.names.has_ports(name, reference, at):
                found.add(name)
        return tuple(sorted(found))

    def _gateways(self, shape: PolicyShape, place: Place) -> tuple[Name, ...]:
        found = set()
        for index, reference in enumerate(shape.gateways):
            at = place.at(index)
            name = self.names.find_own("gateway", reference, at)
            if name is not None:
                found.add(name)
        return tuple(sorted(found))

    def _entries(self, shapes: Sequence[PatternShape], place: Place, use: Use, asked: Asked) -> tuple[Pattern, ...]:
        found = []
        for index, shape in enumerate(shapes):
            at = place.at(index)
            pattern = self.patterns.pattern(shape, at, use, asked)
            if use is Use.REQUIRE and shape.jwt is None:
                at.error(
                    "MC013",
                    "an entry of `require` without `jwt`, expected the token that is required",
                    "the other keys only select requests",
                )
            if use is not Use.ALLOW:
                _certain(pattern, at, use, asked)
            found.append(pattern)
        return tuple(found)


def _certain(pattern: Pattern, place: Place, use: Use, asked: Asked) -> None:
    """A deny or require by identity must not be escaped by leaving the certificate out (L10)."""
    lax = [(service, port) for service, port in asked.concerned(pattern.ports) if port.mtls is not Mtls.STRICT]
    if pattern.has_http_keys:
        lax = [(service, port) for service, port in lax if port.protocol.is_http]
    if not lax:
        return
    service, port = lax[0]
    word = "deny" if use is Use.DENY else "require"
    for source in pattern.sources or ():
        if source.kind in IDENTITIES:
            message = f"a {word} by identity, but port {port.name!r} of {service.name} has mTLS {port.mtls}: a plaintext caller escapes it"
            instead = "allow by identity instead" if use is Use.DENY else "require it of everyone"
            place.at("from").error("MC117", message, f"make mTLS strict there, name the `ports` that are, or {instead}")
            return


def provider(name: Name, shape: ProviderShape, place: Place, read_file: ReadFile) -> JwtProvider | None:
    """A token provider with its keys."""
    jwks, at = shape.jwt.jwks, place.at("jwt", "jwks")
    key = only_key({"file": jwks.file, "uri": jwks.uri}, at, "`jwks`")
    text = read_jwks(jwks.file, at.at("file"), read_file) if key == "file" and jwks.file is not None else None
    if key == "uri" and jwks.uri is not None and not _is_url(jwks.uri):
        at.at("uri").error("MC012", f"{jwks.uri!r}, expected an http or https URL")
    if not shape.jwt.issuer:
        place.at("jwt", "issuer").error("MC012", "an empty issuer, expected the `iss` of its tokens")
    if key is None or (key == "file" and text is None):
        return None
    return JwtProvider(name, shape.jwt.issuer, tuple(sorted(set(shape.jwt.audiences))), text, jwks.uri, place.origin)


def _is_url(text: str) -> bool:
    if any(character <= " " or character >= "\x7f" for character in text):
        return False
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not parts.fragment
            and "@" not in parts.netloc
        )
    except ValueError:
        return False
