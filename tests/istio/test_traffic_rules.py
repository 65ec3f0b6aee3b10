"""What a rule's settings become: retries, timeouts, faults, mirrors, headers, CORS; and nothing that Istio does by itself."""

from typing import Any

import pytest

from tests.istio.written import HEAD, RULE, complaints_of, names, one
from tests.meshes import mesh_of

DIRECT = {"destination": {"host": "b.shop.svc.cluster.local", "port": {"number": 80}}}


def rule(text: str) -> list[dict[str, Any]]:
    """The HTTPRoutes of one rule."""
    http: list[dict[str, Any]] = one(mesh_of(HEAD + RULE.format(rule=text)), "VirtualService", "b")["http"]
    return http


# --- nothing that Istio does by itself --------------------------------------------------------------------------------------------


def test_a_rule_that_says_nothing_has_its_timeout_alone() -> None:
    """L12: no retries are what the mesh's settings say; the language's timeout is not Istio's, so it is written."""
    assert [{"route": [DIRECT], "timeout": "15s"}] == rule("retries: {attempts: 0}")


def test_no_timeout_is_not_written() -> None:
    """`0s` is none, which Istio has where nothing is said, and a word that it refuses."""
    assert [{"route": [DIRECT]}] == rule("timeout: 0s")


def test_a_user_s_name_of_a_rule_is_shown_and_a_number_is_not() -> None:
    """A name serves in access logs; `rule-1` would only churn."""
    assert ["mine"] == [route.get("name") for route in rule("name: mine")]
    assert [None] == [route.get("name") for route in rule("timeout: 1s")]


def test_a_rule_that_takes_some_requests_needs_no_404_behind_it() -> None:
    """A proxy with no route answers 404 by itself (L8)."""
    assert 1 == len(rule("match: {paths: /x}"))


def test_a_rule_for_some_callers_alone_needs_a_404_behind_it() -> None:
    """To other callers Istio would send no route at all, and their proxies would go to the service."""
    text = """
services: {a: {ports: {http: 80}, calls: [b]}, b: {ports: {http: 80}}}
routes: {r: {services: [b], rules: [{match: {from: [a]}, to: b}]}}
"""
    first, last = one(mesh_of(HEAD + text), "VirtualService", "b")["http"]
    assert [{"sourceLabels": {"app": "a"}, "sourceNamespace": "shop"}] == first["match"]
    assert {"directResponse": {"status": 404}} == last


def test_a_service_without_routes_has_no_virtual_service() -> None:
    """It is reached directly (L6), without retries by the mesh's settings."""
    assert [] == names(mesh_of(HEAD + "services: {b: {ports: {http: 80}, calls: []}}"), "VirtualService")


def test_a_virtual_service_of_callers_names_no_gateways() -> None:
    """Istio binds it to sidecars by itself, and to their namespaces."""
    spec = one(mesh_of(HEAD + RULE.format(rule="timeout: 1s")), "VirtualService", "b")
    assert {"hosts", "http"} == spec.keys()


# --- timeouts and retries ---------------------------------------------------------------------------------------------------------


def test_retries_of_unsafe_methods_are_fewer() -> None:
    """L12: POST and PATCH only where the request was certainly not processed."""
    safe, unsafe = rule("retries: {attempts: 2, perTry: 1s, conditions: [connect-failure, reset], codes: [503]}")
    assert ("GET|HEAD|PUT|DELETE|OPTIONS", "connect-failure,reset,503") == (safe["match"][0]["method"]["regex"], safe["retries"]["retryOn"])
    assert ("POST|PATCH", "connect-failure") == (unsafe["match"][0]["method"]["regex"], unsafe["retries"]["retryOn"])
    assert {"attempts": 2, "retryOn": "connect-failure,reset,503", "perTryTimeout": "1s", "backoff": "0.025s"} == safe["retries"]


def test_idempotent_rules_retry_all_methods() -> None:
    """The user's word for it makes one route of it."""
    assert ["reset"] == [route["retries"]["retryOn"] for route in rule("retries: {attempts: 1, conditions: [reset], idempotent: true}")]


def test_unsafe_methods_without_a_safe_condition_are_not_retried() -> None:
    """No condition is left, so no attempt is."""
    assert [False] == ["retries" in route for route in rule("match: {methods: [POST]}, retries: {attempts: 3, codes: [503]}")]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("retries: {attempts: 0, perTry: 1s}", "1s"),
        ("timeout: 3s, retries: {attempts: 0, perTry: 5s}", "3s"),
        ("timeout: 0s, retries: {attempts: 0, perTry: 500ms}", "0.500s"),
        ("match: {methods: [POST]}, timeout: 9s, retries: {attempts: 2, perTry: 1s, codes: [503]}", "1s"),
        ("timeout: 9s, retries: {attempts: 2, perTry: 1s, conditions: [reset], idempotent: true}", "9s"),
    ],
)
def test_what_bounds_a_try_bounds_the_only_one(said: str, expected: str) -> None:
    """L12: where nothing is tried again, `perTry` is the timeout if it is the shorter one; with retries it stands beside them."""
    assert [expected] == [route["timeout"] for route in rule(said)]


# --- where to ---------------------------------------------------------------------------------------------------------------------

VERSIONS = "services: {{b: {{ports: {{http: 80}}, versions: {{v1: {{}}, v2: {{}}}}, traffic: {{v1: {v1}, v2: {v2}}}}}}}\n"


