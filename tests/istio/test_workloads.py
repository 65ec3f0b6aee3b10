"""What Istio is given for workers, for several services over the same pods, and for headless ones; and what of them it can't do."""

from collections import Counter

import pytest

from meshc.diagnostics import Finding
from meshc_istio import target
from meshc_istio.objects import Object
from tests.istio.policy_reading import Seen, admits
from tests.istio.written import one, written
from tests.meshes import mesh_of

HEAD = "namespace: shop\nmesh: {name: shop, trustDomain: shop.example, telemetry: {accessLog: json}}\n"
USERS = "users: {ports: {http: {port: 80, targetPort: 8080}}}"


def _services(*lines: str) -> str:
    return HEAD + "services:\n" + "".join(f"  {line}\n" for line in lines)


def _objects(text: str) -> list[Object]:
    return written(mesh_of(text))


def _found(text: str, code: str = "MC502") -> list[Finding]:
    return [finding for finding in target.check(mesh_of(text)) if finding.code == code]


def _said(text: str) -> list[str]:
    return [finding.message for finding in _found(text)]


# --- workers ----------------------------------------------------------------------------------------------------------------------


def test_a_worker_has_what_guards_it_and_nothing_of_a_service() -> None:
    """L8: there is no Service that a VirtualService, DestinationRule or subset could be about."""
    text = _services(USERS, "nightly: {calls: [users], versions: {v1: {}}}", "free: {ports: {http: 80}}")
    mine = [made for made in _objects(text) if "nightly" in made.name]
    assert ["AuthorizationPolicy", "PeerAuthentication", "Sidecar", "Telemetry"] == sorted(made.kind for made in mine)
    selectors = [made.spec.get("selector", {}).get("matchLabels") or made.spec["workloadSelector"]["labels"] for made in mine]
    assert [{"app": "nightly"}] * 4 == selectors
    specs = {made.kind: made.spec for made in mine}
    assert ["shop/users.shop.svc.cluster.local"] == specs["Sidecar"]["egress"][0]["hosts"]
    assert {"mode": "STRICT"} == specs["PeerAuthentication"]["mtls"]


def test_a_worker_lets_nobody_in() -> None:
    """L8: whatever the mesh's base is; a pod that listens all the same is not open."""
    text = _services("nightly: {calls: []}", USERS).replace("mesh: {", "mesh: {access: allow, ")
    seen = Seen(principal="shop.example/ns/shop/sa/users", port=9090)
    assert not admits(_objects(text), "shop", {"app": "nightly"}, seen)
    assert admits(_objects(text), "shop", {"app": "users"}, seen)


def test_no_proxy_is_told_of_a_worker() -> None:
    """L8: a Sidecar that lists a host which no Service has would promise something."""
    sidecars = [made.spec for made in _objects(_services(USERS, "nightly: {calls: []}")) if made.kind == "Sidecar" and made.name == "users"]
    assert [["shop/users.shop.svc.cluster.local"]] == [spec["egress"][0]["hosts"] for spec in sidecars]


def test_a_worker_asks_for_no_named_ports() -> None:
    """A mesh of workers needs no Service."""
    lines = list(target.summary(mesh_of(_services("nightly: {calls: []}"))))
    assert [] == [line for line in lines if "Service" in line]


# --- several services over the same pods ------------------------------------------------------------------------------------------

PAIR = _services(
    "users: {ports: {http: {port: 80, targetPort: 8080}, tcp: 5432}, calls: [], rateLimits: {limit: 5/s}}",
    "twin: {workload: users, ports: {web: {port: 81, targetPort: 8080, protocol: http}, tap: {port: 9090, protocol: http, mtls: disable}}}",
    "web: {ports: {http: 80}, calls: [{service: users, ports: http, paths: /users/**}, {service: twin, ports: web, paths: /twin/**}]}",
)


def test_pods_are_guarded_once() -> None:
    """L9: objects that select pods are the workload's; those that name a host are each service's."""
    kinds = Counter((made.kind, made.name) for made in _objects(PAIR) if made.name in ("users", "twin"))
    once = ("AuthorizationPolicy", "EnvoyFilter", "PeerAuthentication", "Sidecar", "Telemetry")
    each = {(kind, name): 1 for kind in ("DestinationRule", "VirtualService") for name in ("users", "twin")}
    assert Counter({**{(kind, "users"): 1 for kind in once}, **each}) == kinds


