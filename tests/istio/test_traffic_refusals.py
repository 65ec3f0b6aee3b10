"""What the target refuses of routes and services, at the line that asks for it, and what it gives up by name (L3)."""

import re

import pytest

from meshc_istio import target
from meshc_istio.http_match import anything_but
from tests.istio.written import HEAD, RULE, SHOP, complaints_of, findings_of, names, one, whole
from tests.meshes import mesh_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("services: {x: {hosts: [x.example], ports: {db: {port: 5432, protocol: tcp}}}}", "speaks plain tcp"),
        (RULE.format(rule="match: {query: {q: {not: {regex: 'a+'}}}}"), "a `not` of a regex or of a `not` on query field `q`"),
        (
            RULE.format(rule="retries: {attempts: 1, conditions: [connect-failure], backoff: {initial: 10ms, max: 1s}}"),
            "ten times the first",
        ),
        (RULE.format(rule="match: {headers: {x: [" + "a" * 600 + ", " + "b" * 600 + "]}}"), "Istio takes at most 1024"),
        (
            "services: {b: {ports: {t: {port: 443, protocol: tls}}, versions: {v1: {}, v2: {}}, traffic: {v1: 1, v2: 1}}}",
            "`traffic` on port t",
        ),
        ("services: {x: {hosts: ['*.x.example'], ports: {http: 80}, timeouts: {connect: 2s}}}", "`timeouts` of an external service"),
        (
            "services: {b: {ports: {http: 80}, outlierDetection: {consecutive5xxErrors: 1, maxEjectionPercent: 12.5%}}}",
            "Istio takes whole percents",
        ),
        (
            "services: {a: {ports: {http: 80}, calls: [{service: x, ports: [h]}]}, "  # noqa: ISC004 - one mesh
            "x: {hosts: [x.example], ports: {h: {port: 80, protocol: http}, t: {port: 443, protocol: tls}}}}",
            "its proxy can't guard it",
        ),
        (
            "services: {b: {ports: {http: 80}}}\n"  # noqa: ISC004 - one mesh
            "routes: {r: {services: [b], rules: [{match: {paths: '/a/*/**'}, redirect: {path: {replacePrefixMatch: /n}}}]}}",
            "replaces a prefix with a wildcard in it",
        ),
        ("services: {b: {ports: {http: 80}, loadBalancing: {locality: prefer}}}", "expected `outlierDetection` beside it"),
    ],
)
def test_refuses_what_istio_cant_say(text: str, expected: str) -> None:
    """An error, never something else than was said."""
    (message,) = complaints_of(text)
    assert expected in message


def test_a_ca_of_a_proxy_s_own_tls_must_be_the_system_s() -> None:
    """Istio reads another one only from files inside each proxy's container, where nobody checks that they are."""
    port = "{port: 80, targetPort: 443, protocol: http, tls: {hostname: x.example, ca: {file: ca.pem}}}"
    mesh = mesh_of(
        f"{HEAD}services: {{x: {{hosts: [x.example], ports: {{http: {port}}}}}}}\n", {"ca.pem": (SHOP / "ca" / "staff.pem").read_text()}
    )
    (finding,) = target.check(mesh)
    assert ("services", "x", "ports", "http", "tls") == finding.origin.path[:5]
    assert "expected `ca: system`" in finding.message


def test_older_istio_lacks_redirects_of_prefixes() -> None:
    """`prefixRewrite` came with 1.31."""
    text = """
namespace: shop
mesh: {name: shop, trustDomain: s.example, access: allow, targets: {istio: {version: "1.30"}}}
services: {b: {ports: {http: 80}}}
routes: {r: {services: [b], rules: [{match: {paths: /old/**}, redirect: {path: {replacePrefixMatch: /new}}}]}}
"""
    assert [True] == ["1.31" in message for message in complaints_of(text)]
    assert [] == complaints_of(text.replace('"1.30"', '"1.31"'))


WIDE = "x: {hosts: [h.example], ports: {http: 80}}, w: {hosts: ['*.example'], ports: {http: 80}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "x: {hosts: [h.example], ports: {http: 80}}, y: {hosts: [h.example], ports: {t: {port: 443, protocol: tls}}}",
            ["h.example is one of shop/x too"],
        ),
        (
            "a: {ports: {http: 80}, calls: [w]}, " + WIDE,
            ["knows h.example"],
        ),
        (
            "a: {ports: {http: 80}, calls: [w, x]}, " + WIDE,
            [],
        ),
    ],
)
def test_hosts_that_services_share_are_refused(text: str, expected: list[str]) -> None:
    """One set of rules for a host; and a wildcard tells a proxy of all hosts below it."""
    found = complaints_of(f"services: {{{text}}}")
    assert [True] * len(expected) == [part in message for part, message in zip(expected, found, strict=True)]


OPEN = """
namespace: shop
mesh: {name: shop, trustDomain: s.example, access: allow, egress: allow, targets: {istio: {accept: [undeclared-internal-egress]}}}
services:
  a: {ports: {http: 80}, calls: [x]}
  b: {ports: {http: 80}}
  x: {hosts: [x.example], ports: {http: 80}}
"""


