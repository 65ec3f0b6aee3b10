"""Who is let in where, as patterns: bases, declared calls as they arrive, and the expansion of `callers` (L9)."""

from meshc import access
from meshc.model import Mesh, Name, SourceKind
from tests.meshes import mesh_of

CAST = """
namespace: shop
mesh: {namespace: shop, trustDomain: shop.example}
services:
  api: {ports: {http: 80}}
  db: {ports: {http: 80, admin: {port: 81, protocol: http}}}
"""


def _checks(mesh: Mesh, service: str) -> access.Checks:
    return access.checks(mesh, mesh.service_by_name[Name("shop", service)])


def _allowed(checks: access.Checks) -> list[str]:
    """Each allow entry in one line: sources, ports, methods, paths."""
    lines = []
    for grant in checks.allow:
        pattern = grant.pattern
        sources = ",".join(str(source.name or source.value or source.kind) for source in pattern.sources or ())
        keys = [",".join(key) if key is not None else "-" for key in (pattern.ports, pattern.methods)]
        paths = "-" if pattern.paths is None else ",".join(path.text for path in pattern.paths)
        also = "".join(f" & {path.text}" for more in grant.also for path in more.paths or ())
        lines.append(f"{sources or '-'} {' '.join(keys)} {paths}{also}")
    return sorted(lines)


def test_declared_base_is_the_calls_of_the_own_namespace() -> None:
    """L9: `declared` lets in what own-namespace services declare, for its ports, methods and paths; headers do not narrow it."""
    mesh = mesh_of(
        {
            "a.yaml": CAST
            + "  web: {ports: {http: 80}, calls: [{service: db, ports: http, methods: GET, paths: /q/**, headers: {x: y}}]}\n",
            "b.yaml": "namespace: ops\nservices: {spy: {ports: {http: 80}, calls: [{service: shop/db, ports: admin}]}}\n",
        }
    )
    checks = _checks(mesh, "db")
    assert ["shop/web http GET /q/**"] == _allowed(checks)
    assert not checks.open


def test_call_arrives_through_routes_and_rewrites() -> None:
    """L9: what a call becomes on its way counts: it arrives where the caller's routes send it, with the path it then has."""
    mesh = mesh_of(
        CAST
        + """  web: {ports: {http: 80}, calls: [{service: api, methods: [GET, POST], paths: /v1/**}]}
routes:
  api:
    services: api
    rules:
      - {match: {paths: /v1/q/**, methods: GET}, to: {service: db, port: http}, rewrite: {path: {replacePrefixMatch: /query}}}
      - {match: {paths: /v2}, to: api}
"""
    )
    assert ["shop/web http GET /query/**"] == _allowed(_checks(mesh, "db"))
    assert [] == _allowed(_checks(mesh, "api"))


def test_gateway_rule_is_declared_by_its_own_namespace() -> None:
    """L9: gateway rules of the service's namespace are part of its base, with methods and paths after rewrites; mirrors arrive too."""
    mesh = mesh_of(
        CAST
        + """gateways: {edge: {listeners: {http: {port: 80}}}}
routes:
  edge:
    gateways: edge
    hosts: x
    rules:
      - match: {paths: /a/**, methods: GET, headers: {h: v}}
        to: api
        rewrite: {path: {replacePrefixMatch: /}}
        mirror: {to: {service: db, port: admin}}
"""
    )
    assert ["shop/edge - GET /**"] == _allowed(_checks(mesh, "api"))
    assert ["shop/edge admin GET /**"] == _allowed(_checks(mesh, "db"))
    (grant,) = _checks(mesh, "api").allow
    assert SourceKind.GATEWAY is (grant.pattern.sources or ())[0].kind


def test_gateway_rule_of_another_namespace_is_not_declared() -> None:
    """L9, L11: a route in another namespace never lets its gateway in by itself."""
    mesh = mesh_of(
        {
            "a.yaml": CAST,
            "b.yaml": """
namespace: edge
gateways: {edge: {listeners: {http: {port: 80}}}}
routes: {r: {gateways: edge, hosts: x, rules: [{to: shop/api}]}}
""",
        }
    )
    assert [] == _allowed(_checks(mesh, "api"))