def test_objects_name_every_port_of_the_pods() -> None:
    """L9, L10: by the numbers on which they listen, whichever service leads there."""
    mesh = mesh_of(PAIR)
    assert {"9090": {"mode": "DISABLE"}} == one(mesh, "PeerAuthentication", "users")["portLevelMtls"]
    rules = one(mesh, "AuthorizationPolicy", "users")["rules"]
    assert [["8080"], ["8080"]] == [rule["to"][0]["operation"]["ports"] for rule in rules]
    assert [["/users", "/users/*"], ["/twin", "/twin/*"]] == sorted(
        (rule["to"][0]["operation"]["paths"] for rule in rules), key=lambda paths: paths[0], reverse=True
    )


@pytest.mark.parametrize(
    ("path", "port", "admitted"),
    [("/users/1", 8080, True), ("/twin/1", 8080, True), ("/else", 8080, False), ("/twin/1", 9090, False), ("/users/1", 5432, False)],
)
def test_what_is_declared_to_either_comes_in_at_the_port_that_they_share(path: str, port: int, admitted: bool) -> None:  # noqa: FBT001 - a row
    """L9: and at no other."""
    seen = Seen(path=path, port=port, principal="shop.example/ns/shop/sa/web")
    assert admitted is admits(_objects(PAIR), "shop", {"app": "users"}, seen)


def test_a_deny_for_one_spares_the_ports_that_it_is_not_about() -> None:
    """L9: a deny names what it spares, ports of the other service among them."""
    mesh = mesh_of(PAIR + "policies: {p: {services: twin, deny: [{ports: web, paths: /x}]}}\n")
    operations = [rule["to"][0]["operation"] for rule in one(mesh, "AuthorizationPolicy", "users.deny")["rules"]]
    assert {"notPorts": ["5432", "9090"], "paths": ["/x"]} in operations


def test_callers_expect_the_workloads_identity_without_its_being_said() -> None:
    """L10: it is stated where the spec states it; a further service's name is not the account that Istio would guess."""
    mesh = mesh_of(PAIR)
    assert {"mode": "ISTIO_MUTUAL"} == one(mesh, "DestinationRule", "twin")["trafficPolicy"]["tls"]
    mesh = mesh_of(PAIR.replace("users: {", "users: {identity: people, ", 1))
    expected = {"mode": "ISTIO_MUTUAL", "subjectAltNames": ["spiffe://shop.example/ns/shop/sa/people"]}
    assert [expected, expected] == [one(mesh, "DestinationRule", name)["trafficPolicy"]["tls"] for name in ("users", "twin")]


VERSIONS = _services(
    "users: {ports: {http: 80}, versions: {v1: {}, v2: {}}}",
    "twin: {workload: users, ports: {http: 80}}",
    "web: {ports: {http: 80}}",
)


def test_a_further_service_has_the_subsets_that_something_names() -> None:
    """L16: a subset that no rule asks for would be one object more to read."""
    rule = "routes: {web: {services: web, rules: [{to: {service: twin, version: v2}}]}}\n"
    for text, expected in (
        (VERSIONS, []),
        (VERSIONS + rule, ["twin.v2"]),
        (VERSIONS.replace("v2: {}}", "v2: {}}, traffic: {v1: 1}"), ["twin.v1"]),
    ):
        names = [made.name for made in _objects(text) if made.kind == "DestinationRule"]
        assert expected == [name for name in names if name.startswith("twin.")]
        assert ["users.v1", "users.v2"] == [name for name in names if name.startswith("users.")]


def test_the_longest_timeout_holds_at_the_pods_themselves() -> None:
    """A proxy takes the timeouts of connections to its application from one service's rule, and would cut those of the other short."""
    same = mesh_of(PAIR)
    assert "inboundConnectionPool" not in one(same, "Sidecar", "users")
    mesh = mesh_of(
        PAIR.replace("twin: {", "twin: {timeouts: {idle: 2h}, ").replace("users: {", "users: {timeouts: {connect: 20s, idle: 1m}, ", 1)
    )
    pool = one(mesh, "Sidecar", "users")["inboundConnectionPool"]
    assert ("20s", "7200s", "7200s") == (pool["tcp"]["connectTimeout"], pool["tcp"]["idleTimeout"], pool["http"]["idleTimeout"])


def test_the_breaker_of_any_service_is_its_callers() -> None:
    """Limits of client proxies must not hold once more where the pods take connections."""
    mesh = mesh_of(PAIR.replace("twin: {", "twin: {circuitBreaker: {maxConnections: 1}, "))
    assert 2**31 - 1 == one(mesh, "Sidecar", "users")["inboundConnectionPool"]["tcp"]["maxConnections"]