def test_open_egress_still_guards_listed_services() -> None:
    """L8: every proxy knows every outside service, and answers 502 for its workload where that declares no call of it."""
    mesh = mesh_of(OPEN)
    assert "outboundTrafficPolicy" not in one(mesh, "Sidecar", "a")
    assert ["shop/x.example"] == one(mesh, "Sidecar", "a")["egress"][0]["hosts"]
    assert {"status": 502} == one(mesh, "VirtualService", "x")["http"][-1]["directResponse"]
    assert "exportTo" not in one(mesh, "ServiceEntry", "x")


def test_open_egress_gives_up_what_a_caller_does_not_declare_by_name() -> None:
    """Its proxy lets a call to an internal service pass like any other that it does not know; the service itself refuses it."""
    assert [] == complaints_of(OPEN)
    (finding,) = findings_of(OPEN.replace("accept: [undeclared-internal-egress]", ""))
    assert ("services", "a") == finding.origin.path[:2]
    assert "accept: [undeclared-internal-egress]" in finding.message


# --- what lies outside is guarded by the caller's proxy ---------------------------------------------------------------------------

WILD = """
services:
  a: {ports: {http: 80}, calls: [far]}
  far: {hosts: ["*.far.example"], ports: {http: 80}}
"""


def test_a_wildcard_external_is_called_on_its_port_alone() -> None:
    """A proxy connects to the port that stands in such a Host: another than the called one is 403 (L18 h)."""
    first, last = one(mesh_of(HEAD + WILD), "VirtualService", "far")["http"]
    (entry,) = first["match"]
    assert {"sourceLabels": {"app": "a"}, "sourceNamespace": "shop", "port": 80}.items() <= entry.items()
    for host, taken in (("a.far.example", True), ("a.far.example:80", True), ("a.far.example:8080", False), ("a.far.example:800", False)):
        assert taken == (re.fullmatch(entry["authority"]["regex"], host) is not None), host
    assert {"directResponse": {"status": 403}} == last


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("shop/x", ["a"]),
        ("{service: shop/x, methods: [GET]}", ["a"]),
        ("shop/y", []),
    ],
)
def test_an_external_is_told_to_namespaces_whose_workloads_call_it(call: str, expected: list[str]) -> None:
    """Workloads that the mesh does not name have no Sidecar, which would keep the host from them: by `exportTo` they know none (L8)."""
    outside = "x: {hosts: [x.example], ports: {http: 80}}, y: {hosts: [y.example], ports: {http: 80}}"
    files = {
        "mesh.yaml": f"{HEAD}services: {{{outside}}}\n",
        "a.yaml": f"namespace: a\nservices: {{web: {{ports: {{http: 80}}, calls: [{call}]}}}}\n",
    }
    assert (expected or ["~"]) == one(mesh_of(files), "ServiceEntry", "x")["exportTo"]


def test_an_external_of_the_own_namespace_stays_in_it() -> None:
    """`.` is the namespace of the object itself; a gateway whose rule leads out knows the host too."""
    text = """
services: {a: {ports: {http: 80}, calls: [x]}, x: {hosts: [x.example], ports: {http: 80}}}
gateways: {g: {listeners: {http: 80}}}
"""
    assert ["."] == one(mesh_of(HEAD + text), "ServiceEntry", "x")["exportTo"]
    routed = text + "routes: {out: {gateways: [g], hosts: [a.example], rules: [{to: x}]}}\n"
    assert ["istio-ingress", "."] == sorted(one(mesh_of(HEAD + routed), "ServiceEntry", "x")["exportTo"], reverse=True)


def test_a_declared_call_without_conditions_needs_no_guard() -> None:
    """Who declares it knows the host, and others do not."""
    text = "services: {a: {ports: {http: 80}, calls: [x]}, x: {hosts: [x.example], ports: {http: 80}}}"
    mesh = mesh_of(HEAD + text)
    assert [] == names(mesh, "VirtualService")
    assert ["shop/x.example"] == one(mesh, "Sidecar", "a")["egress"][0]["hosts"]


def test_a_narrow_call_is_guarded_at_the_line_of_the_service() -> None:
    """What the caller declares, then 403."""
    text = "services: {a: {ports: {http: 80}, calls: [{service: x, methods: [GET]}]}, x: {hosts: [x.example], ports: {http: 80}}}"
    made = whole(mesh_of(HEAD + text), "VirtualService", "x")
    first, last = made.spec["http"]
    assert [{"method": {"exact": "GET"}, "sourceLabels": {"app": "a"}, "sourceNamespace": "shop"}] == first["match"]
    assert {"directResponse": {"status": 403}} == last


# --- texts that are not others ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", "ab", "abc", "abcd", "b", "x", "xy", "x-", "]", "^", "a]", "ac"])
def test_anything_but_some_texts_is_a_regex(text: str) -> None:
    """A regex that takes all texts but those said, and but those that begin with others."""
    expression = anything_but({"abc", "", "]^-"}, {"x", "]^"})
    assert expression is not None
    expected = text not in ("abc", "", "]^-") and not text.startswith(("x", "]^"))
    assert expected == (re.fullmatch(expression, text) is not None)


def test_nothing_is_but_anything() -> None:
    """Where every text is banned there is no regex; where none is, all are taken."""
    assert (None, ".*", ".+") == (anything_but(set(), {""}), anything_but(set(), set()), anything_but({""}, set()))
