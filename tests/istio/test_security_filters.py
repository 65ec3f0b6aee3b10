"""A stock Envoy with the filters that are written for a workload: what they answer, and which bits they leave (L4, L5, L9, L13)."""

from collections.abc import Iterator
from itertools import product

import pytest

from meshc import paths
from meshc.model import Mesh, Name, Pattern
from meshc.semantics.matching import selects
from meshc.semantics.message import Message
from meshc_istio import rbac
from meshc_istio.check_point import of_service
from meshc_istio.conditions import split
from meshc_istio.normalize_lua import normalize_filter
from tests.istio.stock_envoy import Envoy, free_port, running
from tests.meshes import mesh_of

pytestmark = pytest.mark.engine

USERS = Name("shop", "users")
MESH = """
namespace: shop
mesh: {access: allow, methods: [PURGE]}
services:
  users: {ports: {http: 80}}
policies:
  users:
    services: [users]
    deny:
      - {paths: ["/a/*/b", {regex: "/r/[0-9]+"}]}
      - {paths: ["/x%2A/**", "/é"]}
      - {headers: {x-a: {regex: "b[a-z]d"}}}
      - {headers: {x-a: {absent: true}}}
      - {headers: {x-a: {not: [one, {prefix: t}]}}}
      - {headers: {x-a: ["", {present: true}]}}
      - {headers: {x-a: {prefix: ""}, x-b: "*"}}
      - {query: {q: "1"}}
      - {query: {q: ""}}
      - {query: {q: {present: true}}}
      - {query: {q: {regex: "a.*b"}}}
      - {query: {q: {not: "1"}}}
      - {query: {qq: {prefix: "v"}}}
      - {hosts: ["*.wild.example"]}
"""


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    """A service whose entries need every kind of bit."""
    return mesh_of(MESH)


@pytest.fixture(scope="module")
def patterns(mesh: Mesh) -> tuple[Pattern, ...]:
    """The parts of its entries that no policy can say."""
    rests = (split(grant.pattern)[1] for grant in of_service(mesh, mesh.service_by_name[USERS]).checks.deny)
    return tuple(rest for rest in rests if rest is not None)


@pytest.fixture(scope="module")
def envoy(mesh: Mesh, patterns: tuple[Pattern, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    """An Envoy that normalizes, sets a bit for each pattern, and shows what it sees."""
    bits = [
        rbac.shadow_filter(f"bit.{number}", f"bit{number}_", {"holds": rbac.policy(rbac.permissions(pattern), [])})
        for number, pattern in enumerate(patterns)
    ]
    shown = {
        "x-path": "%REQ(:PATH)%",
        "x-host": "%REQ(:AUTHORITY)%",
        "x-forged": "%REQ(X-ENVOY-MAX-RETRIES)%%REQ(X-MESHC-A)%",
        **{f"x-bit-{number}": f"%DYNAMIC_METADATA({rbac.METADATA}:bit{number}_shadow_engine_result)%" for number in range(len(patterns))},
    }
    filters = [normalize_filter(mesh, bearer=False, peer=False), *bits]
    with running(tmp_path_factory.mktemp("envoy"), filters, shown) as one:
        yield one


def test_every_entry_needs_a_bit(mesh: Mesh, patterns: tuple[Pattern, ...]) -> None:
    """No entry of this mesh can be said by a policy alone, so all are tried below."""
    assert len(of_service(mesh, mesh.service_by_name[USERS]).checks.deny) == len(patterns)


TARGETS = (
    *(
        "/",
        "/a/1/b",
        "/a//b",
        "/a/b",
        "/a/x*y/b",
        "/a/x=y/b",
        "/a/%2a/b",
        "/a/%c3%a9/b",
        "/r/12",
        "/r/1%32",
        "/r/a",
        "/x*",
        "/x%2A/y",
        "/xy",
    ),
    *("/%C3%A9", "/%c3%a9", "/?q=1", "/?q", "/?q=", "/?x=2&q=1", "/?q=2&q=1", "/?qq=v1&q=1", "/?&q=1", "/?q=a&x=b", "/?q=axb&y", "/?qq=w"),
    *("/?%71=1", "/?q=%31", "/?q==1"),
)
HEADERS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (("x-a", ""),),
    (("x-a", "bad"),),
    (("x-a", "no"), ("x-a", "bxd")),
    (("x-a", "two"),),
    (("x-a", "zwei"), ("x-a", "one")),
    (("x-a", "z"), ("x-b", "*")),
    (("x-b", "q"),),
)


@pytest.mark.parametrize(("target", "headers"), [*product(TARGETS, HEADERS[:1]), *product(TARGETS[:1], HEADERS)])
def test_bits_are_what_the_law_says(
    envoy: Envoy, mesh: Mesh, patterns: tuple[Pattern, ...], target: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """For each request each bit is set exactly where the reference says that the pattern holds."""
    parts = paths.split_target(target)
    reading = paths.read(parts.path)
    assert reading.segments is not None
    for host in ("users.shop", "a.b.WILD.example:80", "wild.example"):
        name = host.lower().partition(":")[0]
        message = Message(method="GET", host=name, segments=reading.segments, query=parts.query, headers=headers)
        reply = envoy.ask(target, host=host, headers=headers)
        seen = [reply.headers[f"x-bit-{number}"] == "allowed" for number in range(len(patterns))]
        assert [selects(mesh, pattern, message, None) for pattern in patterns] == seen


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a/b", "/a/b"),
        ("//a///b/", "/a/b/"),
        ("/a/%2e%2E/b?x=../%2F", "/b?x=../%2F"),
        ("/%61%3ab%20%c3%a9", "/a:b%20%C3%A9"),
        ("/a/./b/..", "/a/"),
        ("/?a//b", "/?a//b"),
    ],
)
def test_paths_arrive_in_canonical_spelling(envoy: Envoy, target: str, path: str) -> None:
    """What policies see and applications receive has one spelling; the query is left alone."""
    assert path == envoy.ask(target).headers["x-path"]


