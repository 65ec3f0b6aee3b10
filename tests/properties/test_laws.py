"""The laws that hold for all requests and all meshes of a kind, drawn at random (L1, L2, L4, L9)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from meshc import paths
from meshc.diagnostics import Origin
from meshc.model import Access, Mesh, Pattern, Policy, Route, Service, Source, SourceKind
from meshc.semantics import Decision, Identity, Outcome, Plaintext, Request, decide
from tests.meshes import call, edge, mesh_of, name

SPEC = """
namespace: shop
mesh: {name: shop, trustDomain: t.test}
services:
  web: {ports: {http: 80}, calls: [{service: api, methods: [GET], paths: [/a/**]}, other]}
  batch: {ports: {http: 80}}
  api: {ports: {http: 80}}
  other: {ports: {http: 80}}
gateways:
  edge: {listeners: {http: {port: 80}}}
routes:
  one: {gateways: [edge], hosts: [x.test], rules: [{match: {paths: "/a:b/**"}, to: api}, {match: {paths: "/{id}"}, respond: {status: 201}}]}
  two: {gateways: [edge], hosts: [x.test], rules: [{match: {paths: "/a:b/é"}, respond: {status: 202}}]}
  three: {gateways: [edge], hosts: ["*.test"], rules: [{to: other}]}
  inside:
    services: [api]
    rules:
      - {match: {paths: /a/x}, respond: {status: 203}}
      - {match: {paths: [/z/**, /z/a/**, "/z/*/x/**"]}, to: api, rewrite: {path: {replacePrefixMatch: /a}}}
      - {to: api}
policies:
  p: {services: [api], deny: [{paths: [/a/secret, "/a:b/no!"]}], allow: [{from: [{namespace: ops}], methods: [POST]}]}
  q: {services: [api], deny: [{methods: [DELETE]}]}
"""

MESH = mesh_of(SPEC)
HERE = Origin("mesh.yaml")
METHODS = ("GET", "POST", "DELETE")

segments = st.lists(st.sampled_from(["a", "x", "secret", "a:b", "é", "no!", "z%"]), min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([tuple(parts), (*parts, "")])
)
clients = st.sampled_from(["web", "batch", "spiffe://t.test/ns/ops/sa/x", "spiffe://t.test/ns/else/sa/x"])


@st.composite
def inside(draw: st.DrawFn) -> Request:
    """A request to `api` from some caller."""
    line = f"{draw(st.sampled_from(METHODS))} {paths.canonical(draw(segments))}"
    return call(draw(clients), draw(st.sampled_from(["api", "other"])), line)


@st.composite
def outside(draw: st.DrawFn) -> Request:
    """A request through the gateway."""
    host = draw(st.sampled_from(["x.test", "y.test", "nobody"]))
    return edge(f"{draw(st.sampled_from(METHODS))} {host} {paths.canonical(draw(segments))}")


@st.composite
def rewritten(draw: st.DrawFn) -> Request:
    """A declared request to `api` whose prefix a rule replaces."""
    head = draw(st.sampled_from([("z",), ("z", "a"), ("z", "b", "x")]))
    return call("web", "api", f"GET {paths.canonical((*head, *draw(segments)))}")


requests = st.one_of(inside(), outside(), rewritten())


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """An entry of a policy."""
    source = draw(
        st.sampled_from(
            [
                None,
                Source(SourceKind.SERVICE, HERE, name=name("web")),
                Source(SourceKind.SERVICE, HERE, name=name("batch")),
                Source(SourceKind.NAMESPACE, HERE, value="ops"),
                Source(SourceKind.GATEWAY, HERE, name=name("edge")),
                Source(SourceKind.MTLS, HERE),
            ]
        )
    )
    path = draw(st.sampled_from([None, "/a/**", "/a/x", "/a:b/**", "/*", "/**"]))
    methods = draw(st.sampled_from([None, ("GET",), ("POST", "DELETE")]))
    return Pattern(
        HERE,
        sources=None if source is None else (source,),
        methods=methods,
        paths=None if path is None else (paths.parse_pattern(path),),
    )


policies = st.builds(
    lambda allow, deny, number: Policy(name(f"z{number}"), (name("api"),), (), allow, (), tuple(deny), HERE),
    st.none() | st.lists(patterns(), max_size=2).map(tuple),
    st.lists(patterns(), max_size=2),
    st.integers(0, 1000),
)


def several_policies(at_most: int) -> st.SearchStrategy[list[Policy]]:
    """Policies of different names, as in any mesh."""
    return st.lists(policies, max_size=at_most, unique_by=lambda policy: policy.name)


def meaning(decision: Decision) -> object:
    """All of a decision but its reasons."""
    return replace(decision, because=())


def normal_form(decision: Decision) -> object:
    """What becomes of the normal form of a request, without what an odd one may meet besides (L18)."""
    return replace(decision, because=(), permitted=decision.permitted[:1], odd=None, otherwise=())


def with_policies(mesh: Mesh, *more: Policy, access: Access | None = None) -> Mesh:
    """The mesh with further policies, and perhaps another base for `api`."""

    def based(service: Service) -> Service:
        return replace(service, access=access) if access is not None and service.name == name("api") else service

    return replace(mesh, policies=(*mesh.policies, *more), services=tuple(based(service) for service in mesh.services))


@given(requests, st.data())
def test_no_encoding_changes_a_decision(request: Request, data: st.DataObject) -> None:
    """L4: whatever is escaped, in whatever case, with whatever detours: the decision is the same."""

    def spelled(character: str) -> str:
        escaped = "".join(f"%{byte:02X}" for byte in character.encode())
        raw = [character] if character.isascii() and character not in "% " else []
        return data.draw(st.sampled_from([*raw, escaped, escaped.lower()]))

    known = paths.read(request.target).segments
    assert known is not None
    slash = st.sampled_from(["/", "//", "/./", "/%2e/", "/z/../", "/q/%2E./"])
    target = "".join(data.draw(slash) + "".join(spelled(character) for character in segment) for segment in known)
    odd = decide(MESH, replace(request, target=target))
    assert normal_form(decide(MESH, request)) == normal_form(odd)
    strict = decide(replace(MESH, requests="strict"), replace(request, target=target))
    assert (normal_form(odd), ()) == (normal_form(strict), strict.otherwise)


@given(requests, several_policies(3))
def test_deny_beats_allow(request: Request, more: list[Policy]) -> None:
    """L9: what a mesh denies by a `deny` stays denied whatever allows are added, in whatever order."""
    denying = Policy(name("a"), (name("api"),), (), None, (), (Pattern(HERE),), HERE)
    for added in ((denying, *more), (*more, denying)):
        decision = decide(with_policies(MESH, *added), request)
        assert not any(one.service == name("api") and one.verdict.outcome is Outcome.ROUTED for one in decision.destinations)


@given(requests, patterns(), several_policies(2), st.sampled_from(list(Access)))
def test_an_allow_never_denies(request: Request, entry: Pattern, more: list[Policy], access: Access) -> None:
    """L9: adding an allow never turns an allowed request into a denied one, unless the base is `allow`."""
    before = with_policies(MESH, *more, access=access)
    after = with_policies(before, Policy(name("zz"), (name("api"),), (), (entry,), (), (), HERE))
    if decide(before, request).outcome is Outcome.ROUTED and access is not Access.ALLOW:
        assert decide(after, request).outcome is Outcome.ROUTED


@given(requests, patterns(), several_policies(2))
def test_a_deny_never_allows(request: Request, entry: Pattern, more: list[Policy]) -> None:
    """L9: adding a deny lets nothing in that was out."""
    before = with_policies(MESH, *more)
    after = with_policies(before, Policy(name("zz"), (name("api"),), (), None, (), (entry,), HERE))
    if decide(before, request).outcome is not Outcome.ROUTED:
        assert decide(after, request).outcome is not Outcome.ROUTED


@given(requests, several_policies(3), st.data())
def test_order_means_nothing(request: Request, more: list[Policy], data: st.DataObject) -> None:
    """L1, L7: permuting anything but a rules list changes no decision, the paths of a match whose prefix is replaced among them."""
    mesh = with_policies(MESH, *more)

    def shuffled(policy: Policy) -> Policy:
        return replace(
            policy,
            allow=policy.allow and tuple(data.draw(st.permutations(policy.allow))),
            deny=tuple(data.draw(st.permutations(policy.deny))),
        )

    def listed(route: Route) -> Route:
        """The route whose matches list their paths in another order."""
        return replace(
            route,
            rules=tuple(
                replace(
                    rule,
                    matches=tuple(replace(one, paths=one.paths and tuple(data.draw(st.permutations(one.paths)))) for one in rule.matches),
                )
                for rule in route.rules
            ),
        )

    permuted = replace(
        mesh,
        services=tuple(data.draw(st.permutations(mesh.services))),
        routes=tuple(listed(route) for route in data.draw(st.permutations(mesh.routes))),
        policies=tuple(shuffled(policy) for policy in data.draw(st.permutations(mesh.policies))),
    )
    assert meaning(decide(mesh, request)) == meaning(decide(permuted, request))


@given(inside())
def test_strict_mutual_tls_admits_no_plaintext(request: Request) -> None:
    """L10: no request at all without a certificate gets an answer from a strict port."""
    assert decide(MESH, replace(request, client=Plaintext())).outcome is Outcome.REFUSED


@given(st.text(st.characters(), max_size=12), st.text(st.characters(), max_size=8))
def test_any_request_has_a_decision(target: str, host: str) -> None:
    """L2: the meaning is total: whatever is sent, there is an answer and a reason."""
    for client in (edge("GET x /").client, Identity("spiffe://t.test/ns/shop/sa/x"), Identity("nonsense")):
        decision = decide(MESH, Request(client, target=target, host=(host,)))
        assert decision.because
