"""Meshes over the fixed cast, and requests to them, drawn from a seed: many hosts, routes and policies in one mesh."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.conformance.draw_requests import HEADERS, INSIDE, METHODS, QUERIES, VALUES, Requests, Tree

SEGMENTS = ("a", "b", "c", "7", "a.b", "x:y", "café", "%2A", "a%20b", "~u", "A")
NAMES = ("h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7")
DESTINATIONS = ("users", "cart", {"service": "users", "version": "v1"}, {"service": "users", "version": "v2"}, "legacy")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A mesh as a case file's data, and requests as a case's `send`."""

    data: Tree
    sends: tuple[Tree, ...]


def draw(seed: int, requests: int) -> Drawn:
    """The mesh of that seed, and as many requests to it, every other one odd."""
    chance = random.Random(seed)  # noqa: S311 - the same meshes every time
    data = _Meshes(chance).mesh()
    sends = Requests(chance, data)
    return Drawn(data, tuple(sends.one(odd=number % 2 == 1) for number in range(requests)))


class _Meshes:
    """Draws what a user writes."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.mtls = "permissive" if self.maybe(20) else "strict"

    def maybe(self, percent: int) -> bool:
        """True so often."""
        return self.chance.randrange(100) < percent

    def mesh(self) -> Tree:
        """A whole overlay."""
        chance = self.chance
        secure = self.maybe(50)
        listeners: Tree = {"http": {"port": 80}}
        if secure:
            listeners |= {
                "https": {"port": 443, "hosts": ["*.example.com"], "tls": {"certificate": "edge"}},
                "deep": {"port": 443, "hosts": ["*.shop.example.com"], "tls": {"certificate": "edge"}},
            }
        own: Tree = {
            "mesh": {
                "access": chance.choice(("declared", "declared", "deny", "allow")),
                "egress": "allow" if self.maybe(10) else "declared",
                "requests": "strict" if self.maybe(40) else "standard",
                "mtls": self.mtls,
            },
            "services": self.services(),
            "gateways": {"edge": {"listeners": listeners}},
            "routes": dict(self.routes()),
            "authentication": {
                name: {"jwt": {"issuer": f"https://{name}.example", "audiences": ["shop"], "jwks": {"file": f"keys/{name}.jwks.json"}}}
                for name in ("id", "other")
            },
            "policies": dict(self.policies()),
        }
        if secure:
            own["certificates"] = {"edge": {"from": {"secret": "edge-tls"}, "hosts": ["*.example.com", "*.shop.example.com"]}}
        spy: Tree = {"services": {"spy": {"calls": self.calls(("shop/users", "shop/cart", "shop/web"))}}} if self.maybe(60) else {}
        return {"mesh": own, **({"ops": spy} if spy else {})}

    def services(self) -> Tree:
        """Access and calls of the cast's services."""
        services: Tree = {
            name: {"access": self.chance.choice(("declared", "deny", "allow", "allow", "allow"))} for name in ("users", "cart", "web")
        }
        if self.maybe(60):
            services["web"]["calls"] = self.calls(("users", "cart"))
        if self.maybe(40):
            services["cart"]["calls"] = self.calls(("users", "web"))
        if self.maybe(40):
            share = self.chance.choice((0, 1, 50, 100))
            services["users"]["traffic"] = {"v1": share, "v2": 100 - share}
        return services

    def calls(self, callable_: Sequence[str]) -> list[Any]:
        """What a service declares."""
        return [
            name if self.maybe(40) else {"service": name, "methods": self.methods(), "paths": [self.path() for _ in range(2)]}
            for name in callable_
            if self.maybe(70)
        ]

    def methods(self) -> list[str]:
        """Some methods."""
        return sorted({self.chance.choice(METHODS) for _ in range(3)})

    def path(self, *, closed: bool = False, regex: bool = True) -> Any:  # noqa: ANN401 - a string or a map
        """A path pattern; `closed`: without a final star, as deny and require want it."""
        chance = self.chance
        if regex and self.maybe(8):
            return {"regex": chance.choice(("/[ab]/[0-9]+", "/a(/b)?", "/(a|b)/.*", "/caf.", "/[^/]+/b"))}
        parts = [chance.choice(SEGMENTS) for _ in range(chance.choice((0, 1, 1, 2, 2, 3)))]
        if self.maybe(25) and parts:
            parts[chance.randrange(len(parts))] = "{id}" if closed or self.maybe(60) else "*"
        ending = chance.choice(("", "", "/", "/**", "/**"))
        return ("".join(f"/{part}" for part in parts) + ending) or "/"

    def value(self, *, negative: bool = True) -> Any:  # noqa: ANN401 - as above
        """A condition on a header or query."""
        chance = self.chance
        kinds = ["exact", "present", "prefix", "regex", *(["absent", "not", "not"] if negative else [])]
        match chance.choice(kinds):
            case "exact":
                return chance.choice(VALUES[:3])
            case "present":
                return {"present": True}
            case "absent":
                return {"absent": True}
            case "prefix":
                return {"prefix": "one"}
            case "regex":
                return {"regex": chance.choice(("one|two", "[a-z]+", "one.*"))}
            case _:
                return {"not": self.value(negative=False)}

    def pattern(self, *, closed: bool = False) -> Tree:
        """Conditions on a request, without `from`."""
        chance = self.chance
        made: Tree = {}
        if self.maybe(75):
            made["paths"] = [self.path(closed=closed) for _ in range(chance.choice((1, 1, 2)))]
        if self.maybe(25):
            made["methods"] = self.methods()
        if self.maybe(20):
            made["headers"] = {name: self.value() for name in HEADERS if self.maybe(60)}
        if self.maybe(15):
            made["query"] = {name: self.value(negative=False) for name in QUERIES if self.maybe(60)}
        return {key: value for key, value in made.items() if value} or {"methods": self.methods()}

    # --- routes

    def routes(self) -> Iterator[tuple[str, Tree]]:
        """Gateway routes of many hosts, and routes of callers' proxies."""
        for name in NAMES:
            if self.maybe(90):
                host = f"{name}.shop.example.com" if self.maybe(20) else f"{name}.example.com"
                yield name, {"gateways": "edge", "hosts": host, "rules": self.rules(inside=False)}
        if self.maybe(60):
            yield "wild", {"gateways": "edge", "hosts": "*.wild.example.com", "rules": self.rules(inside=False)}
        if self.maybe(30):
            yield "any", {"gateways": "edge", "hosts": "*", "rules": self.rules(inside=False)}
        for name in ("users", "cart"):
            if self.maybe(80):
                hosts = {"hosts": [f"{name}.internal"]} if self.maybe(40) else {}
                yield f"to-{name}", {"services": name, **hosts, "rules": self.rules(inside=True, service=name)}

    def rules(self, *, inside: bool, service: str = "") -> list[Tree]:
        """The rules of one route; the last may take all."""
        rules = [self.rule(inside=inside, service=service) for _ in range(self.chance.choice((1, 2, 3, 4)))]
        if self.maybe(60):
            rules.append({"to": service or self.chance.choice(DESTINATIONS[:4])})
        return rules

    def rule(self, *, inside: bool, service: str) -> Tree:
        """One rule: what it matches, and what it does."""
        chance = self.chance
        match = self.pattern()
        if inside and self.maybe(30):
            match["from"] = [chance.choice((*INSIDE, {"namespace": "shop"}))]
        below = "paths" in match and all(isinstance(path, str) and path.endswith("/**") for path in match["paths"])
        rule: Tree = {"match": match}
        kind = chance.randrange(100)
        if kind < 12:
            return rule | {"redirect": self.redirect(below=below)}
        if kind < 22:
            return rule | {"respond": {"status": chance.choice((200, 404, 410, 503)), "body": "told"}}
        rule["to"] = self.to(service)
        if self.maybe(25):
            rule["rewrite"] = {"path": self.new_path(below=below)}
        if self.maybe(10):
            rule.setdefault("rewrite", {})["host"] = "other.example.org"
        if self.maybe(15):
            rule["headers"] = {"request": {"set": {"x-a": "set"}, "add": {"x-c": "added"}, "remove": ["x-b"]}}
        return rule

    def to(self, service: str) -> Any:  # noqa: ANN401 - as above
        """Destinations."""
        if service == "cart":
            return self.chance.choice(("cart", "cart", "users"))
        if self.maybe(20):
            share = self.chance.choice((0, 20, 50, 100))
            return [{"service": "users", "version": "v1", "weight": share}, {"service": "users", "version": "v2", "weight": 100 - share}]
        if self.maybe(10):
            return [{"service": "users", "weight": 50}, {"service": "cart", "weight": 50}]
        return self.chance.choice(DESTINATIONS[:4] if service else DESTINATIONS)

    def new_path(self, *, below: bool) -> Tree:
        """How a path changes."""
        new = self.chance.choice(("/", "/new", "/new/deep", "/a", "/n%20w", "/café"))
        return {"replacePrefixMatch" if below and self.maybe(70) else "replaceFullPath": new}

    def redirect(self, *, below: bool) -> Tree:
        """A redirect."""
        made: Tree = {"statusCode": self.chance.choice((301, 302, 307))}
        if self.maybe(60):
            made["path"] = self.new_path(below=below)
        if self.maybe(40) or len(made) == 1:
            made["host"] = "moved.example.org"
        if self.maybe(20):
            made["scheme"] = "https"
        if self.maybe(15):
            made["port"] = 8443
        return made

    # --- policies

    def policies(self) -> Iterator[tuple[str, Tree]]:
        """Policies of services and of the gateway."""
        for name in ("users", "cart", "web"):
            if self.maybe(70):
                yield name, {"services": name, **self.entries(inside=True)}
        if self.maybe(60):
            yield "edge", {"gateways": "edge", **self.entries(inside=False)}

    def entries(self, *, inside: bool) -> Tree:
        """What a policy holds."""
        chance = self.chance
        made: Tree = {}
        if self.maybe(40):
            made["allow"] = [self.allow(inside=inside) for _ in range(chance.choice((1, 2)))]
        if self.maybe(40):
            made["deny"] = [self.deny(inside=inside) for _ in range(chance.choice((1, 2)))]
        if self.maybe(30) or not made:
            made["require"] = [self.pattern(closed=True) | {"jwt": self.jwt()}]
        return made

    def allow(self, *, inside: bool) -> Tree:
        """Who is let in."""
        entry = self.pattern() if self.maybe(80) else {}
        if inside:
            callers = (
                *INSIDE,
                {"namespace": "ops"},
                {"gateway": "edge"},
                {"gateway": "edge"},
                "everyone",
                "callers",
                "mtls",
                "plaintext",
                "everyone",
                {"callersIn": "ops"},
            )
            entry["from"] = [self.chance.choice(callers) for _ in range(2)]
        if self.maybe(20):
            entry["jwt"] = self.jwt()
        return entry or {"methods": ["GET"]}

    def deny(self, *, inside: bool) -> Tree:
        """Who is not."""
        entry = self.pattern(closed=True)
        if inside and self.mtls == "strict" and self.maybe(40):
            entry["from"] = [self.chance.choice((*INSIDE, {"namespace": "ops"}, {"gateway": "edge"}))]
        return entry

    def jwt(self) -> Any:  # noqa: ANN401 - as above
        """A condition on a token."""
        return "id" if self.maybe(40) else {"provider": "id", "claims": {"role": ["admin"]}}
