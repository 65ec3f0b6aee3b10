"""What VirtualServices and Sidecars say is what `decide` says, for requests that try every kind of match, action and guard."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.model import Mesh, Name
from meshc.semantics import Decision, Outcome, Outside, Request, Workload, decide
from meshc_istio.objects import Object
from tests.istio.proxy_reading import Asked, Done, at_gateway, inside
from tests.istio.written import written
from tests.meshes import mesh_of

MESH = """
namespace: shop
mesh: {name: shop, trustDomain: shop.example, access: allow}
services:
  a:
    ports: {http: 80}
    calls: [{service: b, ports: [http, admin]}, {service: ext, methods: [GET, POST], paths: [/v1/**]}, c, {service: two, ports: [one]}]
  other: {ports: {http: 80}, calls: [ext, b2, {service: two, ports: [one, two], methods: [GET]}]}
  unknown: {ports: {http: 80}}
  b:
    ports: {http: 80, admin: {port: 81, protocol: http}}
    versions: {v1: {}, v2: {}}
    traffic: {v1: 90, v2: 10}
  b2: {ports: {http: 8080}}
  c: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v1: 1, v2: 3}}
  ext: {hosts: [api.x.example, b.x.example], ports: {http: 80}}
  two: {hosts: ["*.two.example"], ports: {one: {port: 80, protocol: http}, two: {port: 81, protocol: http}}}
gateways:
  pub:
    listeners:
      web: {port: 80, hosts: ["*.example.com"]}
      narrow: {port: 80, hosts: [api.example.com]}
certificates: {}
routes:
  w:
    gateways: [pub]
    listeners: [web]
    hosts: ["*.example.com", "x.example.com"]
    rules:
      - name: fields
        match:
          paths: ["/a/*/b", {regex: "/r/[0-9]+"}]
          headers: {x-a: [one, {prefix: t}], x-b: {not: bad}, x-c: {absent: true}, x-e: [{absent: true}, e]}
          query: {q: "", p: {present: true}, r: {regex: "a|b"}}
        to: {service: b, port: http}
        rewrite: {path: {replaceFullPath: /full/é}, host: new.example}
      - name: swap
        match: {paths: [/o/**, /p/*/q/**]}
        to: {service: b2}
        rewrite: {path: {replacePrefixMatch: /n}}
        retries: {attempts: 1, conditions: [reset]}
      - {name: swap-slash, match: {paths: /s/**}, to: b2, rewrite: {path: {replacePrefixMatch: /n/}}}
      - {name: strip, match: {paths: /o2/**}, to: b2, rewrite: {path: {replacePrefixMatch: /}}}
      - {name: moved, match: {paths: /rd/**}, redirect: {path: {replacePrefixMatch: /}, scheme: https, statusCode: 308}}
      - {name: moved2, match: {paths: /rd2/**}, redirect: {path: {replacePrefixMatch: /neu}, host: h.example}}
      - {name: moved3, match: {paths: /rd3}, redirect: {path: {replaceFullPath: /full}, port: 8080}}
      - {name: tea, match: {hosts: [x.example.com], paths: /h}, respond: {status: 418}}
      - {name: no-field, match: {paths: /nf, query: {k: {absent: true}, l: {absent: true}}}, to: b2}
      - {name: other-value, match: {paths: /ov, query: {k: {not: [v, {prefix: w}]}}}, to: b2}
      - {name: other-or-not, match: {paths: /on, query: {k: [{not: [v, {absent: true}]}, {absent: true}]}}, to: b2}
      - {name: not-present, match: {paths: /np, headers: {x-a: {not: [{absent: true}, one]}}}, to: b2}
  bi:
    services: [b]
    hosts: [b.internal]
    rules:
      - {name: tell, match: {ports: [admin], paths: /x, from: [{namespace: ops}, a]}, redirect: {path: {replaceFullPath: /y}}}
      - {name: mine, match: {from: [other], paths: /only-other}, respond: {status: 299}}
      - {name: got, match: {methods: [GET, HEAD], paths: "/café/**"}, to: b}
      - {name: put, match: {methods: [PUT], paths: ["/a:b"]}, to: {service: b, port: http, version: v2}}
      - {name: out, match: {paths: /v1/ext/**}, to: {service: ext, port: http}}
"""
HOSTS = (
    *("b.shop.svc.cluster.local", "b.internal", "b2.shop.svc.cluster.local", "c.shop.svc.cluster.local", "unknown.shop.svc.cluster.local"),
    *("api.x.example", "b.x.example", "q.two.example", "nowhere.example"),
)
PATHS = (
    *("/", "/a/x/b", "/r/7", "/r/x", "/o", "/o/", "/o/x/y", "/ox", "/p/1/q", "/p/1/q/z", "/p/1/qz", "/s", "/s/", "/s/t"),
    *(
        "/o2",
        "/o2/",
        "/o2/x",
        "/rd",
        "/rd/",
        "/rd/x/y",
        "/rdx",
        "/rd2",
        "/rd2/",
        "/rd2/x",
        "/rd3",
        "/rd3/",
        "/h",
        "/np",
        "/x",
        "/only-other",
    ),
    *("/caf%C3%A9", "/caf%C3%A9/x", "/a:b", "/v1", "/v1/x", "/v1/ext", "/v1/ext/1", "/v2"),
)
FIELDS = (
    (),
    (("x-a", "one"),),
    (("x-a", "zero"), ("x-a", "two")),
    (("x-a", "zero"),),
    (("x-b", "bad"), ("x-a", "one")),
    (("x-a", "one"), ("x-e", "e")),
)
MORE_FIELDS = (
    (("x-a", "one"), ("x-c", "")),
    (("x-a", "one"), ("x-e", "")),
    (("x-b", "good"), ("x-b", "bad"), ("x-a", "t")),
    (("x-a", ""),),
)
QUERIES = (None, "q=&p&r=a", "q&p=1&r=b", "q=1&p=1&r=a", "r=a", "q=&p=&r=ab", "q=&q=1&p=1&r=a")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    """The mesh of this module."""
    return mesh_of(MESH)


@pytest.fixture(scope="module")
def objects(mesh: Mesh) -> list[Object]:
    """What is written for it."""
    return written(mesh)


def expected_of(mesh: Mesh, decision: Decision) -> Done:
    """A decision in the words of a proxy."""
    if decision.outcome is Outcome.REDIRECT:
        return Done(status=decision.status, location=decision.location)
    if decision.outcome is not Outcome.ROUTED:
        return Done(status=decision.status)
    assert decision.request is not None
    shares = tuple(
        sorted(
            (
                _host(mesh, one.service, decision.request.host),
                mesh.service_by_name[one.service].port(one.port or "").port,
                one.version,
                one.weight,
            )
            for one in decision.destinations
            if one.service is not None and one.weight
        )
    )
    shares = ((*shares[0][:3], 1),) if len(shares) == 1 else shares
    return Done(destinations=shares, path=decision.request.path, host=decision.request.host)


def _host(mesh: Mesh, name: Name, asked: str) -> str:
    service = mesh.service_by_name[name]
    if not service.external:
        return f"{name.name}.{name.namespace}.svc.cluster.local"
    return asked if asked in service.hosts else service.hosts[0]


def plain(done: Done) -> Done:
    """What was done, without the route that says so."""
    return Done(done.status, done.location, done.destinations, done.path, done.host)


def target_of(asked: Asked) -> str:
    return asked.path if asked.query is None else f"{asked.path}?{asked.query}"


def agree_inside(mesh: Mesh, objects: list[Object], caller: Name, asked: Asked) -> None:
    decision = decide(mesh, Request(Workload(caller), asked.method, target_of(asked), (asked.host,), asked.headers, port=asked.port))
    assert expected_of(mesh, decision) == plain(inside(mesh, objects, caller, asked)), (caller, asked)


def agree_at_gateway(mesh: Mesh, objects: list[Object], listener: str, asked: Asked) -> None:
    client = Outside(Name("shop", "pub"), listener=listener)
    decision = decide(mesh, Request(client, asked.method, target_of(asked), (asked.host,), asked.headers))
    done = at_gateway(objects, f"istio-ingress/shop-shop-pub-{listener}", asked, "http")
    assert expected_of(mesh, decision) == plain(done), asked


@pytest.mark.parametrize("host", ["x.example.com", "y.example.com", "deep.y.example.com"])
def test_gateway_rules_take_what_decide_says(mesh: Mesh, objects: list[Object], host: str) -> None:
    """Paths of every kind, with and without methods that are retried otherwise."""
    for path, method, query in product(PATHS, ("GET", "POST"), (None, "a=b")):
        agree_at_gateway(mesh, objects, "web", Asked(host, 80, method, path, query))


def test_gateway_conditions_on_fields_hold_as_decide_says(mesh: Mesh, objects: list[Object]) -> None:
    """Headers and query fields: repeated, empty, absent, and with several conditions."""
    for path, headers, query in product(("/a/x/b", "/r/7", "/np"), (*FIELDS, *MORE_FIELDS), QUERIES):
        agree_at_gateway(mesh, objects, "web", Asked("x.example.com", 80, "GET", path, query, headers))


def test_gateway_conditions_on_absent_fields_hold_as_decide_says(mesh: Mesh, objects: list[Object]) -> None:
    """Query fields that are not there, or whose first value is another one."""
    queries = (None, "", "k", "k=", "k=v", "k=vv", "k=w", "k=u", "l=1", "ak=1", "k2=v", "m&k=v", "k=u&k=v", "k=v&k=u", "&&k=w1", "m=k&n=l")
    for path, query in product(("/nf", "/ov", "/on"), queries):
        agree_at_gateway(mesh, objects, "web", Asked("x.example.com", 80, "GET", path, query))


def test_a_narrower_listener_without_routes_answers_404(mesh: Mesh, objects: list[Object]) -> None:
    """The best host owns the request, so a wider listener's routes do not take it."""
    agree_at_gateway(mesh, objects, "narrow", Asked("api.example.com", 80, "GET", "/o"))


@pytest.mark.parametrize("caller", ["a", "other", "unknown"])
@pytest.mark.parametrize("host", HOSTS)
def test_callers_proxies_do_what_decide_says(mesh: Mesh, objects: list[Object], caller: str, host: str) -> None:
    """Every host from every caller: routes, guards of what lies outside, and hosts the proxy does not know."""
    port = 8080 if host.startswith("b2.") else 80
    for path, method in product(PATHS, ("GET", "POST", "PUT")):
        agree_inside(mesh, objects, Name("shop", caller), Asked(host, port, method, path))


@pytest.mark.parametrize("caller", ["a", "other"])
@pytest.mark.parametrize("host", ["b.shop.svc.cluster.local", "b.internal", "q.two.example"])
def test_a_second_port_is_told_apart(mesh: Mesh, objects: list[Object], caller: str, host: str) -> None:
    """Rules and calls that name ports, and destinations that are the port that was called."""
    for path, method in product(PATHS, ("GET", "PUT")):
        agree_inside(mesh, objects, Name("shop", caller), Asked(host, 81, method, path))


@pytest.mark.parametrize("host", ["api.x.example", "b.x.example", "q.two.example"])
def test_open_egress_guards_listed_services_as_decide_says(host: str) -> None:
    """Whatever else may leave the mesh, a listed service is reached by those alone that declare it."""
    mesh = mesh_of(MESH.replace("access: allow}", "access: allow, egress: allow}"))
    objects = written(mesh)
    for caller, path, method in product(("a", "other", "unknown"), ("/", "/v1/x", "/v2"), METHODS):
        agree_inside(mesh, objects, Name("shop", caller), Asked(host, 80, method, path))


HTTPS = """
namespace: shop
mesh: {name: shop, access: allow}
services: {web: {ports: {http: 80}}}
gateways:
  public:
    listeners:
      http: {port: 80, redirectToHttps: true}
      https: {port: 443, targetPort: 8443, hosts: [shop.example.com], tls: {certificate: shop}}
      more: {port: 9443, hosts: ["*.example.org", shop.example.com], tls: {certificate: shop}}
certificates: {shop: {from: {secret: shop}, hosts: [shop.example.com, "*.example.org"]}}
routes:
  acme: {gateways: [public], listeners: [http], hosts: [shop.example.com], rules: [{match: {paths: "/acme/*", methods: [GET]}, to: web}]}
  all: {gateways: [public], listeners: [https], hosts: [shop.example.com], rules: [{to: web}]}
"""


@pytest.mark.parametrize(
    ("asked", "status", "location"),
    [
        (Asked("shop.example.com", 80, "GET", "/a", "q=1"), 301, "https://shop.example.com/a?q=1"),
        (Asked("x.y.example.org", 80), 301, "https://x.y.example.org:9443/"),
        (Asked("example.org", 80), 404, None),
        (Asked("nobody.example", 80), 404, None),
        (Asked("shop.example.com", 80, "GET", "/acme/token"), None, None),
        (Asked("shop.example.com", 80, "POST", "/acme/token"), 301, "https://shop.example.com/acme/token"),
        (Asked("shop.example.com", 80, "GET", "/acme/a/b"), 301, "https://shop.example.com/acme/a/b"),
    ],
)
def test_plain_listeners_send_to_https(asked: Asked, status: int | None, location: str | None) -> None:
    """L5: to the port of the owning TLS listener that clients see, 443 first; hosts without one are 404; pinned rules come before."""
    done = at_gateway(written(mesh_of(HTTPS)), "istio-ingress/shop-shop-public-http", asked, "http")
    assert (status, location) == (done.status, done.location)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["a", "other", "unknown"]),
    st.builds(
        Asked,
        host=st.sampled_from(HOSTS),
        port=st.just(80),
        method=st.sampled_from(METHODS),
        path=st.sampled_from(PATHS),
        query=st.sampled_from(QUERIES),
        headers=st.sampled_from((*FIELDS, *MORE_FIELDS)),
    ),
)
def test_any_request_inside_is_decided_alike(caller: str, asked: Asked) -> None:
    """Mixtures that nobody thought of."""
    if not asked.host.startswith("b2."):
        agree_inside(WHOLE, WRITTEN, Name("shop", caller), asked)


WHOLE = mesh_of(MESH)
WRITTEN = written(WHOLE)
