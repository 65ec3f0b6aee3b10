"""What a rule makes of a request: rewrites, redirects, local answers, header changes, faults, CORS (L2, L6, L13)."""

import pytest

from meshc.model import Mesh
from meshc.semantics import Outside, decide
from tests.meshes import Case, edge, holds, mesh_of, name

SPEC = """
namespace: shop
mesh: {name: shop, access: allow}
services:
  web: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v1: 90, v2: 10}}
  api: {ports: {http: 80}, versions: {v1: {}, v2: {}}}
  gone: {ports: {http: 80}, endpoints: []}
  half: {ports: {http: 80}, versions: {v1: {}, v2: {}}, endpoints: [{address: 10.0.0.1, labels: {version: v1}}]}
  bare: {ports: {http: 80}, sidecar: none, access: allow}
gateways:
  edge:
    listeners:
      http: {port: 80}
      high: {port: 8080}
      https: {port: 443, hosts: [x.test], tls: {certificate: x}}
      odd: {port: 8443, hosts: [y.test], tls: {certificate: x}}
certificates: {x: {from: {secret: x}, hosts: [x.test, y.test]}}
routes:
  main:
    gateways: [edge]
    hosts: [x.test, y.test]
    rules:
      - {match: {paths: /old/**}, to: api, rewrite: {path: {replacePrefixMatch: /new}}}
      - {match: {paths: "/u/{id}/**"}, to: api, rewrite: {path: {replacePrefixMatch: /}, host: Internal.test}}
      - {match: {paths: /full/**}, to: api, rewrite: {path: {replaceFullPath: /one/two}}}
      - {match: {paths: /r/**}, redirect: {path: {replacePrefixMatch: /s}, statusCode: 301}}
      - {match: {paths: /r-host}, redirect: {host: other.test}}
      - {match: {paths: /r-https}, redirect: {scheme: https}}
      - {match: {paths: /r-port}, redirect: {port: 8000}}
      - {match: {paths: /r-full}, redirect: {path: {replaceFullPath: /a%20b/é}, statusCode: 307}}
      - {match: {paths: /ok}, respond: {status: 200, body: ok}}
      - {match: {paths: /abort}, to: api, fault: {abort: {status: 418, percent: 100%}}}
      - {match: {paths: /some}, to: api, fault: {abort: {status: 503, percent: 1%}}}
      - {match: {paths: /v2}, to: {service: api, version: v2}}
      - match: {paths: /split}
        to: [{service: api, version: v1, weight: 3}, {service: api, version: v2, weight: 2}, {service: web, version: v2, weight: 0}]
      - {match: {paths: /gone}, to: gone}
      - {match: {paths: /dry}, to: [{service: api, weight: 0}, {service: gone, weight: 1}]}
      - {match: {paths: /drained}, to: [{service: gone, weight: 0}, {service: api, weight: 1}]}
      - {match: {paths: /half}, to: {service: half, version: v2}}
      - {match: {paths: /mixed}, to: [{service: half, version: v1, weight: 1}, {service: half, version: v2, weight: 1}]}
      - {match: {paths: /cors}, to: api, cors: {origins: ["https://a.test", "https://*.b.test"], methods: [GET]}}
      - match: {paths: /headers}
        to: api
        headers: {request: {remove: [x-drop], set: {x-set: new}, add: {x-add: more}}}
      - {match: {paths: /bare}, to: bare}
      - {match: {paths: /first}, respond: {status: 201}}
      - {match: {paths: /first/**}, respond: {status: 202}}
      - {match: {paths: /twice, methods: [GET]}, respond: {status: 203}}
      - {match: [{paths: /or-a}, {paths: /or-b, methods: [PUT]}], respond: {status: 204}}
      - {match: {paths: /web}, to: web}
      - {match: {paths: [/many/**, /many/a/**, /many/a/b/**]}, to: api, rewrite: {path: {replacePrefixMatch: /new}}}
      - {match: {paths: [/many-r/a/**, /many-r/**]}, redirect: {path: {replacePrefixMatch: /s}}}
  all:
    gateways: [edge]
    hosts: [all.test]
    rules: [{to: api, rewrite: {path: {replacePrefixMatch: /new}}, match: {paths: /**}}]
"""

