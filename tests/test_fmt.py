"""`meshc fmt`: the layout changes, the meaning and the comments do not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from meshc.fmt import UntidyError, tidy
from meshc.source import parse
from tests.commands import MESH, mesh_folder, run

UNTIDY = """\
apiVersion: meshc/v1  \r
# who is there\r
services:\r
      web:   # the site\r
          ports: {http: 80}\r
          calls:\r
          - a\r
          - 'b'\r
          access:    [{a: b}]\r
\r
\r
"""
TIDY = """\
apiVersion: meshc/v1
# who is there
services:
  web:       # the site
    ports: {http: 80}
    calls:
      - a
      - 'b'
    access: [{a: b}]
"""


def test_layout() -> None:
    """Two blanks a level, items below their key, one kind of line end; comments stay in their column, quotes and flow maps stay."""
    assert TIDY == tidy("mesh.yaml", UNTIDY.encode()).decode()


@pytest.mark.parametrize("example", ["users-api/mesh.yaml", "bookinfo/mesh.yaml", "vm-shop/mesh.yaml", "online-boutique/edge.yaml"])
def test_examples(root: Path, example: str) -> None:
    """What is tidied means the same, keeps every comment, and is tidy."""
    content = (root / "examples" / example).read_bytes()
    once = tidy("mesh.yaml", content)
    before, after = parse("mesh.yaml", content)[0], parse("mesh.yaml", once)[0]
    assert before is not None
    assert after is not None
    assert before.data == after.data
    assert [line.partition("#")[2] for line in before.text.splitlines() if "#" in line] == [
        line.partition("#")[2] for line in after.text.splitlines() if "#" in line
    ]
    assert once == tidy("mesh.yaml", once)


@given(st.recursive(st.text() | st.integers() | st.booleans(), lambda inner: st.dictionaries(st.text(min_size=1), inner) | st.lists(inner)))
def test_meaning_stays(data: object) -> None:
    """Whatever stands in a file: it is laid out with the same meaning, or refused."""
    import io  # noqa: PLC0415 - only here

    text = io.StringIO()
    YAML(typ="safe", pure=True).dump({"key": data}, text)
    content = text.getvalue().encode()
    try:
        once = tidy("mesh.yaml", content)
    except UntidyError:
        return
    before, after = parse("mesh.yaml", content)[0], parse("mesh.yaml", once)[0]
    assert before is not None
    assert after is not None
    assert before.data == after.data


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "a: &x 1\n<<: *x\n", "a: \x01\n"])
def test_broken_files_are_left(tmp_path: Path, text: str) -> None:
    """A file that is no sound YAML is not touched, and is named."""
    folder = mesh_folder(tmp_path, text)
    ran = run("fmt", folder)
    assert (1, "", True) == (ran.code, ran.out, "mesh.yaml: left as it is: " in ran.err)
    assert text == (folder / "mesh.yaml").read_text()


def test_command(tmp_path: Path) -> None:
    """`--check` names, `--diff` shows, both write nothing; without them the file is laid out, once; a link stays a link."""
    folder = mesh_folder(tmp_path / "mesh", UNTIDY)
    (folder / "mesh.yaml").write_bytes(UNTIDY.encode())
    (folder / "mesh.yaml").rename(tmp_path / "real.yaml")
    (folder / "mesh.yaml").symlink_to(tmp_path / "real.yaml")
    assert (1, f"{folder}/mesh.yaml\n") == (run("fmt", folder, "--check").code, run("fmt", folder, "--check").out)
    shown = run("fmt", folder, "--diff")
    assert (1, True) == (shown.code, "+    ports: {http: 80}\n" in shown.out)
    assert UNTIDY.encode() == (tmp_path / "real.yaml").read_bytes()
    assert 0 == run("fmt", folder).code
    assert (TIDY, True) == ((tmp_path / "real.yaml").read_text(), (folder / "mesh.yaml").is_symlink())
    assert ["mesh", "real.yaml"] == sorted(one.name for one in tmp_path.iterdir())
    assert (0, "") == (run("fmt", folder, "--check").code, run("fmt", folder).out)


def test_starter_is_tidy(tmp_path: Path) -> None:
    """The mesh of these tests and the one of `meshc init` are tidy already."""
    assert MESH == tidy("mesh.yaml", MESH.encode()).decode()
    assert 0 == run("init", tmp_path).code
    assert 0 == run("fmt", tmp_path, "--check").code
