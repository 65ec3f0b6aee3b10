"""Plain and odd requests: why one is odd, what it may meet, and the freedoms of every request (L2, L9, L18)."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from meshc.model import Mesh
from meshc.semantics import Decision, Outcome, Outside, Request, Token, decide
from meshc.semantics.expectations import check
from tests.meshes import Case, call, edge, freedoms, holds, mesh_of, name, readings, summary, token

SPEC = """
namespace: shop
mesh: {name: shop, access: allow, mtls: permissive, telemetry: {tracing: {otlp: "otel.shop:4317"}}}
services:
  web: {ports: {http: 80}, calls: [api, far]}
  api: {ports: {http: 80}}
  other: {ports: {http: 80}}
  star: {ports: {http: 80}}
  locked: {ports: {http: 80}, access: deny}
  private: {ports: {http: 80}}
  otel: {ports: {grpc: 4317}}
  far: {hosts: ["*.far.test"], ports: {http: 80}}
gateways:
  edge:
    listeners: {http: {port: 80, targetPort: 8080}, alt: {port: 8000, targetPort: 18000}}
  secure:
    workload: {identity: secure}
    listeners:
      http: {port: 80, redirectToHttps: true}
      https: {port: 443, hosts: [x.test], tls: {certificate: x}}
      alt: {port: 8443, hosts: [y.test], tls: {certificate: x}}
  front:
    workload: {identity: front}
    trustedHops: 1
    listeners: {http: {port: 80}}
certificates: {x: {from: {secret: x}, hosts: [x.test, y.test]}}
authentication:
  ids: {jwt: {issuer: "https://ids.test", audiences: [shop], jwks: {uri: "https://ids.test/jwks"}}}
