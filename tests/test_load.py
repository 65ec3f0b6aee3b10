"""Which files of a folder are a mesh."""

import os
from pathlib import Path

import pytest

from meshc.diagnostics import Origin
from meshc.load import find, load, load_contents
from meshc.output import MARKER

HEAD = "apiVersion: meshc/v1\n"


def write(folder: Path, **files: str) -> None:
    """Files by name; `__` stands for a slash, `_` before the ending for a dot."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/").replace("_yaml", ".yaml").replace("_yml", ".yml"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def names(folder: Path) -> list[str]:
    contents, findings = find(folder)
    assert () == findings
    return list(contents)


def test_a_tree_is_read_whole(tmp_path: Path) -> None:
    """Every `*.yaml` below the folder is read, sorted by name; other files are not."""
    write(tmp_path, mesh_yaml=HEAD, teams__b__x_yaml=HEAD, teams__a_yaml=HEAD, README="x")
    assert ["mesh.yaml", "teams/a.yaml", "teams/b/x.yaml"] == names(tmp_path)


def test_one_file(tmp_path: Path) -> None:
    """A file is a mesh by itself, under its own name."""
    write(tmp_path, mesh_yaml=HEAD, other_yaml=HEAD)
    assert ["mesh.yaml"] == names(tmp_path / "mesh.yaml")


def test_hidden_names_are_left_alone(tmp_path: Path) -> None:
    """Names that begin with a dot are not part of the mesh."""
    write(tmp_path, mesh_yaml=HEAD)
    write(tmp_path / ".github", ci_yaml="on: push")
    (tmp_path / ".hidden.yaml").write_text("a: b")
    assert ["mesh.yaml"] == names(tmp_path)


def test_output_is_left_alone(tmp_path: Path) -> None:
    """What a build wrote is known by its marker."""
    write(tmp_path, mesh_yaml=HEAD, out__istio__shop__x_yaml="kind: Gateway")
    (tmp_path / "out" / MARKER).write_text("")
    assert ["mesh.yaml"] == names(tmp_path)


def test_yml_is_an_error(tmp_path: Path) -> None:
    """A file that looks like part of the mesh but is not read is an error."""
    write(tmp_path, mesh_yaml=HEAD, policies_yml=HEAD)
    assert [("MC014", Origin("policies.yml"))] == [(finding.code, finding.origin) for finding in load(tmp_path).findings]


def test_json_that_says_it_is_a_mesh_is_an_error(tmp_path: Path) -> None:
    """The same of a JSON file of the language; keys and other JSON beside a mesh are left alone, and so is what is excluded."""
    write(tmp_path, mesh_yaml=HEAD)
    for name, text in {"users": '{"apiVersion":\t"meshc/v1"}', "keys": '{"keys": []}', "k8s": '{"apiVersion": "v1"}'}.items():
        (tmp_path / f"{name}.json").write_text(text)
    assert [("MC014", Origin("users.json"))] == [(finding.code, finding.origin) for finding in load(tmp_path).findings]
    write(tmp_path, mesh_yaml=HEAD + "mesh: {exclude: users.json}\n")
    assert () == load(tmp_path).findings


def test_excluded_files(tmp_path: Path) -> None:
    """`mesh.exclude` leaves out files, folders and what is wrong with them."""
    write(
        tmp_path,
        mesh_yaml=HEAD + "mesh: {exclude: ['charts/**', '**/values.yaml', old, '*.yml']}\n",
        charts__a_yaml="{{ bad",
        team__values_yaml="a: b",
        old__deep__x_yaml="{",
        ci_yml="a",
        olden_yaml=HEAD,
        deep__charts__a_yaml=HEAD,
    )
    loaded = load(tmp_path)
    assert ["deep/charts/a.yaml", "mesh.yaml", "olden.yaml"] == [document.file for document in loaded.documents]
    assert () == loaded.findings


def test_what_is_excluded_excludes_nothing(tmp_path: Path) -> None:
    """A mesh inside an excluded folder has no say."""
    write(tmp_path, mesh_yaml=HEAD + "mesh: {exclude: examples}\n", examples__mesh_yaml=HEAD + "mesh: {exclude: '*.yaml'}\n", a_yaml=HEAD)
    assert ["a.yaml", "mesh.yaml"] == [document.file for document in load(tmp_path).documents]


def test_overlays_by_environment(tmp_path: Path) -> None:
    """`environments/<env>.yaml` in any folder is an overlay of that environment, not part of the mesh itself."""
    write(tmp_path, mesh_yaml=HEAD, environments__prod_yaml=HEAD, team__environments__prod_yaml=HEAD, environments__dev_yaml=HEAD)
    loaded = load(tmp_path)
    assert ["mesh.yaml"] == [document.file for document in loaded.documents]
    expected = {"dev": ["environments/dev.yaml"], "prod": ["environments/prod.yaml", "team/environments/prod.yaml"]}
    assert expected == {name: [document.file for document in documents] for name, documents in loaded.overlays.items()}


def test_an_overlay_that_lies_too_deep(tmp_path: Path) -> None:
    """A file in a folder below `environments` would hold nowhere."""
    write(tmp_path, mesh_yaml=HEAD, environments__prod__users_yaml=HEAD)
    assert [("MC028", Origin("environments/prod/users.yaml"))] == [(finding.code, finding.origin) for finding in load(tmp_path).findings]


def test_links_that_lead_back(tmp_path: Path) -> None:
    """Each folder is read once, under its own name, whatever links lead to it."""
    write(tmp_path, z__mesh_yaml=HEAD)
    (tmp_path / "z" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a").symlink_to(tmp_path / "z", target_is_directory=True)
    assert ["z/mesh.yaml"] == names(tmp_path)


def test_a_linked_file_is_read(tmp_path: Path) -> None:
    """Mounted ConfigMaps are links to files."""
    write(tmp_path, data__real="apiVersion: meshc/v1\n")
    (tmp_path / "mesh.yaml").symlink_to("data/real")
    assert ["mesh.yaml"] == names(tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A dangling link and a pipe are findings; neither stops the others, nor does the pipe block."""
    write(tmp_path, mesh_yaml=HEAD)
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    contents, findings = find(tmp_path)
    assert ["mesh.yaml"] == list(contents)
    assert [("MC001", "gone.yaml"), ("MC001", "pipe.yaml")] == [(finding.code, finding.origin.file) for finding in findings]


def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    """A name that cannot be printed is said in escapes."""
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.yaml")).write_text(HEAD)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    _, findings = find(tmp_path)
    assert ["MC001"] == [finding.code for finding in findings]
    assert "a\\udcff.yaml" == findings[0].origin.file


@pytest.mark.parametrize("extra", ["", "environments"])
def test_no_file_at_all(tmp_path: Path, extra: str) -> None:
    """A folder without a mesh is an error: a check of nothing must not pass."""
    if extra:
        write(tmp_path, environments__prod_yaml=HEAD)
    assert ["MC027"] == [finding.code for finding in load(tmp_path).findings]


def test_contents_without_a_disk() -> None:
    """A mesh may come from anywhere, such as standard input."""
    loaded = load_contents({"-": HEAD.encode()})
    assert ["-"] == [document.file for document in loaded.documents]
    assert () == loaded.findings


def test_a_missing_path(tmp_path: Path) -> None:
    """A path that leads nowhere is a finding."""
    assert ["MC001"] == [finding.code for finding in load(tmp_path / "nothing.yaml").findings]
