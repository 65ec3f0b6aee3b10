"""`meshc trace`: any request can be asked from a shell, and the answer names the lines."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.commands import run


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def shop(root: Path) -> Path:
    """The mesh that the language is explained by."""
    return root / "tests" / "fixtures" / "shop"


def asked(shop: Path, *arguments: str) -> dict[str, Any]:
    """The decision on a request, as data."""
    ran = run("trace", shop, *arguments, "--format", "json")
    assert (0, "") == (ran.code, ran.err)
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


def ending(answer: dict[str, Any]) -> str:
    """What happens, in a few words."""
    where = [f"{one['service']}@{one['version']}" for one in answer["destinations"] if answer["outcome"] == "routed"]
    return " ".join(str(word) for word in (answer["outcome"], answer["status"], answer["location"], *where) if word is not None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--from", "frontend", "GET", "http://users/api/v1/users"], "routed shop/users@v1 shop/users@v2"),
        (["--from", "shop/frontend", "GET", "http://users.shop/x"], "routed shop/users@v1 shop/users@v2"),
        (["--from", "frontend", "GET", "http://users/api/x", "-H", "x-debug: yes"], "routed shop/users@v2"),
        (["--from", "frontend", "--to", "users", "GET", "/api/x", "-H", "x-debug:yes"], "routed shop/users@v2"),
        (["--from", "frontend", "GET", "http://nobody.example/"], "no-route 502"),
        (["--from", "frontend", "--to", "payments", "POST", "/v1/charges"], "routed shop/payments@None"),
        (["--from", "frontend", "--to", "payments", "POST", "/v1/refunds"], "denied 403"),
        # A port without mutual TLS sees no certificate of anyone (L10): what enters is what plaintext may.
        (["--from", "frontend", "--to", "payments", "--port", "metrics", "GET", "/metrics"], "routed shop/payments@None"),
        (["--from", "frontend", "--to", "payments", "--port", "metrics", "GET", "/other"], "denied 403"),
        (["--plaintext", "--to", "payments", "--port", "metrics", "GET", "/metrics"], "routed shop/payments@None"),
        (["--plaintext", "--to", "payments", "--port", "9090", "GET", "/metrics"], "routed shop/payments@None"),
        (["--plaintext", "GET", "http://payments.shop:9090/metrics"], "routed shop/payments@None"),
        (["--plaintext", "--to", "payments", "GET", "/metrics"], "refused"),
        # A scheme's default port reads as none: the only port, or http.
        (["--from", "frontend", "GET", "https://api.stripe.com:443/"], "routed shop/stripe@None"),
        (["--from", "frontend", "GET", "https://api.stripe.com/"], "routed shop/stripe@None"),
        (["--from", "frontend", "GET", "http://users:80/x"], "routed shop/users@v1 shop/users@v2"),
        (["--via", "public", "GET", "https://shop.example.com:443/status"], "respond 200"),
        (["--from", "spiffe://shop.example/ns/sandbox/sa/x", "--to", "users", "GET", "/"], "denied 403"),
        (["--via", "public", "GET", "https://shop.example.com/api/v1/users/7"], "routed shop/users@v1 shop/users@v2"),
        (["--via", "shop/public", "GET", "https://shop.example.com/api/v1/users/7", "-H", "x-canary: always"], "routed shop/users@v2"),
        (["--via", "public", "GET", "http://shop.example.com/a?b=c"], "redirect 301 https://shop.example.com/a?b=c"),
        (["--via", "public", "GET", "https://shop.example.com/status"], "respond 200"),
        (["--via", "public", "GET", "https://unknown.example/"], "refused"),
        (["--via", "public", "GET", "https://admin.shop.example.com:8443/"], "refused"),
        (["--via", "public", "--client-cert", "GET", "https://admin.shop.example.com:8443/"], "routed shop/frontend@None"),
        (["--via", "public", "--listener", "admin", "--client-cert", "GET", "https://admin.shop.example.com/"],
         "routed shop/frontend@None"),
        (["--via", "public", "GET", "https://shop.example.com/api/v1/users/7/private/x"], "unauthenticated 401"),
        (["--via", "public", "--claims", '{"role": "admin"}', "GET", "https://shop.example.com/api/v1/users/7/private/x"],
         "routed shop/users@v1 shop/users@v2"),
        (["--via", "public", "--claims", '{"role": "guest"}', "--provider", "customers", "GET",
          "https://shop.example.com/api/v1/users/7/private/x"], "denied 403"),
        (["--via", "public", "GET", "https://shop.example.com/a%2Fb"], "bad-request 400"),
    ],
)  # fmt: skip
def test_requests(shop: Path, arguments: list[str], expected: str) -> None:
    """Every way to ask means what the language says of the example."""
    assert expected == ending(asked(shop, *arguments))


def test_the_mesh_may_be_the_folder_one_stands_in(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH may be left out, and stand between or behind options."""
    monkeypatch.chdir(shop)
    words = ("GET", "http://users/api/v1/users")
    texts = {
        run("trace", "--from", "frontend", *words).out,
        run("trace", *words, "--from", "frontend").out,
        run("trace", ".", *words, "--from", "frontend").out,
    }
    assert 1 == len(texts)


