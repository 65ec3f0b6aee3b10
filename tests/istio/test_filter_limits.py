"""A stock Envoy with the filters of limits refuses what exceeds them, and only that (section 4 of the language)."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.diagnostics import Origin
from meshc.model import LimitKey, RateLimit
from meshc_istio.filters.body_limit import body_filter, route_body
from meshc_istio.filters.rate_limit import limit_filters
from tests.istio.stock_envoy import Envoy, running
from tests.istio.written import HEAD, names, one
from tests.meshes import mesh_of

HOUR = 3_600_000
SIZE = 20_000


def _limit(per: LimitKey, header: str | None = None) -> RateLimit:
    return RateLimit(2, HOUR, 1, per, header, Origin("mesh.yaml"))


# --- rates ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_a_limit_lets_as_many_pass_and_no_more(tmp_path: Path) -> None:
    """Two an hour and one more at once: three pass, the fourth is 429."""
    with running(tmp_path, limit_filters("all", _limit(LimitKey.ALL), at_gateway=False), {}) as envoy:
        assert [200, 200, 200, 429] == [envoy.ask("/").status for _ in range(4)]


@pytest.mark.engine
def test_each_value_has_a_bucket_and_those_without_share_one(tmp_path: Path) -> None:
    """Requests with one value of the header do not count for another; requests without it share a bucket."""
    with running(tmp_path, limit_filters("by-header", _limit(LimitKey.HEADER, "x-key"), at_gateway=False), {}) as envoy:
        for headers in ((("x-key", "a"),), (("x-key", "b"),), ()):
            assert [200, 200, 200, 429] == [envoy.ask("/", headers=headers).status for _ in range(4)], headers


@pytest.mark.engine
def test_a_gateway_counts_by_the_clients_address(tmp_path: Path) -> None:
    """The client's address has a bucket."""
    with running(tmp_path, limit_filters("by-address", _limit(LimitKey.SOURCE_IP), at_gateway=True), {}) as envoy:
        assert [200, 200, 200, 429] == [envoy.ask("/").status for _ in range(4)]


@pytest.mark.engine
def test_a_sidecar_counts_by_the_peer_whatever_it_says_of_its_client(tmp_path: Path) -> None:
    """X-Forwarded-For is a caller's word: a new one is no new bucket, and what carries the address past the limit arrives nowhere."""
    shown = {"x-peer": "%REQ(X-MESHC-PEER)%"}
    with running(tmp_path, limit_filters("by-peer", _limit(LimitKey.SOURCE_IP), at_gateway=False), shown) as envoy:
        replies = [envoy.ask("/", headers=(("x-forwarded-for", f"10.0.0.{n}"), ("x-meshc-peer", f"10.0.0.{n}"))) for n in range(4)]
    assert [200, 200, 200, 429] == [reply.status for reply in replies]
    assert {"-"} == {reply.headers.get("x-peer", "-") for reply in replies}


@pytest.mark.engine
def test_callers_without_a_certificate_share_a_bucket(tmp_path: Path) -> None:
    """By source service, plaintext callers are one source."""
    with running(tmp_path, limit_filters("by-source", _limit(LimitKey.SOURCE_SERVICE), at_gateway=False), {}) as envoy:
        assert [200, 200, 200, 429] == [envoy.ask("/").status for _ in range(4)]


@pytest.mark.engine
@pytest.mark.parametrize(("per", "header"), [(LimitKey.ALL, None), (LimitKey.HEADER, "x-key")])
def test_a_rules_limit_counts_what_the_rule_took(tmp_path: Path, per: LimitKey, header: str | None) -> None:
    """Other rules' requests neither count nor are refused."""
    with running(tmp_path, limit_filters("of-rule", _limit(per, header), at_gateway=True, route="rule"), {}) as envoy:
        assert [200] * 5 == [envoy.ask("/other").status for _ in range(5)]
        assert [200, 200, 200, 429] == [envoy.ask("/rule").status for _ in range(4)]
        assert 200 == envoy.ask("/other").status


# --- sizes ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    """An Envoy that limits every body."""
    with running(tmp_path_factory.mktemp("sized"), [body_filter("body", SIZE)], {}) as envoy:
        yield envoy


@pytest.mark.engine
@pytest.mark.parametrize(("size", "status"), [(0, 200), (SIZE, 200), (SIZE + 1, 413), (300_000, 413)])
def test_a_body_may_be_as_long_as_its_limit(sized: Envoy, size: int, status: int) -> None:
    """Whether its length is said or it comes in chunks."""
    said = (("content-length", str(size)),)
    assert status == sized.ask("/", method="POST", headers=said, body=b"x" * size).status
    assert status == sized.ask("/", method="POST", body=b"x" * size).status


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto"])
def test_a_stream_of_grpc_is_not_held(sized: Envoy, kind: str) -> None:
    """It may never end, so no limit of a body is one of it; another content type has the limit."""
    body = b"x" * (SIZE + 1)
    assert 200 == sized.ask("/", method="POST", headers=(("content-type", kind),), body=body).status
    assert 413 == sized.ask("/", method="POST", headers=(("content-type", "application/json"),), body=body).status


