"""Requests drawn from a seed that come close to what a mesh says: plain ones as clients send them, and odd ones as an attacker would."""

import random
from collections.abc import Iterator
from typing import Any

from tests.conformance.case import send_of
from tests.conformance.oddity import is_odd

Tree = dict[str, Any]
METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
VALUES = ("one", "two", "one-two", "")
HEADERS = ("x-a", "x-b")
QUERIES = ("q", "r")
ROLES = ("admin", "guest")
INSIDE = ("web", "cart", "ops/spy")
_NO_METHODS = ("TRACE", "PROPFIND", "get", "FOO", "Delete")
_NO_FIELDS = (
    ["x_a", "one"],
    ["X_B", "two"],
    ["x-envoy-original-path", "/a"],
    ["x-envoy-retry-on", "5xx"],
    ["x-envoy-upstream-rq-timeout-ms", "1"],
    ["x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/shop/sa/web"],
    ["x-forwarded-for", "10.0.0.1"],
    ["x-forwarded-proto", "https"],
    ["x-forwarded-host", "h0.example.com"],
    ["x-request-id", "1"],
)
_NO_SCHEMES = ("bearer ", "Bearer  ", "BEARER ", "Basic x,Bearer ", "xBearer ", "Basic dTpw, Bearer ", "")
_SIDE_LINES = ("Basic dTpw", "Bearer abc.def", 'Digest realm="x"')


