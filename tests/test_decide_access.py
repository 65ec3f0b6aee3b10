"""Who is let in: base access, policies, tokens, identities and mutual TLS, case by case (L2, L9, L10)."""

import pytest

from meshc.model import Mesh
from meshc.semantics import Outside, Token
from tests.meshes import Case, call, edge, holds, mesh_of, name, token

SPEC = """
namespace: shop
mesh: {name: shop, trustDomain: t.test}
services:
  web:
    ports: {http: 80}
    calls:
      - {service: grants, methods: [GET], paths: [/own/**]}
      - {service: soft, ports: [http, flat]}
      - {service: both, paths: [{regex: "/[a-m]+"}]}
      - api
      - closed
      - open
      - rewritten
      - guarded
      - db
      - flat
      - tokens
      - either
  ticker: {ports: {http: 80}, calls: [db]}
  unused: {ports: {http: 80}}
  batch: {ports: {http: 80}}
  naked: {ports: {http: 80}, sidecar: none, access: allow}
  api: {ports: {http: 80}}
  closed: {ports: {http: 80}, access: deny}
  open: {ports: {http: 80}, access: allow}
  picky: {ports: {http: 80}, access: allow}
  grants: {ports: {http: 80}}
  rewritten: {ports: {http: 80}}
  guarded: {ports: {http: 80}, access: allow}
  soft: {ports: {http: {port: 80, mtls: permissive}, flat: {port: 90, protocol: http, mtls: disable}}, access: deny}
  flat: {ports: {http: {port: 80, mtls: disable}}, access: deny}
  db: {ports: {pg: {port: 5432, protocol: tcp}}, access: allow}
  tokens: {ports: {http: 80}, access: allow}
  either: {ports: {http: 80}, access: deny}
  both: {ports: {http: 80}, access: deny}
  nested: {ports: {http: 80}, access: deny}
gateways:
  edge:
    listeners: {http: {port: 80}}
  front:
    workload: {identity: front}
    trustedHops: 1
    listeners: {http: {port: 81}}
routes:
  north:
    gateways: [edge]
    hosts: [x.test]
    rules:
      - {match: {paths: /swap/**, headers: {x-a: "1"}}, to: rewritten, rewrite: {path: {replacePrefixMatch: /inner}}}
      - {match: {paths: /api/**, methods: [GET]}, to: api}
      - {match: {paths: /closed}, to: closed}
      - {match: {paths: /tokens/**}, to: tokens}
      - {match: {paths: /forge}, to: tokens, headers: {request: {set: {authorization: Bearer forged}}}}
      - {match: {paths: /strip}, to: tokens, headers: {request: {remove: [authorization]}}}
  front: {gateways: [front], hosts: [x.test], rules: [{to: open}]}
authentication:
  ids: {jwt: {issuer: "https://ids.test", audiences: [a], jwks: {uri: "https://ids.test/jwks"}}}
  staff: {jwt: {issuer: "https://staff.test", audiences: [a], jwks: {uri: "https://staff.test/jwks"}}}
  other: {jwt: {issuer: "https://other.test", audiences: [a], jwks: {uri: "https://other.test/jwks"}}}
policies:
  picky: {services: [picky], allow: [{from: [batch]}]}
  grants:
    services: [grants]
    allow: [{from: [batch], methods: [POST]}, {from: [{namespace: ops}], paths: [/own/**, /more]}]
    deny: [{from: [{namespace: ops}], paths: ["/own/secret:x"]}]
  guarded:
    services: [guarded]
    deny:
      - {headers: {x-role: admin}}
      - {paths: [/a:b, /café/**]}
      - {methods: [DELETE], from: [mtls]}
      - {from: [{identity: "spiffe://t.test/ns/else/sa/bad"}]}
  soft: {services: [soft], allow: [{from: [web], ports: [http, flat]}, {from: [plaintext], ports: [http], paths: [/metrics]}]}
  flat: {services: [flat], allow: [{from: [web]}]}
  db: {services: [db], deny: [{from: [ticker]}]}
  narrow: {services: [both], allow: [{from: [callers], paths: [{regex: "/[a-z]"}]}]}
  mixed: {services: [db, unused], deny: [{paths: [/**]}]}
  tokens:
    services: [tokens]
    require: [{paths: [/tokens/**, /strip, /forge], jwt: {provider: ids, claims: {role: [admin, root]}}}]
    deny: [{headers: {x-no: {present: true}}}, {jwt: {provider: ids, claims: {sub: mallory}}}]
  either:
    services: [either]
    allow:
      - {from: [web], jwt: {provider: ids}}
      - {from: [web], paths: [/s], jwt: {provider: staff, claims: {scope: write}}}
      - {from: [batch], paths: [/free]}
  nested:
    services: [nested]
    allow:
      - {jwt: {provider: ids, claims: {"org.team": blue, n: "1"}}, paths: [/n]}
      - {jwt: {provider: ids, claims: {"org.team": blue}}, paths: [/t]}
  front: {gateways: [front], allow: [{from: [{cidr: [10.0.0.0/8]}]}], deny: [{paths: [/no]}]}
"""

