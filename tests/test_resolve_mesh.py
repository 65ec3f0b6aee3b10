"""What resolving makes of a mesh: defaults written out, names resolved, all in order."""

from itertools import permutations

import pytest

from meshc.compile import load_mesh
from meshc.model import (
    Access,
    CertificateSource,
    Destination,
    Forward,
    LbPolicy,
    ListenerProtocol,
    Mesh,
    Mtls,
    Name,
    Protocol,
    RetryCondition,
    Service,
    SourceKind,
)

HEAD = "apiVersion: meshc/v1\nnamespace: shop\n"


def mesh_of(body: str, **files: bytes) -> Mesh:
    """The mesh of one file, which has no mistake."""
    compiled = load_mesh({"mesh.yaml": (HEAD + body).encode(), **files})
    assert () == compiled.findings
    assert compiled.mesh is not None
    return compiled.mesh


def service(mesh: Mesh, name: str) -> Service:
    """A service of namespace shop."""
    return next(one for one in mesh.services if one.name == Name("shop", name))


def shares(mesh: Mesh, rule: int = 0) -> list[tuple[str, str | None, str | None, int]]:
    """The destinations of a rule of the only route: service, port, version, weight."""
    action = mesh.routes[0].rules[rule].action
    assert isinstance(action, Forward)
    return [(one.service.name, one.port, one.version, one.weight) for one in action.destinations]


def forward(mesh: Mesh, rule: int = 0) -> Forward:
    """What a rule of the only route does."""
    action = mesh.routes[0].rules[rule].action
    assert isinstance(action, Forward)
    return action


def test_defaults_of_a_service() -> None:
    """A service that says only its port has every default of the language."""
    users = service(mesh_of("services: {users: {ports: {http: 80}, versions: {v1: {}}}}"), "users")
    port = users.ports[0]
    assert ("http", 80, 80, Protocol.HTTP, Mtls.STRICT, None) == (
        port.name,
        port.port,
        port.target_port,
        port.protocol,
        port.mtls,
        port.tls,
    )
    assert ((("app", "users"),), "users", True, False) == (users.selector, users.identity, users.has_proxy, users.external)
    assert (Access.DECLARED, None, None, ()) == (users.access, users.calls, users.endpoints, users.traffic)
    assert [("v1", (("version", "v1"),), None)] == [(one.name, one.labels, one.identity) for one in users.versions]
    assert LbPolicy.LEAST_REQUEST is users.load_balancing.policy


def test_defaults_of_the_mesh() -> None:
    """A mesh that says nothing is strict, and lets in and out what is declared."""
    mesh = mesh_of("services: {users: {ports: {http: 80}}}")
    assert ("declared", "declared", "strict", "standard") == (mesh.access, mesh.egress, mesh.mtls, mesh.requests)
    assert ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") == mesh.methods


def test_ports_are_in_port_order() -> None:
    """Ports are sorted by number, and one's mTLS may differ from the service's."""
    users = service(mesh_of("services: {users: {mtls: permissive, ports: {http: 80, grpc: {port: 70, mtls: disable}}}}"), "users")
    assert [("grpc", 70, Mtls.DISABLE), ("http", 80, Mtls.PERMISSIVE)] == [(one.name, one.port, one.mtls) for one in users.ports]


def test_calls_name_their_ports() -> None:
    """A call of a service with one port is for that port; an absent `calls` is unknown, an empty one is nothing."""
    body = "services: {a: {ports: {http: 80}, calls: [b]}, b: {ports: {grpc: 90}, calls: []}, c: {ports: {http: 80}}}"
    mesh = mesh_of(body)
    calls = service(mesh, "a").calls
    assert calls is not None
    assert [(Name("shop", "b"), ("grpc",))] == [(one.service, one.pattern.ports) for one in calls]
    assert ((), None) == (service(mesh, "b").calls, service(mesh, "c").calls)


