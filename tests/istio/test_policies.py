"""Which policies and authentications guard a workload, and how their rules say what the checks say (L9, L10)."""

from typing import Any

import pytest

from meshc_istio.objects import Object
from tests.istio.written import names, written
from tests.meshes import mesh_of

HEAD = """
namespace: shop
mesh: {name: shop, trustDomain: shop.example}
authentication:
  customers: {jwt: {issuer: "https://id.example", audiences: [shop], jwks: {uri: "https://id.example/keys"}}}
  staff: {jwt: {issuer: "https://staff.example", jwks: {uri: "https://staff.example/keys"}}}
"""
JWT = "jwt: {provider: customers, claims: {realm.role: [admin, support], plan: gold}}"
ISSUER = "request.auth.claims[iss]"


def _objects(text: str) -> dict[tuple[str, str], Object]:
    return {(one.kind, one.name): one for one in written(mesh_of(HEAD + text))}


def _policy(text: str, name: str) -> dict[str, Any]:
    return _objects(text)["AuthorizationPolicy", name].spec


def _rules(text: str, name: str) -> list[dict[str, Any]]:
    rules = _policy(text, name)["rules"]
    assert isinstance(rules, list)
    return rules


def _policies(text: str) -> list[str]:
    return sorted(name for kind, name in _objects(text) if kind == "AuthorizationPolicy")


USERS = """
services: {{users: {{ports: {{http: {{port: 80, targetPort: 8080}}}}, access: {access}}}}}
policies: {{p: {{services: [users], {policy}}}}}
"""
TWO = """
services: {{users: {{ports: {{http: 80, db: {{port: 5432, protocol: tcp}}}}, access: {access}}}}}
policies: {{p: {{services: [users], {policy}}}}}
"""

# --- which there are --------------------------------------------------------------------------------------------------------------


def test_a_service_that_allows_nobody_is_locked() -> None:
    """An ALLOW policy without rules refuses everything; a missing one would let everyone in. ALLOW is Istio's default action."""
    assert {"selector": {"matchLabels": {"app": "users"}}} == _policy("services: {users: {ports: {http: 80}, access: deny}}", "users")


def test_an_open_service_has_no_policy() -> None:
    """Base `allow` without an allow entry lets everyone in, plaintext too."""
    assert [] == _policies("services: {users: {ports: {http: 80}, access: allow}}")


def test_a_deny_does_not_open() -> None:
    """A policy that only denies leaves the base: nothing is allowed."""
    found = _objects(USERS.format(access="deny", policy="deny: [{methods: [PUT]}]"))
    assert ["users", "users.deny"] == sorted(name for kind, name in found if kind == "AuthorizationPolicy")
    assert "rules" not in found["AuthorizationPolicy", "users"].spec


def test_deny_and_require_are_one_policy() -> None:
    """What refuses stands together, since nothing tells 401 from 403 by the policy's name any more (L18 e)."""
    assert ["users.deny"] == _policies(USERS.format(access="allow", policy=f"deny: [{{paths: /d}}], require: [{{paths: /p, {JWT}}}]"))


def test_a_gateway_without_entries_has_no_policy() -> None:
    """Gateways admit all unless an allow selects them."""
    assert [] == _policies("services: {web: {ports: {http: 80}, access: allow}}\ngateways: {g: {listeners: {http: 80}}}\n")


# --- who --------------------------------------------------------------------------------------------------------------------------


def test_sources_are_identities() -> None:
    """Services, namespaces and identities are principals of the trust domain; no certificate is the absence of any."""
    entry = '{from: [users, {namespace: ops}, {identity: "spiffe://other/ns/a/sa/b"}, plaintext]}'
    text = USERS.format(access="deny", policy=f"allow: [{entry}]").replace("port: 80,", "port: 80, mtls: permissive,")
    principals = ["other/ns/a/sa/b", "shop.example/ns/ops/sa/*", "shop.example/ns/shop/sa/users"]
    sources = [{"source": {"principals": principals}}, {"source": {"notPrincipals": ["*"]}}]
    assert [{"from": sources, "to": [{"operation": {"ports": ["8080"]}}]}] == _rules(text, "users")


