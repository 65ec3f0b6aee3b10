"""Every host inside the mesh has one owner: what two services claim is said at the second, with the first beside it (L5)."""

import pytest

from meshc.compile import Compiled, diagnostics, load_mesh

PAY = """apiVersion: meshc/v1
namespace: pay
mesh: {name: m, clusterDomain: k8s.example}
services:
  payments: {ports: {http: 80}}
  ledger: {ports: {http: 80}}
  stripe: {hosts: [api.stripe.example, "*.far.example"], ports: {http: 80}}
routes:
  ledger: {services: [ledger], hosts: [ledger.internal, "*.books.internal"], rules: [{to: ledger}]}
"""


def _evil(hosts: str) -> Compiled:
    """A mesh in which a route of another namespace claims those hosts for its own service."""
    evil = f"apiVersion: meshc/v1\nnamespace: evil\nservices: {{phish: {{ports: {{http: 80}}}}}}\nroutes:\n  r:\n    hosts: [{hosts}]\n"
    evil += "    services: [phish]\n    rules: [{to: phish}]\n"
    return load_mesh({"evil.yaml": evil.encode(), "pay.yaml": PAY.encode()})


def _said(compiled: Compiled) -> list[tuple[str, str, int]]:
    """Codes, files and lines."""
    shown = diagnostics(compiled)
    return sorted((one.code, one.place.file, one.place.span.line) for one in shown)


@pytest.mark.parametrize(
    "host",
    [
        "payments",
        "payments.pay",
        "Payments.Pay.svc",
        "payments.pay.svc.k8s.example",
        '"*.pay"',
        '"*.svc"',
        '"*.pay.svc"',
        '"*.pay.svc.k8s.example"',
        '"*.svc.k8s.example"',
        '"*.k8s.example"',
        '"*.example"',
        '"*"',
        "ledger.internal",
        '"*.internal"',
        '"*.books.internal"',
        "a.books.internal",
        '"*.a.books.internal"',
        "api.stripe.example",
        '"*.stripe.example"',
        '"*.far.example"',
        "unknown.pay.svc.k8s.example",
        "unknown.other.svc",
        "payments-0.payments.pay.svc.k8s.example",
    ],
)
def test_another_services_host(host: str) -> None:
    """A route may not claim another service's name in any form, nor its hosts, nor a wildcard above them, nor another namespace's names."""
    # Of two routes with one host the second is told, and of a host and a wildcard above it the wildcard.
    second = ("pay.yaml", 9) if "ledger.internal" == host or "books.internal" in host else ("evil.yaml", 6)
    assert [("MC114", *second)] == _said(_evil(host))


@pytest.mark.parametrize(
    "host",
    [
        "phish.internal",
        "phish",
        "phish.evil",
        "phish.evil.svc.k8s.example",
        '"*.evil.svc.k8s.example"',
        "other.evil.svc",
        "x.far.example",
        '"*.phish.internal"',
    ],
)
def test_hosts_of_ones_own(host: str) -> None:
    """Names of its own, of its own namespace and of nobody are a route's to give; an exact host below another's wildcard outside is too."""
    assert [] == _said(_evil(host))


def test_both_places_are_shown() -> None:
    """The message shows what is claimed and who has it, and the other place stands beside it."""
    (finding,) = _evil('"*.pay.svc.k8s.example"').findings
    assert "host '*.pay.svc.k8s.example' takes 'payments.pay.svc.k8s.example' too, which is pay/payments's" in finding.message or (
        "'ledger.pay.svc.k8s.example' too, which is pay/ledger's" in finding.message
    )
    assert [("pay.yaml", "the other service")] == [(origin.file, what) for origin, what in finding.related]


OUTSIDE = """apiVersion: meshc/v1
namespace: shop
services:
  a: {hosts: [api.example], ports: {https: {port: 443, protocol: tls}}}
  users: {ports: {http: 80}}
"""


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("b: {hosts: [api.example], ports: {https: {port: 443, protocol: tls}}}", True),
        ("b: {hosts: [api.example], ports: {http: {port: 80, targetPort: 443, tls: {hostname: api.example}}}}", False),
        ('b: {hosts: ["*.example"], ports: {https: {port: 443, protocol: tls}}}', False),
        ("b: {hosts: [users], ports: {http: 8080}}", True),
        ("b: {hosts: [users.shop.svc.cluster.local], ports: {http: 8080}}", True),
        ('b: {hosts: ["*.shop.svc.cluster.local"], ports: {http: 8080}}', True),
        ("b: {hosts: [kube-dns.kube-system.svc.cluster.local], ports: {tcp: 53}}", False),
    ],
)
def test_hosts_outside_the_mesh(line: str, wrong: bool) -> None:  # noqa: FBT001 - a table's column
    """Outside, a host and port have one service, and no host is a name inside; the cluster's other services may be outside the mesh."""
    compiled = load_mesh({"mesh.yaml": f"{OUTSIDE}  {line}\n".encode()})
    assert ([("MC114", "mesh.yaml", 6)] if wrong else []) == _said(compiled)
