"""What of a mesh's guard the target refuses, at the line that says it, and what it gives up only when asked to (L3)."""

import pytest

from meshc.diagnostics import Finding
from meshc_istio.security import security_findings, security_objects
from tests.meshes import mesh_of

HEAD = """
namespace: shop
mesh: {name: shop, trustDomain: shop.example, access: allow, targets: {istio: {%s}}}
authentication:
  one: {jwt: {issuer: "https://id.example", jwks: {uri: "https://id.example/keys"}}}
  two: {jwt: {issuer: "https://id.example", audiences: [x], jwks: {uri: "https://id.example/keys"}}}
"""
SERVICE = "services: {users: {ports: {http: 80}}}\npolicies: {p: {services: [users], %s}}\n"


def _findings(policy: str, options: str = "") -> list[Finding]:
    return list(security_findings(mesh_of(HEAD % options + SERVICE % policy)))


def test_what_policies_and_filters_can_say_is_no_finding() -> None:
    """Wildcards, regexes, absent headers, queries and claims are all said exactly."""
    entries = '{paths: ["/a/*/b", {regex: "/x+"}]}, {headers: {x-a: {absent: true}}}, {query: {q: "1"}}, {hosts: ["*.x"]}'
    assert [] == _findings(f"deny: [{entries}], require: [{{jwt: {{provider: one, claims: {{role: admin}}}}}}]")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ('require: [{jwt: {provider: one, claims: {role: "a*"}}}]', "wildcard"),
        ("require: [{jwt: {provider: one, claims: {permission: read}}}]", "splits at spaces"),
        ("require: [{paths: /a, jwt: {provider: one}}, {paths: /b, jwt: {provider: two}}]", "have one issuer"),
        ('allow: [{from: [{identity: "spiffe://cluster.local/ns/a/sa/b"}]}]', "trust domain"),
    ],
)
def test_what_istio_reads_otherwise_is_an_error(policy: str, words: str) -> None:
    """A value that Istio takes for something else would widen or narrow access."""
    found = _findings(policy)
    assert ["MC502"] == sorted({one.code for one in found})
    assert all(words in one.message for one in found)


def test_forbidden_filters_are_an_error_for_each_law() -> None:
    """A team that forbids EnvoyFilter objects hears of every law that needs one."""
    messages = [one.message for one in _findings("require: [{jwt: {provider: one}}]", "envoyFilters: forbid")]
    for name in ("path-encodings", "host-forms", "method-list", "header-stripping", "unauthenticated-status"):
        assert any(f"accept: [{name}]" in message for message in messages), name


ACCEPTED = "envoyFilters: forbid, accept: [path-encodings, host-forms, method-list, header-stripping, unauthenticated-status]"


def test_accepted_approximations_are_no_error() -> None:
    """Accepted by name, and then no EnvoyFilter is written."""
    assert [] == _findings("require: [{jwt: {provider: one}}]", ACCEPTED)
    mesh = mesh_of(HEAD % ACCEPTED + SERVICE % "require: [{jwt: {provider: one}}]")
    assert "EnvoyFilter" not in {one.kind for one in security_objects(mesh)}


@pytest.mark.parametrize("entry", ['{paths: "/a/*/b"}', "{query: {q: x}}", "{headers: {x-a: {absent: true}}}", '{hosts: ["*.x"]}'])
def test_no_condition_is_ever_left_out(entry: str) -> None:
    """What a policy can't say can't be accepted away: leaving it out would change who gets in."""
    found = _findings(f"deny: [{entry}]", ACCEPTED)
    assert ["MC502"] == [one.code for one in found]
    assert ("policies", "p", "deny") == found[0].origin.path[:3]


def test_limits_that_would_count_apart_are_named() -> None:
    """A permissive port has two kinds of connection, each with its own buckets."""
    text = "services: {users: {ports: {http: {port: 80, mtls: permissive}}, rateLimits: [{limit: 5/s}]}}\n"
    assert ["rate-limit-per-listener" in one.message for one in security_findings(mesh_of(HEAD % "" + text))] == [True]
    accepted = HEAD % "accept: [rate-limit-per-listener]"
    assert [] == list(security_findings(mesh_of(accepted + text)))


def test_gateways_that_share_pods_are_an_error() -> None:
    """The filter of one would answer for the listeners of the other."""
    text = """
services: {web: {ports: {http: 80}}}
gateways:
  a: {workload: {identity: same}, listeners: {http: {port: 80}}}
  b: {workload: {identity: same}, listeners: {http: {port: 81}}}
"""
    assert any("select the same pods" in one.message for one in security_findings(mesh_of(HEAD % "" + text)))


def test_a_pinned_rule_with_headers_before_a_redirect_is_an_error() -> None:
    """What comes before `redirectToHttps` is tried in Lua, which knows paths and methods."""
    text = """
services: {web: {ports: {http: 80}}}
certificates: {c: {from: {secret: c}, hosts: [a.example]}}
gateways:
  g: {listeners: {http: {port: 80, redirectToHttps: true}, https: {port: 443, hosts: [a.example], tls: {certificate: c}}}}
routes:
  r: {gateways: [g], listeners: [http], hosts: [a.example], rules: [{match: {paths: /x, headers: {x-a: "1"}}, to: web}]}
"""
    found = list(security_findings(mesh_of(HEAD % "" + text)))
    assert [("routes", "r", "rules", 0, "match")] == [one.origin.path[:5] for one in found]