def test_any_certificate_is_any_principal() -> None:
    """`mtls` is every caller with a verified certificate."""
    (rule,) = _rules(USERS.format(access="deny", policy="allow: [{from: [mtls]}]"), "users")
    assert [{"source": {"principals": ["*"]}}] == rule["from"]


def test_everyone_is_no_source() -> None:
    """`everyone` is no condition at all."""
    (rule,) = _rules(USERS.format(access="deny", policy="allow: [{from: [everyone], methods: [GET]}]"), "users")
    assert "from" not in rule


CALLERS = """
services:
  a: {ports: {http: 80}, calls: [{service: users, methods: [GET]}]}
  b: {ports: {http: 80}, calls: [{service: users, methods: [GET]}]}
  c: {ports: {http: 80}, calls: [{service: users, methods: [POST]}]}
  users: {ports: {http: 80}, calls: []}
"""


def test_callers_that_ask_for_the_same_are_one_rule() -> None:
    """As a person would write it; another call is another rule."""
    accounts = "shop.example/ns/shop/sa/"
    assert [
        {
            "from": [{"source": {"principals": [f"{accounts}a", f"{accounts}b"]}}],
            "to": [{"operation": {"ports": ["80"], "methods": ["GET"]}}],
        },
        {"from": [{"source": {"principals": [f"{accounts}c"]}}], "to": [{"operation": {"ports": ["80"], "methods": ["POST"]}}]},
    ] == _rules(CALLERS, "users")


def test_callers_of_other_kinds_stay_apart() -> None:
    """Those with a certificate and those without ask for the same, and are no list of one kind."""
    text = USERS.format(access="deny", policy="allow: [{from: [users], methods: [GET]}, {from: [plaintext], methods: [GET]}]")
    rules = _rules(text.replace("port: 80,", "port: 80, mtls: permissive,"), "users")
    assert [[{"source": {"principals": ["shop.example/ns/shop/sa/users"]}}], [{"source": {"notPrincipals": ["*"]}}]] == [
        rule["from"] for rule in rules
    ]


def test_the_same_said_twice_is_one_rule() -> None:
    """Two entries of everyone for the same."""
    assert 1 == len(_rules(USERS.format(access="deny", policy="allow: [{methods: [GET]}, {methods: [GET]}]"), "users"))


# --- ports ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "operation"),
    [
        ("deny: [{methods: [PUT]}]", {"notPorts": ["5432"], "methods": ["PUT"]}),
        ("deny: [{methods: [PUT], ports: [http]}]", {"notPorts": ["5432"], "methods": ["PUT"]}),
        ("deny: [{from: {namespace: x}, ports: [db]}]", {"notPorts": ["80"]}),
        ("deny: [{from: {namespace: x}}]", None),
    ],
)
def test_a_deny_names_only_ports_that_it_leaves_alone(policy: str, operation: dict[str, Any] | None) -> None:
    """A deny that named its ports would be void where a pod listens elsewhere than the mesh says (L3)."""
    (rule,) = _rules(TWO.format(access="allow", policy=policy), "users.deny")
    assert ([{"operation": operation}] if operation else None) == rule.get("to")


def test_a_service_of_one_port_names_none() -> None:
    """All its requests come there."""
    (rule,) = _rules(USERS.format(access="allow", policy="deny: [{methods: [PUT]}]"), "users.deny")
    assert {"methods": ["PUT"]} == rule["to"][0]["operation"]


def test_an_allow_names_the_ports_that_it_opens() -> None:
    """By where the pods listen; what is not named stays closed, so nothing opens where the number is wrong."""
    ports = "{http: {port: 80, targetPort: 8080}, admin: {port: 81, protocol: http}}"
    text = TWO.format(access="deny", policy="allow: [{from: [mtls], ports: [http]}]").replace(
        "{http: 80, db: {port: 5432, protocol: tcp}}", ports
    )
    assert {"ports": ["8080"]} == _rules(text, "users")[0]["to"][0]["operation"]


