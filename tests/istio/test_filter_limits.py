"""A stock Envoy with the filters of limits refuses what exceeds them, and only that (section 4 of the language)."""

from pathlib import Path

import pytest

from meshc.diagnostics import Origin
from meshc.model import LimitKey, RateLimit
from meshc_istio.body_limit import body_filters, route_buffer, rule_body_filters
from meshc_istio.limits import limit_objects
from meshc_istio.rate_limit import limit_filter
from tests.istio.stock_envoy import running
from tests.meshes import mesh_of

HOUR = 3_600_000


def _limit(per: LimitKey, header: str | None = None) -> RateLimit:
    return RateLimit(2, HOUR, 1, per, header, Origin("mesh.yaml"))


@pytest.mark.engine
def test_a_limit_lets_as_many_pass_and_no_more(tmp_path: Path) -> None:
    """Two an hour and one more at once: three pass, the fourth is 429."""
    with running(tmp_path, [limit_filter("all", _limit(LimitKey.ALL), at_gateway=False)], {}) as envoy:
        assert [200, 200, 200, 429] == [envoy.ask("/").status for _ in range(4)]


@pytest.mark.engine
def test_each_value_has_a_bucket_and_those_without_share_one(tmp_path: Path) -> None:
    """Requests with one value of the header do not count for another; requests without it share a bucket."""
    with running(tmp_path, [limit_filter("by-header", _limit(LimitKey.HEADER, "x-key"), at_gateway=False)], {}) as envoy:
        for headers in ((("x-key", "a"),), (("x-key", "b"),), ()):
            assert [200, 200, 200, 429] == [envoy.ask("/", headers=headers).status for _ in range(4)], headers


@pytest.mark.engine
def test_a_gateway_counts_by_the_clients_address(tmp_path: Path) -> None:
    """The client's address has a bucket."""
    with running(tmp_path, [limit_filter("by-address", _limit(LimitKey.SOURCE_IP), at_gateway=True)], {}) as envoy:
        assert [200, 200, 200, 429] == [envoy.ask("/").status for _ in range(4)]


@pytest.mark.engine
def test_callers_without_a_certificate_share_a_bucket(tmp_path: Path) -> None:
    """By source service, plaintext callers are one source."""
    with running(tmp_path, [limit_filter("by-source", _limit(LimitKey.SOURCE_SERVICE), at_gateway=False)], {}) as envoy:
        assert [200, 200, 200, 429] == [envoy.ask("/").status for _ in range(4)]


@pytest.mark.engine
def test_a_rules_limit_counts_what_the_rule_took(tmp_path: Path) -> None:
    """Other rules' requests neither count nor are refused."""
    with running(tmp_path, [limit_filter("of-rule", _limit(LimitKey.ALL), at_gateway=True, route="rule")], {}) as envoy:
        assert [200] * 5 == [envoy.ask("/other").status for _ in range(5)]
        assert [200, 200, 200, 429] == [envoy.ask("/rule").status for _ in range(4)]
        assert 200 == envoy.ask("/other").status


@pytest.mark.engine
@pytest.mark.parametrize(("size", "status"), [(0, 200), (1000, 200), (1001, 413), (300_000, 413)])
def test_a_body_may_be_as_long_as_its_limit(tmp_path: Path, size: int, status: int) -> None:
    """Whether its length is said or it comes in chunks."""
    with running(tmp_path, body_filters(1000), {}) as envoy:
        said = (("content-length", str(size)),)
        assert status == envoy.ask("/", method="POST", headers=said, body=b"x" * size).status
        assert status == envoy.ask("/", method="POST", body=b"x" * size).status


@pytest.mark.engine
@pytest.mark.parametrize(("target", "status"), [("/rule", 413), ("/other", 200)])
def test_a_rules_body_limit_is_its_own(tmp_path: Path, target: str, status: int) -> None:
    """Requests that another rule took have no limit."""
    with running(tmp_path, rule_body_filters({"rule": 1000}), {}, per_route=route_buffer(1000)) as envoy:
        assert status == envoy.ask(target, method="POST", body=b"x" * 1001).status
        assert 200 == envoy.ask(target, method="POST", body=b"x" * 1000).status


MESH = """
namespace: shop
services:
  web: {ports: {http: 80}, calls: [users]}
  other: {ports: {http: 80}, calls: []}
  users: {ports: {http: 80}, calls: [], rateLimits: [{limit: 5/s, per: source-service}], maxRequestBody: 1KiB}
gateways:
  public: {rateLimits: [{limit: 9/s}], listeners: {http: {port: 80, maxRequestBody: 2KiB}}}
routes:
  in: {gateways: [public], hosts: [a.example], rules: [{name: r, to: users, rateLimits: [{limit: 7/s}]}]}
  east: {services: [users], rules: [{name: e, to: users, rateLimits: [{limit: 6/s}], maxRequestBody: 1KiB}]}
"""


def test_limits_stand_in_the_proxy_that_the_law_names() -> None:
    """A service's in its own, a gateway's and its rules' there, an east-west rule's in those of the callers."""
    filters = {
        one.name: [str(patch["patch"]["value"].get("name", "route")) for patch in one.spec["configPatches"]]
        for one in limit_objects(mesh_of(MESH))
    }
    expected = {
        "users.limits": ["meshc.limit.users.1", "meshc.body", "meshc.body.count"],
        "shop.public.limits": ["meshc.limit.shop_public.1", "meshc.body", "meshc.body.count", "meshc.limit.shop.in.r.1"],
        "web.limits": ["meshc.limit.shop.east.e.1", "meshc.body.rule", "meshc.body.rule.count", "route"],
    }
    assert expected == filters
