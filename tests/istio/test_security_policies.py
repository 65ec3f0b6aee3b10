"""Which policies and authentications guard a workload, and how their rules say what the checks say (L9, L10)."""

from typing import Any

from meshc_istio.objects import Object
from meshc_istio.security import security_objects
from tests.meshes import mesh_of

HEAD = """
namespace: shop
mesh: {name: shop, trustDomain: shop.example}
authentication:
  customers: {jwt: {issuer: "https://id.example", audiences: [shop], jwks: {uri: "https://id.example/keys"}}}
"""
JWT = "jwt: {provider: customers, claims: {realm.role: [admin, support], plan: gold}}"


def _objects(text: str) -> dict[tuple[str, str], Object]:
    return {(one.kind, one.name): one for one in security_objects(mesh_of(HEAD + text))}


def _policy(text: str, name: str) -> dict[str, Any]:
    return _objects(text)["AuthorizationPolicy", name].spec


def _rules(text: str, name: str) -> list[dict[str, Any]]:
    rules = _policy(text, name)["rules"]
    assert isinstance(rules, list)
    return rules


USERS = """
services: {{users: {{ports: {{http: {{port: 80, targetPort: 8080}}}}, access: {access}}}}}
policies: {{p: {{services: [users], {policy}}}}}
"""


def test_a_service_that_allows_nobody_is_locked() -> None:
    """An ALLOW policy without rules refuses everything; a missing one would let everyone in."""
    spec = _policy("services: {users: {ports: {http: 80}, access: deny}}", "users.allow")
    assert {"selector": {"matchLabels": {"app": "users"}}, "action": "ALLOW"} == spec


def test_an_open_service_has_no_allow_policy() -> None:
    """Base `allow` without an allow entry lets everyone in, plaintext too."""
    found = _objects("services: {users: {ports: {http: 80}, access: allow}}")
    assert not [name for kind, name in found if kind == "AuthorizationPolicy"]


def test_a_deny_does_not_open() -> None:
    """A policy that only denies leaves the base: nothing is allowed."""
    found = _objects(USERS.format(access="deny", policy="deny: [{methods: [PUT]}]"))
    assert ["users.allow", "users.deny"] == sorted(name for kind, name in found if kind == "AuthorizationPolicy")
    assert "rules" not in found["AuthorizationPolicy", "users.allow"].spec


def test_sources_are_identities() -> None:
    """Services, namespaces and identities are principals of the trust domain; no certificate is the absence of any."""
    entry = '{from: [users, {namespace: ops}, {identity: "spiffe://other/ns/a/sa/b"}, plaintext]}'
    rules = _rules(
        USERS.format(access="deny", policy=f"allow: [{entry}]").replace("port: 80,", "port: 80, mtls: permissive,"), "users.allow"
    )
    principals = ["other/ns/a/sa/b", "shop.example/ns/ops/sa/*", "shop.example/ns/shop/sa/users"]
    sources = [{"source": {"principals": principals}}, {"source": {"notPrincipals": ["*"]}}]
    assert [{"from": sources, "to": [{"operation": {"ports": ["8080"]}}]}] == rules


def test_any_certificate_is_any_principal() -> None:
    """`mtls` is every caller with a verified certificate."""
    (rule,) = _rules(USERS.format(access="deny", policy="allow: [{from: [mtls]}]"), "users.allow")
    assert [{"source": {"principals": ["*"]}}] == rule["from"]


def test_everyone_is_no_source() -> None:
    """`everyone` is no condition at all."""
    (rule,) = _rules(USERS.format(access="deny", policy="allow: [{from: [everyone], methods: [GET]}]"), "users.allow")
    assert "from" not in rule


def test_paths_are_said_in_canonical_spelling() -> None:
    """A final `/**` is the path before it and everything below; `/**` takes all; other characters are escaped once."""
    (rule,) = _rules(
        USERS.format(access="deny", policy='allow: [{paths: ["/a:b", /é, "/x/**"]}, {paths: "/**"}]').replace("}, {paths", "},{paths"),
        "users.allow",
    )[:1]
    assert ["/a:b", "/%C3%A9", "/x", "/x/*"] == rule["to"][0]["operation"]["paths"]


def test_a_wildcard_segment_is_not_left_to_a_template() -> None:
    """Istio's `{*}` takes no segment with a `*`: a deny by it would be escaped, so a bit says it."""
    (rule,) = _rules(USERS.format(access="allow", policy='deny: [{paths: "/u/*/private"}]'), "users.deny")
    key = "experimental.envoy.filters.http.rbac[meshc_users_1_shadow_engine_result]"
    assert [{"key": key, "values": ["allowed"]}] == rule["when"]
    assert {"ports": ["8080"]} == rule["to"][0]["operation"]


def test_hosts_have_any_port() -> None:
    """The port of a Host is ignored, so both spellings are named."""
    (rule,) = _rules(USERS.format(access="deny", policy="allow: [{hosts: [api.example]}]"), "users.allow")
    assert ["api.example", "api.example:*"] == rule["to"][0]["operation"]["hosts"]


def test_values_of_headers_that_look_like_wildcards_are_bits() -> None:
    """`a*` is a value here and a prefix to Istio."""
    (plain,) = _rules(USERS.format(access="deny", policy="allow: [{headers: {x-a: [one, {prefix: t}]}}]"), "users.allow")
    assert [{"key": "request.headers[x-a]", "values": ["one", "t*"]}] == plain["when"]
    (starred,) = _rules(USERS.format(access="deny", policy='allow: [{headers: {x-a: "a*"}}]'), "users.allow")
    assert [{"key": "experimental.envoy.filters.http.rbac[meshc_users_1_shadow_engine_result]", "values": ["allowed"]}] == starred["when"]