def test_what_lies_outside_has_no_proxy_and_takes_plaintext() -> None:
    """An external service is no workload: no selector, no mTLS, no proxy."""
    api = service(mesh_of("services: {api: {hosts: [API.example], ports: {https: {port: 443, protocol: tls}}}}"), "api")
    assert (("api.example",), (), False, True, Mtls.DISABLE) == (api.hosts, api.selector, api.has_proxy, api.external, api.ports[0].mtls)


def test_traffic_is_written_out() -> None:
    """A destination without a version is spread as the service's `traffic` says; one with a version is not."""
    body = "services: {users: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v2: 10, v1: 90}}}\n"
    body += "routes: {r: {services: [users], rules: [{match: {paths: /a}, to: {service: users, version: v2}}, {to: users}]}}\n"
    mesh = mesh_of(body)
    assert [("users", "http", "v2", 1)] == shares(mesh, 0)
    assert [("users", "http", "v1", 90), ("users", "http", "v2", 10)] == shares(mesh, 1)


def test_weights_multiply() -> None:
    """Half of the requests spread over 90 and 10 are 45 and 5 in a hundred, beside 50."""
    body = "services: {a: {ports: {http: 80}}, users: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v1: 90, v2: 10}}}\n"
    body += "routes: {r: {services: [users], rules: [{to: [{service: users, weight: 50}, {service: a, weight: 50}]}]}}\n"
    assert [("users", "http", "v1", 9), ("users", "http", "v2", 1), ("a", "http", None, 10)] == shares(mesh_of(body))


def test_several_without_weights_share_alike() -> None:
    """Destinations that say no weight at all have one each."""
    body = "services: {a: {ports: {http: 80}}, b: {ports: {http: 80}}}\nroutes: {r: {services: [a], rules: [{to: [a, b]}]}}\n"
    assert [("a", "http", None, 1), ("b", "http", None, 1)] == shares(mesh_of(body))


def test_an_east_west_destination_keeps_the_port_called() -> None:
    """Without a port it is the only one, or the one that was called."""
    body = "services: {a: {ports: {http: 80, http2: 81}}, b: {ports: {http: 90}}}\n"
    body += (
        "routes: {r: {services: [a], rules: [{match: {paths: /a}, to: a}, {match: {paths: /b}, to: {service: a, port: http2}}, {to: b}]}}\n"
    )
    mesh = mesh_of(body)
    assert [None, "http2", "http"] == [shares(mesh, index)[0][1] for index in range(3)]


def test_timeouts_are_written_out() -> None:
    """The mesh's default holds where a rule says nothing, but not for gRPC and TCP, which have none (L12)."""
    body = "mesh: {defaults: {timeout: 7s}}\n"
    body += "services: {a: {ports: {http: 80}}, b: {ports: {grpc: 80}}, c: {ports: {tcp: 80}}}\n"
    for name, stated, expected in (
        ("a", "", 7000),
        ("b", "", 0),
        ("c", "", 0),
        ("a", ", timeout: 3s", 3000),
        ("b", ", timeout: 250ms", 250),
    ):
        mesh = mesh_of(body + f"routes: {{r: {{services: [{name}], rules: [{{to: {name}{stated}}}]}}}}\n")
        assert (name, expected) == (name, forward(mesh).timeout_ms)


def test_retries_are_written_out() -> None:
    """Without a word there are none; what is said is completed, in one order."""
    body = "services: {a: {ports: {http: 80}}}\nroutes: {r: {services: [a], rules: [{match: {paths: /a}, to: a, retries: "
    body += "{attempts: 2, perTry: 1s, conditions: [reset, connect-failure], codes: [503, 502]}}, {to: a}]}}\n"
    mesh = mesh_of(body)
    one, other = forward(mesh, 0).retries, forward(mesh, 1).retries
    assert (2, 1000, (RetryCondition.CONNECT_FAILURE, RetryCondition.RESET), (502, 503)) == (
        one.attempts,
        one.per_try_ms,
        one.conditions,
        one.codes,
    )
    assert (0, None, (), ()) == (other.attempts, other.per_try_ms, other.conditions, other.codes)