OPS = "spiffe://t.test/ns/ops/sa/x"
BAD = "spiffe://t.test/ns/else/sa/bad"
DENIED, MISSING = "denied 403", "unauthenticated 401"
FRONT = name("front")


def bearer(text: str = "Bearer abc") -> tuple[str, str]:
    return ("authorization", text)


BASE = [
    Case("L9", "declared: a call of the own namespace", call("web", "api"), "routed shop/api"),
    Case("L9", "declared: nothing else", call("batch", "api"), DENIED),
    Case("L9", "declared: for its methods only", call("web", "grants", "POST /own/x"), DENIED),
    Case("L9", "declared: for its paths only", call("web", "grants", "GET /other"), DENIED),
    Case("L9", "declared: within both", call("web", "grants", "GET /own/x"), "routed shop/grants"),
    Case("L9", "declared: a gateway route", edge("GET x.test /api/x"), "routed shop/api"),
    Case("L9", "declared: after rewrites", edge("GET x.test /swap/y", ("x-a", "1")), "routed shop/rewritten"),
    Case("L9", "declared: not other namespaces", call(OPS, "api"), DENIED),
    Case("L9", "deny: not even what is declared", call("web", "closed"), DENIED),
    Case("L9", "deny: not even a gateway route", edge("GET x.test /closed"), DENIED),
    Case("L9", "allow: everyone", call(OPS, "open"), "routed shop/open"),
    Case("L9", "allow: until an allow selects the service", call(OPS, "picky"), DENIED),
    Case("L9", "allow: whom it names gets in", call("batch", "picky"), "routed shop/picky"),
    Case("L9", "allows are added to declared", call("batch", "grants", "POST /x"), "routed shop/grants"),
    Case("L9", "an allow's keys are AND", call("batch", "grants", "GET /x"), DENIED),
    Case("L9", "a namespace spans identities", call(OPS, "grants", "GET /more"), "routed shop/grants"),
    Case("L9", "deny beats allow", call(OPS, "grants", "GET /own/secret:x"), DENIED),
    Case("L4", "in any encoding", call(OPS, "grants", "GET /own/secret%3ax"), DENIED),
    Case("L4", "and with detours", call(OPS, "grants", "GET //own/%2e/secret%3Ax"), DENIED),
    Case("L9", "a deny-only policy opens nothing it does not name", call("web", "guarded"), "routed shop/guarded"),
    Case("L13", "a deny cannot be escaped by repeating", call("web", "guarded", "GET /", ("x-role", "x"), ("x-role", "admin")), DENIED),
    Case("L4", "a deny on non-ASCII", call("web", "guarded", "GET /caf%c3%a9/x"), DENIED),
    Case("L9", "a deny by method", call("web", "guarded", "DELETE /"), DENIED),
    Case("L10", "a deny by identity", call(BAD, "guarded"), DENIED),
    Case("L10", "identities are matched whole", call(f"{BAD}der", "guarded"), "routed shop/guarded"),
    Case("L9", "a denial to gRPC", call("web", "closed", "POST /", ("content-type", "application/grpc")), "denied 200 grpc 7"),
    Case("L9", "callers: in the call and in the entry", call("web", "both", "GET /a"), "routed shop/both"),
    Case("L9", "callers: not in the call alone", call("web", "both", "GET /ab"), DENIED),
    Case("L9", "callers: not in the entry alone", call("web", "both", "GET /z"), DENIED),
    Case("L9", "a service without a proxy guards nothing", call(OPS, "naked"), "routed shop/naked"),
]