def _first_line(port: int, request: bytes) -> bytes:
    """The first line of an answer to what never ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(4096).partition(b"\r\n")[0]


@pytest.mark.engine
def test_an_upgraded_connection_is_not_held(sized: Envoy) -> None:
    """A filter that waited for its end would wait for ever: the answer comes while the client's side is open."""
    upgrade = b"GET / HTTP/1.1\r\nHost: users.shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert b"HTTP/1.1 200 OK" == _first_line(sized.port, upgrade)


@pytest.mark.engine
def test_a_stream_of_grpc_is_answered_while_it_lasts(sized: Envoy) -> None:
    """So is one of gRPC."""
    head = b"POST / HTTP/1.1\r\nHost: users.shop\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    assert b"HTTP/1.1 200 OK" == _first_line(sized.port, head)


@pytest.mark.engine
@pytest.mark.parametrize(("target", "status"), [("/rule", 413), ("/other", 200)])
def test_a_rules_body_limit_is_its_own(tmp_path: Path, target: str, status: int) -> None:
    """Requests that another rule took have no limit."""
    with running(tmp_path, [body_filter("body.rule", None)], {}, per_route=route_body("body.rule", SIZE)) as envoy:
        assert status == envoy.ask(target, method="POST", body=b"x" * (SIZE + 1)).status
        assert 200 == envoy.ask(target, method="POST", body=b"x" * SIZE).status


# --- where they stand -------------------------------------------------------------------------------------------------------------

MESH = """
services:
  web: {ports: {http: 80}, calls: [users]}
  other: {ports: {http: 80}, calls: []}
  users: {ports: {http: 80}, calls: [], rateLimits: [{limit: 5/s, per: source-service}], maxRequestBody: 16KiB}
gateways:
  public: {rateLimits: [{limit: 9/s}], listeners: {http: {port: 80, targetPort: 8080, maxRequestBody: 32KiB}}}
routes:
  in: {gateways: [public], hosts: [a.example], rules: [{name: r, to: users, rateLimits: [{limit: 7/s}]}]}
  east: {services: [users], rules: [{name: e, to: users, rateLimits: [{limit: 6/s}], maxRequestBody: 16KiB}]}
"""


def test_limits_stand_in_the_proxy_that_the_law_names() -> None:
    """A service's in its own, a gateway's and its rules' there, an east-west rule's in those of the callers."""
    mesh = mesh_of(HEAD + MESH)
    filters = {
        name: [
            (patch["match"]["context"], str(patch["patch"]["value"].get("name", "route")))
            for patch in one(mesh, "EnvoyFilter", name)["configPatches"]
        ]
        for name in ("users", "shop-shop-public", "web")
    }
    assert {
        "users": [("SIDECAR_INBOUND", "meshc.limit.1"), ("SIDECAR_INBOUND", "meshc.body")],
        "shop-shop-public": [("GATEWAY", name) for name in ("meshc.limit.1", "meshc.body", "meshc.limit.shop.in.r.1")],
        "web": [("SIDECAR_OUTBOUND", name) for name in ("meshc.limit.shop.east.e.1", "meshc.body.rule", "route")],
    } == filters


def test_a_listeners_body_limit_is_for_the_port_where_pods_listen() -> None:
    """Filters know the pod's port, not the one that clients see."""
    mesh = mesh_of(HEAD + MESH)
    ports = [patch["match"]["listener"].get("portNumber") for patch in one(mesh, "EnvoyFilter", "shop-shop-public")["configPatches"]]
    assert [None, 8080, None] == ports


def test_a_rule_that_is_limited_is_known_by_its_name() -> None:
    """The patch of its routes and the limit's expression name the route that the VirtualService names."""
    mesh = mesh_of(HEAD + MESH)
    assert ["shop.east.e"] == [route["name"] for route in one(mesh, "VirtualService", "users")["http"]]
    *_, merged = one(mesh, "EnvoyFilter", "web")["configPatches"]
    assert {"name": "shop.east.e"} == merged["match"]["routeConfiguration"]["vhost"]["route"]
    assert {"meshc.body.rule"} == merged["patch"]["value"]["typed_per_filter_config"].keys()


def test_limits_are_counted_after_access() -> None:
    """Behind all that may refuse a request: before the router."""
    for patch in one(mesh_of(HEAD + MESH), "EnvoyFilter", "users")["configPatches"]:
        assert "INSERT_BEFORE" == patch["patch"]["operation"]
        assert {"name": "envoy.filters.http.router"} == patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]


def test_headers_set_to_nothing_are_kept() -> None:
    """Envoy would drop them, so a patch of the rule's route in each caller's proxy says that they stay."""
    text = """
services:
  a: {ports: {http: 80}, calls: [b]}
  b: {ports: {http: 80}, calls: []}
routes: {r: {services: [b], rules: [{name: x, to: b, headers: {request: {set: {x-a: "", x-b: v}}}}]}}
"""
    mesh = mesh_of(HEAD + text)
    (patch,) = one(mesh, "EnvoyFilter", "a")["configPatches"]
    kept = {"header": {"key": "x-a", "value": ""}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "keep_empty_value": True}
    assert {"name": "shop.r.x"} == patch["match"]["routeConfiguration"]["vhost"]["route"]
    assert {"request_headers_to_add": [kept]} == patch["patch"]["value"]
    assert {"x-b": "v"} == one(mesh, "VirtualService", "b")["http"][0]["headers"]["request"]["set"]
    assert ["shop/a"] == names(mesh, "EnvoyFilter")
