"""The Lua that reads requests says what the laws of paths and hosts say (L4, L5), in the Lua that Envoy has."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshc import paths
from meshc.semantics.hosts import parse_host
from meshc_istio.normalize_lua import literal, source

luajit21: Any = import_module("lupa.luajit21")  # it has no types

PATH_PIECES = (
    *(
        "/",
        "//",
        "a",
        "B9",
        ".",
        "..",
        ";x",
        "%2e",
        "%2E",
        "%3b",
        "%3B",
        "%61",
        "%7e",
        "%c3%a9",
        "%C3%A9",
        "%ff",
        "%ed%a0%80",
        "%f4%8f%bf%bf",
    ),
    *(
        "%f4%90%80%80",
        "%e0%80%80",
        "%c3",
        "%zz",
        "%2F",
        "%5c",
        "%00",
        "%7F",
        "%20",
        "%2a",
        "\\",
        "é",
        "*",
        "=",
        "@",
        ":",
        "~",
        "%",
        "#",
        "^",
    ),
)
RAW_PATHS = st.lists(st.sampled_from(PATH_PIECES), max_size=8).map(lambda parts: "/" + "".join(parts))
HOST_PIECES = ("a", "B", "-", "_", ".", ":", "[", "]", "::", "1", "255", "256", "ffff", "80", ",", "@", " ", "/")
HOSTS = st.lists(st.sampled_from(HOST_PIECES), max_size=8).map("".join)
ADDRESSES = st.lists(st.sampled_from(("::", ":", "1", "ffff", ".", "255", "256", "01")), max_size=16).map(
    lambda parts: f"[{''.join(parts)}]"
)


def _functions(mode: str) -> tuple[Callable[[bytes], Any], Callable[[bytes], Any]]:
    lua = luajit21.LuaRuntime(encoding=None)
    text = source({"methods": {"GET": True}, "reject": mode == "reject"})
    lua.execute(f"{text}\nCANONICAL, READ_HOST = canonical, read_host".encode())
    return lua.globals()[b"CANONICAL"], lua.globals()[b"READ_HOST"]


FUNCTIONS = {mode: _functions(mode) for mode in ("normalize", "reject")}


@pytest.mark.parametrize("mode", ["normalize", "reject"])
@given(path=RAW_PATHS)
@example(path="/a//../b")
@example(path="/a/b/..")
@example(path="/..%3Bx")
@example(path="/a/..")
def test_a_path_is_read_as_the_law_reads_it(mode: str, path: str) -> None:
    """It is spelled canonically, or refused where the law refuses it or is free to."""
    reading = paths.read(path, mode)
    spelled = FUNCTIONS[mode][0](path.encode())
    permitted: set[bytes | None] = set() if reading.segments is None else {paths.canonical(reading.segments).encode()}
    if reading.refusal is not None:
        permitted.add(None)
    assert spelled in permitted


@given(host=st.one_of(HOSTS, ADDRESSES))
@example(host="shop.example.com.:8080")
@example(host="[::ffff:1.2.3.4]:80")
@example(host="[1:2:3:4:5:6:7::]")
def test_a_host_is_read_as_the_law_reads_it(host: str) -> None:
    """Without port and trailing dot, in lower case; malformed ones are not read."""
    read = FUNCTIONS["normalize"][1](host.encode())
    name = read[0] if isinstance(read, tuple) else read
    expected = parse_host(host) if host == host.strip() else None
    assert (None if expected is None else expected.encode()) == name


@given(value=st.recursive(st.one_of(st.booleans(), st.integers(0, 2**31), st.text()), lambda inner: st.dictionaries(st.text(), inner)))
def test_settings_survive_their_spelling(value: Any) -> None:  # noqa: ANN401 - a tree
    """Quotes, control bytes and characters past ASCII in the settings mean themselves."""
    lua = luajit21.LuaRuntime()
    assert value == _plain(lua.eval(literal(value)))


def _plain(value: Any) -> Any:  # noqa: ANN401 - a tree
    if luajit21.lua_type(value) == "table":
        return {key: _plain(inner) for key, inner in value.items()}
    return value
