"""`meshc check-cluster`: what a cluster's settings lack is named and can be pasted; what holds no settings is no answer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import MESH, mesh_folder, plug_in_toy, run

WANTED: Mapping[str, Any] = {
    "trustDomain": "shop.example",
    "defaultHttpRetryPolicy": {"attempts": 0},
    "defaultConfig": {"connectionSettings": {"normalizePath": True, "slashes": "MERGE"}},
    "extensionProviders": [{"name": "otel", "opentelemetry": {"service": "otel.obs.svc", "port": 4317}}],
}

OTEL = "{name: otel, opentelemetry: {service: otel.obs.svc, port: 4317}}"
OTHER = "{name: otel, opentelemetry: {port: 55680, service: otel.obs.svc, maxTagLength: 5"  # what is there is cut after 80 characters

THERE = """\
rootNamespace: istio-system
trustDomain: shop.example
defaultHttpRetryPolicy: {attempts: 0}
defaultConfig:
  discoveryAddress: istiod.istio-system.svc:15012
  connectionSettings: {normalizePath: true, slashes: MERGE, more: 1}
extensionProviders:
- {name: others, zipkin: {service: zipkin, port: 9411}}
- name: otel
  opentelemetry: {port: 4317, service: otel.obs.svc, maxTagLength: 5}
"""
"""A MeshConfig that has all of that, and more."""


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the build relies on, whatever a version of the target writes."""
    monkeypatch.setattr("meshc_istio.cluster.values", lambda _: {"meshConfig": WANTED, "pilot": {"env": {"PILOT_HTTP10": "1"}}})
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    """A mesh without a fault."""
    return mesh_folder(tmp_path / "mesh", MESH.replace("toy: {}", "istio: {}"))


def config_map(text: str) -> str:
    """As kubectl prints it."""
    inner = "".join(f"    {line}\n" for line in text.splitlines())
    return (
        f"apiVersion: v1\ndata:\n  mesh: |-\n{inner}  meshNetworks: 'networks: {{}}'\nkind: ConfigMap\nmetadata:\n"
        f'  creationTimestamp: "2026-11-20T10:00:00Z"\n  name: istio\n  namespace: istio-system\n'
    )


def as_json(text: str) -> str:
    """The same as JSON, indented by tabs, which YAML does not take."""
    return json.dumps(yaml.safe_load(text), indent="\t")


def listed(text: str) -> str:
    """As kubectl prints all ConfigMaps of a namespace."""
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}, "data": {"x": "y"}}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [other, yaml.safe_load(config_map(text))]})


def lacking(out: str) -> list[str]:
    """The lines that name a setting."""
    return [line.strip() for line in out.splitlines() if line.startswith(("  missing:", "  different:"))]


def remedy(out: str) -> Any:  # noqa: ANN401 - YAML data
    """What is to be added, read as Helm reads it."""
    _, found, rest = out.partition("add to the values of istiod's Helm chart:\n\n")
    return yaml.safe_load(rest.partition("\n\n")[0]) if found else None


@pytest.mark.parametrize("shape", [config_map, str, lambda text: as_json(config_map(text)), as_json, listed])
def test_all_is_there(mesh: Path, shape: Any) -> None:  # noqa: ANN401 - a function from text to text
    """A ConfigMap, the MeshConfig alone, the JSON of either, or a list with others: 0, and what was looked for is said."""
    ran = run("check-cluster", mesh, "--istio-config", "-", stdin=shape(THERE))
    assert (0, "") == (ran.code, ran.err)
    words = " ".join(ran.out.split())
    assert words.startswith(
        "standard input has every setting that the mesh relies on: trustDomain, defaultHttpRetryPolicy, defaultConfig.connectionSettings, "
        "extensionProviders[otel]"
    )


