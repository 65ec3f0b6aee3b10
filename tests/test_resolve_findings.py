"""What resolving says of mistakes: each small mesh has exactly the findings that its comments name, on their lines."""

import re

import pytest

from meshc.compile import checked, diagnostics, load_mesh

HEAD = "apiVersion: meshc/v1\nnamespace: shop\nmesh: {name: shop, trustDomain: shop.example}\n"

USERS = "users: {ports: {http: 80}}"
FRONTEND = "frontend: {ports: {http: 80}}"
PUBLIC = "gateways: {public: {listeners: {http: {port: 80}}}}\n"
CUSTOMERS = 'authentication: {customers: {jwt: {issuer: "https://id.example", jwks: {uri: "https://id.example/keys"}}}}\n'


def services(*lines: str) -> str:
    """A file's services, one a line."""
    return "services:\n" + "".join(f"  {line}\n" for line in lines)


def rule(text: str, *, kind: str = "services: [users]") -> str:
    """A route with one rule, which stands on one line."""
    return f"routes:\n  r:\n    {kind}\n    rules:\n      - {text}\n"


def north(text: str) -> str:
    """A route of a gateway with one rule."""
    return PUBLIC + rule(text, kind="gateways: [public]\n    hosts: [shop.example]")


def policy(text: str, *, selects: str = "services: [users]") -> str:
    """A policy with one line of entries."""
    return f"policies:\n  p:\n    {selects}\n    {text}\n"