def test_a_path_is_asked_as_it_is_written(shop: Path) -> None:
    """The spelling of a path may be the question: nothing is decoded or tidied on the way."""
    answer = asked(shop, "--via", "public", "GET", "https://shop.example.com/api/v1//users/%37/../8?q=%41")
    assert "/api/v1/users/8?q=%41" == answer["request"]["path"]


def test_the_readable_chain(shop: Path) -> None:
    """Who asks what, each line that took part with its place, then what happens and what the backend sees."""
    ran = run("trace", shop, "--via", "public", "GET", "https://shop.example.com/api/v1/users/7", "-H", "X-Canary: always")
    text = (shop / "mesh.yaml").read_text().splitlines()
    line = next(number for number, content in enumerate(text, 1) if "name: canary" in content)
    assert "GET https://shop.example.com/api/v1/users/7\n  from outside, via shop/public\n" in ran.out
    assert f"{shop.as_posix()}/mesh.yaml:{line}" in ran.out
    assert "=> routed\n   shop/users version v2" in ran.out
    assert "as the backend sees it: GET shop.example.com /api/v1/users/7\n     x-canary: always\n" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_colours(shop: Path) -> None:
    """What happens stands out."""
    ran = run("trace", shop, "--from", "frontend", "--to", "payments", "POST", "/v1/refunds", "--color", "always")
    assert "=> \x1b[1;31mdenied (403)\x1b[0m" in ran.out


