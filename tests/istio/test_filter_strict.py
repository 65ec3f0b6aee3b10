"""A stock Envoy with the filters of `requests: strict`: plain requests pass, odd ones are refused or answered as their normal form."""

import re
from collections.abc import Iterator
from http.client import HTTPException

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshc import paths
from meshc.semantics.spellings import first_pass
from meshc_istio.filters.strict import HOST, PATH, strict_filters
from tests.istio.stock_envoy import Envoy, running
from tests.meshes import mesh_of

MESH = mesh_of("namespace: shop\nmesh: {requests: strict, methods: [PURGE]}\nservices: {users: {ports: {http: 80}}}\n")
CHARACTERS = st.characters(min_codepoint=0x20, exclude_categories=["Cs"], exclude_characters="/\\\x7f")
SEGMENTS = st.text(CHARACTERS, min_size=1, max_size=4).filter(lambda text: re.fullmatch(r"\.\.?(;.*)?", text, re.DOTALL) is None)
PATHS = st.tuples(st.lists(SEGMENTS, max_size=3), st.sampled_from([(), ("",)])).map(lambda two: (*two[0], *two[1]) or ("",))
REFUSED = range(400, 500)
SHOWN = {"x-path": "%REQ(:PATH)%", "x-retries": "%REQ(X-ENVOY-MAX-RETRIES)%", "x-peer": "%REQ(X-ENVOY-PEER-METADATA)%"}


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    """An Envoy with the filters alone, which shows the path that it hands on."""
    with running(tmp_path_factory.mktemp("envoy"), strict_filters(MESH), SHOWN) as one:
        yield one


def status(envoy: Envoy, target: str, *, method: str = "GET", host: str = "users.shop", headers: tuple[tuple[str, str], ...] = ()) -> int:
    """The status of an answer; a closed connection counts as a refusal."""
    try:
        return envoy.ask(target, method=method, host=host, headers=headers).status
    except HTTPException:
        return 400


@given(PATHS)
@example(("",))
@example(("é", "日本", "😀"))
def test_the_grammar_takes_every_canonical_path(path: tuple[str, ...]) -> None:
    """Whatever its characters are."""
    assert re.fullmatch(PATH, paths.canonical(path)) is not None


PIECES = (
    "/",
    "a",
    ":",
    "%3A",
    "%3a",
    "%41",
    "%C3%A9",
    "%c3%a9",
    "%C3",
    "%A9",
    "%FF",
    "%20",
    "[",
    "%5B",
    "%",
    "%25",
    "%2F",
    "%00",
    "%7F",
    "é",
    "^",
    "*",
    "%2A",
    "~",
    "%7E",
)


@given(st.lists(st.sampled_from(PIECES), max_size=5).map(lambda parts: "/" + "".join(parts)))
def test_the_grammar_takes_no_other_spelling(raw: str) -> None:
    """Of what a proxy leaves: escapes only where a character needs one, in upper case, whole characters of UTF-8."""
    segments = paths.read(raw).segments
    canonical = segments is not None and raw == paths.canonical(segments)
    assert canonical == (re.fullmatch(PATH, raw) is not None)


@given(
    st.lists(
        st.sampled_from(["%E0", "%ED", "%F0", "%F4", "%C1", "%C2", "%80", "%8F", "%90", "%9F", "%A0", "%BF", "%EF"]), min_size=1, max_size=4
    )
)
def test_the_grammar_takes_utf_8_alone(escapes: list[str]) -> None:
    """Neither a byte too many or too few nor a surrogate nor a longer form of a short one (RFC 3629)."""
    data = bytes(int(escape[1:], 16) for escape in escapes)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        expected = False
    else:
        expected = True
    assert expected == (re.fullmatch(PATH, f"/{''.join(escapes)}") is not None)


@pytest.mark.engine
@settings(max_examples=200)
@given(path=PATHS)
def test_every_canonical_path_passes(envoy: Envoy, path: tuple[str, ...]) -> None:
    """And arrives as it was sent."""
    reply = envoy.ask(paths.canonical(path))
    assert (200, paths.canonical(path)) == (reply.status, reply.headers["x-path"])