GATEWAY = """
services: {web: {ports: {http: 80}}}
gateways: {public: {listeners: {http: {port: 80}%s}}}
routes: {web: {gateways: [public], listeners: [http], hosts: [a.example], rules: [{to: web}]}}
policies: {edge: {gateways: [public], %s}}
"""
CIDR = 'from: [{cidr: ["10.0.0.0/8"]}], paths: /x'


@pytest.mark.parametrize(("which", "name"), [("deny", "shop-shop-public.deny"), ("allow", "shop-shop-public")])
def test_a_gateway_asks_for_the_clients_address_and_names_no_port(which: str, name: str) -> None:
    """Its pods listen where its Service sends, which nobody checks: a port would open or close all where it is wrong."""
    spec = _policy(GATEWAY % ("", f"{which}: [{{{CIDR}}}]"), name)
    assert [{"from": [{"source": {"remoteIpBlocks": ["10.0.0.0/8"]}}], "to": [{"operation": {"paths": ["/x"]}}]}] == spec["rules"]


def test_a_gateway_spares_its_other_listeners() -> None:
    """Else the deny would close what is no HTTP."""
    (rule,) = _rules(GATEWAY % (", db: {port: 5432, protocol: tcp}", f"deny: [{{{CIDR}}}]"), "shop-shop-public.deny")
    assert {"notPorts": ["5432"], "paths": ["/x"]} == rule["to"][0]["operation"]


# --- what of a request ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "strings"),
    [
        ("/a", ["/a"]),
        ("/x/**", ["/x", "/x/*"]),
        ("/a:b", ["/a:b", "/a%3Ab", "/a%3ab"]),
        ("/é", ["/%C3%A9", "/%C3%a9", "/%c3%A9", "/%c3%a9"]),
        ("/u/{id}/x", ["/u/{*}/x"]),
        ("/u/{id}/**", ["/u/{*}", "/u/{*}/{**}"]),
        ("/", ["/", "//"]),
    ],
)
def test_paths_are_listed_in_every_spelling(path: str, strings: list[str]) -> None:
    """L4: strings and templates, as a policy compares them."""
    for access, which, name in (("deny", "allow", "users"), ("allow", "deny", "users.deny")):
        rule = _rules(USERS.format(access=access, policy=f"{which}: [{{paths: '{path}'}}]"), name)[0]
        assert sorted(strings) == sorted(rule["to"][0]["operation"]["paths"])


@pytest.mark.parametrize(("path", "spellings"), [("/a:b:c:d:e", 81), ("/é/é:a", 48), ("/a:b:c:d:e/f:g", None)])
def test_up_to_128_spellings_are_listed(path: str, spellings: int | None) -> None:
    """Beyond, a list would be longer than anyone reads, and a filter says it."""
    (rule,) = _rules(USERS.format(access="allow", policy=f"deny: [{{paths: '{path}'}}]"), "users.deny")
    if spellings is None:
        assert [KEY] == [one["key"] for one in rule["when"]]
    else:
        assert spellings == len(set(rule["to"][0]["operation"]["paths"]))
        assert "when" not in rule


def test_all_paths_are_no_condition() -> None:
    """`/**` takes all, on the ports that the mesh knows."""
    assert [{"to": [{"operation": {"ports": ["8080"]}}]}] == _rules(USERS.format(access="deny", policy="allow: [{paths: '/**'}]"), "users")


def test_a_template_in_a_deny_brings_a_rule_for_brackets() -> None:
    """`{*}` takes no raw bracket, which no path of HTTP holds: one rule of the policy refuses such paths."""
    rules = _rules(USERS.format(access="allow", policy='deny: [{paths: "/u/*/private"}, {paths: "/v/*/private"}]'), "users.deny")
    assert [["/u/{*}/private"], ["/v/{*}/private"], ["/*"]] == [rule["to"][0]["operation"]["paths"] for rule in rules]
    assert ["/{**}"] == rules[-1]["to"][0]["operation"]["notPaths"]
    plain = _rules(USERS.format(access="allow", policy='deny: [{paths: "/u/private"}]'), "users.deny")
    assert 1 == len(plain)