@pytest.mark.parametrize(
    ("before", "after", "names", "pasted"),
    [
        ("trustDomain: shop.example\n", "", ["different: trustDomain: shop.example  # is cluster.local"], {"trustDomain": "shop.example"}),
        ("shop.example", "a.b", ["different: trustDomain: shop.example  # is a.b"], {"trustDomain": "shop.example"}),
        (
            "defaultHttpRetryPolicy: {attempts: 0}\n",
            "",
            ["missing: defaultHttpRetryPolicy: {attempts: 0}"],
            {"defaultHttpRetryPolicy": {"attempts": 0}},
        ),
        (
            "attempts: 0",
            "attempts: 2",
            ["different: defaultHttpRetryPolicy.attempts: 0  # is 2"],
            {"defaultHttpRetryPolicy": {"attempts": 0}},
        ),
        (
            "normalizePath: true, ",
            "",
            ["missing: defaultConfig.connectionSettings.normalizePath: true"],
            {"defaultConfig": {"connectionSettings": {"normalizePath": True}}},
        ),
        (
            "normalizePath: true, slashes: MERGE",
            "slashes: KEEP, normalizePath: false",
            [
                "different: defaultConfig.connectionSettings.normalizePath: true  # is false",
                "different: defaultConfig.connectionSettings.slashes: MERGE  # is KEEP",
            ],
            {"defaultConfig": {"connectionSettings": {"normalizePath": True, "slashes": "MERGE"}}},
        ),
        (
            "connectionSettings: {normalizePath: true, slashes: MERGE, more: 1}",
            "connectionSettings: null",
            ["missing: defaultConfig.connectionSettings: {normalizePath: true, slashes: MERGE}"],
            {"defaultConfig": {"connectionSettings": {"normalizePath": True, "slashes": "MERGE"}}},
        ),
        (
            "port: 4317",
            "port: 55680",
            [f"different: extensionProviders[otel]: {OTEL}  # is {OTHER}..."],
            {"extensionProviders": [{"name": "others", "zipkin": {"service": "zipkin", "port": 9411}}, *WANTED["extensionProviders"]]},
        ),
        (
            "- name: otel",
            "- name: old",
            [f"missing: extensionProviders[otel]: {OTEL}"],
            {
                "extensionProviders": [
                    {"name": "others", "zipkin": {"service": "zipkin", "port": 9411}},
                    {"name": "old", "opentelemetry": {"port": 4317, "service": "otel.obs.svc", "maxTagLength": 5}},
                    *WANTED["extensionProviders"],
                ]
            },
        ),
    ],
)
def test_what_lacks_is_named(mesh: Path, before: str, after: str, names: list[str], pasted: object) -> None:
    """Each setting that is missing or different, with what is wanted; and one text to paste, in which lists keep what others put there."""
    assert before in THERE
    ran = run("check-cluster", mesh, "--istio-config", "-", stdin=config_map(THERE.replace(before, after)))
    assert (1, names, {"meshConfig": pasted}) == (ran.code, lacking(ran.out), remedy(ran.out))


def test_an_empty_mesh_config_lacks_all(mesh: Path, tmp_path: Path) -> None:
    """A fresh Istio has an empty MeshConfig: every setting is named, each with what goes wrong without it, and the remedy has all."""
    (tmp_path / "cm.yaml").write_text(config_map("{}"))
    ran = run("check-cluster", mesh, "--istio-config", tmp_path / "cm.yaml")
    assert 1 == ran.code
    assert ran.out.startswith(f"{tmp_path / 'cm.yaml'} lacks 4 settings that the mesh relies on\n")
    assert {"meshConfig": WANTED} == remedy(ran.out)
    assert 4 == ran.out.count("    without it ")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("trustDomain:", "trust_domain:"),
        ("defaultHttpRetryPolicy: {attempts: 0}", "default_http_retry_policy: {}"),
        ("port: 4317", 'port: "4317"'),
        ("defaultConfig:\n", "defaultConfig: # a comment\n"),
    ],
)
def test_other_spellings_are_the_same(mesh: Path, before: str, after: str) -> None:
    """Istio reads the names of proto files and numbers in quotes too, and a zero need not be written."""
    assert before in THERE
    assert 0 == run("check-cluster", mesh, "--istio-config", "-", stdin=config_map(THERE.replace(before, after))).code