CASES = {
    # names
    "unknown service in a call": services("frontend: {ports: {http: 80}, calls: [user]}  # MC101", USERS),
    "unknown service in to": services(USERS) + rule("{to: user}  # MC101"),
    "unknown service in from": services(USERS) + policy("allow: [{from: [nobody]}]  # MC101"),
    "unknown port in a call": services("frontend: {ports: {http: 80}, calls: [{service: users, ports: [grpc]}]}  # MC102", USERS),
    "unknown port in a destination": services(USERS) + rule("{to: {service: users, port: grpc}}  # MC102"),
    "unknown port in an allow": services(USERS) + policy("allow: [{ports: [grpc]}]  # MC102"),
    "unknown version in traffic": services("users: {ports: {http: 80}, versions: {v1: {}}, traffic: {v2: 1}}  # MC103"),
    "unknown version in a destination": services(USERS) + rule("{to: {service: users, version: v9}}  # MC103"),
    "unknown gateway": services(USERS) + "routes:\n  r: {gateways: [pubic], hosts: [x.example], rules: [{to: users}]}  # MC104\n",
    "unknown listener": services(USERS)
    + PUBLIC
    + "routes:\n  r:\n    gateways: [public]\n    listeners: [https]  # MC105\n    hosts: [x.example]\n    rules: [{to: users}]\n",
    "unknown certificate": "gateways:\n  public: {listeners: {https: {port: 443, tls: {certificate: shop}}}}  # MC106\n",
    "unknown provider": services(USERS) + policy("require: [{jwt: {provider: customers}}]  # MC107"),
    "a gateway where a service is expected": services(USERS) + PUBLIC + policy("allow: [{from: [public]}]  # MC118"),
    "reserved name": services("callers: {ports: {http: 80}}  # MC112"),
    "unknown namespace of callers": services(USERS) + policy("allow: [{from: [{callersIn: elsewhere}]}]  # MC113"),
    # ports
    "a port's protocol can't be told": services("users: {ports: {web: 80}}  # MC013"),
    "selector of every pod": services("users: {ports: {http: 80}, selector: {}}  # MC012"),
    "gateway of every pod": "gateways:\n  g: {workload: {selector: {}}, listeners: {http: 80}}  # MC012\n",
    "empty headers as the only key": services(USERS) + policy("deny: [{headers: {}}]  # MC019"),
    "empty query as the only key": services(USERS) + policy("allow: [{query: {}, headers: {}}]  # MC019"),
    "one number twice": services("users: {ports: {http: 80, grpc: 80}}  # MC012"),
    "several ports in a call": services("frontend: {ports: {http: 80}, calls: [users]}  # MC108", "users: {ports: {http: 80, grpc: 90}}"),
    "several ports in an allow": services("users: {ports: {http: 80, grpc: 90}}") + policy("allow: [{from: [mtls]}]  # MC108"),
    "several ports north-south": services("users: {ports: {http: 80, http2: 90}}") + north("{to: users}  # MC108"),
    "several ports in a deny are all": services("users: {ports: {http: 80, grpc: 90}}") + policy("deny: [{from: [mtls]}]"),
    "the called port is missing there": services("users: {ports: {http: 80, http2: 90}}", "other: {ports: {http: 80, grpc: 90}}")
    + rule("{to: other}  # MC102"),
    # further names
    "further names of what lies outside": services("api: {hosts: [api.example], ports: {http: 80}}")
    + "routes:\n  r:\n    services: [api]\n    hosts: [api.internal]  # MC011\n    rules: [{to: api}]\n",
    # fields that proxies write
    **{
        f"condition on {field} {where}": text
        for field in ("x-forwarded-client-cert", "X-Forwarded-For", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "x-envoy-a")
        for where, text in {
            "at a gateway": services(USERS) + north(f"{{match: {{headers: {{{field}: a}}}}, to: users}}  # MC121"),
            "in a match": services(USERS) + rule(f"{{match: {{headers: {{{field}: a}}}}, to: users}}  # MC121"),
            "in a call": services(
                f"frontend: {{ports: {{http: 80}}, calls: [{{service: users, headers: {{{field}: a}}}}]}}  # MC121", USERS
            ),
            "in an allow": services(USERS) + policy(f"allow: [{{headers: {{{field}: {{present: true}}}}}}]  # MC121"),
            "in a deny": services(USERS) + policy(f"deny: [{{headers: {{{field}: {{absent: true}}}}}}]  # MC121"),
            "in a require": services(USERS) + CUSTOMERS + policy(f"require: [{{headers: {{{field}: a}}, jwt: customers}}]  # MC121"),
            "of a gateway's policy": PUBLIC + policy(f"deny: [{{headers: {{{field}: a}}}}]  # MC121", selects="gateways: [public]"),
            "as the key of a limit": services(
                f"users: {{ports: {{http: 80}}, rateLimits: [{{limit: 1/s, per: {{header: {field}}}}}]}}  # MC121"
            ),
            "as the key of a gateway's limit": "gateways:\n  g: {listeners: {http: 80}, "
            f"rateLimits: [{{limit: 1/s, per: {{header: {field}}}}}]}}  # MC121\n",
        }.items()
    },
    **{
        f"{field} of a proxy that is believed": services(USERS)
        + f"gateways:\n  public: {{trustedHops: 1, listeners: {{http: 80}}, rateLimits: [{{limit: 1/s, per: {{header: {field}}}}}]}}\n"
        + f"routes:\n  r: {{gateways: public, hosts: x.example, rules: [{{match: {{headers: {{{field}: a}}}}, to: users}}]}}\n"
        + policy(f"deny: [{{headers: {{{field}: a}}}}]", selects="gateways: [public]")
        for field in ("x-forwarded-proto", "X-Forwarded-Host")
    },
    "x-forwarded-for is never believed": services(USERS)
    + "gateways: {public: {trustedHops: 1, listeners: {http: 80}}}\n"
    + policy("deny: [{headers: {x-forwarded-for: a}}]  # MC121", selects="gateways: [public]"),
    "one gateway of two believes": services(USERS)
    + "gateways: {a: {trustedHops: 1, listeners: {http: 80}}, b: {workload: {selector: {x: y}, identity: b}, listeners: {http: 80}}}\n"
    + rule("{match: {headers: {x-forwarded-proto: a}}, to: users}  # MC121", kind="gateways: [a, b]\n    hosts: [x.example]"),
    # weights
    "weights add up to nothing": services(USERS) + rule("{to: [{service: users, weight: 0}]}  # MC012"),
    "a weight is missing": services(USERS, FRONTEND) + rule("{to: [{service: users, weight: 1}, frontend]}  # MC013"),
    # services without a proxy, and outside
    "no proxy and no access": services("db: {ports: {tcp: 1}, sidecar: none}  # MC116"),
    "no proxy and access declared": services("db: {ports: {tcp: 1}, sidecar: none, access: declared}  # MC116"),
    "policy without a proxy": services("db: {ports: {tcp: 1}, sidecar: none, access: allow}")
    + policy("allow: [{from: [mtls]}]", selects="services: [db]  # MC110"),
    "policy on what lies outside": services("api: {hosts: [api.example], ports: {http: 80}}")
    + policy("allow: [{from: [mtls]}]", selects="services: [api]  # MC110"),
    "no identity from there": services(USERS, "db: {ports: {tcp: 1}, sidecar: none, access: allow}")
    + policy("allow: [{from: [db]}]  # MC118"),
    "access outside": services("api: {hosts: [api.example], ports: {http: 80}, access: allow}  # MC011"),
    "sidecar outside": services("api: {hosts: [api.example], ports: {http: 80}, sidecar: none}  # MC011"),
    "selector outside": services("api: {hosts: [api.example], ports: {http: 80}, selector: {a: b}}  # MC011"),
    "one host outside twice": services(
        "a: {hosts: [api.example], ports: {http: 80}}", "b: {hosts: [API.example], ports: {http: 80}}  # MC114"
    ),
    "tls inside": services("users: {ports: {http: {port: 80, tls: {hostname: x.example}}}}  # MC011"),
    # identities
    "shared identity": services("a: {ports: {http: 80}}  # MC111", "b: {ports: {http: 80}, identity: a}"),
    "shared and stated": services("a: {ports: {http: 80}, identity: a}", "b: {ports: {http: 80}, identity: a}"),
    "two default gateways": "gateways:\n  a: {listeners: {http: 80}}  # MC111\n  b: {listeners: {http: 81}}  # MC111\n",
    # patterns
    "claim without values": services(USERS) + CUSTOMERS + policy("require: [{jwt: {provider: customers, claims: {role: []}}}]  # MC012"),
    "jwt in match": services(USERS) + CUSTOMERS + rule("{match: {jwt: {provider: customers}}, to: users}  # MC011"),
    "from at a gateway": services(USERS) + north("{match: {from: [users]}, to: users}  # MC011"),
    "callers in match": services(USERS) + rule("{match: {from: [callers]}, to: users}  # MC118"),
    "cidr at a service": services(USERS) + policy("allow: [{from: [{cidr: [10.0.0.0/8]}]}]  # MC011"),
    "a service at a gateway": services(USERS) + PUBLIC + policy("allow: [{from: [users]}]  # MC118", selects="gateways: [public]"),
    "cidr at a gateway": PUBLIC + policy("allow: [{from: [{cidr: [10.0.0.0/8]}]}]", selects="gateways: [public]"),
    "host bits in a cidr": PUBLIC + policy("allow: [{from: [{cidr: [10.0.0.1/8]}]}]  # MC012", selects="gateways: [public]"),
    "require without jwt": services(USERS) + policy("require: [{paths: [/a]}]  # MC013"),
    "final star in deny": services(USERS) + policy("deny: [{paths: [/a/*]}]  # MC023"),
    "final star in require": services(USERS) + CUSTOMERS + policy("require: [{paths: ['/a/*'], jwt: {provider: customers}}]  # MC023"),
    "final star in allow": services(USERS) + policy("allow: [{paths: [/a/*]}]"),
    "path not normal": services(USERS) + policy("deny: [{paths: [/a/../b]}]  # MC023"),
    "partial star": services(USERS) + policy("deny: [{paths: ['/a*']}]  # MC023"),
    "regex not portable": services(USERS) + policy("deny: [{paths: [{regex: '(?=a)'}]}]  # MC024"),
    "header regex not portable": services(USERS) + policy("deny: [{headers: {x-a: {regex: '(?=a)'}}}]  # MC024"),
    "condition on host": services(USERS) + policy("deny: [{headers: {Host: a}}]  # MC121"),
    "condition on a hop-by-hop field": services(USERS) + policy("deny: [{headers: {Connection: a}}]  # MC121"),
    "condition on what is stripped": services(USERS) + policy("deny: [{headers: {x-envoy-peer: a}}]  # MC121"),
    "condition on a client certificate": services(USERS) + policy("deny: [{headers: {X-Forwarded-Client-Cert: a}}]  # MC121"),
    "condition on a dropped field": services(USERS) + policy("deny: [{headers: {x_a: a}}]  # MC121"),
    "control character": services(USERS) + policy('deny: [{headers: {x-a: "a\\nb"}}]  # MC012'),
    "unknown method": services(USERS) + policy("deny: [{methods: [GTE]}]  # MC122"),
    "http keys on a tcp port": services("users: {ports: {http: 80, tcp: 90}}") + policy("deny: [{ports: [tcp], methods: [GET]}]  # MC115"),
    "http keys and only tcp": services("users: {ports: {tcp: 90}}") + policy("deny: [{methods: [GET]}]  # MC115"),
    "http keys concern http ports": services("users: {ports: {http: 80, tcp: 90}}") + policy("deny: [{methods: [GET]}]"),
    "call with http keys on tcp": services(
        "frontend: {ports: {http: 80}, calls: [{service: db, methods: [GET]}]}  # MC115", "db: {ports: {tcp: 1}}"
    ),
    "identity deny, permissive": services(FRONTEND, "users: {ports: {http: 80}, mtls: permissive}")
    + policy("deny: [{from: [frontend]}]  # MC117"),
    "identity deny, one lax port": services(FRONTEND, "users: {ports: {http: 80, grpc: {port: 90, mtls: disable}}}")
    + policy("deny: [{from: [{namespace: shop}]}]  # MC117"),
    "deny of every certificate without strict mTLS": services("users: {ports: {http: 80}, mtls: permissive}")
    + policy("deny: [{from: [mtls]}]  # MC117"),
    "require by certificate without strict mTLS": services("users: {ports: {http: 80}, mtls: permissive}")
    + CUSTOMERS
    + policy("require: [{from: [mtls], jwt: customers}]  # MC117"),
    "require by identity without mTLS": services("users: {ports: {http: {port: 80, mtls: disable}}}", FRONTEND)
    + CUSTOMERS
    + policy("require: [{from: [frontend, plaintext], jwt: customers}]  # MC117"),
    "require by identity where HTTP is strict": services("users: {ports: {http: 80, tcp: {port: 90, mtls: permissive}}}", FRONTEND)
    + CUSTOMERS
    + policy("require: [{from: [frontend], jwt: customers}]"),
    "require of all without strict mTLS": services("users: {ports: {http: 80}, mtls: permissive}")
    + CUSTOMERS
    + policy("require: [{paths: /a, jwt: customers}, {from: [plaintext], jwt: customers}]"),
    "identity deny, on the strict port": services(FRONTEND, "users: {ports: {http: 80, grpc: {port: 90, mtls: disable}}}")
    + policy("deny: [{from: [frontend], ports: [http]}]"),
    "deny of an unlisted namespace": services(USERS) + policy("deny: [{from: [{namespace: sandbox}]}]"),
    # policies and routes
    "ports at a gateway": PUBLIC + policy("deny: [{ports: [http]}]  # MC011", selects="gateways: [public]"),
    "backoff that shrinks": services(USERS)
    + rule("{to: users, retries: {attempts: 1, conditions: [reset], backoff: {initial: 1s, max: 10ms}}}  # MC012"),
    "backoff of nothing": services(USERS)
    + rule("{to: users, retries: {attempts: 1, conditions: [reset], backoff: {initial: 0s}}}  # MC012"),
    "backoff that says one end": services(USERS) + rule("{to: users, retries: {attempts: 1, conditions: [reset], backoff: {initial: 1s}}}"),
    "an allow of nobody is something": services(USERS) + policy("allow: []"),
    "a deny of nothing is nothing": services(USERS) + "policies:\n  p: {services: [users], deny: []}  # MC013\n",
    "neither services nor gateways": services(USERS) + "policies:\n  p: {allow: [{from: [mtls]}]}  # MC013\n",
    "two actions": services(USERS) + rule("{to: users, respond: {status: 200}}  # MC012"),
    "no action": services(USERS) + rule("{name: nothing}  # MC013"),
    "timeout of a local answer": services(USERS) + rule("{respond: {status: 200}, timeout: 1s}  # MC012"),
    "prefix of a whole path": services(USERS) + rule("{match: {paths: /a}, to: users, rewrite: {path: {replacePrefixMatch: /b}}}  # MC123"),
    "prefix of everything": services(USERS) + rule("{to: users, rewrite: {path: {replacePrefixMatch: /b}}}"),
    "rewritten path not normal": services(USERS) + rule("{to: users, rewrite: {path: {replaceFullPath: /a//b}}}  # MC023"),
    "change of host": services(USERS) + rule("{to: users, headers: {request: {set: {host: a}}}}  # MC121"),
    "change of a hop-by-hop field": services(USERS) + rule("{to: users, headers: {response: {remove: [connection]}}}  # MC121"),
    "retries that never happen": services(USERS) + rule("{to: users, retries: {attempts: 2}}  # MC013"),
    "cookies for everyone": services(USERS) + rule('{to: users, cors: {origins: ["*"], credentials: true}}  # MC012'),
    "an origin with a path": services(USERS) + rule('{to: users, cors: {origins: ["https://a.example/"]}}  # MC012'),
    "hosts missing": services(USERS) + PUBLIC + "routes:\n  r: {gateways: [public], rules: [{to: users}]}  # MC013\n",
    "host without a listener": services(USERS)
    + "gateways: {public: {listeners: {http: {port: 80, hosts: [a.example]}}}}\n"
    + "routes:\n  r: {gateways: [public], hosts: [b.example], rules: [{to: users}]}  # MC120\n",
    "http and grpc need a timeout": services("users: {ports: {http: 80, grpc: 90}}") + rule("{to: users}  # MC013"),
    "redirect to the same": services(USERS) + rule("{redirect: {statusCode: 301}}  # MC013"),
    "a body where none is": services(USERS) + rule("{respond: {status: 204, body: x}}  # MC012"),
    "a copy to which version": services("users: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v1: 1, v2: 1}}")
    + rule("{to: {service: users, version: v1}, mirror: users}  # MC013"),
    "a fault that is none": services(USERS) + rule("{to: users, fault: {}}  # MC013"),
    "an empty match": services(USERS) + rule("{match: [], to: users}  # MC012"),
    "two rules of one name": services(USERS)
    + "routes:\n  r:\n    services: [users]\n    rules:\n"
    + "      - {name: a, match: {paths: /a}, to: users}\n      - {name: a, to: users}  # MC015\n",
    "an address that is a name": services("users: {ports: {http: 80}, endpoints: [{address: users.example}]}  # MC012"),
    "hash without what": services("users: {ports: {http: 80}, loadBalancing: hash}  # MC013"),
    "http keys at a tcp listener": services("db: {ports: {tcp: 1}}")
    + "gateways: {public: {listeners: {tcp: {port: 1, protocol: tcp}}}}\n"
    + "routes:\n  r: {gateways: [public], hosts: ['*'], rules: [{match: {paths: /a}, to: db}]}  # MC115\n",
    "an answer at a tcp listener": "gateways: {public: {listeners: {tcp: {port: 1, protocol: tcp}}}}\n"
    "routes:\n  r: {gateways: [public], hosts: ['*'], rules: [{respond: {status: 200}}]}  # MC115\n",
    # gateways
    "redirect where tls ends": "gateways:\n  public: {listeners: {https: {port: 443, redirectToHttps: true, tls: c}}}  # MC012\n"
    "certificates: {c: {from: {secret: c}}}\n",
    "https without a certificate": "gateways:\n  public: {listeners: {https: {port: 443, protocol: https}}}  # MC013\n",
    "two protocols on a port": "gateways:\n  public:\n    listeners:\n      a: {port: 80}\n      b: {port: 80, protocol: tcp}  # MC119\n",
    "one host twice on a port": "gateways:\n  public:\n    listeners:\n      a: {port: 80, hosts: [x.example]}\n"
    "      b: {port: 80, hosts: [x.example, y.example]}  # MC119\n",
    # files
    "missing key set": "authentication:\n  c: {jwt: {issuer: i, jwks: {file: no.json}}}  # MC025\n",
    "file outside": "authentication:\n  c: {jwt: {issuer: i, jwks: {file: ../no.json}}}  # MC025\n",
    "not json": "authentication:\n  c: {jwt: {issuer: i, jwks: {file: bad.json}}}  # MC012\n",
    "no keys": "authentication:\n  c: {jwt: {issuer: i, jwks: {file: empty.json}}}  # MC012\n",
    "private key": "authentication:\n  c: {jwt: {issuer: i, jwks: {file: private.json}}}  # MC124\n",
    "jwks is no url": "authentication:\n  c: {jwt: {issuer: i, jwks: {uri: 'ftp://x'}}}  # MC012\n",
    # tests
    "test without a way in": services(USERS) + "tests:\n  - {name: t, to: users, expect: denied}  # MC013\n",
    "test without to": services(USERS, FRONTEND) + "tests:\n  - {name: t, from: frontend, expect: denied}  # MC013\n",
    "test by host": services(USERS, FRONTEND) + "tests:\n  - {name: t, from: frontend, request: {host: users}, expect: denied}\n",
    "test reaches nobody": services(USERS, FRONTEND)
    + "tests:\n  - {name: t, from: frontend, to: users, expect: {reaches: user}}  # MC101\n",
}

