"""What a test of the mesh may expect of a request that goes nowhere (section 4 of the language)."""

import pytest

from meshc.semantics.expectations import check
from tests.meshes import mesh_of

MESH = """
namespace: shop
mesh: {access: allow}
services:
  web: {ports: {http: 80}, calls: [users]}
  users: {ports: {http: 80}}
  cart: {ports: {http: 80}}
gateways: {edge: {listeners: {http: 80}}}
routes:
  edge: {gateways: [edge], hosts: [shop.example], rules: [{match: {paths: /users/**}, to: users}]}
  users: {services: [users], rules: [{match: {paths: /v1/**}, to: users}]}
tests: [{name: t, %s, expect: %s}]
"""


@pytest.mark.parametrize(
    ("asks", "goes"),
    [
        ("via: edge, request: {host: shop.example, path: /cart}", False),
        ("via: edge, request: {host: other.example, path: /users}", False),
        ("from: web, to: users, request: {path: /v2}", False),
        ("from: web, to: cart", False),
        ("from: web, request: {host: api.example}", False),
        ("via: edge, request: {host: shop.example, path: /users/7}", True),
        ("from: web, to: users, request: {path: /v1/7}", True),
    ],
)
def test_no_route(asks: str, goes: bool) -> None:  # noqa: FBT001 - a table's column
    """`no-route` holds where no rule takes the request, at a gateway or inside, and where the caller's proxy knows no such service."""
    mesh = mesh_of(MESH % (asks, "no-route"))
    assert goes is not check(mesh, mesh.tests[0]).passed


def test_what_came_instead() -> None:
    """What fails says so: another end is no `no-route`, and `no-route` is no other end."""
    expected, denied = (mesh_of(MESH % ("from: web, to: cart", word)) for word in ("no-route", "denied"))
    assert check(expected, expected.tests[0]).failure is None
    assert "expected denied, got no-route (502)" == check(denied, denied.tests[0]).failure