def test_json_is_valid_by_its_schema(shop: Path, root: Path) -> None:
    """Programs can rely on the shape."""
    schema = json.loads((root / "schemas" / "decision.v1.json").read_text())
    for words in (("--from", "frontend", "GET", "http://users/api/x"), ("--via", "public", "GET", "http://shop.example.com/")):
        jsonschema.validate(asked(shop, *words), schema)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["GET"], "METHOD URL"),
        (["--from", "frontend"], "METHOD URL"),
        (["GET", "http://users/"], "--from"),
        (["--from", "frontend", "--via", "public", "GET", "http://users/"], "--from"),
        (["--from", "fronted", "GET", "http://users/"], "did you mean 'frontend'?"),
        (["--via", "pubic", "GET", "http://users/"], "did you mean 'public'?"),
        (["--from", "frontend", "--to", "user", "GET", "/"], "did you mean 'users'?"),
        (["--from", "frontend", "--to", "payments", "--port", "htp", "GET", "/"], "http (80)"),
        (["--from", "frontend", "GET", "users/"], "is no URL"),
        (["--from", "frontend", "GET", "ftp://users/"], "scheme 'ftp', expected http or https"),
        (["--from", "frontend", "GET", "http://users:443/"], "no port 443"),
        (["--from", "frontend", "--to", "users", "--port", "443", "GET", "https://users:443/"], "no port '443'"),
        (["--from", "frontend", "GET", "/x"], "--to"),
        (["--from", "stripe", "GET", "http://users/"], "outside the mesh"),
        (["--plaintext", "GET", "http://nobody.example/"], "plaintext"),
        (["--via", "public", "GET", "https://shop.example.com:444/"], "https (443)"),
        (["--via", "public", "--listener", "htps", "GET", "https://shop.example.com/"], "https"),
        (["--via", "public", "--to", "users", "GET", "https://shop.example.com/"], "--to"),
        (["--from", "frontend", "--client-cert", "GET", "http://users/"], "--via"),
        (["--via", "public", "--client-ip", "here", "GET", "https://shop.example.com/"], "IP address"),
        (["--from", "frontend", "GET", "http://users/", "-H", "nonsense"], "name: value"),
        (["--from", "frontend", "GET", "http://users/", "--claims", "{"], "JSON object"),
        (["--from", "frontend", "GET", "http://users/", "--claims", "[]"], "JSON object"),
        (["--from", "frontend", "GET", "http://users/", "--claims", "{}", "--provider", "customer"], "did you mean 'customers'?"),
        (["--from", "frontend", "GET", "http://users/", "--env", "prod"], "prod"),
    ],
)
def test_mistakes_in_the_question(shop: Path, arguments: list[str], says: str) -> None:
    """What can't be asked is usage: 2, nothing on standard output, and a way out."""
    ran = run("trace", shop, *arguments)
    assert (2, "") == (ran.code, ran.out)
    assert says in " ".join(ran.err.split())


def test_a_broken_mesh(tmp_path: Path) -> None:
    """A mesh with a mistake has no meaning to ask for: its diagnostics are shown, and the code is 1."""
    (tmp_path / "mesh.yaml").write_text("apiVersion: meshc/v1\nservices: {a: {ports: {http: 80}, calls: [b]}}\n")
    ran = run("trace", tmp_path, "--from", "a", "GET", "http://b/")
    assert (1, True) == (ran.code, "error[MC" in ran.out)


def test_bare_names_of_other_namespaces(tmp_path: Path) -> None:
    """A bare name that only one namespace has is understood; one that two have is asked back."""
    (tmp_path / "mesh.yaml").write_text(
        "apiVersion: meshc/v1\nnamespace: a\nmesh: {name: m, access: allow}\nservices: {x: {ports: {http: 80}}, y: {ports: {http: 80}}}\n"
    )
    (tmp_path / "b.yaml").write_text("apiVersion: meshc/v1\nnamespace: b\nservices: {y: {ports: {http: 80}}}\n")
    assert "routed a/y@None" == ending(asked(tmp_path, "--from", "x", "GET", "http://y.a/"))
    ran = run("trace", tmp_path, "--from", "y", "GET", "http://x.a/")
    assert (2, True) == (ran.code, "a/y or b/y" in " ".join(ran.err.split()))


def test_an_odd_request(shop: Path) -> None:
    """L2: it is said why a request is odd and what else may become of it, for people and for programs."""
    words = ("--via", "public", "GET", "https://shop.example.com/a%2Fb")
    shown = run("trace", shop, *words).out
    assert "odd: an escaped slash in the path\n   or refused: 4xx, 502, 503 or a closed connection\n" in shown
    assert "   or routed to shop/frontend port http as /a/b\n" in shown
    answer = asked(shop, *words)
    assert "an escaped slash in the path" == answer["odd"]
    assert [("routed", "/a/b")] == [(other["answer"]["outcome"], other["path"]) for other in answer["otherwise"]]
    assert {"bad-request"} == {one["standsFor"] for one in answer["answers"][1:]}
    plain = asked(shop, "--via", "public", "GET", "https://shop.example.com/status")
    assert (None, []) == (plain["odd"], plain["otherwise"])