@pytest.mark.parametrize("target", ["/a%2Fb", "/a%5cb", "/%01", "/%7f", "/%zz", "/%", "/%ff", "/a%c3", "/..%3bx", "/a/%2e%2e;p/b"])
def test_malformed_paths_are_400(envoy: Envoy, target: str) -> None:
    """What readers disagree on reaches nobody."""
    assert 400 == envoy.ask(target).status


@pytest.mark.parametrize("host", ["a,b", "a b", "a/b", "u@a", "a..b", ".a", "[::1", "[1::2::3]", "a:b"])
def test_malformed_hosts_are_400(envoy: Envoy, host: str) -> None:
    """Two hosts, blanks, user names and broken addresses are no host."""
    assert 400 == envoy.ask("/", host=host).status


def test_a_trailing_dot_of_the_host_goes(envoy: Envoy) -> None:
    """`users.shop.` is `users.shop`, whatever its port."""
    assert "users.shop:80" == envoy.ask("/", host="users.shop.:80").headers["x-host"]


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("PURGE", 200), ("PROPFIND", 405), ("TRACE", 405)])
def test_only_known_methods_pass(envoy: Envoy, method: str, status: int) -> None:
    """The standard ones and those of `mesh.methods`, and no other."""
    assert status == envoy.ask("/", method=method).status


def test_forged_headers_are_dropped(envoy: Envoy) -> None:
    """No client speaks to a proxy by its own headers."""
    forged = (("x-envoy-max-retries", "9"), ("x-meshc-a", "1"))
    assert envoy.ask("/", headers=forged).headers.get("x-forged", "--").strip("-") == ""


def test_grpc_gets_its_own_answers(envoy: Envoy) -> None:
    """A refused gRPC request is HTTP 200 with a grpc-status."""
    reply = envoy.ask("/%zz", method="POST", headers=(("content-type", "application/grpc"),))
    assert (200, "13") == (reply.status, reply.headers["grpc-status"])


# --- redirectToHttps ------------------------------------------------------------------------------------------------------------

GATEWAY = """
namespace: shop
mesh: {access: allow}
services: {web: {ports: {http: 80}}}
gateways:
  public:
    listeners:
      http: {port: PORT, redirectToHttps: true}
      https: {port: 443, hosts: [shop.example.com], tls: {certificate: shop}}
      more: {port: 8443, hosts: ["*.example.org", shop.example.com], tls: {certificate: shop}}
certificates: {shop: {from: {secret: shop}, hosts: [shop.example.com, "*.example.org"]}}
routes:
  acme: {gateways: [public], listeners: [http], hosts: [shop.example.com], rules: [{match: {paths: "/acme/*", methods: [GET]}, to: web}]}
  all: {gateways: [public], hosts: [shop.example.com, "*.example.org"], rules: [{to: web}]}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    """A gateway's plain listener."""
    port = free_port()
    mesh = mesh_of(GATEWAY.replace("PORT", str(port)))
    filters = [normalize_filter(mesh, bearer=False, peer=False, gateway=mesh.gateways[0])]
    with running(tmp_path_factory.mktemp("gateway"), filters, {}, port) as one:
        yield one


@pytest.mark.parametrize(
    ("host", "target", "status", "location"),
    [
        ("shop.example.com", "/a?q=1", 301, "https://shop.example.com/a?q=1"),
        ("SHOP.example.com.:8080", "/a//b", 301, "https://shop.example.com/a/b"),
        ("x.y.example.org", "/", 301, "https://x.y.example.org:8443/"),
        ("example.org", "/", 404, None),
        ("nobody.example", "/", 404, None),
        ("shop.example.com", "/acme/token", 200, None),
        ("shop.example.com", "/acme/", 301, "https://shop.example.com/acme/"),
        ("shop.example.com", "/acme/a/b", 301, "https://shop.example.com/acme/a/b"),
    ],
)
def test_plain_listeners_send_to_https(gateway: Envoy, host: str, target: str, status: int, location: str | None) -> None:
    """To the port of the owning TLS listener, 443 first; hosts without one are 404; pinned rules come before."""
    reply = gateway.ask(target, host=host)
    assert (status, location) == (reply.status, reply.headers.get("location"))


def test_a_pinned_rule_holds_for_its_methods(gateway: Envoy) -> None:
    """Another method of the pinned path goes to https."""
    assert 301 == gateway.ask("/acme/token", method="POST", host="shop.example.com").status