def test_a_long_setting_is_cut_in_its_line_alone(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider with a field for each part of a log line stays one line; what is to be pasted has all of it."""
    provider = {"name": "log", "envoyFileAccessLog": {"path": "/dev/stdout", "labels": {f"label{n}": "%X%" for n in range(40)}}}
    monkeypatch.setattr("meshc_istio.cluster.values", lambda _: {"meshConfig": {"extensionProviders": [provider]}})
    out = run("check-cluster", mesh, "--istio-config", "-", stdin=config_map("{}")).out
    assert max(map(len, out.splitlines())) < 260
    assert provider in remedy(out)["meshConfig"]["extensionProviders"]


@pytest.mark.parametrize(
    ("normalization", "code"), [("NONE", 1), ("BASE", 0), ("DEFAULT", 0), ("MERGE_SLASHES", 0), ("DECODE_AND_MERGE_SLASHES", 0)]
)
def test_paths_that_are_not_read_at_all(mesh: Path, normalization: str, code: int) -> None:
    """Connection settings say nothing of dot segments: a cluster that leaves these where they are lacks that."""
    ran = run("check-cluster", mesh, "--istio-config", "-", stdin=f"{THERE}pathNormalization: {{normalization: {normalization}}}\n")
    assert code == ran.code
    if code:
        assert ["different: pathNormalization.normalization: BASE  # is NONE"] == lacking(ran.out)
        assert {"meshConfig": {"pathNormalization": {"normalization": "BASE"}}} == remedy(ran.out)


def test_a_truth_value_is_no_number(mesh: Path) -> None:
    """`1` is not `true`."""
    assert 1 == run("check-cluster", mesh, "--istio-config", "-", stdin=THERE.replace("normalizePath: true", "normalizePath: 1")).code


def test_the_default_trust_domain_need_not_be_said(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Istio takes where nothing is said is as good as said."""
    monkeypatch.setattr("meshc_istio.cluster.values", lambda _: {"meshConfig": {"trustDomain": "cluster.local"}})
    assert 0 == run("check-cluster", mesh, "--istio-config", "-", stdin=config_map("rootNamespace: istio-system")).code


def test_what_cannot_be_seen_is_said(mesh: Path) -> None:
    """Settings outside MeshConfig are not taken for checked."""
    ran = run("check-cluster", mesh, "--istio-config", "-", stdin=THERE)
    assert ran.out.endswith("\nnot to be seen in standard input, and needed as well:\n  pilot.env.PILOT_HTTP10: '1'\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing in it"),
        ("---\n", "nothing in it"),
        ("hello", "hello is no map"),
        ("[1]", "[1] is no map"),
        ("a: [\n", ":2: not valid YAML"),
        ("a: &a\n  b: *c\n", ":2: not valid YAML"),
        ("a: 2026-13-45\n", "not valid YAML"),
        ("a: !!timestamp z\n", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
        (MESH, "an object of apiVersion meshc/v1"),
        ("apiVersion: v1\nkind: Secret\n", "an object of kind Secret"),
        ("meshConfig: {trustDomain: a}\n", "Helm values"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {y: z}\n", "ConfigMap x has no `data.mesh`"),
        ("apiVersion: v1\nkind: ConfigMap\n", "ConfigMap has no `data.mesh`"),
        (config_map("a: ["), "`data.mesh` is not valid YAML: "),
        (config_map("hello"), "`data.mesh` is no single map"),
        ("apiVersion: v1\nkind: List\nitems: []\n", "an empty list"),
        (f"{config_map(THERE)}---\n{config_map(THERE)}", "2 MeshConfigs, expected one"),
        ("\x00", "not valid YAML"),
    ],
)
def test_what_holds_no_settings_is_no_answer(mesh: Path, text: str, says: str) -> None:
    """A text that is something else, or broken, is neither clean nor a finding: 2, one message, and no traceback."""
    ran = run("check-cluster", mesh, "--istio-config", "-", stdin=text)
    assert (2, "") == (ran.code, ran.out)
    assert "Invalid value for --istio-config: standard input" in ran.err
    assert says in ran.err


def test_bytes_that_are_no_text(mesh: Path, tmp_path: Path) -> None:
    """The same of a file that is not UTF-8."""
    (tmp_path / "cm.yaml").write_bytes(b"a: \xff")
    ran = run("check-cluster", mesh, "--istio-config", tmp_path / "cm.yaml")
    assert (2, "", True) == (ran.code, ran.out, "not UTF-8" in ran.err)


def test_a_hostile_text_is_no_burden(mesh: Path) -> None:
    """Aliases that stand for a million values are not written out."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    ran = run("check-cluster", mesh, "--istio-config", "-", stdin=f"{bomb}trustDomain: *a11\n")
    assert (1, True) == (ran.code, len(ran.out) < 10_000)


@pytest.mark.parametrize(
    "odd",
    [
        "trustDomain: 0x" + "f" * 9000,
        "trustDomain: &a [*a]",
        "trustDomain: 2026-01-01",
        "trustDomain: !!binary aGk=",
        '{"trustDomain": "\\ud800"}',
        "defaultConfig: 5",
        "extensionProviders: {otel: {}}",
        "extensionProviders: [1, {name: [otel]}, {name: otel}]",
        "1: x\ntrue: y\nnull: z",
    ],
)
def test_odd_values_are_different_values(mesh: Path, odd: str) -> None:
    """Whatever stands where a setting is looked for, the answer is that it is not the wanted one."""
    ran = run("check-cluster", mesh, "--istio-config", "-", stdin=odd)
    assert (1, "") == (ran.code, ran.err)


def test_without_a_file_is_usage(mesh: Path) -> None:
    """Who gives nothing to check is told what prints it."""
    ran = run("check-cluster", mesh)
    assert (2, "") == (ran.code, ran.out)
    assert "--istio-config FILE (what `kubectl get configmap istio -n istio-system -o yaml` prints)" in ran.err
    assert 2 == run("check-cluster", mesh, "--istio-config", mesh / "nowhere").code


def test_a_mesh_with_mistakes_is_a_finding(mesh: Path) -> None:
    """What is wrong with the mesh is shown, as by every command."""
    (mesh / "mesh.yaml").write_text(MESH.replace("toy: {}", "istio: {}").replace("calls: []", "calls: [nobody]"))
    ran = run("check-cluster", mesh, "--istio-config", "-", stdin=THERE)
    assert (1, True) == (ran.code, "MC101" in ran.out)


def test_only_targets_that_read_settings_have_an_option(mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's target has an option as soon as it can check settings."""
    plug_in_toy(tmp_path / "plugins", monkeypatch)
    assert "--toy-config" not in run("check-cluster", "--help").out
    assert 2 == run("check-cluster", mesh, "--toy-config", mesh / "mesh.yaml").code
    import meshc_toy  # type: ignore[import-not-found]  # noqa: PLC0415 - installed above

    from meshc.target import Settings  # noqa: PLC0415 - beside it

    monkeypatch.setattr(meshc_toy, "target", type("Checking", (meshc_toy.ToyTarget,), {
        "settings_from": "cat settings",
        "settings_into": "the settings",
        "check_settings": lambda *_: Settings((), (), ""),
    })())  # fmt: skip
    assert "--toy-config" in run("check-cluster", "--help").out
    assert 0 == run("check-cluster", mesh, "--toy-config", mesh / "mesh.yaml").code


def test_the_build_s_own_settings_pass(mesh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a build asks for is what the check looks for."""
    from meshc_istio.control_plane import values  # noqa: PLC0415 - not the fixture's

    monkeypatch.setattr("meshc_istio.cluster.values", values)
    assert 0 == run("build", mesh, "-o", tmp_path / "out").code
    asked = yaml.safe_load((tmp_path / "out" / "istio" / "istio-values.yaml").read_text())["meshConfig"]
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "data": {"mesh": yaml.safe_dump(asked)}})
    assert 0 == run("check-cluster", mesh, "--istio-config", "-", stdin=text).code
