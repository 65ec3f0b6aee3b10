"""Gateways whose pods others share: only this mesh's hosts are touched, and what can't be limited to them is an error (L3)."""

import pytest

from tests.istio.written import HEAD, findings_of, one
from tests.meshes import mesh_of

GATEWAY = """
services: {{api: {{ports: {{http: 80}}}}}}
gateways: {{edge: {{tenancy: {tenancy}, {more}listeners: {{http: {{port: 80, hosts: [{host}]}}}}}}}}
routes: {{edge: {{gateways: [edge], hosts: [a.example.com], rules: [{{to: api}}]}}}}
authentication: {{id: {{jwt: {{issuer: "https://id.example", jwks: {{uri: "https://id.example/keys"}}}}}}}}
policies: {{edge: {{gateways: [edge], {policy}}}}}
"""
DENY = "deny: [{paths: /admin/**}, {methods: [DELETE], paths: '/{id}'}]"
HOSTS = ["a.example.com", "a.example.com:*", "a.example.com.", "a.example.com.:*", "a.example.com,*", "*,a.example.com"]
NAME = "shop-shop-edge.deny"


def _text(policy: str = DENY, *, tenancy: str = "shared", more: str = "", host: str = "a.example.com") -> str:
    return HEAD + GATEWAY.format(policy=policy, tenancy=tenancy, more=more, host=host)


def test_a_deny_names_the_hosts_of_the_mesh() -> None:
    """In every form that a Host may have, and in the rule for brackets too."""
    policy = one(mesh_of(_text()), "AuthorizationPolicy", NAME)
    assert [HOSTS] * 3 == [rule["to"][0]["operation"]["hosts"] for rule in policy["rules"]]


def test_of_pods_of_its_own_a_deny_names_none() -> None:
    """They serve nobody else."""
    policy = one(mesh_of(_text(tenancy="own")), "AuthorizationPolicy", NAME)
    assert not any("hosts" in rule["to"][0]["operation"] for rule in policy["rules"])


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (_text("require: [{paths: /**, jwt: id}]"), ("policies", "shop/edge", "require", 0)),
        (_text("deny: [{jwt: id}]"), ("policies", "shop/edge", "deny", 0)),
        (_text("allow: [{paths: /**}]"), ("policies", "shop/edge", "allow", 0)),
        (_text(host="'*.example.com'"), ("policies", "shop/edge", "deny", 0)),
        (_text(more="rateLimits: [{limit: 5/s}], "), ("gateways", "shop/edge", "rateLimits", 0)),
        (_text(more="trustedHops: 1, "), ("gateways", "shop/edge", "trustedHops")),
    ],
    ids=["a token", "a deny of a token", "an allow", "a wildcard", "a limit", "hops"],
)
def test_what_would_hold_for_everybody_is_an_error(text: str, path: tuple[object, ...]) -> None:
    """At the line that asks for it; of pods of one's own it is none."""
    found = {tuple(step.rpartition("/")[2] if isinstance(step, str) else step for step in one.origin.path) for one in findings_of(text)}
    assert tuple(step.rpartition("/")[2] if isinstance(step, str) else step for step in path) in found
    assert [] == findings_of(text.replace("tenancy: shared", "tenancy: own"))
