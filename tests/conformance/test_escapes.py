"""The check that nothing comes past a check bites: it sees escapes that are made by hand, and nothing where all is well."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from meshc.model import Mesh
from tests.conformance.case import compile_over_cast, send_of
from tests.conformance.engine import Seen
from tests.conformance.escapes import bad_token, escape, hosts_read, normal_form, readings, refused_at_gateway

ID = {"id": {"jwt": {"issuer": "https://id.example", "audiences": ["shop"], "jwks": {"file": "keys/id.jwks.json"}}}}
MESHES: dict[str, dict[str, Any]] = {
    "deny": {
        "policies": {
            "users": {
                "services": "users",
                "deny": [
                    {"paths": ["/admin/**", "/a:b", "/", "/pc%25z"]},
                    {"hosts": ["closed.internal"]},
                    {"methods": ["DELETE"]},
                    {"headers": {"x-role": {"not": "user"}}, "paths": ["/role"]},
                ],
            }
        }
    },
    "allow": {
        "services": {"users": {"access": "deny"}},
        "policies": {"users": {"services": "users", "allow": [{"from": "web", "paths": ["/open/**"], "methods": ["GET"]}]}},
    },
    "require": {
        "authentication": ID,
        "policies": {
            "users": {"services": "users", "require": [{"paths": ["/my/**"], "jwt": {"provider": "id", "claims": {"role": "admin"}}}]}
        },
    },
    "gateway": {
        "authentication": ID,
        "routes": {
            "edge": {
                "gateways": "edge",
                "hosts": ["shop.example.com", "*.example.com"],
                "rules": [{"match": {"paths": "/in/**"}, "to": "users", "rewrite": {"path": {"replacePrefixMatch": "/"}}}, {"to": "users"}],
            }
        },
        "policies": {
            "edge": {
                "gateways": "edge",
                "deny": [{"paths": ["/in/secret/**", "/admin"]}, {"hosts": ["closed.example.com"]}],
                "require": [{"paths": ["/in/my"], "jwt": "id"}],
            }
        },
    },
    "external": {
        "services": {
            "web": {"calls": [{"service": "out", "methods": ["GET"], "paths": ["/v1/**"]}]},
            "out": {"hosts": ["api.example.com"], "ports": {"http": 80}},
            "other": {"hosts": ["other.example.com"], "ports": {"http": 80}},
        }
    },
}


@cache
def mesh(name: str) -> Mesh:
    compiled = compile_over_cast({"mesh": MESHES[name]})
    assert compiled.mesh is not None, compiled.findings
    return compiled.mesh


def arrived(path: str = "/", service: str = "users", **more: Any) -> Seen:  # noqa: ANN401 - fields of Seen
    fields: dict[str, Any] = {"method": "GET", "host": "users", "port": "http", "headers": (("host", "users"),), **more}
    return Seen(status=200, service=service, version="v1", path=path, **fields)


WEB = {"from": "web", "to": "users"}
EDGE = {"via": "edge", "host": "shop.example.com"}
TOKEN = {"provider": "id", "claims": {"role": "admin"}}


def bearer(**token: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - fields of Wish
    wish = send_of({**WEB, "token": {**TOKEN, **token}}).token
    assert wish is not None
    return (wish.header,)


ESCAPES = [
    ("deny", {**WEB, "path": "//admin/x"}, arrived("//admin/x")),
    ("deny", {**WEB, "path": "/admin%2Fx"}, arrived("/admin%2Fx")),
    ("deny", {**WEB, "path": "/x%2f..%2fadmin"}, arrived("/x/../admin")),
    ("deny", {**WEB, "path": "/x\\..\\admin"}, arrived("/x\\..\\admin")),
    ("deny", {**WEB, "path": "/x/..;p/admin"}, arrived("/x/..;p/admin")),
    ("deny", {**WEB, "path": "/x/..%3bp/admin"}, arrived("/x/..%3bp/admin")),
    ("deny", {**WEB, "path": "/%61dmin"}, arrived("/%61dmin")),
    ("deny", {**WEB, "path": "/a%3ab"}, arrived("/a%3ab")),
    ("deny", {**WEB, "path": "/pc%z"}, arrived("/pc%z")),
    ("deny", {**WEB, "path": "//"}, arrived("//")),
    ("deny", {**WEB, "path": "/admin//../x"}, arrived("/x")),  # its normal form lies below /admin
    ("deny", {**WEB, "path": "/x", "method": "HEAD"}, replace(arrived("/x"), method="DELETE")),
    ("deny", {**WEB, "path": "/admin", "method": "HEAD"}, arrived("", method="", host=None, headers=())),
    ("deny", {**WEB, "host": "closed.internal."}, arrived("/x", host="closed.internal.")),
    ("deny", {**WEB, "host": ["users", "closed.internal"]}, arrived("/x", host="users,closed.internal")),
    ("deny", {**WEB, "host": "u@closed.internal"}, arrived("/x", host="u@closed.internal")),
    ("deny", {**WEB, "path": "/role"}, arrived("/role", headers=(("x-role", "user"), ("x-role", "admin")))),
    ("deny", {**WEB, "path": "/role"}, arrived("/role")),
    ("allow", {**WEB, "path": "/open/..;/x"}, arrived("/open/..;/x")),
    ("allow", {**WEB, "path": "/shut%2f..%2fopen/x"}, arrived("/shut%2f..%2fopen/x")),
    ("allow", {**WEB, "path": "/open/x", "method": "FOO"}, arrived("/open/x", method="FOO")),
    ("allow", {"from": "cart", "to": "users", "path": "/open/x"}, arrived("/open/x")),
    ("allow", {"from": "plaintext", "to": "users", "path": "/open/x"}, arrived("/open/x")),
    ("allow", {**EDGE, "path": "/open/x"}, arrived("/open/x")),
    ("require", {**WEB, "path": "/my/x"}, arrived("/my/x")),
    ("require", {**WEB, "path": "/my/x", "token": {**TOKEN, "bad": "expired"}}, arrived("/my/x", headers=bearer(bad="expired"))),
    ("require", {**WEB, "path": "/my/x", "token": {**TOKEN, "claims": {}}}, arrived("/my/x", headers=bearer(claims={}))),
    ("require", {**WEB, "path": "/my/x", "token": {**TOKEN, "scheme": "bearer "}}, arrived("/my/x", headers=bearer(scheme="bearer "))),
    (
        "require",
        {**WEB, "path": "/my/x", "token": {**TOKEN, "scheme": "Basic x,Bearer "}},
        arrived("/my/x", headers=bearer(scheme="Basic x,Bearer ")),
    ),
    ("require", {**WEB, "path": "/my/x", "token": TOKEN}, arrived("/my/x", headers=(*bearer(), ("authorization", "Basic x")))),
    ("gateway", {**EDGE, "path": "/in/secret/x"}, arrived("/secret/x")),
    ("gateway", {**EDGE, "path": "/in/%73ecret/x"}, arrived("/secret/x")),
    ("gateway", {**EDGE, "path": "/admin"}, arrived("/admin")),
    ("gateway", {**EDGE, "path": "/in/my"}, arrived("/my")),
    ("gateway", {"via": "edge", "host": "closed.example.com."}, arrived("/")),
    ("gateway", {"via": "edge", "host": "x.example.com", "path": "http://closed.example.com/x"}, arrived("/x")),
    ("external", {"from": "web", "host": "api.example.com", "path": "/v2"}, arrived("/v2", "external")),
    ("external", {"from": "web", "host": "api.example.com", "path": "/v1/../v2"}, arrived("/v2", "external")),
    ("external", {"from": "web", "host": "api.example.com", "path": "/v1", "method": "POST"}, arrived("/v1", "external", method="POST")),
    ("external", {"from": "web", "host": "other.example.com", "path": "/v1"}, arrived("/v1", "external")),
    ("external", {"from": "cart", "host": "api.example.com", "path": "/v1"}, arrived("/v1", "external")),
    ("external", {"from": "web", "host": "nobody.example.com", "path": "/v1"}, arrived("/v1", "external")),
]

FINE = [
    ("deny", {**WEB, "path": "/x"}, arrived("/x")),
    ("deny", {**WEB, "path": "/admin"}, Seen(status=403)),
    ("deny", {**WEB, "path": "/admin"}, Seen(refused="closed")),
    ("deny", {**WEB, "path": "/administer%2Fx"}, arrived("/administer/x")),
    ("deny", {**WEB, "path": "/x", "method": "HEAD"}, arrived("", method="", host=None, headers=())),
    ("deny", {**WEB, "path": "/role"}, arrived("/role", headers=(("x-role", "user"),))),
    ("deny", {"from": "web", "to": "legacy", "path": "/admin"}, arrived("/admin", "legacy")),
    ("allow", {**WEB, "path": "/open/a%3Ab"}, arrived("/open/a%3Ab")),
    ("allow", {**WEB, "path": "/open%2Fx"}, arrived("/open/x")),
    ("require", {**WEB, "path": "/my/x", "token": TOKEN}, arrived("/my/x", headers=bearer())),
    ("require", {**WEB, "path": "/x"}, arrived("/x")),
    ("gateway", {**EDGE, "path": "/in/open"}, arrived("/open")),
    ("gateway", {**EDGE, "path": "/in%2Fopen"}, arrived("/open")),
    ("gateway", {**EDGE, "path": "/in/my", "token": TOKEN}, arrived("/my", headers=bearer())),
    ("external", {"from": "web", "host": "api.example.com:80", "path": "/v1/x"}, arrived("/v1/x", "external")),
    ("external", {"from": "web", "host": "api.example.com", "path": "/v2/../v1"}, arrived("/v1", "external")),
]


@pytest.mark.parametrize(("name", "send", "seen"), ESCAPES)
def test_escapes_are_seen(name: str, send: dict[str, Any], seen: Seen) -> None:
    """What came past a check is reported, whatever spelling got it there."""
    assert escape(mesh(name), send_of(send), seen) is not None


@pytest.mark.parametrize(("name", "send", "seen"), FINE)
def test_nothing_else_is_reported(name: str, send: dict[str, Any], seen: Seen) -> None:
    """What every check lets pass, or what reached nobody, is no escape."""
    assert escape(mesh(name), send_of(send), seen) is None


def test_egress_allow() -> None:
    """Where egress is free, hosts that nobody lists may be reached; listed ones are guarded all the same."""
    own = {**MESHES["external"], "mesh": {"egress": "allow"}}
    compiled = compile_over_cast({"mesh": own})
    assert compiled.mesh is not None
    assert escape(compiled.mesh, send_of({"from": "cart", "host": "nobody.example.com"}), arrived("/", "external")) is None
    assert escape(compiled.mesh, send_of({"from": "cart", "host": "api.example.com"}), arrived("/v1", "external")) is not None


@pytest.mark.parametrize(
    ("path", "read_as"),
    [
        ("/a/b", {("a", "b")}),
        ("/a//b", {("a", "b")}),
        ("/a%3ab", {("a:b",)}),
        ("/a%2Fb", {("a", "b"), ("a/b",)}),
        ("/a%5cb", {("a", "b"), ("a\\b",)}),
        ("/x/..;p/a", {("a",), ("x", "..;p", "a")}),
        ("/%zz", {("%zz",)}),
        ("/%ff", {("\udcff",), ("%ff",)}),
        ("/", {("",)}),
        ("//", {("",)}),
        ("/a/..", {("",)}),
    ],
)
def test_readings(path: str, read_as: set[tuple[str, ...]]) -> None:
    """L4: each way in which readers may take a path apart."""
    assert read_as == readings(path)


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/a//b/./c", ("a", "b", "c")),
        ("/a/x/%2e%2E/b", ("a", "b")),
        ("/caf%c3%a9/", ("café", "")),
        ("/p//../x", ("p", "x")),
        ("/a%2fb", None),
        ("/%zz", None),
        ("/%ff", None),
        ("/../a", None),
        ("/..;/a", None),
        ("/a\\b", None),
    ],
)
def test_normal_form(path: str, normal: tuple[str, ...] | None) -> None:
    """L4: the one meaning of a path on whose reading all agree."""
    assert normal == normal_form(path)


def test_hosts() -> None:
    """L5: one well-formed Host is one name; in all else every name counts, and none."""
    assert {"x.test"} == hosts_read(("X.Test.:80",))
    assert {"", "a.test", "b.test"} == hosts_read(("a.test", "b.test"))
    assert {"", "x.test"} <= hosts_read(("u@x.test",))
    assert {"", "x.test"} == hosts_read(("x.test:y",))


def test_tokens() -> None:
    """L9: a bad token is 401 and nothing else; what is no token, or is meant for others, may be 403 too."""
    assert bad_token(send_of({**WEB, "token": {**TOKEN, "bad": "key"}}))
    assert bad_token(send_of({**WEB, "headers": {"authorization": "Bearer abc.def"}}))
    assert not bad_token(send_of({**WEB, "token": {**TOKEN, "bad": "audience"}}))
    assert not bad_token(send_of({**WEB, "headers": {"authorization": "Basic eDp5"}}))
    assert not bad_token(send_of(WEB))


def test_refused_at_a_gateway() -> None:
    """L18 (f): whether a gateway's policies refuse what it answers before them."""
    assert refused_at_gateway(mesh("gateway"), send_of({**EDGE, "path": "/admin"}))
    assert not refused_at_gateway(mesh("gateway"), send_of({**EDGE, "path": "/"}))
