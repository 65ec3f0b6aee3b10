"""The example of the language's description: its own tests hold, and its decisions are told as JSON and judged by expectations."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from meshc.diagnostics import Place, Span
from meshc.model import Expectation, Mesh
from meshc.semantics import Outside, Request, decide
from meshc.semantics.expectations import check, failure
from meshc.semantics.json import to_json
from tests.meshes import Case, call, holds, mesh_in, name, token

PUBLIC = Outside(name("public"))


def public(path: str, host: str = "shop.example.com", method: str = "GET", *headers: tuple[str, str], client: Outside = PUBLIC) -> Request:
    return Request(client, method, path, (host,), headers)


@pytest.fixture(scope="module")
def shop(root: Path) -> Mesh:
    return mesh_in(root / "tests" / "fixtures" / "shop")


def test_its_tests_hold(shop: Mesh) -> None:
    """All tests of the example pass."""
    assert [] == [(checked.test.name, checked.failure) for checked in (check(shop, test) for test in shop.tests) if not checked.passed]
    assert len(shop.tests) >= 5


USERS = "routed shop/users@v1*90 shop/users@v2*10"
CASES = [
    Case("2", "anyone reads a user", public("/api/v1/users/7"), USERS),
    Case("2", "a canary by header", public("/api/v1/users/7", "shop.example.com", "GET", ("x-canary", "always")), "routed shop/users@v2"),
    Case("2", "an old spelling of the path", public("/v0/users"), USERS),
    Case("2", "other methods go to the rest", public("/v0/users", method="POST"), "routed shop/frontend"),
    Case("2", "a redirect", public("/old/x"), "redirect 301 https://shop.example.com/new/x"),
    Case("2", "a local answer", public("/status"), "respond 200"),
    Case(
        "2", "http is sent to https", public("/", client=Outside(name("public"), scheme="http")), "redirect 301 https://shop.example.com/"
    ),
    Case(
        "2",
        "staff too, on their port",
        public("/", "admin.shop.example.com", client=Outside(name("public"), scheme="http")),
        "redirect 301 https://admin.shop.example.com:8443/",
    ),
    Case("2", "staff show a certificate", public("/", "admin.shop.example.com"), "refused"),
    Case(
        "2",
        "and get in with it",
        public("/", "admin.shop.example.com", client=Outside(name("public"), client_certificate=True)),
        "routed shop/frontend",
    ),
    Case("2", "private needs a role", public("/api/v1/users/7/private"), "unauthenticated 401"),
    Case("2", "metrics are scraped in plaintext", call("plaintext", "payments", "GET /metrics", port="metrics"), "routed shop/payments"),
    Case("2", "and nothing else there", call("plaintext", "payments", "GET /", port="metrics"), "denied 403"),
    Case("2", "a debug header", call("frontend", "users", "GET /api/x", ("x-debug", "1")), "routed shop/users@v2"),
    Case("2", "the database is called by payments", call("payments", "orders-db"), "routed shop/orders-db"),
    Case("2", "and by nobody else", call("users", "orders-db"), "refused"),
    Case("2", "stripe by frontend", call("frontend", "stripe", "POST /x"), "routed shop/stripe"),
    Case("2", "not by users", call("users", "stripe", "POST /x"), "no-route 502"),
    Case("2", "legacy by users", call("users", "legacy", "GET /"), "routed shop/legacy"),
    Case("2", "private with a role", replace(public("/api/v1/users/7/private"), token=token("customers", role=["support"])), USERS),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shop(shop: Mesh, case: Case) -> None:
    """The example means what it says."""
    holds(shop, case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_json(root: Path, shop: Mesh, case: Case) -> None:
    """A decision as JSON fits its schema, and says the same."""
    decision = decide(shop, case.request)
    tree = to_json(decision, lambda origin: Place(origin.file, Span(len(origin.path) + 1, 1, 1, 1)))
    jsonschema.Draft202012Validator(json.loads((root / "schemas" / "decision.v1.json").read_text())).validate(json.loads(json.dumps(tree)))
    assert (decision.outcome.value, decision.status, decision.location) == (tree["outcome"], tree["status"], tree["location"])
    assert [one.outcome.value for one in decision.permitted] == tree["permitted"]


def test_json_of_a_forwarded_request(shop: Mesh) -> None:
    """The JSON of a routed request has what the backend sees, the shares, and what stands beside."""
    decision = decide(shop, public("/api/v1/users/7?x=1", "shop.example.com", "GET", ("A", "b")))
    tree = to_json(decision, lambda origin: Place(origin.file, Span(3, 5, 3, 9)))
    assert {"method": "GET", "host": "shop.example.com", "path": "/api/v1/users/7?x=1", "headers": [["a", "b"]]} == tree["request"]
    assert {"service": "shop/users", "port": "http", "version": "v2", "percent": 10.0} == tree["mirror"]
    routed = {"outcome": "routed", "status": None, "grpcStatus": None}
    shares = [
        {"service": "shop/users", "host": None, "port": "http", "version": version, "weight": weight, "verdict": routed}
        for version, weight in (("v1", 90), ("v2", 10))
    ]
    assert shares == tree["destinations"]
    because = tree["because"]
    assert isinstance(because, list)
    assert {
        "what": "listener https of gateway shop/public owns host shop.example.com",
        "file": "mesh.yaml",
        "line": 3,
        "column": 5,
    } == because[0]


@pytest.mark.parametrize(
    ("request_", "expect", "says"),
    [
        (public("/status"), Expectation(status=200), None),
        (public("/status"), Expectation(status=204), "expected status 204, got respond (200)"),
        (public("/old"), Expectation(redirect="https://shop.example.com/new"), None),
        (
            public("/old"),
            Expectation(redirect="https://shop.example.com/"),
            "expected a redirect to https://shop.example.com/, got redirect (301) to https://shop.example.com/new",
        ),
        (public("/api/v1/users/7"), Expectation(reaches=name("users")), None),
        (
            public("/api/v1/users/7"),
            Expectation(reaches=name("users"), version="v1"),
            "expected to reach shop/users version v1, got routed to shop/users version v1, shop/users version v2",
        ),
        (public("/x/../../status"), Expectation(status=200), None),
        (public("/%00"), Expectation(outcome="denied"), "expected denied, got bad-request (400)"),
    ],
)
def test_expectations(shop: Mesh, request_: Request, expect: Expectation, says: str | None) -> None:
    """Section 4: an expectation holds if every permitted outcome satisfies it; else it is said what came instead."""
    assert says == failure(expect, decide(shop, request_))


def test_a_test_that_cannot_be_asked(shop: Mesh) -> None:
    """A test that names what is not there fails with words, not with a traceback."""
    broken = replace(shop.tests[0], via=name("nowhere"))
    checked = check(shop, broken)
    assert ("the mesh has no gateway shop/nowhere", None) == (checked.failure, checked.decision)
