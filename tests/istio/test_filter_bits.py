"""A stock Envoy with the filters that leave bits for policies: each is what the reference says, in every spelling (L4, L13, L18)."""

import re
from collections.abc import Iterator
from http.client import HTTPException
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc import paths
from meshc.model import Name, Pattern
from meshc.semantics.matching import selects
from meshc.semantics.message import Message
from meshc_istio.check_point import of_service
from meshc_istio.complaints import ignore
from meshc_istio.filters import rbac
from tests.istio import spellings
from tests.istio.stock_envoy import Envoy, running
from tests.meshes import mesh_of

pytestmark = pytest.mark.engine

USERS = Name("shop", "users")
MESH = mesh_of("""
namespace: shop
mesh: {access: allow}
services:
  users: {ports: {http: 80}}
policies:
  users:
    services: [users]
    deny:
      - {paths: ["/a/*/b", {regex: "/r/[0-9]+"}]}
      - {paths: ["/x%2A/**", "/é"]}
      - {paths: [{regex: "/|/é|/a:.|/[^/]*%"}]}
      - {paths: ["/*/", "/a:b/**"], methods: [POST]}
      - {headers: {x-a: {regex: "b[a-z]d"}}}
      - {headers: {x-a: {absent: true}}}
      - {headers: {x-a: {not: [one, {prefix: t}]}}}
      - {headers: {x-a: ["", {present: true}]}}
      - {headers: {x-a: {prefix: ""}, x-b: "*"}}
      - {query: {q: "1"}}
      - {query: {q: ""}}
      - {query: {q: {present: true}}}
      - {query: {q: {regex: "a.*b"}}}
      - {query: {q: {not: "1"}}}
      - {query: {q: {absent: true}}}
      - {query: {qq: {prefix: "v"}}}
      - {hosts: ["*.wild.example"]}
      - {hosts: [whole.example, "*.wild.example"]}
""")
PATTERNS: tuple[Pattern, ...] = tuple(grant.pattern for grant in of_service(MESH, MESH.service_by_name[USERS]).checks.deny)
MODES = (False, True)
"""Whether a pattern stands in what denies or requires."""


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    """An Envoy that sets two bits for each pattern, as an allow and as a deny would ask for it, and shows them."""
    bits = [
        rbac.shadow_filter(f"bit.{number}.{closed}", f"bit{number}{closed}_", {"holds": _policy(pattern, closed)})
        for number, pattern in enumerate(PATTERNS)
        for closed in MODES
    ]
    shown = {
        f"x-bit-{number}-{closed:d}": f"%DYNAMIC_METADATA({rbac.METADATA}:bit{number}{closed}_shadow_engine_result)%"
        for number in range(len(PATTERNS))
        for closed in MODES
    }
    with running(tmp_path_factory.mktemp("envoy"), bits, shown) as one:
        yield one


def _policy(pattern: Pattern, closed: bool) -> dict[str, object]:  # noqa: FBT001 - internal
    return rbac.policy(rbac.permissions(pattern, ignore, closed=closed))


def bits(envoy: Envoy, target: str, host: str = "users.shop", headers: tuple[tuple[str, str], ...] = (), *, closed: bool) -> list[bool]:
    """The bits of one request."""
    reply = envoy.ask(target, host=host, headers=headers)
    return [reply.headers[f"x-bit-{number}-{closed:d}"] == "allowed" for number in range(len(PATTERNS))]


def expected(path: tuple[str, ...], query: str | None = None, host: str = "users.shop", *headers: tuple[str, str]) -> list[bool]:
    """What the reference says of each pattern."""
    message = Message(method="GET", host=host, segments=path, query=query, headers=headers)
    return [selects(MESH, pattern, message, None) for pattern in PATTERNS]


QUERIES = (None, "", "q=1", "q", "q=", "x=2&q=1", "q=2&q=1", "qq=v1&q=1", "&q=1", "q=a&x=b", "q=axb&y", "qq=w", "q==1", "%71=1", "q=%31")
HEADERS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (("x-a", ""),),
    (("x-a", "bad"),),
    (("x-a", "no"), ("x-a", "bxd")),
    (("x-a", "two"),),
    (("x-a", "one"),),
    (("x-a", "z"), ("x-b", "*")),
    (("x-b", "q"),),
)