routes:
  north:
    gateways: [edge]
    hosts: [x.test]
    rules:
      - {match: {paths: "/a:b"}, to: api}
      - {match: {paths: /café}, to: api}
      - {match: {paths: /api/**}, to: api}
      - {match: {paths: /old/**}, redirect: {path: {replacePrefixMatch: /new}}}
      - {match: {paths: /plain/**}, redirect: {scheme: http}}
      - {match: {paths: /read, methods: [GET]}, to: api}
      - {match: {paths: /strip/**}, to: api, rewrite: {path: {replacePrefixMatch: /}}}
      - {match: {paths: /locked/**}, to: locked}
      - {match: {paths: /private/**}, cors: {origins: ["https://x.test"]}, to: private}
      - {to: other}
  any: {gateways: [edge], hosts: ["*"], rules: [{match: {paths: /private/**}, to: private}, {to: star}]}
  secured: {gateways: [secure], listeners: [https, alt], hosts: ["*"], rules: [{to: api}]}
  front:
    gateways: [front]
    hosts: [x.test]
    rules:
      - {match: {headers: {x-forwarded-proto: http}}, redirect: {scheme: https}}
      - {match: {headers: {x-forwarded-host: y.test}}, to: other}
      - {to: api}
policies:
  api: {services: [api], deny: [{paths: [/api/admin/**, "/api/x:y", /admin, /]}, {paths: ["/api/100%25"]}, {hosts: [evil.test]}]}
  locked: {services: [locked], allow: [{paths: [/locked/open/**]}, {methods: [GET], paths: [/locked/read]}]}
  private: {services: [private], require: [{paths: [/private/**], jwt: ids}], deny: [{hosts: [x.test], paths: [/private/never]}]}
  secure: {gateways: [secure], deny: [{methods: [DELETE]}], require: [{methods: [PUT], jwt: ids}]}
  edge: {gateways: [edge], deny: [{paths: [/api/closed/**]}], require: [{paths: [/private/edge], jwt: ids}]}
"""

STANDARD = "bad-request 400 | unauthenticated 401 | denied 403 | no-route 404 | bad-request 405 | misdirected 421 | bad-request 426"


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return mesh_of(SPEC)


@pytest.fixture(scope="module")
def strict() -> Mesh:
    return mesh_of(SPEC.replace("name: shop,", "name: shop, requests: strict,", 1))


def sent(*headers: tuple[str, str]) -> Request:
    return edge("GET x.test /api", *headers)


@pytest.mark.parametrize(
    "request_",
    [
        edge("GET x.test /api"),
        edge("GET x.test /"),
        edge("PATCH X.Test:8080 /caf%C3%A9/a:b;c=1?q=%2f//..%zz"),
        edge("GET [2001:db8::1]:80 /"),
        call("web", "api"),
        sent(("authorization", "Bearer abc.def.ghi")),
        sent(("Authorization", "Basic eDp5")),
        sent(("authorization", 'Digest username="a", realm="b c"')),
        sent(("x-forwarded", "1"), ("forwarded", "for=1"), ("connection", "x-a"), ("x-a", "1")),
        edge("GET x.test /", token=token()),
        edge("GET x.test /", ("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https"), client=Outside(name("front"))),
    ],
)
def test_plain(mesh: Mesh, request_: Request) -> None:
    """L2: what clients send in earnest is plain, and has no answer but its own."""
    decision = decide(mesh, request_)
    assert (None, ()) == (decision.odd, decision.otherwise)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (edge("GET x.test //api"), "repeated slashes in the path"),
        (edge("GET x.test /%61pi"), "an escape in the path that its character does not need: %61"),
        (edge("GET x.test /caf%c3%a9"), "an escape in the path in lower case: %c3"),
        (edge("GET x.test /a%2Fb"), "an escaped slash in the path"),
        (edge("GET x.test http://x.test/api"), "an absolute URI in the request line"),
        (edge("GET x.test /api#x"), "a fragment in the request line"),
        (edge("GET x.test /api?\x01"), "a byte in the query that HTTP forbids"),
        (edge("FOO x.test /api"), "method FOO is not one of the mesh's"),
        (edge("get x.test /api"), "method get is not one of the mesh's"),
        (edge("GET - /api"), "a missing Host"),
        (edge("GET x.test,x.test /api"), "a repeated Host"),
        (edge("GET x.test. /api"), "a Host with a trailing dot: x.test."),
        (edge("GET x.test.:80 /api"), "a Host with a trailing dot: x.test.:80"),
        (edge("GET x.test:a /api"), "a malformed Host 'x.test:a'"),
        (sent(("host", "x.test")), "a repeated Host"),
        (sent(("x_a", "1")), "a field with an underscore in its name: x_a"),
        (sent(("X-Forwarded-For", "1")), "a field that proxies own: X-Forwarded-For"),
        (sent(("x-forwarded-proto", "https")), "a field that proxies own: x-forwarded-proto"),
        (sent(("x-forwarded-host", "a")), "a field that proxies own: x-forwarded-host"),
        (sent(("x-forwarded-client-cert", "a")), "a field that proxies own: x-forwarded-client-cert"),
        (sent(("x-request-id", "a")), "a field that proxies own: x-request-id"),
        (sent(("x-envoy-retry-on", "5xx")), "a field that proxies own: x-envoy-retry-on"),
        (edge("GET x.test /", ("x-request-id", "1"), client=Outside(name("front"))), "a field that proxies own: x-request-id"),
        (sent(("a b", "1")), "a malformed header name 'a b'"),
        (sent(("a", "1\r\n 2")), "a folded line of header a"),
        (sent(("connection", "host")), "a Connection line that names what a proxy needs: host"),
        (sent(("authorization", "Bearer a"), ("authorization", "Bearer a")), "several Authorization lines"),
        *(
            (sent(("authorization", value)), "an Authorization that is neither `Bearer <token>` nor another scheme")
            for value in ("bearer a", "Bearer", "Bearer  a", "Bearer a b", "Bearer a,Bearer b", "Basic x,Bearer a", "Basic", "", "BEARER a")
        ),
    ],
)
def test_odd(mesh: Mesh, strict: Mesh, request_: Request, why: str) -> None:
    """L2: everything else is odd; it may be refused, and `strict` leaves nothing else but its normal form."""
    decision = decide(mesh, request_)
    assert why == decision.odd
    assert {"no-route 502", "unavailable 503", "refused"} <= {
        summary(Decision((replace(one, stands_for=None),), ())) for one in decision.permitted
    }
    held = decide(strict, request_)
    assert (why, ()) == (held.odd, held.otherwise)
    others = [answer for answer in held.permitted[1:] if answer.outcome is not Outcome.REFUSED]
    assert all(answer.status is not None and (400 <= answer.status < 500 or answer.status == 502) for answer in others)
    assert summary(held) == summary(decision)


def test_refusals_of_an_odd_request(mesh: Mesh, strict: Mesh) -> None:
    """L18: an odd request may be answered 4xx, 502, 503 or be closed, in `strict` 4xx, 502 (g) or closed; to gRPC as gRPC."""
    assert f"{STANDARD} | no-route 502 | unavailable 503 | refused" == freedoms(decide(mesh, edge("GET x.test //api")))
    assert f"{STANDARD} | no-route 502 | refused" == freedoms(decide(strict, edge("GET x.test //api")))
    grpc = decide(mesh, edge("POST x.test //api", ("content-type", "application/grpc")))
    assert "no-route 200 grpc 14" in freedoms(grpc)


TWO_LINES = (("authorization", "Basic a"), ("authorization", "Basic b"))
API, OTHER, STAR = "routed shop/api", "routed shop/other", "routed shop/star"


@pytest.mark.parametrize(
    ("request_", "main", "others"),
    [
        # (a) a rule may be chosen by the spelling
        (edge("GET x.test /a%3Ab"), API, {f"{OTHER} /a%3Ab"}),
        (edge("GET x.test /caf%c3%a9"), API, {f"{OTHER} /caf%c3%a9"}),
        (edge("GET x.test /%61pi/x"), API, set[str]()),
        (edge("GET x.test //api/./x"), API, set[str]()),
        (edge("GET x.test /old/x%3ay"), "redirect 302 http://x.test/new/x:y", {"redirect 302 http://x.test/new/x%3ay"}),
        # what has no normal form is refused, or passes where every check passes every reading
        (edge("GET x.test /api%2Fx"), "bad-request 400", {f"{API} /api/x"}),
        (edge("GET x.test /api%2Fadmin"), "bad-request 400", set[str]()),
        (edge("GET x.test /api%5Cx"), "bad-request 400", {f"{API} /api/x"}),
        (edge("GET x.test /api\\x"), "routed shop/api", {f"{OTHER} /api%5Cx"}),
        (edge("GET x.test /api\\admin"), "denied 403", {f"{OTHER} /api%5Cadmin"}),
        (edge("GET x.test /y/..;v=1/api/x"), "routed shop/api", {f"{OTHER} /y/..;v=1/api/x"}),
        (edge("GET x.test /y/..;v=1/api/admin"), "denied 403", {f"{OTHER} /y/..;v=1/api/admin"}),
        (edge("GET x.test /api/..;v=1/api/admin"), "denied 403", set[str]()),
        (edge("GET x.test /api/..;v=1/locked"), "denied 403", {f"{API} /api/..;v=1/locked"}),
        (edge("GET x.test /api/%zz"), "bad-request 400", {f"{API} /api/%zz", f"{API} /api/%25zz"}),
        (edge("GET x.test /api/100%"), "bad-request 400", set[str]()),
        (edge("GET x.test /api/%00"), "bad-request 400", {f"{API} /api/%00"}),
        (edge("GET x.test /api/%ff"), "bad-request 400", {f"{API} /api/%FF", f"{API} /api/%ff", f"{API} /api/%25ff"}),
        (edge("GET x.test /../api/x"), "routed shop/api", set[str]()),
        (edge("GET x.test /api/x#y"), "routed shop/api", set[str]()),
        (edge("GET x.test /api/x y"), "bad-request 400", set[str]()),
        (edge("GET x.test api"), "bad-request 400", set[str]()),
        # slashes before or after dot segments, each with its own checks and those of the normal form
        (edge("GET x.test /api/x//../y"), API, {f"{API} /api/y"}),
        (edge("GET x.test /api/admin//../x"), "denied 403", set[str]()),
        (edge("GET x.test /api/admin/y//../../x"), "denied 403", set[str]()),
        # an allow holds for every reading
        (edge("GET x.test /locked/open%2Fx"), "bad-request 400", {"routed shop/locked /locked/open/x"}),
        (edge("GET x.test /locked/open/..;/x"), "denied 403", set[str]()),
        # rewrites: the service's check compares what arrives
        (edge("GET x.test /strip/%61dmin"), "denied 403", set[str]()),
        (edge("GET x.test /strip%2Fadmin"), "bad-request 400", set[str]()),
        (edge("GET x.test /strip%2Fa%3Ab"), "bad-request 400", {f"{API} /a:b", f"{API} /a%3Ab"}),
        # (b) a Host that is malformed, repeated or dotted may fall to `*`
        (edge("GET x.test. /api"), API, {f"{STAR} /api"}),
        (edge("GET x.test,x.test /api"), "bad-request 400", {f"{STAR} /api"}),
        (edge("GET u@x.test /api"), "bad-request 400", {f"{STAR} /api", f"{API} /api"}),
        (edge("GET x.test:y /api"), "bad-request 400", {f"{STAR} /api", f"{API} /api"}),
        (edge("GET x.test/y /api"), "bad-request 400", {f"{STAR} /api"}),
        (edge("GET u@x.test /api/admin"), "bad-request 400", {f"{STAR} /api/admin"}),
        (edge("GET - /api"), "bad-request 400", set[str]()),
        (edge("GET x.test. /private/never", token=token()), "denied 403", set[str]()),
        (edge("GET u@x.test /private/never", token=token()), "bad-request 400", set[str]()),
        (edge("GET u@y.test /private/never", token=token()), "bad-request 400", {"routed shop/private /private/never"}),
        (edge("GET a.test http://x.test/api"), API, set[str]()),
        # (c) other methods pass where neither rule nor allow names methods
        (edge("FOO x.test /api"), "bad-request 400", {f"{API} /api"}),
        (edge("FOO x.test /read"), "bad-request 400", {f"{OTHER} /read"}),
        (edge("FOO x.test /locked/open/x"), "bad-request 400", {"routed shop/locked /locked/open/x"}),
        (edge("FOO x.test /locked/read"), "bad-request 400", set[str]()),
        (edge("CONNECT x.test x.test:80"), "bad-request 400", set[str]()),
        # checks of the gateway compare every reading too
        (edge("GET x.test /api/closed%2Fx"), "bad-request 400", set[str]()),
        # Authorization: what is no token stays none
        (edge("GET x.test /private/x", ("authorization", "bearer a")), "unauthenticated 401", set[str]()),
        (edge("GET x.test /private/x", ("authorization", "Basic x,Bearer a")), "unauthenticated 401", set[str]()),
        # two lines are a bad token, or to who joins them none: what needs one stays out of reach
        (call("plaintext", "private", "GET /x", TWO_LINES[0], ("authorization", "Bearer a")), "unauthenticated 401", set[str]()),
        (call("plaintext", "private", "GET /private/x", *TWO_LINES), "unauthenticated 401", set[str]()),
        (call("plaintext", "private", "GET /x", *TWO_LINES), "unauthenticated 401", {"routed shop/private /x"}),
        # a field that proxies drop changes nothing
        (edge("GET x.test /api", ("x_a", "1"), ("x-envoy-original-path", "/api/admin")), API, set[str]()),
        # inside the mesh
        (call("web", "api", "GET /api%2Fx"), "bad-request 400", {f"{API} /api/x"}),
        (call("web", "host:api.", "GET /x"), API, set[str]()),
        (call("plaintext", "api", "GET /x%2Fadmin"), "bad-request 400", {f"{API} /x/admin"}),
        (call("plaintext", "api", "GET /%61dmin"), "denied 403", set[str]()),
        (call("plaintext", "api", "GET /x", host=("evil.test.",)), "denied 403", set[str]()),
        (call("plaintext", "api", "GET /x", host=("u@evil.test",)), "bad-request 400", set[str]()),
    ],
)
def test_readings(mesh: Mesh, request_: Request, main: str, others: set[str]) -> None:
    """L18: an odd request gets what its normal form gets, or is read in another way that no check on its way refuses in any reading."""
    decision = decide(mesh, request_)
    assert main == summary(decision)
    assert others == readings(decision)


def test_readings_end_where_a_rewrite_names_the_path(mesh: Mesh) -> None:
    """A whole rewritten path is that path, however the request was spelled."""
    spec = SPEC.replace("rewrite: {path: {replacePrefixMatch: /}}", "rewrite: {path: {replaceFullPath: /fixed}}", 1)
    assert {f"{API} /fixed"} == readings(decide(mesh_of(spec), edge("GET x.test /strip%2Fadmin")))
    assert set() == readings(decide(mesh, edge("GET x.test /strip%2Fadmin")))


# --- freedoms of every request --------------------------------------------------------------------------------------------------

HTTP, HTTPS = Outside(name("secure"), scheme="http"), Outside(name("secure"), scheme="https")
ELSEWHERE = Token(name("ids"), {}, valid=False, audience=False)
GRPC = ("content-type", "application/grpc")


@pytest.mark.parametrize(
    ("request_", "main", "freed"),
    [
        # (e)
        (edge("GET x.test /private/x"), "unauthenticated 401", "denied 403"),
        (edge("POST x.test /private/x", GRPC), "unauthenticated 200 grpc 16", "denied 200 grpc 7"),
        (edge("GET x.test /private/x", token=ELSEWHERE), "unauthenticated 401", "denied 403"),
        (edge("GET x.test /private/x", token=token(valid=False)), "unauthenticated 401", ""),
        (edge("GET x.test /locked/closed"), "denied 403", ""),
        # (f)
        (edge("GET x.test /", client=HTTP), "redirect 301 https://x.test/", ""),
        (edge("DELETE x.test /", client=HTTP), "redirect 301 https://x.test/", "denied 403"),
        (edge("PUT x.test /", client=HTTP), "redirect 301 https://x.test/", "unauthenticated 401 | denied 403"),
        (edge("DELETE z.test /", client=HTTP), "no-route 404", "denied 403"),
        (edge("GET y.test /", client=Outside(name("secure"), "https", sni="x.test")), "misdirected 421", "no-route 404 | denied 403"),
        (edge("DELETE x.test /", client=HTTPS), "denied 403", ""),
        # (g)
        (call("web", "host:nobody.test"), "no-route 502", "refused"),
        (call("web", "other"), "no-route 502", "refused"),
        # (h)
        (edge("GET X.Test /old/x"), "redirect 302 http://x.test/new/x", ""),
        (call("web", "host:a.far.test:8080"), "routed shop/far", "denied 403"),
        (call("web", "host:a.far.test:80"), "routed shop/far", ""),
    ],
)
def test_freedoms(mesh: Mesh, request_: Request, main: str, freed: str) -> None:
    """L18: what is free for every request is listed beside the answer that it stands for."""
    decision = decide(mesh, request_)
    assert main == summary(decision)
    assert freed == freedoms(decision)
    assert {decision.permitted[0]} >= {answer.stands_for for answer in decision.permitted if answer.stands_for is not None}


def test_letters_of_a_location(mesh: Mesh) -> None:
    """L18 (h): a Location may keep the letters of the Host; its port is the one that clients see."""
    decision = decide(mesh, edge("GET X.Test:99 /old/x", client=Outside(name("edge"), "alt")))
    assert ("http://x.test:8000/new/x", ("http://X.Test:8000/new/x",)) == (decision.location, decision.locations)
    assert ("https://X.Test/",) == decide(mesh, edge("GET X.Test /", client=HTTP)).locations
    assert () == decide(mesh, edge("GET x.test /old/x")).locations


def test_the_collector_may_be_known(mesh: Mesh) -> None:
    """L18 (g): a caller's proxy sends telemetry, so it may know the collector that its application does not call."""
    decision = decide(mesh, call("web", "otel", port="grpc"))
    assert ("no-route 502", {"routed shop/otel /"}) == (summary(decision), readings(decision))
    assert () == decide(mesh, call("web", "other")).otherwise


# --- what else the third edition says -------------------------------------------------------------------------------------------


def preflight(path: str, *headers: tuple[str, str], origin: str = "https://x.test") -> Request:
    return edge(f"OPTIONS x.test {path}", ("origin", origin), ("access-control-request-method", "GET"), *headers)


@pytest.mark.parametrize(
    "case",
    [
        Case("L9", "an answered preflight comes before tokens", preflight("/private/edge"), "respond 200"),
        Case("L9", "a bad token is no matter to it", preflight("/private/edge", ("authorization", "Bearer x")), "respond 200"),
        Case("L9", "a foreign origin is not answered", preflight("/private/edge", origin="https://y.test"), "unauthenticated 401"),
        Case("L5", "a scheme brings its port, the listener's own too", edge("GET x.test /plain/x"), "redirect 302 http://x.test/plain/x"),
        Case(
            "L5",
            "at another port too",
            edge("GET x.test /plain/x", client=Outside(name("edge"), "alt")),
            "redirect 302 http://x.test/plain/x",
        ),
        Case("L9", "a redirect to gRPC is gRPC", edge("POST x.test /old/x", GRPC), "redirect 200 grpc 2 http://x.test/new/x"),
        Case("L9", "redirectToHttps too", edge("POST x.test /", GRPC, client=HTTP), "redirect 200 grpc 2 https://x.test/"),
        Case(
            "L13",
            "a trusted proxy says the scheme",
            edge("GET x.test /f", ("x-forwarded-proto", "https"), client=Outside(name("front"))),
            API,
        ),
        Case("L13", "the gateway where it is silent", edge("GET x.test /", client=Outside(name("front"))), "redirect 302 https://x.test/"),
        Case(
            "L13",
            "a trusted proxy says the host",
            edge("GET x.test /", ("x-forwarded-proto", "https"), ("x-forwarded-host", "y.test"), client=Outside(name("front"))),
            OTHER,
        ),
    ],
    ids=str,
)
def test_third_edition(mesh: Mesh, case: Case) -> None:
    """What the law says of plain requests."""
    holds(mesh, case)


NOT = """
namespace: shop
mesh: {name: shop, access: allow}
services: {web: {ports: {http: 80}}, users: {ports: {http: 80}}}
policies:
  users:
    services: [users]
    deny: [{paths: [/a], headers: {x-role: {not: user}}}, {paths: [/p], headers: {x-role: {not: {present: true}}}}]
"""


@pytest.mark.parametrize(
    ("path", "roles", "denied"),
    [
        ("/a", ["user"], False),
        ("/a", ["admin"], True),
        ("/a", ["user", "admin"], True),
        ("/a", ["admin", "user"], True),
        ("/a", ["user", "user"], False),
        ("/a", [], True),
        ("/p", [], True),
        ("/p", ["x"], False),
    ],
)
def test_not_in_a_deny(path: str, roles: Sequence[str], denied: bool) -> None:  # noqa: FBT001 - a table's column
    """L9: in a deny `not` holds if any line of the field fails it, or none is there."""
    decision = decide(mesh_of(NOT), call("web", "users", f"GET {path}", *(("x-role", role) for role in roles)))
    assert denied == (decision.outcome is Outcome.DENIED)


def test_from_of_a_match_is_of_the_own_trust_domain() -> None:
    """L10: a namespace of another trust domain is none of the mesh's."""
    spec = """
namespace: shop
mesh: {name: shop, trustDomain: t.test, access: allow}
services: {users: {ports: {http: 80}}, cart: {ports: {http: 80}}}
routes: {users: {services: [users], rules: [{match: {from: [{namespace: a}]}, to: cart}, {to: users}]}}
"""
    assert "routed shop/cart" == summary(decide(mesh_of(spec), call("spiffe://t.test/ns/a/sa/x", "users")))
    assert "routed shop/users" == summary(decide(mesh_of(spec), call("spiffe://else.test/ns/a/sa/x", "users")))


def test_the_longest_path_is_replaced() -> None:
    """L7: of several paths of a pattern that take a request the longest is replaced, whatever their order."""
    for listed in ("[/a/**, /a/b/**]", "[/a/b/**, /a/**]"):
        spec = f"""
namespace: shop
mesh: {{name: shop, access: allow}}
services: {{web: {{ports: {{http: 80}}}}, users: {{ports: {{http: 80}}}}}}
routes: {{users: {{services: [users], rules: [{{match: {{paths: {listed}}}, to: users, rewrite: {{path: {{replacePrefixMatch: /n}}}}}}]}}}}
"""
        seen = decide(mesh_of(spec), call("web", "users", "GET /a/b/c")).request
        assert seen is not None
        assert "/n/c" == seen.path


# --- tests of a mesh ------------------------------------------------------------------------------------------------------------

TESTS = """
tests:
  - {name: freed, via: edge, request: {host: x.test, path: /private/x}, expect: unauthenticated}
  - {name: not freed, via: edge, request: {host: x.test, path: /private/x}, expect: denied}
  - {name: one normal form, via: edge, request: {host: x.test, path: //api/x}, expect: {reaches: api}}
  - {name: denied in every reading, via: edge, request: {host: x.test, path: /api/%61dmin}, expect: denied}
  - {name: refused in every reading, via: edge, request: {host: x.test, path: /api%2Fadmin}, expect: {status: 400}}
  - {name: a slash to some, via: edge, request: {host: x.test, path: /api%2Fx}, expect: {status: 400}}
  - {name: another rule to some, via: edge, request: {host: x.test, path: /a%3Ab}, expect: {reaches: api}}
  - {name: undeclared, from: web, request: {host: nobody.test, path: /}, expect: {status: 502}}
"""


@pytest.mark.parametrize(
    ("mode", "failing"), [("standard", ["not freed", "a slash to some", "another rule to some"]), ("strict", ["not freed"])]
)
def test_expectations(mode: str, failing: list[str]) -> None:
    """
    A test holds for every permitted outcome, a freedom counting as what it stands for (section 4).

    So do an odd request's refusals; another reading that gets somewhere else must be what was expected.
    """
    mesh = mesh_of(SPEC.replace("name: shop,", f"name: shop, requests: {mode},", 1) + TESTS)
    checked = [check(mesh, test) for test in mesh.tests]
    assert sorted(failing) == sorted(one.test.name for one in checked if not one.passed)
    wrong = {one.test.name: one.failure for one in checked}
    if mode == "standard":
        permits = "which `requests: standard` permits of an odd request (an escaped slash in the path)"
        assert f"expected status 400, got routed to shop/api, {permits}" == wrong["a slash to some"]