PLAIN = Outside(name("edge"), scheme="http")
HIGH = Outside(name("edge"), listener="high")
ORIGIN, ASKS = ("origin", "https://a.test"), ("access-control-request-method", "GET")

CASES = [
    Case("L6", "the first rule that matches wins", edge("GET x.test /first"), "respond 201"),
    Case("L6", "what it does not take falls to the next", edge("GET x.test /first/x"), "respond 202"),
    Case("L6", "a list of matches is OR", edge("PUT x.test /or-b"), "respond 204"),
    Case("L6", "keys of one match are AND", edge("GET x.test /or-b"), "no-route 404"),
    Case("L8", "no rule: 404", edge("POST x.test /twice"), "no-route 404"),
    Case("4", "a destination without version is shared by traffic", edge("GET x.test /web"), "routed shop/web@v1*90 shop/web@v2*10"),
    Case("4", "a version by name", edge("GET x.test /v2"), "routed shop/api@v2"),
    Case("L2", "destinations carry weights, 0 too", edge("GET x.test /split"), "routed shop/api@v1*3 shop/api@v2*2 shop/web@v2*0"),
    Case("4", "respond", edge("GET x.test /ok"), "respond 200"),
    Case("L2", "a 100 % abort is respond", edge("GET x.test /abort"), "respond 418"),
    Case("L2", "another stands beside the outcome", edge("GET x.test /some"), "routed shop/api"),
    Case("L8", "no endpoint: 503", edge("GET x.test /gone"), "unavailable 503"),
    Case("L8", "a version without endpoint: 503", edge("GET x.test /half"), "unavailable 503"),
    Case("L2", "verdicts that differ: routed", edge("GET x.test /mixed"), "routed shop/half@v1 shop/half@v2(unavailable 503)"),
    Case("L2", "weight 0 does not save it", edge("GET x.test /dry"), "unavailable 503"),
    Case("L2", "weight 0 has no say", edge("GET x.test /drained"), "routed shop/gone*0(unavailable 503) shop/api"),
    Case("L9", "503 to gRPC", edge("POST x.test /gone", ("content-type", "application/grpc+proto")), "unavailable 200 grpc 14"),
    Case("4", "a redirect swaps the prefix", edge("GET x.test /r/a?b=c"), "redirect 301 https://x.test/s/a?b=c"),
    Case("4", "without a rest no slash is added", edge("GET x.test /r"), "redirect 301 https://x.test/s"),
    Case("4", "with one it stays", edge("GET x.test /r/"), "redirect 301 https://x.test/s/"),
    Case("4", "the listener's port is in the Location", edge("GET y.test /r"), "redirect 301 https://y.test:8443/s"),
    Case("4", "the listener's scheme too", edge("GET x.test /r", client=PLAIN), "redirect 301 http://x.test/s"),
    Case("4", "and its plain port", edge("GET x.test /r", client=HIGH), "redirect 301 http://x.test:8080/s"),
    Case("4", "the Host's port is ignored", edge("GET X.test:1234 /r"), "redirect 301 https://x.test/s"),
    Case("4", "another host, 302 by default", edge("GET x.test /r-host"), "redirect 302 https://other.test/r-host"),
    Case("4", "a scheme brings its port", edge("GET x.test /r-https", client=HIGH), "redirect 302 https://x.test/r-https"),
    Case("L5", "the listener's own scheme too", edge("GET y.test /r-https"), "redirect 302 https://y.test/r-https"),
    Case("4", "a port", edge("GET x.test /r-port"), "redirect 302 https://x.test:8000/r-port"),
    Case("L7", "the longer prefix is swapped", edge("GET x.test /many-r/a/x"), "redirect 302 https://x.test/s/x"),
    Case("L7", "where it takes the request", edge("GET x.test /many-r/b/x"), "redirect 302 https://x.test/s/b/x"),
    Case("L4", "a Location is in canonical spelling", edge("GET x.test /r-full?q"), "redirect 307 https://x.test/a%20b/%C3%A9?q"),
    Case("L9", "the answer to a preflight", edge("OPTIONS x.test /cors", ORIGIN, ASKS), "respond 200"),
    Case("4", "of a wildcard origin", edge("OPTIONS x.test /cors", ("origin", "https://x.b.test"), ASKS), "respond 200"),
    Case("4", "a wildcard is no suffix", edge("OPTIONS x.test /cors", ("origin", "https://.b.test"), ASKS), "routed shop/api"),
    Case("4", "a foreign origin is not refused", edge("OPTIONS x.test /cors", ("origin", "https://evil.test"), ASKS), "routed shop/api"),
    Case("4", "OPTIONS without its fields is no preflight", edge("OPTIONS x.test /cors", ORIGIN), "routed shop/api"),
]


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return mesh_of(SPEC)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(mesh: Mesh, case: Case) -> None:
    """A rule's action is what the law says."""
    holds(mesh, case)


