"""Whatever the pattern: no spelling of a denied path passes, and none of a foreign path is let in (L4, L18)."""

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc import paths
from meshc.paths import PathPattern
from meshc_istio.objects import Object
from tests.istio import spellings
from tests.istio.policy_reading import Seen, admits
from tests.istio.written import written
from tests.meshes import mesh_of

PATTERNS = spellings.patterns()
TOKEN = {"iss": "https://id.example"}
AUTHORIZATION = (("authorization", "Bearer T"),)


@cache
def _objects(which: str, path: str) -> list[Object]:
    """What is written for a service with one entry; a mesh is made once for each pattern."""
    text = f"""
namespace: shop
mesh: {{access: {"deny" if which == "allow" else "allow"}}}
authentication: {{ids: {{jwt: {{issuer: "https://id.example", jwks: {{uri: "https://id.example/keys"}}}}}}}}
services: {{users: {{ports: {{http: 80}}}}}}
policies: {{p: {{services: users, {which}: [{{paths: {path}{", jwt: ids" if which == "require" else ""}}}]}}}}
"""
    return written(mesh_of(text))


def _written_for(which: str, pattern: PathPattern) -> list[Object]:
    return _objects(which, json.dumps(pattern.text if pattern.regex is None else {"regex": pattern.regex}))


def _admits(objects: list[Object], seen: Seen, *, filters: bool = True) -> bool:
    return admits(objects, "shop", {"app": "users"}, seen, filters=filters)


@settings(max_examples=400)
@given(st.data(), PATTERNS)
def test_no_spelling_of_a_denied_path_passes(data: st.DataObject, pattern: PathPattern) -> None:
    """With its filters and where they are missing; and what is no denied path passes in the spelling that HTTP gives it."""
    path = data.draw(spellings.paths_about(pattern))
    objects = _written_for("deny", pattern)
    spelling = data.draw(spellings.spelled(path))
    if paths.matches(pattern, path):
        assert not _admits(objects, Seen(spelling))
        assert not _admits(objects, Seen(spelling), filters=False)
    else:
        assert _admits(objects, Seen(paths.canonical(path)))


@settings(max_examples=400)
@given(st.data(), PATTERNS)
def test_no_spelling_of_a_foreign_path_is_let_in(data: st.DataObject, pattern: PathPattern) -> None:
    """With its filters and where they are missing; what is allowed is let in, in every spelling that HTTP knows."""
    path = data.draw(spellings.paths_about(pattern))
    objects = _written_for("allow", pattern)
    if paths.matches(pattern, path):
        assert _admits(objects, Seen(data.draw(spellings.spelled(path, allowed_by_http=True))))
    else:
        spelling = data.draw(spellings.spelled(path))
        assert not _admits(objects, Seen(spelling))
        assert not _admits(objects, Seen(spelling), filters=False)


@settings(max_examples=300)
@given(st.data(), PATTERNS)
def test_no_spelling_of_a_path_goes_without_its_token(data: st.DataObject, pattern: PathPattern) -> None:
    """What a `require` selects passes with the token alone."""
    path = data.draw(spellings.paths_about(pattern))
    objects = _written_for("require", pattern)
    spelling = data.draw(spellings.spelled(path))
    if paths.matches(pattern, path):
        assert not _admits(objects, Seen(spelling))
        assert not _admits(objects, Seen(spelling), filters=False)
        assert _admits(objects, Seen(paths.canonical(path), headers=AUTHORIZATION, claims=TOKEN))
    else:
        assert _admits(objects, Seen(paths.canonical(path)))


@settings(max_examples=200)
@given(st.data(), st.lists(PATTERNS, min_size=2, max_size=3))
def test_several_patterns_are_each_held(data: st.DataObject, patterns: list[PathPattern]) -> None:
    """Patterns of one entry may need strings, templates and bits side by side."""
    texts = [one.text if one.regex is None else {"regex": one.regex} for one in patterns]
    path = data.draw(spellings.paths_about(data.draw(st.sampled_from(patterns))))
    spelling = data.draw(spellings.spelled(path))
    taken = any(paths.matches(one, path) for one in patterns)
    denies, allows = (_objects(which, json.dumps(texts)) for which in ("deny", "allow"))
    assert (not taken) == _admits(denies, Seen(paths.canonical(path)))
    assert taken == _admits(allows, Seen(paths.canonical(path)))
    if taken:
        assert not _admits(denies, Seen(spelling))
    else:
        assert not _admits(allows, Seen(spelling))


# --- each escape that a policy written without care has ---------------------------------------------------------------------------