def test_callers_are_what_they_declare_and_what_the_entry_says() -> None:
    """L9: `callers` means the declared calls, cut by the entry's own keys; gateway routes are not among them."""
    mesh = mesh_of(
        CAST.replace("db: {", "db: {access: deny, ")
        + """  web: {ports: {http: 80}, calls: [{service: db, ports: [http, admin], methods: [GET, POST], paths: [/a/**, /b]}]}
policies: {db: {services: db, allow: [{from: [callers, {namespace: ops}], ports: http, methods: [POST, PUT], paths: '/*/x'}]}}
"""
    )
    assert ["ops http POST,PUT /*/x", "shop/web http POST /a/x"] == _allowed(_checks(mesh, "db"))


def test_regex_and_pattern_keep_both() -> None:
    """Where no one pattern says what a regex and another pattern share, both must match."""
    mesh = mesh_of(
        CAST.replace("db: {", "db: {access: deny, ")
        + """  web: {ports: {http: 80}, calls: [{service: db, ports: http, paths: /a/**}]}
policies: {db: {services: db, allow: [{from: callers, ports: http, paths: [{regex: '/[a-z]+/x'}, {regex: '/b.*'}]}]}}
"""
    )
    assert ["shop/web http - /[a-z]+/x & /a/**", "shop/web http - /b.* & /a/**"] == _allowed(_checks(mesh, "db"))


def test_base_allow_is_open_until_an_allow_selects() -> None:
    """L9: base `allow` lets everyone in, until an `allow` selects the service; a deny alone opens or closes nothing."""
    services = CAST.replace("api: {", "api: {access: allow, ")
    denies = services + "policies: {p: {services: api, deny: [{from: {namespace: ops}}]}}"
    allows = services + "policies: {p: {services: api, allow: [{from: {namespace: ops}}]}}"
    assert _checks(mesh_of(services), "api").open
    assert _checks(mesh_of(denies), "api").open
    assert not _checks(mesh_of(allows), "api").open
    assert ["ops - - -"] == _allowed(_checks(mesh_of(allows), "api"))


def test_entries_concern_ports_the_service_has() -> None:
    """An entry without `ports` covers all; one with HTTP keys concerns HTTP ports only."""
    mesh = mesh_of(
        CAST
        + """  mix: {ports: {http: 80, raw: {port: 90, protocol: tcp}}}
policies: {p: {services: all, deny: [{from: {namespace: ops}}, {from: {namespace: dev}, methods: GET}]}}
"""
    )
    grants = _checks(mesh, "mix").deny
    assert [None, ("http",)] == [grant.pattern.ports for grant in grants]


def test_identities_of_versions_count_as_the_service() -> None:
    """L10: a version with an identity of its own is still the service."""
    mesh = mesh_of(CAST + "  web: {ports: {http: 80}, versions: {v1: {}, v2: {identity: web-two}}}\n")
    service = mesh.service_by_name[Name("shop", "web")]
    expected = ("spiffe://shop.example/ns/shop/sa/web", "spiffe://shop.example/ns/shop/sa/web-two")
    assert expected == access.identities_of_service(mesh, service)


def test_gateway_admits_all_until_an_allow() -> None:
    """L9: a gateway is open unless an `allow` selects it; providers are those that any entry names."""
    gateway = (
        CAST + "gateways: {edge: {listeners: {http: {port: 80}}}}\nauthentication: {ids: {jwt: {issuer: i, jwks: {uri: 'https://i/k'}}}}\n"
    )
    opened = mesh_of(gateway + "policies: {p: {gateways: edge, require: [{paths: /me, jwt: ids}]}}")
    closed = mesh_of(gateway + "policies: {p: {gateways: edge, allow: [{from: {cidr: 10.0.0.0/8}}]}}")
    assert access.gateway_checks(opened, opened.gateways[0]).open
    assert (Name("shop", "ids"),) == access.gateway_checks(opened, opened.gateways[0]).providers
    assert not access.gateway_checks(closed, closed.gateways[0]).open