def test_a_version_without_a_share_stays() -> None:
    """A controller that moves shares (Argo Rollouts, Flagger) looks for both destinations."""
    (route,) = one(mesh_of(HEAD + VERSIONS.format(v1=100, v2=0)), "VirtualService", "b")["http"]
    assert [("v1", 100), ("v2", 0)] == [(to["destination"]["subset"], to["weight"]) for to in route["route"]]


def test_one_destination_has_no_weight() -> None:
    """All of it goes there."""
    (route,) = rule("timeout: 0s")
    assert [DIRECT] == route["route"]


def test_percentages_of_faults_and_mirrors_are_written() -> None:
    """Unset would be none of a fault."""
    (route,) = rule("fault: {delay: {duration: 200ms, percent: 5%}, abort: {status: 503, percent: 0.5%}}, mirror: {to: b, percent: 10%}")
    assert {"fixedDelay": "0.200s", "percentage": {"value": 5.0}} == route["fault"]["delay"]
    assert {"httpStatus": 503, "percentage": {"value": 0.5}} == route["fault"]["abort"]
    assert [{"value": 10.0}] == [mirror["percentage"] for mirror in route["mirrors"]]


def test_a_mirror_of_everything_says_no_percentage() -> None:
    """Unset is all of a mirror."""
    (route,) = rule("mirror: {to: b}")
    assert [DIRECT] == route["mirrors"]


# --- headers ----------------------------------------------------------------------------------------------------------------------


def test_percent_signs_in_header_values_are_doubled() -> None:
    """A lone one would be read as a variable, and cost the port its routes."""
    (route,) = rule('headers: {request: {set: {x-a: "100%"}}, response: {add: {x-b: "%REQ(x)%"}, remove: [x-c]}}')
    assert {"request": {"set": {"x-a": "100%%"}}, "response": {"add": {"x-b": "%%REQ(x)%%"}, "remove": ["x-c"]}} == route["headers"]


def test_foreign_origins_are_not_refused() -> None:
    """A wildcard origin is a regex; a preflight of another origin goes on, as it does where Istio is told nothing."""
    (route,) = rule("cors: {origins: ['https://*.b.example', 'https://a.example'], methods: [GET], maxAge: 10m}")
    cors = route["corsPolicy"]
    assert [{"exact": "https://a.example"}, {"regex": r"https://.+\.b\.example"}] == sorted(cors["allowOrigins"], key=str)
    assert {"allowOrigins", "allowMethods", "maxAge"} == cors.keys()
    assert (["GET"], "600s") == (cors["allowMethods"], cors["maxAge"])


# --- paths ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ("/cart", [{"exact": "/cart"}]),
        ("/api/**", [{"exact": "/api"}, {"prefix": "/api/"}]),
        ("/u/*", [{"regex": "/u/[^/]+"}]),
        ("/a:b", [{"regex": "/a(?::|%3[Aa])b"}]),
    ],
)
def test_paths_of_unreserved_characters_are_plain_strings(paths: str, expected: list[dict[str, str]]) -> None:
    """L4: only what may be spelled in several ways is a regex of them."""
    (route,) = rule(f"match: {{paths: '{paths}'}}, timeout: 0s")
    assert expected == [entry["uri"] for entry in route["match"]]


# --- redirectToHttps --------------------------------------------------------------------------------------------------------------

HTTPS = """
services: {{web: {{ports: {{http: 80}}}}}}
gateways:
  public:
    listeners:
      http: {{port: 80, redirectToHttps: true}}
      https: {{port: {port}, hosts: [{hosts}], tls: {{certificate: shop}}}}
certificates: {{shop: {{from: {{secret: shop}}, hosts: [{hosts}]}}}}
routes:
  acme: {{gateways: [public], listeners: [http], hosts: [{hosts}], rules: [{{name: acme, match: {{paths: "/acme/*"}}, to: web}}]}}
  all: {{gateways: [public], hosts: [{hosts}], rules: [{{to: web}}]}}
"""


def _plain(hosts: str, port: int) -> list[dict[str, Any]]:
    mesh = mesh_of(HEAD + HTTPS.format(hosts=hosts, port=port))
    named = next(name for name in names(mesh, "VirtualService") if "public-http." in name)
    http: list[dict[str, Any]] = one(mesh, "VirtualService", named.partition("/")[2])["http"]
    return http


def test_redirect_to_https_is_a_route_behind_the_pinned_ones() -> None:
    """L5: 301 to https and the host's own name; ACME's challenges come first."""
    acme, redirect = _plain("shop.example.com", 443)
    assert "acme" == acme["name"]
    assert {"redirect": {"authority": "shop.example.com", "scheme": "https"}} == redirect


def test_redirect_to_https_names_a_port_that_is_not_the_default() -> None:
    """L5: the port of the owning TLS listener."""
    assert 8443 == _plain("shop.example.com", 8443)[-1]["redirect"]["port"]


def test_redirect_to_https_of_a_wildcard_drops_the_port_of_a_host_by_a_filter() -> None:
    """A host that is not known by name stays as the client wrote it, and its port with it: only a filter removes that one."""
    assert {"redirect": {"scheme": "https"}} == _plain("'*.example.com'", 443)[-1]
    text = HEAD.replace("access: allow", "access: allow, targets: {istio: {envoyFilters: forbid}}") + HTTPS.format(
        hosts="'*.example.com'", port=443
    )
    assert [True] == ["redirect-port" in message for message in complaints_of(text)]
    assert [] == complaints_of(text.replace("'*.example.com'", "shop.example.com"))
