"""What of a mesh's guard the target refuses, at the line that says it, and what it gives up only when asked to (L3)."""

import pytest

from meshc.diagnostics import Finding
from tests.istio.written import findings_of

HEAD = """
namespace: shop
mesh: {name: shop, trustDomain: shop.example, access: allow, targets: {istio: {%s}}}
authentication:
  one: {jwt: {issuer: "https://id.example", jwks: {uri: "https://id.example/keys"}}}
  two: {jwt: {issuer: "https://id.example", audiences: [x], jwks: {uri: "https://id.example/keys"}}}
  odd: {jwt: {issuer: "*.example", jwks: {uri: "https://id.example/keys"}}}
"""
SERVICE = "services: {users: {ports: {http: 80}}}\npolicies: {p: {services: [users], %s}}\n"


def _findings(policy: str, options: str = "") -> list[Finding]:
    return findings_of(HEAD % options + SERVICE % policy)


def test_what_policies_and_filters_can_say_is_no_finding() -> None:
    """Wildcards, regexes, absent headers, queries and claims are all said exactly."""
    entries = '{paths: ["/a/*/b", {regex: "/x+"}]}, {headers: {x-a: {absent: true}}}, {query: {q: "1"}}, {hosts: ["*.x"]}'
    assert [] == _findings(f"deny: [{entries}], require: [{{jwt: {{provider: one, claims: {{role: admin}}}}}}]")


@pytest.mark.parametrize(
    ("policy", "words", "path"),
    [
        ('require: [{jwt: {provider: one, claims: {role: "a*"}}}]', "wildcard", ("policies", "p", "require", 0, "jwt")),
        ("require: [{jwt: {provider: one, claims: {permission: read}}}]", "splits at spaces", ("policies", "p", "require", 0, "jwt")),
        ("require: [{paths: /a, jwt: {provider: one}}, {paths: /b, jwt: {provider: two}}]", "have one issuer", ("authentication", "two")),
        ("require: [{jwt: odd}]", "which Istio reads as a wildcard", ("authentication", "odd")),
        (
            'allow: [{from: [{identity: "spiffe://cluster.local/ns/a/sa/b"}]}]',
            "trust domain",
            ("policies", "p", "allow", 0, "from", 0),
        ),
        (
            "deny: [{headers: {x-a: {not: {regex: a+}}}}]",
            "which no filter of Envoy can say",
            ("policies", "p", "deny", 0, "headers", "x-a"),
        ),
    ],
)
def test_what_istio_reads_otherwise_is_an_error(policy: str, words: str, path: tuple[object, ...]) -> None:
    """A value that Istio takes for something else would widen or narrow access; the error points at it."""
    (found,) = _findings(policy)
    assert ("MC502", path) == (found.code, found.origin.path[: len(path)])
    assert words in found.message


def test_providers_of_one_issuer_matter_only_where_they_meet() -> None:
    """Two workloads may read them apart."""
    text = (
        "services: {a: {ports: {http: 80}}, b: {ports: {http: 80}}}\n"
        "policies: {a: {services: [a], require: [{jwt: one}]}, b: {services: [b], require: [{jwt: two}]}}\n"
    )
    assert [] == findings_of(HEAD % "" + text)


@pytest.mark.parametrize("entry", ['{paths: {regex: "/a+"}}', "{query: {q: x}}", "{headers: {x-a: {regex: a.}}}", '{hosts: ["*.x"]}'])
def test_no_condition_is_ever_left_out(entry: str) -> None:
    """What a policy can't say can't be accepted away: leaving it out would change who gets in."""
    every = "empty-headers, max-request-body, rate-limits, redirect-port, server-header, trusted-hops"
    (found,) = _findings(f"deny: [{entry}]", f"envoyFilters: forbid, accept: [{every}]")
    assert ("MC502", ("policies", "p", "deny", 0)) == (found.code, found.origin.path)
    assert "accept" not in found.message


def test_limits_that_would_count_apart_are_named() -> None:
    """A permissive port has two kinds of connection, each with its own buckets."""
    text = "services: {users: {ports: {http: {port: 80, mtls: permissive}}, rateLimits: [{limit: 5/s}]}}\n"
    assert [True] == ["accept: [rate-limit-per-listener]" in one.message for one in findings_of(HEAD % "" + text)]
    assert [] == findings_of(HEAD % "accept: [rate-limit-per-listener]" + text)


@pytest.mark.parametrize(("size", "refused"), [("8KiB", True), ("16KiB", False)])
def test_a_body_limit_below_a_frame_is_refused(size: str, refused: bool) -> None:  # noqa: FBT001 - a row's value
    """Envoy does not look at a body that comes whole in one frame of HTTP/2, which holds up to 16 KiB."""
    found = findings_of(HEAD % "" + f"services: {{users: {{ports: {{http: 80}}, maxRequestBody: {size}}}}}\n")
    assert refused == bool(found)
    assert all(("services", "users", "maxRequestBody") == one.origin.path for one in found)


def test_a_body_limit_of_one_listener_of_several_on_a_port_is_refused() -> None:
    """They share their filters."""
    text = """
services: {web: {ports: {http: 80}}}
certificates: {c: {from: {secret: c}, hosts: [a.example, b.example]}}
gateways:
  g:
    listeners:
      a: {port: 443, hosts: [a.example], maxRequestBody: 1MiB, tls: {certificate: c}}
      b: {port: 443, hosts: [b.example], tls: {certificate: c}}
"""
    assert [True] == sorted({"differs between listeners of one port" in one.message for one in findings_of(HEAD % "" + text)})
    assert [] == findings_of(HEAD % "" + text.replace("hosts: [b.example], tls", "hosts: [b.example], maxRequestBody: 1MiB, tls"))


def test_headers_whose_lines_envoy_joins_need_an_acceptance() -> None:
    """One line with a comma and two lines look alike there (L13)."""
    (found,) = _findings("deny: [{headers: {user-agent: bad}}]")
    assert "accept: [joined-header-lines]" in found.message
    assert ("policies", "p", "deny", 0, "headers", "user-agent") == found.origin.path
    assert [] == _findings("deny: [{headers: {user-agent: bad}}]", "accept: [joined-header-lines]")
    assert [] == _findings("deny: [{headers: {user-agent: {absent: true}}}]")