def test_a_rule_without_match_takes_all() -> None:
    """It has one pattern that asks nothing, and unnamed rules are numbered from 1."""
    mesh = mesh_of("services: {a: {ports: {http: 80}}}\nroutes: {r: {services: [a], rules: [{match: {paths: /x}, to: a}, {to: a}]}}\n")
    rule = mesh.routes[0].rules[1]
    assert ("rule-2", 1, None, None) == (rule.name, len(rule.matches), rule.matches[0].paths, rule.matches[0].sources)


def test_an_empty_list_matches_nothing() -> None:
    """It is not the same as no list at all."""
    mesh = mesh_of("services: {a: {ports: {http: 80}}}\npolicies: {p: {services: [a], allow: [{methods: []}, {from: []}]}}\n")
    first, second = mesh.policies[0].allow or ()
    assert ((), None) == (first.methods, first.sources)
    assert (None, ()) == (second.methods, second.sources)


def test_all_means_services_with_a_proxy() -> None:
    """`all` is written out: the namespace's own services that have a proxy."""
    body = "services: {b: {ports: {http: 80}}, a: {ports: {http: 80}}, db: {ports: {tcp: 1}, sidecar: none, access: allow}}\n"
    body += "policies: {p: {services: all, deny: [{from: [plaintext]}]}}\n"
    policy = mesh_of(body).policies[0]
    assert (Name("shop", "a"), Name("shop", "b")) == policy.services
    assert policy.deny[0].sources is not None
    assert [SourceKind.PLAINTEXT] == [one.kind for one in policy.deny[0].sources]


def test_header_names_are_lower_case() -> None:
    """Names of headers don't differ by case (L13)."""
    body = "services: {a: {ports: {http: 80}}}\nroutes: {r: {services: [a], rules: [{match: {headers: {X-Canary: always}}, to: a, "
    body += "headers: {request: {set: {X-Hop: '1'}}}}]}}\n"
    rule = mesh_of(body).routes[0].rules[0]
    assert (["x-canary"], (("x-hop", "1"),)) == ([one.name for one in rule.matches[0].headers], rule.request_headers.set)


def test_defaults_of_gateways_and_certificates() -> None:
    """A gateway is Istio's ingress, TLS is 1.2 to 1.3, and a certificate has the hosts of the listeners that use it."""
    body = "gateways: {public: {listeners: {http: 80, https: {port: 443, hosts: [B.example, a.example], tls: shop}}}}\n"
    mesh = mesh_of(body + "certificates: {shop: {from: {secret: shop-tls}}}\n")
    gateway, certificate = mesh.gateways[0], mesh.certificates[0]
    assert ("istio-ingress", (("istio", "ingressgateway"),), "istio-ingressgateway") == (
        gateway.workload.namespace,
        gateway.workload.selector,
        gateway.workload.identity,
    )
    http, https = gateway.listeners
    assert (ListenerProtocol.HTTP, ("*",), ListenerProtocol.HTTPS) == (http.protocol, http.hosts, https.protocol)
    assert https.tls is not None
    assert ("1.2", "1.3", Name("shop", "shop")) == (https.tls.min_version, https.tls.max_version, https.tls.certificate)
    assert (CertificateSource.SECRET, "shop-tls", ("a.example", "b.example")) == (certificate.source, certificate.secret, certificate.hosts)


def test_accept_is_split_from_options() -> None:
    """A target's options are its own; the approximations that the user accepts are the language's."""
    target = mesh_of("mesh: {targets: {istio: {version: '1.31', accept: [b, a]}}}\nservices: {a: {ports: {http: 80}}}\n").targets[0]
    assert ("istio", "1.31", None, ("a", "b")) == (target.name, target.option("version"), target.option("accept"), target.accept)