FILES = {
    "bad.json": b"{",
    "empty.json": b'{"keys": []}',
    "private.json": b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "do-not-print-this"}]}',
}


def found_in(body: str) -> list[tuple[str, int]]:
    """Codes and lines."""
    shown = diagnostics(checked(load_mesh({"mesh.yaml": (HEAD + body).encode(), **FILES})))
    return sorted((one.code, one.place.span.line) for one in shown)


@pytest.mark.parametrize("body", CASES.values(), ids=CASES.keys())
def test_findings_stand_where_they_belong(body: str) -> None:
    """Each mistake gives exactly its code at exactly its line, and what is right gives nothing."""
    lines = (HEAD + body).splitlines()
    expected = [(code, number) for number, line in enumerate(lines, 1) for code in re.findall(r"MC\d{3}", line)]
    assert sorted(expected) == found_in(body)


def test_a_private_key_is_never_repeated() -> None:
    """What is wrong with a key file is said without what is in it."""
    shown = diagnostics(load_mesh({"mesh.yaml": (HEAD + CASES["private key"]).encode(), **FILES}))
    assert ["MC124"] == [one.code for one in shown]
    assert "do-not-print-this" not in repr(shown)


def test_all_mistakes_are_said_at_once() -> None:
    """Resolving goes on after a mistake, so that one run shows them all."""
    body = services("frontend: {ports: {web: 80}, calls: [user]}", USERS) + policy("deny: [{methods: [GTE], paths: [/a/*]}]")
    assert [("MC013", 5), ("MC023", 10), ("MC101", 5), ("MC122", 10)] == found_in(body)


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [("calls: [user]", "did you mean 'users'?"), ("calls: [{service: users, ports: [htp]}]", "did you mean 'http'?")],
)
def test_the_nearest_name_is_offered(wanted: str, meant: str) -> None:
    """A misspelt name is answered with the one that was likely meant."""
    body = services(f"frontend: {{ports: {{http: 80}}, {wanted}}}", USERS)
    assert [True] == [one.message.endswith(meant) for one in diagnostics(load_mesh({"m.yaml": (HEAD + body).encode()}))]


def test_policies_and_east_west_routes_stay_in_their_namespace() -> None:
    """A policy or route that selects another namespace's service is refused (L9)."""
    other = "apiVersion: meshc/v1\nnamespace: billing\n" + policy("allow: [{from: [mtls]}]", selects="services: [shop/users]")
    other += "routes:\n  r: {services: [shop/users], rules: [{to: shop/users}]}\n"
    shown = diagnostics(load_mesh({"a.yaml": (HEAD + services(USERS)).encode(), "b.yaml": other.encode()}))
    assert [("MC109", "b.yaml", 5), ("MC109", "b.yaml", 8)] == [(one.code, one.place.file, one.place.span.line) for one in shown]