PEERS = [
    Case("L10", "strict: no plaintext", call("plaintext", "open"), "refused"),
    Case("L2", "the handshake comes before 400", call("plaintext", "open", "GET /%00"), "refused"),
    Case("L10", "a workload without a proxy is plaintext", call("naked", "open"), "refused"),
    Case("L10", "permissive: identities allow with a certificate", call("web", "soft", port="http"), "routed shop/soft"),
    Case("L10", "permissive: not without", call("plaintext", "soft", port="http"), DENIED),
    Case("L10", "permissive: plaintext by its own allow", call("plaintext", "soft", "GET /metrics", port="http"), "routed shop/soft"),
    Case("L10", "plaintext is not who has a certificate", call("batch", "soft", "GET /metrics", port="http"), DENIED),
    Case("L10", "disable: nobody has a certificate", call("web", "flat"), DENIED),
    Case("L10", "ports differ in mTLS", call("web", "soft", port="flat"), DENIED),
    Case("L9", "a tcp port: routed", call("web", "db"), "routed shop/db"),
    Case("L9", "a tcp port: denial is refusal", call("ticker", "db"), "refused"),
    Case("L9", "entries with HTTP keys don't concern tcp", call("batch", "db"), "routed shop/db"),
    Case("L9", "a gateway admits whom its allow takes", edge("GET x.test /", client=Outside(FRONT, ip="10.1.2.3")), "routed shop/open"),
    Case("L9", "and nobody else", edge("GET x.test /", client=Outside(FRONT, ip="11.1.2.3")), DENIED),
    Case("L9", "a gateway's deny", edge("GET x.test /no", client=Outside(FRONT, ip="10.1.2.3")), DENIED),
    Case("L2", "gateway access comes before 404", edge("GET y.test /", client=Outside(FRONT, ip="11.1.2.3")), DENIED),
    Case(
        "5",
        "a trusted proxy's word is believed",
        edge("GET x.test /", ("x-forwarded-for", "1.1.1.1, 10.9.9.9"), client=Outside(FRONT, ip="11.1.2.3")),
        "routed shop/open",
    ),
    Case(
        "5",
        "only that of the trusted ones",
        edge("GET x.test /", ("x-forwarded-for", "10.9.9.9, 1.1.1.1"), client=Outside(FRONT, ip="11.1.2.3")),
        DENIED,
    ),
]

