"""What a rule's settings become: retries, timeouts, faults, mirrors, headers, CORS."""

from typing import Any

from tests.istio.written import HEAD, RULE, one
from tests.meshes import mesh_of


def rule(text: str) -> list[dict[str, Any]]:
    """The HTTPRoutes of one rule."""
    http: list[dict[str, Any]] = one(mesh_of(HEAD + RULE.format(rule=text)), "VirtualService", "b")["http"]
    return [route for route in http if route["name"] != "meshc.no-route"]


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
    assert [{"attempts": 0}] == [route["retries"] for route in rule("match: {methods: [POST]}, retries: {attempts: 3, codes: [503]}")]


def test_nothing_said_is_no_retry_and_the_default_timeout() -> None:
    """Istio's own two more tries are switched off."""
    assert [({"attempts": 0}, "15s")] == [(route["retries"], route["timeout"]) for route in rule("name: x")]


def test_percentages_of_faults_and_mirrors_are_written() -> None:
    """Unset would be none of a fault and all of a mirror."""
    (route,) = rule("fault: {delay: {duration: 200ms, percent: 5%}, abort: {status: 503, percent: 0.5%}}, mirror: {to: b, percent: 10%}")
    assert {"fixedDelay": "0.200s", "percentage": {"value": 5.0}} == route["fault"]["delay"]
    assert {"httpStatus": 503, "percentage": {"value": 0.5}} == route["fault"]["abort"]
    assert [{"value": 10.0}] == [mirror["percentage"] for mirror in route["mirrors"]]


def test_percent_signs_in_header_values_are_doubled() -> None:
    """A lone one would be read as a variable, and cost the port its routes."""
    (route,) = rule('headers: {request: {set: {x-a: "100%"}}, response: {add: {x-b: "%REQ(x)%"}, remove: [x-c]}}')
    assert {"request": {"set": {"x-a": "100%%"}}, "response": {"add": {"x-b": "%%REQ(x)%%"}, "remove": ["x-c"]}} == route["headers"]


def test_foreign_origins_are_not_refused() -> None:
    """A wildcard origin is a regex; a preflight of another origin goes on."""
    (route,) = rule("cors: {origins: ['https://*.b.example', 'https://a.example'], methods: [GET], maxAge: 10m}")
    cors = route["corsPolicy"]
    assert [{"exact": "https://a.example"}, {"regex": r"https://.+\.b\.example"}] == sorted(cors["allowOrigins"], key=str)
    assert ("600s", False, "FORWARD") == (cors["maxAge"], cors["allowCredentials"], cors["unmatchedPreflights"])
