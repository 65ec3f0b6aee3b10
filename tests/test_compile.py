"""The pipeline as a whole: files and environments in, a mesh and placed diagnostics out."""

from pathlib import Path

import pytest

from meshc.compile import UnknownEnvironmentError, lint, load_mesh
from meshc.diagnostics import Finding
from meshc.features import Feature, used
from meshc.model import Mesh

BASE = b"apiVersion: meshc/v1\nnamespace: shop\nservices:\n  users: {ports: {http: 80}}\n"
PROD = b"apiVersion: meshc/v1\nnamespace: shop\nservices:\n  users: {access: deny}\n"
STAGING = b"apiVersion: meshc/v1\nnamespace: shop\nservices:\n  users: {calls: [nobody]}\n"


def test_an_environment_changes_the_mesh() -> None:
    """`env` lays that environment's overlays over the mesh, and no other's."""
    files = {"mesh.yaml": BASE, "environments/prod.yaml": PROD, "environments/staging.yaml": STAGING}
    base, prod = load_mesh(files), load_mesh(files, "prod")
    assert base.mesh is not None
    assert prod.mesh is not None
    assert ("prod", "staging") == base.environments
    assert ("declared", "deny") == (base.mesh.services[0].access, prod.mesh.services[0].access)


def test_an_unknown_environment_is_refused() -> None:
    """Nothing is built for an environment that has no overlay: its name is likely misspelt."""
    with pytest.raises(UnknownEnvironmentError, match="no environment 'prd': expected one of those with overlays \\(prod\\)"):
        load_mesh({"mesh.yaml": BASE, "environments/prod.yaml": PROD}, "prd")


def test_lint_checks_every_environment() -> None:
    """What is wrong only in an environment says so, and points into the overlay."""
    files = {"mesh.yaml": BASE, "environments/prod.yaml": PROD, "environments/staging.yaml": STAGING}
    shown = lint(files)
    assert [("MC101", "environments/staging.yaml", 4, ("in environment staging",))] == [
        (one.code, one.place.file, one.place.span.line, one.notes) for one in shown
    ]


def spots(*texts: str) -> list[tuple[str, int, str]]:
    """Of what is wrong with these files (the second an overlay): code, line, and the text that is marked."""
    files = dict(zip(("mesh.yaml", "environments/prod.yaml"), (f"apiVersion: meshc/v1\n{text}\n".encode() for text in texts), strict=False))
    found = []
    for one in lint(files):
        span = one.place.span
        line = files[one.place.file].decode().splitlines()[span.line - 1]
        found.append((one.code, span.line, line[span.column - 1 : span.end_column - 1]))
    return found


ROUTED = "namespace: shop\nservices: {api: {ports: {http: 80}}, two: {ports: {http: 80, grpc: 81}}}\n"
ROUTED += "gateways: {public: {listeners: {http: 80}}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ROUTED + "routes: {r: {gateways: public, hosts: a.example, rules: {to: apu}}}", [("MC101", 5, "apu")]),
        (ROUTED + "routes: {r: {gateways: public, hosts: a.example, rules: {to: {service: api, port: htp}}}}", [("MC102", 5, "htp")]),
        ("services: {api: {ports: {http: 80}, access: alow}}", [("MC012", 2, "alow")]),
        ("services: {api: {ports: {http: 80}, acess: allow}}", [("MC011", 2, "acess")]),
        ("services: {api: {ports: {http: 80}, selector: {}}}", [("MC012", 2, "selector")]),
        ("services: {api: {ports: {web: 80}}}", [("MC013", 2, "web")]),
        ("services: {api: {ports: {http: 80}, calls: [nobody]}}", [("MC101", 2, "nobody")]),
    ],
)
def test_what_is_marked(text: str, expected: list[tuple[str, int, str]]) -> None:
    """A wrong value is marked itself, not its key; a wrong key, and one that lacks something, is marked itself too."""
    assert expected == spots(text)


def test_an_alias_without_anchor_is_said_once() -> None:
    """What the alias would have stood for is not missed as well."""
    assert [("MC002", 2, "*p")] == spots("services: {web: {ports: *p}}")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{to: wbe, timeut: 5s}", [("MC101", 5, "wbe"), ("MC011", 5, "timeut")]),
        ("{to: api, timeut: 5s}", [("MC011", 5, "timeut")]),
        ("{to: wbe, timeut: 5s, retries: 7}", [("MC011", 5, "timeut"), ("MC012", 5, "7")]),
        ("{to: wbe, heders: {}}", [("MC011", 5, "heders")]),
        ("{to: {service: two, prt: http}, timeut: 5s}", [("MC011", 5, "prt"), ("MC011", 5, "timeut")]),
        ("{to: [{service: two, prt: http}, {service: wbe}]}", [("MC011", 5, "prt"), ("MC101", 5, "wbe")]),
    ],
)
def test_an_unknown_key_hides_no_wrong_name(rule: str, expected: list[tuple[str, int, str]]) -> None:
    """What can still be checked is checked: names, where all that is wrong with the shape are unknown keys with plain values."""
    text = ROUTED + f"routes: {{r: {{gateways: public, hosts: a.example, rules: [{rule}]}}}}"
    assert expected == spots(text)
    assert load_mesh({"mesh.yaml": f"apiVersion: meshc/v1\n{text}\n".encode()}).mesh is None


