"""What the traffic half refuses, at the line that asks for it, and what it gives up by name."""

import re

import pytest

from meshc.model import Mesh
from meshc_istio import target, traffic_objects
from meshc_istio.complaints import ignore
from meshc_istio.http_match import anything_but
from tests.istio.written import HEAD, RULE, complaints_of, one
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
    ],
)
def test_refuses_what_istio_cant_say(text: str, expected: str) -> None:
    """L3: an error, never something else than was said."""
    (message,) = complaints_of(text)
    assert expected in message


def with_options(options: str, more: str = "") -> Mesh:
    """A mesh with options of this target."""
    head = f"namespace: shop\nmesh: {{name: shop, trustDomain: s.example, access: allow, {more}targets: {{istio: {options}}}}}\n"
    return mesh_of(head + "services: {b: {ports: {http: 80}}}")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ('{version: "1.29"}', ("MC503", "1.29")),
        ('{version: "1.99"}', ("MC503", "1.99")),
        ("{versoin: '1.31'}", ("MC505", "versoin")),
        ("{envoyFilters: never}", ("MC505", "never")),
        ("{accept: [retry-backof-max]}", ("MC506", "retry-backof-max")),
    ],
)
def test_refuses_options_it_does_not_know(options: str, expected: tuple[str, str]) -> None:
    """A version, an option, a value or an approximation that does not exist is an error of its own."""
    code, word = expected
    found = [finding for finding in target.check(with_options(options)) if finding.code == code]
    assert [True] == [word in finding.message for finding in found]


def test_forbidden_filters_are_missed_where_they_are_needed() -> None:
    """A team without EnvoyFilters is told at the telemetry's line, unless it accepts the loss by name."""
    forbidden = with_options("{envoyFilters: forbid}", "telemetry: {accessLog: json}, ")
    assert 1 == sum("telemetry" in finding.message for finding in target.check(forbidden))
    accepted = with_options("{envoyFilters: forbid, accept: [telemetry]}", "telemetry: {accessLog: json}, ")
    assert 0 == sum("telemetry" in finding.message for finding in target.check(accepted))
    assert [] == [o for o in traffic_objects(accepted, ignore) if o.kind == "EnvoyFilter"]


def test_older_istio_lacks_redirects_of_prefixes() -> None:
    """`prefixRewrite` came with 1.31."""
    text = """
namespace: shop
mesh: {name: shop, trustDomain: s.example, access: allow, targets: {istio: {version: "1.30"}}}
services: {b: {ports: {http: 80}}}
routes: {r: {services: [b], rules: [{match: {paths: /old/**}, redirect: {path: {replacePrefixMatch: /new}}}]}}
"""
    assert [True] == ["1.31" in message for message in complaints_of(text)]


def test_services_that_share_pods_are_refused() -> None:
    """What is written for one workload would hold for the other."""
    mesh = mesh_of(HEAD + "services: {a: {ports: {http: 80}, selector: {app: x}}, b: {ports: {http: 80}, selector: {app: x, tier: y}}}")
    found = [finding for finding in target.check(mesh) if "takes the pods of" in finding.message]
    assert [("services", "b")] == [finding.origin.path for finding in found]


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
    found = [finding.message for finding in target.check(mesh_of(HEAD + f"services: {{{text}}}"))]
    assert [True] * len(expected) == [part in message for part, message in zip(expected, found, strict=True)]


def test_open_egress_still_guards_listed_services() -> None:
    """L8: every proxy knows every outside service, and answers 502 for its workload where that declares no call of it."""
    text = """
namespace: shop
mesh: {name: shop, trustDomain: s.example, access: allow, egress: allow}
services:
  a: {ports: {http: 80}, calls: [x, b]}
  b: {ports: {http: 80}}
  x: {hosts: [x.example], ports: {http: 80}}
"""
    mesh = mesh_of(text)
    assert "ALLOW_ANY" == one(mesh, "Sidecar", "b")["outboundTrafficPolicy"]["mode"]
    assert "shop/x.example" in one(mesh, "Sidecar", "b")["egress"][0]["hosts"]
    assert {"status": 502} == one(mesh, "VirtualService", "x")["http"][-1]["directResponse"]


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