@pytest.mark.parametrize(
    ("access", "which", "name", "expected"),
    [
        ("deny", "allow", "users", ["api.example", "api.example:*"]),
        (
            "allow",
            "deny",
            "users.deny",
            ["api.example", "api.example:*", "api.example.", "api.example.:*", "api.example,*", "*,api.example"],
        ),
    ],
)
def test_hosts_have_any_port(access: str, which: str, name: str, expected: list[str]) -> None:
    """L5: the port is ignored; a deny also holds for a dotted Host and for one of several lines."""
    (rule,) = _rules(USERS.format(access=access, policy=f"{which}: [{{hosts: [api.example]}}]"), name)
    assert expected == rule["to"][0]["operation"]["hosts"]


KEY = "experimental.envoy.filters.http.rbac[condition_1_shadow_engine_result]"


@pytest.mark.parametrize(
    "entry",
    [
        '{paths: {regex: "/x+"}}',
        '{headers: {x-a: "a*"}}',
        '{headers: {x-a: {regex: "a.c"}}}',
        "{query: {q: x}}",
        '{hosts: ["*.x.example"]}',
        '{paths: "/x%2A"}',
        "{paths: '/a:b:c:d:e/f:g:h:i:j'}",
    ],
)
def test_what_no_policy_can_say_is_asked_of_a_filter_and_closed_without_one(entry: str) -> None:
    """Where the filter is missing the condition is neither: an allow stays shut, and a deny holds."""
    (allow,) = _rules(USERS.format(access="deny", policy=f"allow: [{entry}]"), "users")
    (deny,) = _rules(USERS.format(access="allow", policy=f"deny: [{entry}]"), "users.deny")
    assert [{"key": KEY, "values": ["allowed"]}] == allow["when"]
    assert [{"key": KEY, "notValues": ["denied"]}] == deny["when"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("one", {"values": ["one"]}),
        ("[one, {prefix: t}]", {"values": ["one", "t*"]}),
        ("{present: true}", {"values": ["*"]}),
        ("{absent: true}", {"notValues": ["*"]}),
    ],
)
def test_headers_are_conditions_of_the_policy(condition: str, expected: dict[str, Any]) -> None:
    """Exact values, prefixes, presence and absence have words."""
    for access, which, name in (("deny", "allow", "users"), ("allow", "deny", "users.deny")):
        (rule,) = _rules(USERS.format(access=access, policy=f"{which}: [{{headers: {{x-a: {condition}}}}}]"), name)
        assert [{"key": "request.headers[x-a]", **expected}] == rule["when"]


def test_a_not_in_an_allow_is_said_by_the_policy_and_in_a_deny_by_a_filter() -> None:
    """An allow's `not` holds if no line fails it; a deny's holds if any line does, or none is there (L9)."""
    (allow,) = _rules(USERS.format(access="deny", policy="allow: [{headers: {x-a: {not: bad}}}]"), "users")
    assert [{"key": "request.headers[x-a]", "notValues": ["bad"]}] == allow["when"]
    (deny,) = _rules(USERS.format(access="allow", policy="deny: [{headers: {x-a: {not: good}}}]"), "users.deny")
    assert [KEY] == [one["key"] for one in deny["when"]]


# --- tokens -----------------------------------------------------------------------------------------------------------------------

OTHER_SCHEMES = {
    "when": [
        {"key": ISSUER, "values": ["https://id.example"]},
        {"key": "request.headers[authorization]", "notValues": ["Bearer *"]},
    ]
}