def _both(policy: str, seen: Seen, access: str = "allow") -> bool:
    """Whether a service with the policy lets the request in."""
    text = f"""
namespace: shop
mesh: {{access: {access}}}
authentication: {{ids: {{jwt: {{issuer: "https://id.example", jwks: {{uri: "https://id.example/keys"}}}}}}}}
services: {{users: {{ports: {{http: 80, db: {{port: 5432, protocol: tcp}}}}}}}}
policies: {{p: {{services: users, {policy}}}}}
"""
    return _admits(written(mesh_of(text)), seen)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/a:b", "/a%3ab"),
        ("/a:b", "/a%3Ab"),
        ("/café", "/caf%c3%a9"),
        ("/café", "/caf%C3%a9"),
        ("/files/{id}", "/files/["),
        ("/files/{id}/x", "/files/]/x"),
        ("/", "//"),
        ("/pc%25z", "/pc%z"),
        ({"regex": "/caf[è-ê]"}, "/caf%c3%a8"),
        ({"regex": "/files/[^/]+"}, "/files/["),
        ({"regex": "/pc%z"}, "/pc%z"),
    ],
)
def test_other_spellings_escape_no_deny(pattern: object, path: str) -> None:
    """Reserved characters raw or escaped, either case of a digit, brackets, a percent sign of its own, two slashes."""
    assert not _both(f"deny: [{{paths: {json.dumps(pattern)}}}]", Seen(path))
    assert not _both(f"require: [{{paths: {json.dumps(pattern)}, jwt: ids}}]", Seen(path))


@pytest.mark.parametrize(
    "host",
    [
        "admin.example.com",
        "Admin.Example.COM",
        "admin.example.com:8080",
        "admin.example.com.",
        "admin.example.com.:80",
        "admin.example.com,other.example",
        "other.example,admin.example.com",
    ],
)
@pytest.mark.parametrize("denied", ["admin.example.com", "*.example.com"])
def test_other_forms_of_a_host_escape_no_deny(denied: str, host: str) -> None:
    """With a port, dotted, repeated, in any case: what a `*` route would hand on."""
    assert not _both(f'deny: [{{hosts: ["{denied}"]}}]', Seen(host=host))
    assert _both(f'deny: [{{hosts: ["{denied}"]}}]', Seen(host="other.example"))


@pytest.mark.parametrize("authorization", ["xBearer T", "Basic x Bearer T", "Basic eA==, Bearer T", "bearer T"])
def test_a_token_in_another_scheme_is_none(authorization: str) -> None:
    """A proxy reads a token wherever `Bearer ` stands in the field; only at its beginning does it count (L9)."""
    seen = Seen(headers=(("authorization", authorization),), claims=TOKEN)
    assert not _both("require: [{jwt: ids}]", seen)
    assert not _both("allow: [{jwt: ids, ports: http}]", seen, access="deny")
    assert _both("require: [{jwt: ids}]", Seen(headers=AUTHORIZATION, claims=TOKEN))
    assert _both("allow: [{jwt: ids, ports: http}]", Seen(headers=AUTHORIZATION, claims=TOKEN), access="deny")


@pytest.mark.parametrize(
    "policy",
    [
        "deny: [{paths: /x}]",
        "deny: [{paths: '/a/{id}'}]",
        "deny: [{paths: {regex: '/x+'}}]",
        "deny: [{query: {q: x}}]",
        "deny: [{headers: {x-a: {absent: true}}}]",
        "deny: [{hosts: ['*.x.example']}]",
        "require: [{jwt: ids}]",
        "require: [{paths: '/a/{id}', jwt: ids}]",
        "deny: [{jwt: {provider: ids, claims: {role: x}}}]",
    ],
)
def test_what_reads_requests_closes_no_connection(policy: str) -> None:
    """Istio forgets keys of HTTP on connections that show none: without care every connection would be closed."""
    assert _both(policy, Seen(port=5432, http=False))


def test_what_admits_requests_opens_no_connection() -> None:
    """An allow opens the ports that it names, and one that reads requests no other."""
    assert not _both("allow: [{methods: [GET], ports: http}]", Seen(port=5432, http=False), access="deny")
    assert not _both("allow: [{from: everyone, ports: http}]", Seen(port=5432, http=False), access="deny")
    assert _both("allow: [{from: everyone, ports: db}]", Seen(port=5432, http=False), access="deny")


def test_a_deny_without_requests_closes_connections_too() -> None:
    """A deny of callers without ports covers all of them (L8)."""
    outside = Seen(port=5432, http=False, principal="cluster.local/ns/sandbox/sa/x")
    assert not _both("deny: [{from: {namespace: sandbox}}]", outside)
    assert _both("deny: [{from: {namespace: sandbox}}]", Seen(port=5432, http=False, principal="cluster.local/ns/shop/sa/x"))


@pytest.mark.parametrize("port", [80, 8080, 15006])
def test_a_deny_holds_where_a_pod_listens_elsewhere(port: int) -> None:
    """Ports are named only where they are spared: what the mesh does not know of stays closed."""
    assert not _both("deny: [{paths: /x, ports: http}]", Seen("/x", port=port))
    assert not _both("require: [{jwt: ids}]", Seen(port=port))