@pytest.mark.engine
@settings(max_examples=300)
@given(
    raw=st.lists(st.sampled_from([*PIECES, "..", ".", "//", "%2E%2e", "%5c", "?x=1"]), max_size=6).map(lambda parts: "/" + "".join(parts))
)
@example(raw="//")
@example(raw="/a%3ab")
@example(raw="/%")
@example(raw="/a/%2e%2E/b")
def test_an_odd_path_is_refused_or_answered_as_its_normal_form(envoy: Envoy, raw: str) -> None:
    """Where a proxy has made the normal form of it before anything looks."""
    path, _, query = raw.partition("?")
    if not raw.isascii():
        return  # no client of the standard library sends it
    try:
        reply = envoy.ask(raw)
    except HTTPException:
        return
    assert reply.status == 200 or reply.status in REFUSED
    if reply.status == 200:
        segments = paths.read(path).segments or first_pass(path)
        assert segments is not None
        assert paths.canonical(segments) + (f"?{query}" if "?" in raw else "") == reply.headers["x-path"]


@pytest.mark.engine
@pytest.mark.parametrize("raw", ["/a/%2e%2e;x/b", "/a/.%2e;/b", "/a/..%3Bx/b", "/%2e;/b", "/a%00", "/%7F", "/%ff", "/a%2Fb", "/a%5Cb"])
def test_a_path_without_a_normal_form_is_refused(envoy: Envoy, raw: str) -> None:
    """Readers disagree on it (L4)."""
    assert status(envoy, raw) in REFUSED


@pytest.mark.engine
@pytest.mark.parametrize("raw", ["/..", "/../a", "/a/..;x/b", "/a\\b"])
def test_a_path_that_a_proxy_resolves_first_is_answered_as_what_is_left(envoy: Envoy, raw: str) -> None:
    """No filter ever sees more of it than a normal form (L2)."""
    assert status(envoy, raw) not in REFUSED


@pytest.mark.engine
@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("users.shop", True),
        ("Users.SHOP:8080", True),
        ("10.0.0.1", True),
        ("10.0.0.1:80", True),
        ("[::1]:80", True),
        ("users.shop.", False),
        ("users.shop.:80", False),
        ("users.shop,other.shop", False),
        ("users shop", False),
        ("users.shop:", False),
        ("user@users.shop", False),
        ("users..shop", False),
        (".users.shop", False),
        ("users.shop:a", False),
    ],
)
def test_a_host_is_one_well_formed_name(envoy: Envoy, host: str, passes: bool) -> None:  # noqa: FBT001 - a row's value
    """With or without a port; dotted and repeated ones are odd (L5)."""
    assert passes == (status(envoy, "/", host=host) not in REFUSED)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("method", "passes"), [("GET", True), ("PURGE", True), ("OPTIONS", True), ("PROPFIND", False), ("TRACE", False), ("get", False)]
)
def test_only_known_methods_pass(envoy: Envoy, method: str, passes: bool) -> None:  # noqa: FBT001 - a row's value
    """The standard ones and those of `mesh.methods`, and no other (L13)."""
    assert passes == (status(envoy, "/", method=method) not in REFUSED)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("lines", "passes"),
    [
        ((), True),
        (("Bearer eyJhbGciOi.eyJpc3M_-.c2ln",), True),
        (("Basic dXNlcjpwYXNz",), True),
        (("Negotiate YII=",), True),
        (("bearer T",), False),
        (("xBearer T",), False),
        (("Bearer  T",), False),
        (("Bearer",), False),
        (("Bearer T, Bearer U",), False),
        (("Bearer T", "Bearer U"), False),
        (("Basic eA==", "Bearer T"), False),
        (("Basic eA==", "Basic eQ=="), False),
    ],
)
def test_a_token_stands_alone_behind_bearer(envoy: Envoy, lines: tuple[str, ...], passes: bool) -> None:  # noqa: FBT001 - a row's value
    """Nothing, one `Bearer <token>`, or another scheme is plain (L2)."""
    assert passes == (status(envoy, "/", headers=tuple(("Authorization", line) for line in lines)) not in REFUSED)


@pytest.mark.engine
def test_fields_that_only_proxies_write_are_taken_away(envoy: Envoy) -> None:
    """No client speaks to a proxy by its own fields; Istio's proxies do, by one of them, to say who they are."""
    forged = (("x-envoy-max-retries", "9"), ("x-envoy-peer-metadata", "me"))
    reply = envoy.ask("/", headers=forged)
    assert ("-", "me") == (reply.headers.get("x-retries") or "-", reply.headers["x-peer"])


@given(st.text("a.-:[]@, 1F", max_size=8))
def test_hosts_of_the_grammar_are_hosts(host: str) -> None:
    """What it takes has no blank, comma, user or dot at an end."""
    if re.fullmatch(HOST, host):
        assert not set(host) & set("@, ")
        assert not host.partition(":")[0].endswith(".")
        assert not host.startswith(".")