def test_require_denies_whoever_lacks_a_part() -> None:
    """The provider's token and each claim must be there: each lack is a rule of its own."""
    rules = _rules(USERS.format(access="allow", policy=f"require: [{{paths: /p, {JWT}}}]"), "users.deny")
    to = [{"operation": {"paths": ["/p"]}}]
    assert [
        {"to": to, "when": [{"key": ISSUER, "notValues": ["https://id.example"]}]},
        {"to": to, "when": [{"key": "request.auth.claims[plan]", "notValues": ["gold"]}]},
        {"to": to, "when": [{"key": "request.auth.claims[realm][role]", "notValues": ["admin", "support"]}]},
        OTHER_SCHEMES,
    ] == rules


def test_an_allow_with_a_token_asks_for_all_of_it() -> None:
    """In one rule: the provider and every claim; and a token in another scheme is refused beside it."""
    text = USERS.format(access="deny", policy=f"allow: [{{{JWT}}}]")
    (rule,) = _rules(text, "users")
    assert {ISSUER, "request.auth.claims[realm][role]", "request.auth.claims[plan]"} == {one["key"] for one in rule["when"]}
    assert [OTHER_SCHEMES] == _rules(text, "users.deny")


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


def test_only_workloads_whose_entries_name_providers_read_tokens() -> None:
    """Elsewhere a bad token is nobody's business."""
    assert "RequestAuthentication" not in {kind for kind, _ in _objects(USERS.format(access="allow", policy="deny: [{paths: /x}]"))}


# --- mutual TLS -------------------------------------------------------------------------------------------------------------------


def _authentication(text: str, name: str = "users") -> dict[str, Any]:
    return _objects(text)["PeerAuthentication", name].spec


def test_mutual_tls_is_written_by_target_port() -> None:
    """The mode is explicit; ports that differ are named by where the workload listens."""
    ports = "{http: {port: 80, targetPort: 8080}, metrics: {port: 9090, targetPort: 9100, protocol: http, mtls: disable}}"
    expected = {"selector": {"matchLabels": {"app": "users"}}, "mtls": {"mode": "STRICT"}, "portLevelMtls": {"9100": {"mode": "DISABLE"}}}
    assert expected == _authentication(f"services: {{users: {{ports: {ports}}}}}")


SCOPED = """
services:
  a: {ports: {http: 80}}
  b: {ports: {http: {port: 80, mtls: permissive}}}
  c: {ports: {http: 80, m: {port: 9090, protocol: http, mtls: disable}}}
  bare: {ports: {http: 80}, sidecar: none, access: allow}
  out: {hosts: [x.example], ports: {http: 80}}
"""


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("workloads", ["shop/a", "shop/b", "shop/c"]),
        ("namespace", ["shop/default", "shop/b", "shop/c"]),
        ("mesh", ["istio-system/default", "shop/b", "shop/c"]),
    ],
)
def test_one_authentication_stands_for_a_scope(scope: str, expected: list[str]) -> None:
    """And one for each workload that differs from it; without a scope each has its own (L16)."""
    mesh = mesh_of(HEAD.replace("name: shop,", f"name: shop, scope: {scope},") + SCOPED)
    assert expected == names(mesh, "PeerAuthentication")
    made = {one.name: one.spec for one in written(mesh) if one.kind == "PeerAuthentication"}
    if scope != "workloads":
        assert {"mtls": {"mode": "STRICT"}} == made["default"]
    assert "PERMISSIVE" == made["b"]["mtls"]["mode"]
    assert {"9090": {"mode": "DISABLE"}} == made["c"]["portLevelMtls"]


def test_a_scope_is_each_namespace_that_has_workloads() -> None:
    """Others are nobody's of this mesh."""
    files = {
        "mesh.yaml": HEAD.replace("name: shop,", "name: shop, scope: namespace,") + "services: {a: {ports: {http: 80}}}\n",
        "ops.yaml": "namespace: ops\nservices: {a: {ports: {http: 80}}}\n",
        "far.yaml": "namespace: far\nservices: {x: {hosts: [x.example], ports: {http: 80}}}\n",
    }
    assert ["ops/default", "shop/default"] == names(mesh_of(files), "PeerAuthentication")