@pytest.mark.parametrize(
    ("host", "path", "arrives"),
    [
        ("x.test", "/old", "x.test/new"),
        ("x.test", "/old/", "x.test/new/"),
        ("x.test", "/old/a?b=%31", "x.test/new/a?b=%31"),
        ("x.test", "//old/./a%3ab", "x.test/new/a:b"),
        ("x.test", "/u/7", "internal.test/"),
        ("x.test", "/u/7/", "internal.test/"),
        ("x.test", "/u/7/%c3%a9", "internal.test/%C3%A9"),
        ("x.test", "/full/x?q", "x.test/one/two?q"),
        ("all.test", "/", "all.test/new/"),
        ("all.test", "/x", "all.test/new/x"),
        ("x.test", "/v2?", "x.test/v2?"),
        ("x.test", "/many/a/b/c", "x.test/new/c"),
        ("x.test", "/many/a/c", "x.test/new/c"),
        ("x.test", "/many/c", "x.test/new/c"),
    ],
)
def test_rewrite(mesh: Mesh, host: str, path: str, arrives: str) -> None:
    """Section 4, L7: the longest prefix that takes it is swapped by segments, exactly one slash joins, the query stays."""
    seen = decide(mesh, edge(f"GET {host} {path}")).request
    assert seen is not None
    assert arrives == seen.host + seen.path


def test_header_changes(mesh: Mesh) -> None:
    """L13: remove, then set, then add; what proxies drop or write themselves is not the client's."""
    sent = (
        ("X-Drop", "1"),
        ("x-set", "old"),
        ("x-set", "older"),
        ("x-add", "one"),
        ("bad_name", "1"),
        ("X-Envoy-A", "1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-request-id", "1"),
        ("x-forwarded-client-cert", "By=me"),
    )
    seen = decide(mesh, edge("GET x.test /headers", *sent)).request
    assert seen is not None
    assert (("x-add", "one"), ("x-set", "new"), ("x-add", "more")) == seen.headers


def test_because_names_the_lines(mesh: Mesh) -> None:
    """L2: a decision names listener, route, rule and destination, each with its place."""
    decision = decide(mesh, edge("GET x.test /v2"))
    places = [reason.origin.path for reason in decision.because]
    assert ("gateways", "edge", "listeners", "https") == places[0]
    assert ("routes", "main") in places
    assert ("routes", "main", "rules", 11) in places


def test_fault_stands_beside(mesh: Mesh) -> None:
    """L2: a Decision holds no chance: a fault with a share stands beside the outcome."""
    fault = decide(mesh, edge("GET x.test /some")).fault
    assert fault is not None
    assert (503, 1.0) == (fault.abort_status, fault.abort_percent)