@pytest.mark.parametrize("selector", ["{app: users}", "{app: users, tier: backend}"])
def test_pods_that_two_workloads_select_are_refused_with_the_way_out(selector: str) -> None:
    """L3: policies would hold for both; `workload` says that both lead to the same pods."""
    (found,) = _found(_services(USERS, f"users-headless: {{ports: {{http: 8080}}, selector: {selector}}}"))
    assert found.message.startswith("the selector of shop/users takes the pods of shop/users-headless too")
    assert "if these are two Services over one workload's pods, write `workload: users` and no `selector`" == found.help
    assert [] == _said(_services(USERS, "users-headless: {workload: users, ports: {http: 8080}}"))


@pytest.mark.parametrize(
    "further",
    [
        "users: {ports: {http: {port: 80, targetPort: 8080}, grpc: {port: 81, targetPort: 8080}}}",
        USERS + "\n  more: {workload: users, ports: {grpc: 8080}}",
    ],
)
def test_one_number_has_one_protocol(further: str) -> None:
    """L3: a proxy speaks to its application as the oldest Service says, and what was sent as gRPC would arrive as HTTP/1.1 (measured)."""
    (message,) = _said(_services(further))
    assert message.endswith("listen on one number and differ in protocol, which Istio can't tell apart")


def test_addresses_by_hand_tell_no_services_apart() -> None:
    """L3: a connection of bytes shows an address and a port, and nothing else."""
    by_hand = "old: {{ports: {{http: 80, tcp: 5432}}, endpoints: {{address: 10.0.0.1}}}}\n  more: {{workload: old, ports: {{{ports}}}}}"
    (message,) = _said(_services(by_hand.format(ports="tcp: 5432")))
    assert message.startswith("port 5432 of shop/old is another's of its workload too, by the same addresses")
    assert [] == _said(_services(by_hand.format(ports="http: 80, tcp: {port: 5433, targetPort: 5432}")))


def test_who_calls_a_further_service_needs_its_name_only() -> None:
    """L8: a match by the caller's further name selects the workload's pods."""
    text = PAIR + "routes: {users: {services: users, rules: [{match: {from: twin, ports: http}, to: users}, {to: users, timeout: 1s}]}}\n"
    matches = [match for route in one(mesh_of(text), "VirtualService", "users")["http"] for match in route.get("match", ())]
    assert [{"app": "users"}] == [match["sourceLabels"] for match in matches if "sourceLabels" in match]


# --- headless ---------------------------------------------------------------------------------------------------------------------

HEADLESS = _services(
    "search: {headless: true, ports: {http: 9200}, versions: {v1: {}}}",
    "web: {ports: {http: 80}, calls: [search]}",
    "api: {ports: {http: 80}}",
)


def test_a_headless_service_is_written_like_any_other() -> None:
    """Istio finds out from the Service itself that it has no address, and gives its pods their names."""
    mesh = mesh_of(HEADLESS)
    assert [f"shop/search.shop.svc.{mesh.cluster_domain}"] == one(mesh, "Sidecar", "web")["egress"][0]["hosts"]
    assert [] == list(target.check(mesh))
    assert ["you must have headless Services (clusterIP: None), and pods that they give names to: shop/search"] == [
        line for line in target.summary(mesh) if "headless" in line
    ]


@pytest.mark.parametrize(
    ("route", "refused"),
    [
        ("search: {services: search, rules: [{to: search, timeout: 1s}]}", False),
        (
            "search: {services: search, rules: [{to: [{service: search, weight: 1}, {service: api, weight: 1}]}]}",
            False,
        ),
        ("search: {services: search, rules: [{to: {service: search, version: v1}}]}", True),
        ("search: {services: search, rules: [{to: search, mirror: {to: search}}]}", True),
        ("api: {services: api, rules: [{to: search}]}", True),
        ("api: {services: api, rules: [{to: api, mirror: {to: search}}]}", True),
        ("both: {services: [api, search], rules: [{to: search}]}", True),
    ],
)
def test_rules_inside_send_to_the_pod_that_was_called(route: str, refused: bool) -> None:  # noqa: FBT001 - a row's value
    """L3: a caller's proxy connects to the address that was dialled, be it another service's (measured)."""
    said = [
        message for message in _said(HEADLESS + f"routes: {{{route}}}\n") if "to headless shop/search: a caller's proxy sends it" in message
    ]
    assert refused is bool(said)


def test_a_gateway_chooses_a_pod_itself() -> None:
    """L8: there a version of a headless service means what it says."""
    gateway = "gateways: {g: {listeners: {http: 80}}}\n"
    route = "routes: {r: {gateways: g, hosts: a.example, rules: [{to: {service: search, version: v1}}]}}\n"
    assert [] == _said(HEADLESS + gateway + route)
