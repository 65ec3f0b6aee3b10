"""Check points that several services lead to: whose entries hold at which port, by which names (L9)."""

from meshc import access, workloads
from meshc.model import Mesh, Name, Service
from tests.meshes import mesh_of

SPEC = """
namespace: shop
mesh: {name: shop, trustDomain: shop.example}
services:
  users: {ports: {http: {port: 80, targetPort: 8080}, admin: {port: 81, protocol: http}}}
  twin: {workload: users, ports: {web: {port: 8080, protocol: http}, admin: {port: 90, protocol: http}}}
  web: {ports: {http: 80}, calls: [{service: twin, ports: web, paths: /by-twin/**}, {service: users, ports: http, paths: /by-users/**}]}
  ops: {ports: {http: 80}, calls: [{service: users, ports: admin}, {service: twin, ports: admin}]}
"""


def _service(mesh: Mesh, name: str) -> Service:
    return mesh.service_by_name[Name("shop", name)]


def _allowed(mesh: Mesh, service: Service) -> list[str]:
    """Each allow entry in one line: source, ports, paths."""
    patterns = [grant.pattern for grant in access.checks(mesh, service).allow]
    return sorted(
        " ".join(
            (
                ",".join(str(source.name or source.kind) for source in one.sources or ()),
                "*" if one.ports is None else ",".join(one.ports),
                "*" if one.paths is None else ",".join(path.text for path in one.paths),
            )
        )
        for one in patterns
    )


def test_calls_of_either_service_are_granted_at_the_port_that_they_share() -> None:
    """L9: `http` of users and `web` of twin are one check point; the two that are called `admin` are not."""
    mesh = mesh_of(SPEC)
    assert ["shop/ops admin *", "shop/web http /by-twin/**", "shop/web http /by-users/**"] == _allowed(mesh, _service(mesh, "users"))
    assert ["shop/ops admin *", "shop/web web /by-twin/**", "shop/web web /by-users/**"] == _allowed(mesh, _service(mesh, "twin"))


def test_the_whole_has_every_port_once() -> None:
    """L9: a workload's check points are its ports and those that only a further service leads to, which keep apart from a namesake."""
    mesh = mesh_of(SPEC)
    for name in ("users", "twin"):
        whole = workloads.whole(mesh, _service(mesh, name))
        assert [("http", 8080), ("admin", 81), ("twin/admin", 90)] == [(port.name, port.target_port) for port in whole.ports]
        expected = ["shop/ops admin *", "shop/ops twin/admin *", "shop/web http /by-twin/**", "shop/web http /by-users/**"]
        assert expected == _allowed(mesh, whole)


def test_a_workload_of_one_service_is_that_service() -> None:
    """Where nothing is shared nothing changes."""
    mesh = mesh_of(SPEC)
    assert _service(mesh, "web") is workloads.whole(mesh, _service(mesh, "web"))


POLICIES = """
policies:
  a: {services: [users], deny: [{ports: http, paths: /a}], allow: [{from: web, ports: admin}]}
  b: {services: [twin], deny: [{paths: /b}], require: [{ports: web, jwt: {provider: id}}]}
  c: {services: all, deny: [{paths: /c, ports: http}]}
authentication: {id: {jwt: {issuer: "https://id.example", jwks: {uri: "https://id.example/keys"}}}}
"""


def test_entries_hold_where_they_are_said_to() -> None:
    """L9: a policy's entry is about the ports of the services that it selects; at another service, about the ports that those share."""
    mesh = mesh_of(SPEC + POLICIES)
    expected = {
        "users": [("a", ("http",)), ("b", ("http",)), ("c", ("http",))],
        "twin": [("a", ("web",)), ("b", None), ("c", ("web",))],
    }
    for name, entries in expected.items():
        checks = access.checks(mesh, _service(mesh, name))
        assert entries == [(grant.what.rpartition("/")[2], grant.pattern.ports) for grant in checks.deny]
        assert [{"users": ("http",), "twin": ("web",)}[name]] == [grant.pattern.ports for grant in checks.require]
        assert (Name("shop", "id"),) == checks.providers
    whole = access.checks(mesh, workloads.whole(mesh, _service(mesh, "users")))
    assert [("http",), ("http", "twin/admin"), ("http",)] == [grant.pattern.ports for grant in whole.deny]
    assert [("admin",)] == [grant.pattern.ports for grant in whole.allow if "policy" in grant.what]


def test_an_allow_for_one_service_closes_the_workload() -> None:
    """L9: base `allow` ends where an `allow` selects one of the services, or another would be a way around it."""
    text = SPEC.replace("users: {", "users: {access: allow, ", 1)
    mesh = mesh_of(text)
    assert access.checks(mesh, _service(mesh, "twin")).open
    mesh = mesh_of(text + "policies: {p: {services: [users], allow: [{from: web, ports: http}]}}\n")
    assert ["shop/web web *"] == _allowed(mesh, _service(mesh, "twin"))
    assert not access.checks(mesh, _service(mesh, "twin")).open


def test_callers_are_those_of_any_service_of_the_workload() -> None:
    """L9: what is declared to the one is declared to the other, for the port that they share."""
    mesh = mesh_of(
        SPEC.replace("users: {", "users: {access: deny, ", 1) + "policies: {p: {services: users, allow: [{from: callers, ports: http}]}}\n"
    )
    assert ["shop/web web /by-twin/**", "shop/web web /by-users/**"] == _allowed(mesh, _service(mesh, "twin"))


def test_routes_lead_to_the_workload_by_either_name() -> None:
    """L9: a rule to twin, and one of twin's own, arrive at the port of users."""
    mesh = mesh_of(
        SPEC
        + """  edge: {ports: {http: 80}, calls: [{service: front, paths: /x/**}]}
  front: {ports: {http: 80}}
gateways: {public: {listeners: {http: 80}}}
routes:
  front: {services: front, rules: [{to: {service: twin, port: web}}]}
  twin:
    services: twin
    rules: [{match: {paths: /by-twin/**, ports: web}, to: {service: twin, port: web}, rewrite: {path: {replacePrefixMatch: /new}}}]
  shop: {gateways: public, hosts: shop.example, rules: [{match: {paths: /gate}, to: {service: twin, port: web}}]}
"""
    )
    expected = ["shop/edge http /x/**", "shop/public http /gate", "shop/web http /by-users/**", "shop/web http /new/**"]
    assert expected == [line for line in _allowed(mesh, _service(mesh, "users")) if "ops" not in line]


def test_two_ports_of_one_service_may_share_a_check_point() -> None:
    """L9: ports that lead to one number share their entries within a service too."""
    mesh = mesh_of(
        """
namespace: shop
services:
  users: {ports: {http: {port: 80, targetPort: 8080}, more: {port: 81, targetPort: 8080, protocol: http}, else: {port: 82, protocol: http}}}
  web: {ports: {http: 80}, calls: [{service: users, ports: more}]}
"""
    )
    assert ["shop/web http,more *"] == _allowed(mesh, _service(mesh, "users"))


def test_nobody_comes_in_where_there_is_no_port() -> None:
    """L8: a worker is closed, whatever the base of the mesh."""
    mesh = mesh_of("namespace: shop\nmesh: {access: allow}\nservices: {nightly: {calls: []}}\n")
    checks = access.checks(mesh, _service(mesh, "nightly"))
    assert ((), False) == (checks.allow, checks.open)