class Requests:
    """Draws requests to one mesh."""

    def __init__(self, chance: random.Random, data: Tree) -> None:
        self.chance = chance
        own = data["mesh"]
        self.paths = sorted(set(_paths(data)))
        self.hosts = sorted({host for route in own["routes"].values() for host in _listed(route.get("hosts")) if "internal" not in host})
        self.secure = "https" in own["gateways"]["edge"]["listeners"]

    def maybe(self, percent: int) -> bool:
        """True so often."""
        return self.chance.randrange(100) < percent

    def one(self, *, odd: bool) -> Tree:
        """A request: plain, or odd in one way or several."""
        send = self.plain()
        while odd and not is_odd(send_of(send)):
            for twist in self.chance.sample(_TWISTS, self.chance.choice((1, 1, 1, 2, 3))):
                twist(self, send)
        return send

    # --- plain

    def plain(self) -> Tree:
        """A request as a client sends it in earnest."""
        chance = self.chance
        send: Tree = self.outside() if self.maybe(60) else self.inside()
        method = chance.choice(METHODS)
        if method != "GET":
            send["method"] = method
        segments = self.near(chance.choice(self.paths))
        send["path"] = "".join(f"/{_canonical(segment)}" for segment in segments) + self.query()
        headers = [[name, chance.choice((*VALUES, "1"))] for name in HEADERS for _ in range(chance.choice((0, 0, 1, 1, 2)))]
        if self.maybe(4):
            headers.append(["X-A", "one"])
        if self.maybe(5):
            headers.append(["connection", "x-a"])
        if headers:
            send["headers"] = headers
        if self.maybe(35):
            send["token"] = self.token()
        elif self.maybe(5):
            send.setdefault("headers", []).append(["authorization", "Basic dTpw"])
        return send

    def token(self) -> Tree:
        """A token, good or bad."""
        bad = self.chance.choice(("expired", "early", "audience", "issuer", "key", "none", "garbage")) if self.maybe(30) else None
        token: Tree = {"provider": "other" if self.maybe(10) else "id", "claims": {"role": self.chance.choice((*ROLES, [*ROLES]))}}
        return token | ({"bad": bad} if bad else {})

    def outside(self) -> Tree:
        """From outside, through the gateway."""
        chance = self.chance
        host = chance.choice(self.hosts).replace("*.", "sub.").replace("*", "unknown.example.org")
        sent = chance.choice((host.upper(), f"{host}:80", f"{host}:9999", host.title(), "unknown.example.net")) if self.maybe(15) else host
        if self.secure and host.endswith("example.com") and "wild" not in host and self.maybe(50):
            return {"via": "edge", "tls": True, "port": 443, "sni": host, "host": sent}
        return {"via": "edge", "port": "http", "host": sent}

    def inside(self) -> Tree:
        """From a workload, or in plaintext."""
        chance = self.chance
        client = chance.choice((*INSIDE, *INSIDE, "plaintext"))
        to = chance.choice(("users", "users", "cart", "web"))
        name = to if client != "ops/spy" else f"{to}.shop"
        hosts = (
            name,
            name,
            name,
            f"{to}.shop",
            f"{to}.shop.svc",
            f"{to}.shop.svc.cluster.local",
            f"{to}.internal",
            name.upper(),
            f"{name}:80",
        )
        return {"from": client, "to": to, "host": name if client == "plaintext" else chance.choice(hosts)}

    def near(self, pattern: str) -> list[str]:
        """The decoded segments of a path that the pattern takes, or nearly takes."""
        chance = self.chance
        parts = pattern.split("/")[1:]
        if parts[-1] == "**":
            parts = parts[:-1] + chance.choice(([], [""], ["z"], ["b"], ["z", "7"]))
        segments = [chance.choice(("7", "id", "a")) if part in ("*", "{id}") else _plain(part) for part in parts] or [""]
        change = chance.randrange(100)
        if change < 8 and segments[-1]:
            segments.append(chance.choice(("", "x")))
        elif change < 14 and len(segments) > 1:
            segments.pop()
        elif change < 18:
            segments[-1] += "x"
        elif change < 21:
            segments[0] = segments[0].swapcase()
        return segments

    def query(self) -> str:
        """A query, or none."""
        if self.maybe(60):
            return ""
        fields = [f"{name}={self.chance.choice(VALUES)}" for name in QUERIES for _ in range(self.chance.choice((0, 1, 1, 2)))]
        fields += self.chance.choice(([], ["q"], ["x=%2e%2e/a"], ["?"]))
        self.chance.shuffle(fields)
        return "?" + "&".join(fields)

    # --- odd

    def respell(self, send: Tree) -> None:
        """Escapes what needs no escape, in either case."""
        path, mark, query = send["path"].partition("?")
        send["path"] = "".join(self.spelled(one) for one in _characters(path)) + mark + query

    def spelled(self, character: str) -> str:
        """A character or escape of a canonical path, spelled in some way."""
        if character == "/":
            return character
        if len(character) > 1:
            return character.lower() if self.maybe(50) else character
        escaped = f"%{ord(character):02X}"
        return (escaped.lower() if self.maybe(50) else escaped) if self.maybe(30) else character

    def disturb(self, send: Tree) -> None:
        """A path written otherwise: often of the same meaning, now and then of none."""
        chance = self.chance
        text, mark, query = send["path"].partition("?")
        at = chance.choice([index for index, character in enumerate(text) if character == "/"] or [0])
        before, after = text[:at], text[at:]
        same = (
            f"{before}/{after}",
            f"{before}/.{after}",
            f"{before}/x/..{after}",
            f"{before}/%2e{after}",
            f"{before}/x/%2E%2e{after}",
            f"{text}/.",
            f"{before}/x//..{after}",
        )
        other = (
            f"{text}/..",
            f"/..{text}",
            f"{before}/..;x{after}",
            f"{before}%2F{after[1:]}",
            f"{before}%5c{after[1:]}",
            f"{before}/x/..%2f{after[1:]}",
            f"{text}%00",
            f"{text}%zz",
            f"{before}\\{after[1:]}",
        )
        rare = (
            f"{text}%c3",
            f"{text}#frag",
            f"{before}\\x{after}",
            f"{text}\xe9",
            f"{text}//",
            f"{before}/..%3bx{after}",
            f"{text}%3%61",
            f"{text}%c0%af",
            f"{before}/%2e%2e;{after}",
            f"{text}/..\\",
        )
        send["path"] = chance.choice(chance.choice((same, same, other, rare))) + mark + query

    def slashes(self, send: Tree) -> None:
        """Nothing but slashes."""
        send["path"] = self.chance.choice(("//", "///", "/.//", "/a/..//", "//?q=one"))

    def respell_host(self, send: Tree) -> None:
        """A Host with a dot, malformed, repeated or not there."""
        host = send["host"] if isinstance(send["host"], str) else "h0.example.com"
        dotted = (f"{host}.", f"{host.partition(':')[0]}.:80", f"{host}.")
        bad: tuple[Any, ...] = (
            [host, host],
            [host, "h1.example.com"],
            "",
            f"{host}..",
            f"{host}:x",
            f"u@{host}",
            f"{host},{host}",
            f"{host}/x",
            f" {host} x",
            [],
        )
        send["host"] = self.chance.choice(self.chance.choice((dotted, bad)))

    def absolute(self, send: Tree) -> None:
        """An absolute URI, whose authority replaces the Host."""
        if isinstance(send["host"], str) and send["path"].startswith("/") and "via" in send:
            send["path"] = f"http://{send['host'].strip() or 'h0.example.com'}{send['path']}"
            send["host"] = self.chance.choice((send["host"], "h1.example.com"))

    def other_method(self, send: Tree) -> None:
        """A method that the mesh does not know."""
        send["method"] = self.chance.choice(_NO_METHODS)

    def forge(self, send: Tree) -> None:
        """A field that proxies own, or that a reader may take for another."""
        send.setdefault("headers", []).append(self.chance.choice(_NO_FIELDS))

    def respell_token(self, send: Tree) -> None:
        """A token that is spelled otherwise, or stands beside another line."""
        token = send.setdefault("token", self.token())
        if self.maybe(30):
            send.setdefault("headers", []).append(["authorization", self.chance.choice(_SIDE_LINES)])
        else:
            token["scheme"] = self.chance.choice(_NO_SCHEMES)


_TWISTS = (
    Requests.respell,
    Requests.respell,
    Requests.disturb,
    Requests.disturb,
    Requests.disturb,
    Requests.slashes,
    Requests.respell_host,
    Requests.respell_host,
    Requests.absolute,
    Requests.other_method,
    Requests.forge,
    Requests.respell_token,
)


def _paths(tree: Any) -> Iterator[str]:  # noqa: ANN401 - a tree
    """Every path pattern that is written somewhere in the tree, and some examples of regexes."""
    yield from ("/", "/a/7", "/a/b")
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "paths" and isinstance(value, list):
                yield from (path for path in value if isinstance(path, str))
            else:
                yield from _paths(value)
    elif isinstance(tree, list):
        for one in tree:
            yield from _paths(one)


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - one or several
    return [] if value is None else value if isinstance(value, list) else [value]


def _plain(part: str) -> str:
    return part.replace("%2A", "*").replace("%20", " ")


def _canonical(segment: str) -> str:
    return "".join(chr(byte) if chr(byte) in _RAW else f"%{byte:02X}" for byte in segment.encode())


_RAW = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@"


def _characters(path: str) -> Iterator[str]:
    """The characters and escapes of a canonical path."""
    index = 0
    while index < len(path):
        size = 3 if path[index] == "%" else 1
        yield path[index : index + size]
        index += size