def test_key_sets_are_read() -> None:
    """A JWKS file becomes part of the mesh; it lies beside the file that names it."""
    body = "authentication: {c: {jwt: {issuer: i, audiences: [b, a], jwks: {file: keys/k.json}}}}\n"
    keys = b'{ "keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}] }'
    compiled = load_mesh({"team/mesh.yaml": (HEAD + body).encode(), "team/keys/k.json": keys})
    assert compiled.mesh is not None
    provider = compiled.mesh.providers[0]
    assert (("a", "b"), '{"keys":[{"crv":"P-256","kty":"EC","x":"a","y":"b"}]}', None) == (
        provider.audiences,
        provider.jwks,
        provider.jwks_uri,
    )


def test_order_never_matters() -> None:
    """Permuting the keys of the file changes nothing that has no place in it (L1)."""
    lines = (
        "services: {b: {ports: {http: 80}, calls: [a]}, a: {ports: {http: 80, grpc: 90}}}\n".replace(
            "[a]", "[{service: a, ports: [grpc, http]}]"
        ),
        "routes: {r: {services: [b], rules: [{to: b}]}}\n",
        "policies: {p: {services: [b, a], deny: [{from: [plaintext, everyone]}]}}\n",
    )
    assert 1 == len({repr(mesh_of("".join(order))) for order in permutations(lines)})


def test_names_of_other_namespaces() -> None:
    """A bare name is the own namespace's; another's is written in full."""
    shop = HEAD + "services: {a: {ports: {http: 80}, calls: [billing/a, a]}}\n"
    billing = "apiVersion: meshc/v1\nnamespace: billing\nservices: {a: {ports: {http: 80}}}\n"
    mesh = load_mesh({"shop.yaml": shop.encode(), "billing.yaml": billing.encode()}).mesh
    assert mesh is not None
    assert [Name("billing", "a"), Name("shop", "a")] == [one.name for one in mesh.services]
    calls = service(mesh, "a").calls
    assert calls is not None
    assert [Name("billing", "a"), Name("shop", "a")] == [one.service for one in calls]


def test_a_mirror_follows_traffic() -> None:
    """A copy goes to the version that has all the traffic."""
    body = "services: {a: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v1: 0, v2: 5}}}\n"
    mirror = forward(mesh_of(body + "routes: {r: {services: [a], rules: [{to: {service: a, version: v1}, mirror: a}]}}\n")).mirror
    assert mirror is not None
    copied: Destination = mirror.to
    assert (Name("shop", "a"), "v2", 1, 100.0) == (copied.service, copied.version, copied.weight, mirror.percent)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", (25, 250)),
        (", backoff: {initial: 100ms}", (100, 1000)),
        (", backoff: {max: 1s}", (100, 1000)),
        (", backoff: {max: 4ms}", (1, 4)),
        (", backoff: {initial: 10ms, max: 20ms}", (10, 20)),
    ],
)
def test_pauses_between_retries_follow_from_each_other(written: str, expected: tuple[int, int]) -> None:
    """The longest pause is ten times the first where only one of them is said."""
    body = "services: {a: {ports: {http: 80}}}\nroutes: {r: {services: [a], rules: [{to: a, retries: "
    retries = forward(mesh_of(f"{body}{{attempts: 1, conditions: [reset]{written}}}}}]}}}}\n")).retries
    assert expected == (retries.backoff_initial_ms, retries.backoff_max_ms)


@pytest.mark.parametrize(
    ("written", "expected"), [("require: [{jwt: ids}]", None), ("allow: []", ()), ("allow: [], deny: [{from: [mtls]}]", ())]
)
def test_an_empty_allow_is_not_no_allow(written: str, expected: tuple[()] | None) -> None:
    """L9: it selects, as every allow does."""
    body = "services: {a: {ports: {http: 80}}}\nauthentication: {ids: {jwt: {issuer: i, jwks: {uri: 'https://i/k'}}}}\n"
    assert expected == mesh_of(f"{body}policies: {{p: {{services: [a], {written}}}}}\n").policies[0].allow