ADMIN = token(role="admin")
OTHER = Token(name("other"), {})
TOKENS = [
    Case("L9", "a token with the claim", edge("GET x.test /tokens/a", token=ADMIN), "routed shop/tokens"),
    Case("L9", "in its header", edge("GET x.test /tokens/a", bearer(), token=ADMIN), "routed shop/tokens"),
    Case("L9", "a missing one is 401", edge("GET x.test /tokens/a"), MISSING),
    Case("L9", "a token without the claim is 403", edge("GET x.test /tokens/a", token=token(role="user")), DENIED),
    Case("L9", "claims: any value of a list", edge("GET x.test /tokens/a", token=token(role=["user", "root"])), "routed shop/tokens"),
    Case("L9", "claims: other types never match", edge("GET x.test /tokens/a", token=token(role=1)), DENIED),
    Case("L9", "a missing one is 403 where a deny refuses too", edge("GET x.test /tokens/a", ("x-no", "1")), DENIED),
    Case("L9", "an invalid one is 401", edge("GET x.test /tokens/a", token=token(valid=False, role="admin")), MISSING),
    Case("L9", "before deny", edge("GET x.test /tokens/a", ("x-no", "1"), bearer()), MISSING),
    Case("L9", "also where nothing requires one", call("web", "tokens", "GET /elsewhere", bearer()), MISSING),
    Case("L9", "none is fine where nothing requires one", call("batch", "tokens", "GET /elsewhere"), "routed shop/tokens"),
    Case("L9", "a deny by claim", call("batch", "tokens", "GET /elsewhere", token=token(sub="mallory")), DENIED),
    Case("L9", "two Authorization lines are 401", edge("GET x.test /tokens/a", bearer(), bearer(), token=ADMIN), MISSING),
    Case("L9", "two of another scheme too", call("batch", "tokens", "GET /elsewhere", bearer("Basic a"), bearer("Basic b")), MISSING),
    Case("L9", "another scheme is no token", edge("GET x.test /tokens/a", bearer("Basic abc")), MISSING),
    Case("L9", "and no bad one either", call("batch", "tokens", "GET /elsewhere", bearer("Basic abc")), "routed shop/tokens"),
    Case("L9", "another spelling is no token", call("batch", "tokens", "GET /elsewhere", bearer("bearer abc")), "routed shop/tokens"),
    Case("L9", "no named provider's issuer is invalid", call("batch", "tokens", "GET /elsewhere", token=OTHER), MISSING),
    Case("L9", "where no provider is named tokens don't matter", call("web", "api", "GET /", bearer()), "routed shop/api"),
    Case("L9", "the token is gone if a rule removes it", edge("GET x.test /strip", token=ADMIN), MISSING),
    Case("L9", "a token that a rule makes up is invalid", edge("GET x.test /forge", token=ADMIN), MISSING),
    Case("L9", "401 to gRPC", edge("POST x.test /tokens/a", ("content-type", "application/grpc")), "unauthenticated 200 grpc 16"),
    Case("L9", "an allow by token", call("web", "either", "GET /", token=token()), "routed shop/either"),
    Case("L9", "missing for an allow is 401", call("web", "either", "GET /"), MISSING),
    Case("L9", "403 where no token would help", call("batch", "either", "GET /"), DENIED),
    Case("L9", "another allow needs none", call("batch", "either", "GET /free"), "routed shop/either"),
    Case("L9", "another named provider's token counts as missing", call("web", "either", "GET /", token=token("staff")), MISSING),
    Case("L9", "scope is split at spaces", call("web", "either", "GET /s", token=token("staff", scope="read write")), "routed shop/either"),
    Case("L9", "scope is no substring", call("web", "either", "GET /s", token=token("staff", scope="rewrite")), DENIED),
    Case("L9", "nested claims", call("batch", "nested", "GET /t", token=token(org={"team": "blue"})), "routed shop/nested"),
    Case("L9", "a dotted key is not nested", call("batch", "nested", "GET /t", token=Token(name("ids"), {"org.team": "blue"})), DENIED),
    Case("L9", "all claims must hold", call("batch", "nested", "GET /n", token=token(org={"team": "blue"})), DENIED),
    Case("L9", "a number is no string", call("batch", "nested", "GET /n", token=token(org={"team": "blue"}, n=1)), DENIED),
    Case(
        "L9",
        "on a preflight a bad token is 401 or ignored",
        call("batch", "tokens", "OPTIONS /p", bearer(), ("origin", "https://a"), ("access-control-request-method", "GET")),
        "routed shop/tokens | unauthenticated 401",
    ),
]


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return mesh_of(SPEC)


@pytest.mark.parametrize("case", [*BASE, *PEERS, *TOKENS], ids=str)
def test_access(mesh: Mesh, case: Case) -> None:
    """A check point says what the law says."""
    holds(mesh, case)