def test_a_key_that_an_overlay_removes_is_missed_there() -> None:
    """The overlay that says null is to blame, not the file that had the key."""
    assert [("MC013", 3, "listeners")] == spots(ROUTED, "namespace: shop\ngateways: {public: {listeners: null}}")


def test_lint_says_once_what_the_base_has() -> None:
    """A mistake of the base is not repeated for each environment."""
    files = {"mesh.yaml": BASE + b"  shop: {ports: {http: 80}, calls: [nobody]}\n", "environments/prod.yaml": PROD}
    assert [("MC101", "mesh.yaml", 5, ())] == [(one.code, one.place.file, one.place.span.line, one.notes) for one in lint(files)]


def test_lint_asks_the_caller_too() -> None:
    """Who lints may add findings of the mesh, such as failed tests."""

    def extra(mesh: Mesh) -> tuple[Finding, ...]:
        return (Finding("MC012", f"about {mesh.name}", mesh.services[0].origin),)

    assert [("MC012", "about mesh", 4)] == [(one.code, one.message, one.place.span.line) for one in lint({"mesh.yaml": BASE}, extra)]


def test_files_on_disk_are_found_and_read(tmp_path: Path) -> None:
    """A folder is read with what the mesh names beside itself."""
    (tmp_path / "team" / "keys").mkdir(parents=True)
    (tmp_path / "team" / "keys" / "id.json").write_text('{"keys": [{"kty": "RSA", "n": "AQ", "e": "AQAB"}]}')
    text = "apiVersion: meshc/v1\nauthentication: {id: {jwt: {issuer: i, jwks: {file: keys/id.json}}}}\n"
    (tmp_path / "team" / "mesh.yaml").write_text(text)
    mesh = load_mesh(tmp_path).mesh
    assert mesh is not None
    assert ['{"keys":[{"e":"AQAB","kty":"RSA","n":"AQ"}]}'] == [one.jwks for one in mesh.providers]


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    """A file that a link puts into the folder from elsewhere is not read."""
    (tmp_path / "secret.json").write_text('{"keys": [{"kty": "RSA"}]}')
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "id.json").symlink_to(tmp_path / "secret.json")
    (folder / "mesh.yaml").write_text("apiVersion: meshc/v1\nauthentication: {id: {jwt: {issuer: i, jwks: {file: id.json}}}}\n")
    assert [("MC025", 2)] == [(one.code, one.place.span.line) for one in lint(folder)]


def test_a_broken_file_hides_no_other_mistake_and_makes_no_mesh() -> None:
    """While a file can't be read, nothing is said of names that it may have defined."""
    compiled = load_mesh({"a.yaml": BASE, "b.yaml": b"apiVersion: meshc/v1\nservices: {x: {ports: {http: 80}, calls: [gone]\n"})
    assert (None, ["b.yaml"]) == (compiled.mesh, [one.origin.file for one in compiled.findings])


def test_a_comment_silences_a_rule() -> None:
    """An ignore with a reason takes a judgement away; one that ignores nothing is said, unless no rule was asked."""
    route = "  %s: {gateways: [public], hosts: [a.example], rules: [{to: users}]}%s\n"
    text = BASE.decode() + "gateways: {public: {listeners: {http: 80}}}\nroutes:\n" + route % ("a", "%s") + route % ("b", "")
    noted = text % "  # meshc: ignore[MC210] being moved"
    assert ["MC210"] == [one.code for one in lint({"m.yaml": (text % "").encode()})]
    assert [] == lint({"m.yaml": noted.encode()})
    assert ["MC101"] == [one.code for one in lint({"m.yaml": noted.replace("[{to: users}]}\n", "[{to: nobody}]}\n").encode()})]


def test_features_are_named_where_they_are_used() -> None:
    """Each use of a feature stands at the node that needs it."""
    text = BASE.decode() + "routes:\n  r:\n    services: [users]\n    rules:\n      - {to: users, timeout: 0s, mirror: users}\n"
    mesh = load_mesh({"m.yaml": text.encode()}).mesh
    assert mesh is not None
    assert {
        (Feature.MTLS, ("services", "users", "ports", "http")),
        (Feature.ACCESS, ()),
        (Feature.EAST_WEST_ROUTES, ("routes", "r")),
        (Feature.MIRROR, ("routes", "r", "rules", 0, "mirror")),
    } == {(feature, origin.path) for feature, origin in used(mesh)}