@pytest.mark.parametrize("closed", MODES)
@pytest.mark.parametrize(("query", "headers"), [*product(QUERIES, HEADERS[:1]), *product(QUERIES[:1], HEADERS)])
def test_bits_of_fields_are_what_the_law_says(
    envoy: Envoy,
    query: str | None,
    headers: tuple[tuple[str, str], ...],
    closed: bool,  # noqa: FBT001 - a row's value
) -> None:
    """Headers and query fields: repeated, empty, absent; the first field of a name, undecoded."""
    target = "/" if query is None else f"/?{query}"
    assert expected(("",), query, "users.shop", *headers) == bits(envoy, target, headers=headers, closed=closed)


def test_a_not_reads_each_line(envoy: Envoy) -> None:
    """In a deny it holds if any line fails it, elsewhere only if none satisfies what it bans: a repeated header escapes neither."""
    number = next(index for index, pattern in enumerate(PATTERNS) if "none_of=(ValueMatch" in repr(pattern.headers))
    for lines, in_deny, in_allow in (
        (("one",), False, False),
        (("zwei",), True, True),
        ((), True, True),
        (("one", "zwei"), True, False),
        (("zwei", "two"), True, False),
        (("one", "two"), False, False),
    ):
        headers = tuple(("x-a", line) for line in lines)
        assert (in_deny, in_allow) == tuple(bits(envoy, "/", headers=headers, closed=closed)[number] for closed in (True, False)), lines


def paths_of_interest() -> st.SearchStrategy[tuple[str, ...]]:
    """Paths of the patterns, and near them."""
    heads = st.sampled_from(["a", "r", "x*", "é", "a:b", "a:", "p%", "[", "è", "x"])
    rests = st.lists(st.sampled_from(["b", "7", "12", "x*y", "é", "[", "z:", ""]), max_size=2)
    return st.builds(lambda head, rest: (head, *(part for part in rest[:-1] if part), *rest[-1:]), heads, rests) | st.just(("",))


@settings(max_examples=250)
@given(st.data(), paths_of_interest())
def test_bits_of_paths_hold_in_every_spelling(envoy: Envoy, data: st.DataObject, path: tuple[str, ...]) -> None:
    """What denies takes every spelling, what allows none of another path; in the spellings of HTTP both are exact."""
    plain = data.draw(spellings.spelled(path, allowed_by_http=True))
    odd = data.draw(spellings.spelled(path))
    holds = expected(path)
    assert holds == bits(envoy, plain, closed=True)
    assert holds == bits(envoy, plain, closed=False)
    assert [] == [number for number, seen in enumerate(bits(envoy, odd, closed=True)) if holds[number] and not seen]
    assert [] == [number for number, seen in enumerate(bits(envoy, odd, closed=False)) if seen and not holds[number]]


@pytest.mark.parametrize("closed", MODES)
@pytest.mark.parametrize(
    "host", ["users.shop", "a.b.wild.example", "A.Wild.EXAMPLE:80", "wild.example", "whole.example:8080", "xwild.example"]
)
def test_bits_of_hosts_take_any_port_and_case(envoy: Envoy, host: str, closed: bool) -> None:  # noqa: FBT001 - a row's value
    """A wildcard takes any depth, never the name behind it (L5)."""
    assert expected(("",), None, host.lower().partition(":")[0]) == bits(envoy, "/", host, closed=closed)


@pytest.mark.parametrize("host", ["a.wild.example.", "a.wild.example.:80", "a.wild.example,b.example", "b.example,a.wild.example"])
def test_denied_hosts_are_found_in_odd_ones(envoy: Envoy, host: str) -> None:
    """Dotted, or one of several lines: what denies holds, unless nobody answers at all."""
    number = next(index for index, pattern in enumerate(PATTERNS) if pattern.hosts == ("*.wild.example",))
    try:
        reply = envoy.ask("/", host=host)
    except HTTPException:
        return
    assert reply.status == 400 or reply.headers[f"x-bit-{number}-1"] == "allowed"


@given(st.text("ab?&=.*", max_size=8), st.text("ab.&*", min_size=1, max_size=3))
def test_a_query_is_read_as_the_law_reads_it(query: str, name: str) -> None:
    """The first field of a name; the regex that says so has no look-ahead, so it is tried on every text."""
    if "&" in name:
        return
    found = next((part for part in query.split("&") if part.partition("=")[0] == name and part), None)
    taken = re.fullmatch(rbac.query_regex(name, "=a[^&]*"), f"/x?{query}")
    assert (found is not None and found.startswith(f"{name}=a")) == (taken is not None)


def test_reading_of_paths_knows_every_pattern() -> None:
    """The paths above are taken by some pattern and not by others."""
    some = [expected(path) for path in (("a", "x", "b"), ("r", "12"), ("x*", "y"), ("é",), ("",))]
    assert all(any(holds) for holds in some)
    assert paths.canonical(("é",)) == "/%C3%A9"
