"""Signed tokens for tests, good and bad in each way that tokens are bad."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUERS = {"id": "https://id.example", "other": "https://other.example"}
AUDIENCE = "shop"
BAD = ("expired", "early", "audience", "issuer", "key", "none", "garbage")


@dataclass(frozen=True, slots=True)
class Wish:
    """
    A token of a provider; `bad` says what is wrong with it.

    `scheme` is what stands before it in Authorization, unless its `place` is the query.
    """

    provider: str
    claims: dict[str, Any] = field(default_factory=dict)
    bad: str | None = None
    scheme: str = "Bearer "
    endless: bool = False
    place: str = "header"

    @staticmethod
    def of(data: dict[str, Any] | str) -> "Wish":
        """From a case: a provider's name, or a map."""
        fields = {"provider": data} if isinstance(data, str) else data
        wish = Wish(**fields)
        assert wish.bad is None or wish.bad in BAD, wish
        return wish

    @property
    def header(self) -> tuple[str, str]:
        """The Authorization line."""
        return ("authorization", self.scheme + self.text)

    @property
    def text(self) -> str:
        """The token itself."""
        return _token(json.dumps(self.claims, sort_keys=True), self.provider, self.bad, self.endless)

    @property
    def all_claims(self) -> dict[str, Any]:
        """What the token says, its own words included."""
        return _claims(self.provider, self.bad, self.claims, endless=self.endless)


@lru_cache
def _key(provider: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 - one key for each provider, kept by the cache
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache
def jwks(provider: str) -> str:
    """The public keys of a provider."""
    numbers = _key(provider).public_key().public_numbers()
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _kid(provider), "n": _number(numbers.n), "e": _number(numbers.e)}
    return json.dumps({"keys": [key]})


def _kid(provider: str) -> str:
    return hashlib.sha256(provider.encode()).hexdigest()[:8]


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _claims(provider: str, bad: str | None, more: dict[str, Any], *, endless: bool) -> dict[str, Any]:
    now = int(time.time())
    claims: dict[str, Any] = {"iss": ISSUERS.get(provider, ""), "sub": "somebody", "aud": AUDIENCE, "exp": now + 3600, **more}
    match bad:
        case "expired":
            claims["exp"] = now - 3600
        case "early":
            claims["nbf"] = now + 3600
        case "audience":
            claims["aud"] = "elsewhere"
        case "issuer":
            claims["iss"] = "https://nobody.example"
        case _:
            pass
    if endless:
        del claims["exp"]
    return claims


@lru_cache(maxsize=4096)
def _token(claims_text: str, provider: str, bad: str | None, endless: bool) -> str:  # noqa: FBT001 - a cache key
    if bad == "garbage":
        return "abc.def"
    claims = _claims(provider, bad, json.loads(claims_text), endless=endless)
    head = {"alg": "none" if bad == "none" else "RS256", "kid": _kid(provider), "typ": "JWT"}
    signed = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
    if bad == "none":
        return signed + "."
    signer = _key("nobody" if bad == "key" else provider)
    return f"{signed}.{_base64(signer.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
