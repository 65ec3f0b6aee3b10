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
    """Where no one pattern says what a regex and another pattern share, both must match; where they share nothing, nobody comes in."""
    mesh = mesh_of(
        CAST.replace("db: {", "db: {access: deny, ")
        + """  web: {ports: {http: 80}, calls: [{service: db, ports: http, paths: /a/**}]}
policies: {db: {services: db, allow: [{from: callers, ports: http, paths: [{regex: '/[a-z]+/x'}, {regex: '/b.*'}]}]}}
"""
    )
    assert ["shop/web http - /a/** & /[a-z]+/x"] == _allowed(_checks(mesh, "db"))


def _arriving(call: str, rules: str, more: str = "") -> list[str]:
    """What `db` lets in of one call by `web`, whose own and whose routes' lines are given."""
    return _allowed(
        _checks(
            mesh_of(f"{CAST}  web: {{ports: {{http: 80}}, calls: [{call}]}}\n{more}routes:\n  db: {{services: db, rules: [{rules}]}}\n"),
            "db",
        )
    )


def test_ports_of_a_call_meet_those_of_a_rule() -> None:
    """L9: a destination's port is reached only for the called ports that the rule takes, and a rule for others lets nothing in."""
    rules = "{match: {ports: [http]}, to: {service: db, port: http}}, {to: {service: db, port: admin}}"
    assert ["shop/web admin - -"] == _arriving("{service: db, ports: [admin]}", rules)
    assert ["shop/web admin - -", "shop/web http - -"] == _arriving("{service: db, ports: [http]}", rules)
    assert ["shop/web admin - -"] == _arriving("{service: db, ports: [http, admin]}", "{match: {ports: [admin]}, to: db}")
    assert [] == _arriving("{service: db, ports: [http]}", "{match: {ports: [admin]}, to: {service: db, port: http}}")


def test_ports_of_callers_in_another_namespace_meet_those_of_a_rule() -> None:
    """L9: `callersIn` is what that namespace's services declare, as it arrives: the same rules hold for it."""
    text = CAST + (
        "routes: {db: {services: db, rules: [{match: {ports: [http]}, to: {service: db, port: http}}, {to: {service: db, port: admin}}]}}\n"
        "policies: {db: {services: db, allow: [{from: [{callersIn: ops}], ports: [http, admin]}]}}\n"
    )
    spy = "namespace: ops\nservices: {spy: {ports: {http: 80}, calls: [{service: shop/db, ports: [admin]}]}}\n"
    assert ["ops/spy admin - -"] == _allowed(_checks(mesh_of({"a.yaml": text, "b.yaml": spy}), "db"))


def test_ports_that_are_no_http_pass_by_routes() -> None:
    """L8, L9: routes are tried for requests: a called port of another protocol is reached directly, whatever the routes say."""
    cast = CAST.replace("admin: {port: 81, protocol: http}", "tcp: 5432")
    rules = "routes: {db: {services: db, rules: [{match: {ports: [http]}, to: {service: db, port: http}}]}}\n"
    only = mesh_of(f"{cast}  web: {{ports: {{http: 80}}, calls: [{{service: db, ports: [tcp]}}]}}\n{rules}")
    both = mesh_of(f"{cast}  web: {{ports: {{http: 80}}, calls: [{{service: db, ports: [http, tcp]}}]}}\n{rules}")
    assert ["shop/web tcp - -"] == _allowed(_checks(only, "db"))
    assert ["shop/web http - -", "shop/web tcp - -"] == _allowed(_checks(both, "db"))


def test_whole_rewritten_path_arrives_only_if_the_rule_takes_the_call() -> None:
    """L9: `replaceFullPath` makes one path of what the rule takes; where that is nothing the call declares, nothing arrives."""
    rules = "{match: {paths: /b/**}, to: db, rewrite: {path: {replaceFullPath: /z}}}, {to: db}"
    assert ["shop/web http - /a"] == _arriving("{service: db, ports: [http], paths: [/a]}", rules)
    assert ["shop/web http - /b/c", "shop/web http - /z"] == _arriving("{service: db, ports: [http], paths: [/b/c]}", rules)


def test_regular_expression_through_a_rewrite() -> None:
    """L9: an expression arrives with the new prefix before it, and never as all that lies below; `/` changes nothing."""

    def through(new: str) -> list[str]:
        rule = f"{{to: db, rewrite: {{path: {{replacePrefixMatch: {new}}}}}}}"
        return _arriving("{service: db, ports: [http], paths: [{regex: '/v[0-9]'}]}", rule)

    assert ["shop/web http - /api/v[0-9]"] == through("/api")
    assert ["shop/web http - /v[0-9]"] == through("/")


def test_longest_prefix_is_rewritten_in_any_order() -> None:
    """L7, L9: of several paths of a match the longest is replaced, however they are listed."""
    for listed in ("/a/**, /a/b/**", "/a/b/**, /a/**"):
        rule = f"{{match: {{paths: [{listed}]}}, to: db, rewrite: {{path: {{replacePrefixMatch: /n}}}}}}"
        assert ["shop/web http - /n/x"] == _arriving("{service: db, ports: [http], paths: [/a/b/x]}", rule)


def test_match_that_matches_nothing_lets_nothing_arrive() -> None:
    """A key with an empty list takes no request, so that nothing arrives by it."""
    assert [] == _arriving("{service: db, ports: [http]}", "{match: {headers: {x: []}}, to: db}")


def test_base_allow_is_open_until_an_allow_selects() -> None:
    """L9: base `allow` lets everyone in, until an `allow` selects the service; a deny alone opens or closes nothing."""
    services = CAST.replace("api: {", "api: {access: allow, ")
    denies = services + "policies: {p: {services: api, deny: [{from: {namespace: ops}}]}}"
    allows = services + "policies: {p: {services: api, allow: [{from: {namespace: ops}}]}}"
    assert _checks(mesh_of(services), "api").open
    assert _checks(mesh_of(denies), "api").open
    assert not _checks(mesh_of(allows), "api").open
    assert ["ops - - -"] == _allowed(_checks(mesh_of(allows), "api"))


def test_empty_allow_selects_and_lets_nobody_in() -> None:
    """L9: `allow: []` closes a base that is open and adds nothing to what is declared; a gateway with it lets nobody in."""
    opened = CAST.replace("api: {", "api: {access: allow, ") + "policies: {p: {services: api, allow: []}}"
    declared = CAST + "  web: {ports: {http: 80}, calls: [api]}\npolicies: {p: {services: api, allow: []}}"
    gateway = mesh_of(CAST + "gateways: {edge: {listeners: {http: {port: 80}}}}\npolicies: {p: {gateways: edge, allow: []}}")
    assert (False, []) == (_checks(mesh_of(opened), "api").open, _allowed(_checks(mesh_of(opened), "api")))
    assert ["shop/web - - -"] == _allowed(_checks(mesh_of(declared), "api"))
    assert (False, ()) == (
        access.gateway_checks(gateway, gateway.gateways[0]).open,
        access.gateway_checks(gateway, gateway.gateways[0]).allow,
    )


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
