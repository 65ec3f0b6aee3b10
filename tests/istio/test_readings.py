"""
What a proxy really hands on of any path, a stock Envoy says; whatever an application may read in that, no deny is passed (L4, L18).

The reading of policies is beside it, so that thousands of requests need no control plane.
"""

import re
from collections.abc import Iterator
from functools import cache
from http.client import HTTPException

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshc import paths
from meshc.paths import Segments
from meshc.semantics.spellings import readings
from meshc_istio.objects import Object
from tests.istio.policy_reading import Seen, admits
from tests.istio.stock_envoy import Envoy, running
from tests.istio.written import HEAD, written
from tests.meshes import mesh_of

pytestmark = pytest.mark.engine

PATTERNS = ("/b", "/b/**", "/{id}/b", "/a:b", "/", "/{id}", "/p%25", "/é/**", "/b/", "/x*y/{id}".replace("*", "%2A"))
PIECES = (
    *("/", "/", "/", "//", "a", "b", "b", "x", "x*y", "a:b", "a%3ab", "a%3Ab", "%61", "%62", "p%", "p%25", "é".encode().decode("latin-1")),
    *("%C3%A9", "%c3%a9", "..", ".", "%2e%2e", ".%2E", "%2e", "%2F", "%2f", "%5C", "\\", "[", "]", "%5b", "%", "%z", "%3%61", "*", "%2a"),
    *("%20", "%00", "%7f", "%ff", "%", ":", "@", "^", "|"),
)
RAW = st.lists(st.sampled_from(PIECES), max_size=7).map(lambda parts: "/" + "".join(parts)).filter(str.isascii)


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    """An Envoy with the mesh's settings and no filter, which shows the path that it hands on."""
    with running(tmp_path_factory.mktemp("envoy"), [], {"x-path": "%REQ(:PATH)%"}) as one:
        yield one


@cache
def _denying(pattern: str) -> tuple[Object, ...]:
    text = f"services: {{users: {{ports: {{http: 80}}}}}}\npolicies: {{p: {{services: users, deny: [{{paths: '{pattern}'}}]}}}}\n"
    return tuple(written(mesh_of(HEAD + text)))


@cache
def _allowing(pattern: str) -> tuple[Object, ...]:
    text = f"services: {{users: {{ports: {{http: 80}}}}}}\npolicies: {{p: {{services: users, allow: [{{paths: '{pattern}'}}]}}}}\n"
    return tuple(written(mesh_of(HEAD + text)))


def arriving(envoy: Envoy, raw: str) -> str | None:
    """The path that is handed on; None where the request is refused."""
    try:
        reply = envoy.ask(raw)
    except HTTPException:
        return None
    return reply.headers["x-path"] if reply.status == 200 else None


def escapes(path: str) -> list[str]:
    """The denies that the path passes though an application may read in it what they refuse, and the allows that let in what none is."""
    spelled = tuple(path.split("/")[1:])
    read: tuple[Segments, ...] = readings(spelled)
    found = []
    for text in PATTERNS:
        pattern = paths.parse_pattern(text)
        taken = [paths.matches(pattern, one) for one in read]
        if any(taken) and admits(_denying(text), "shop", {"app": "users"}, Seen(path)):
            found.append(f"deny {text}")
        if not all(taken) and admits(_allowing(text), "shop", {"app": "users"}, Seen(path)):
            found.append(f"allow {text}")
    return found


@settings(max_examples=400)
@given(raw=RAW)
@example(raw="//")
@example(raw="/a/..//b")
@example(raw="/%5B/b")
@example(raw="/[/b")
def test_no_reading_of_what_arrives_is_denied(envoy: Envoy, raw: str) -> None:
    """Nor is one let in that no allow takes."""
    path = arriving(envoy, raw)
    assert path is None or [] == escapes(path), path


DOTTED = ("/x/%2e%2e;y/b", "/x/.%2e;/b", "/b/%2e;/b", "/x/..%3by/b", "/x/..%3By/b")


@pytest.mark.parametrize("raw", DOTTED)
def test_dot_segments_with_parameters_are_refused_where_paths_are_compared(envoy: Envoy, raw: str) -> None:
    """A proxy leaves the segment, an application removes it, and no string of a policy says it: the sending proxy's first route does."""
    path = arriving(envoy, raw)
    assert path is not None
    assert [] != escapes(path)
    (routes,) = (one for one in _denying("/b") if one.kind == "VirtualService")
    first, *_ = routes.spec["http"]
    assert {"status": 400} == first["directResponse"]
    assert re.fullmatch(first["match"][0]["uri"]["regex"], path)


@pytest.mark.parametrize("raw", ["/x/a;y/b", "/x/..y/b", "/b;..", "/x/y..;/b"])
def test_other_parameters_pass(envoy: Envoy, raw: str) -> None:
    """Only a segment of dots goes up."""
    (routes,) = (one for one in _denying("/b") if one.kind == "VirtualService")
    assert not re.fullmatch(routes.spec["http"][0]["match"][0]["uri"]["regex"], arriving(envoy, raw) or "")


def test_plaintext_callers_are_held_back_by_the_policy() -> None:
    """They come past every proxy that sends."""
    services = "services: {users: {ports: {http: {port: 80, mtls: permissive}}, access: allow}}\n"
    made = written(mesh_of(HEAD + services + "policies: {p: {services: users, deny: [{paths: /b}]}}\n"))
    for path, passes in (
        ("/x/..;y/b", False),
        ("/x/..%3By/b", False),
        ("/x/..%3by/b", False),
        ("/.;/b", False),
        ("/x;y/z", True),
        ("/x/..y/z", True),
    ):
        assert passes == admits(made, "shop", {"app": "users"}, Seen(path)), path
    assert not admits(made, "shop", {"app": "users"}, Seen("/x/..;y/b"), filters=False)