def test_a_deny_with_http_keys_leaves_other_ports_alone() -> None:
    """Istio drops HTTP keys on TCP ports: without `ports` such a deny would close them all."""
    ports = "{http: 80, db: {port: 5432, protocol: tcp}}"
    text = f"services: {{users: {{ports: {ports}, access: allow}}}}\npolicies: {{p: {{services: [users], deny: [{{methods: [PUT]}}]}}}}\n"
    (rule,) = _rules(text, "users.deny")
    assert {"ports": ["80"], "methods": ["PUT"]} == rule["to"][0]["operation"]


def test_require_denies_whoever_lacks_a_part() -> None:
    """The provider's token and each claim must be there: each lack is a rule of its own."""
    rules = _rules(USERS.format(access="allow", policy=f"require: [{{paths: /p, {JWT}}}]"), "users.require")
    lacks = [
        {"key": "request.auth.claims[iss]", "notValues": ["https://id.example"]},
        {"key": "request.auth.claims[realm][role]", "notValues": ["admin", "support"]},
        {"key": "request.auth.claims[plan]", "notValues": ["gold"]},
    ]
    assert sorted(map(str, lacks)) == sorted(str(one) for rule in rules for one in rule["when"])
    assert [["/p"]] * 3 == [rule["to"][0]["operation"]["paths"] for rule in rules]


def test_an_allow_with_a_token_asks_for_all_of_it() -> None:
    """In one rule: the provider and every claim."""
    (rule,) = _rules(USERS.format(access="deny", policy=f"allow: [{{{JWT}}}]"), "users.allow")
    assert {"request.auth.claims[iss]", "request.auth.claims[realm][role]", "request.auth.claims[plan]"} == {
        one["key"] for one in rule["when"]
    }


def test_the_policy_that_denies_sorts_first() -> None:
    """Envoy names the first policy that refuses: a deny must be seen before a lack of tokens, or 403 would become 401."""
    policy = f"deny: [{{paths: /d}}, {{paths: /e, {JWT}}}], require: [{{paths: /p, {JWT}}}]"
    found = _objects(USERS.format(access="allow", policy=policy))
    denials = [name for (kind, name), one in found.items() if kind == "AuthorizationPolicy" and one.spec["action"] == "DENY"]
    assert "users.deny" == min(denials)
    assert ["users.deny", "users.require", "users.token-deny"] == sorted(denials)


def test_tokens_come_from_one_place() -> None:
    """Only `Bearer ` in Authorization; a token in the query would count without `fromHeaders`; it is forwarded."""
    spec = _objects(USERS.format(access="allow", policy=f"require: [{{{JWT}}}]"))["RequestAuthentication", "users"].spec
    rule = {
        "issuer": "https://id.example",
        "audiences": ["shop"],
        "jwksUri": "https://id.example/keys",
        "fromHeaders": [{"name": "Authorization", "prefix": "Bearer "}],
        "forwardOriginalToken": True,
    }
    assert {"selector": {"matchLabels": {"app": "users"}}, "jwtRules": [rule]} == spec


def test_mutual_tls_is_written_by_target_port() -> None:
    """The mode is explicit; ports that differ are named by where the workload listens."""
    ports = "{http: {port: 80, targetPort: 8080}, metrics: {port: 9090, protocol: http, mtls: disable}}"
    spec = _objects(f"services: {{users: {{ports: {ports}}}}}")["PeerAuthentication", "users"].spec
    expected = {"selector": {"matchLabels": {"app": "users"}}, "mtls": {"mode": "STRICT"}, "portLevelMtls": {"9090": {"mode": "DISABLE"}}}
    assert expected == spec


GATEWAY = """
services: {web: {ports: {http: 80}}}
gateways: {public: {listeners: {http: {port: 80}%s}}}
routes: {web: {gateways: [public], listeners: [http], hosts: [a.example], rules: [{to: web}]}}
policies: {edge: {gateways: [public], deny: [{from: [{cidr: ["10.0.0.0/8"]}], paths: /x}]}}
"""


def test_a_gateway_asks_for_the_clients_address() -> None:
    """`cidr` is the client's address behind trusted proxies; the port stands in every deny with HTTP keys."""
    spec = _policy(GATEWAY % "", "shop.public.deny")
    operation = {"ports": ["80"], "paths": ["/x"]}
    assert [{"from": [{"source": {"remoteIpBlocks": ["10.0.0.0/8"]}}], "to": [{"operation": operation}]}] == spec["rules"]


def test_a_gateway_with_other_listeners_names_ports() -> None:
    """Else the deny would close its TCP listener."""
    (rule,) = _rules(GATEWAY % ", db: {port: 5432, protocol: tcp}", "shop.public.deny")
    assert {"ports": ["80"], "paths": ["/x"]} == rule["to"][0]["operation"]


def test_every_filter_is_for_one_workload() -> None:
    """No EnvoyFilter without a selector (L16), and what normalizes is applied last, so that it stands first."""
    text = USERS.format(access="allow", policy=f'require: [{{paths: "/u/*/p", {JWT}}}]')
    filters = [one for one in _objects(text).values() if one.kind == "EnvoyFilter"]
    assert [{"labels": {"app": "users"}}] * len(filters) == [one.spec["workloadSelector"] for one in filters]
    first = {one.name: int(one.spec["priority"]) for one in filters for patch in one.spec["configPatches"] if _begins_inbound(patch)}
    assert {"users.normalize"} == {name for name, priority in first.items() if priority == max(first.values())}


def _begins_inbound(patch: dict[str, Any]) -> bool:
    return (patch["match"]["context"], patch["patch"]["operation"]) == ("SIDECAR_INBOUND", "INSERT_FIRST")
