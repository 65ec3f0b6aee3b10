"""The generated pages say what the code says."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from meshc.cli import COMMANDS
from meshc.codes import CODES
from meshc.features import Feature
from meshc.rules import rules
from meshc.target import load


@pytest.mark.parametrize("name", ["cli.md", "rules.md", "targets.md", "reference/language.md"])
def test_pages_are_up_to_date(root: Path, generate: ModuleType, name: str) -> None:
    """What is committed is what `make docs` writes."""
    assert generate.PAGES[name]() == (root / "docs" / name).read_text(encoding="utf-8")


def test_every_command_has_a_section(root: Path) -> None:
    """The page of commands leaves none out, and shows no path of a machine."""
    text = (root / "docs" / "cli.md").read_text()
    assert ["meshc", *(f"meshc {name}" for name in COMMANDS)] == re.findall(r"^## (.*)$", text, re.MULTILINE)


def test_every_code_has_a_section(root: Path) -> None:
    """The page of codes leaves none out, and its list links to all."""
    text = (root / "docs" / "rules.md").read_text()
    codes = sorted([*CODES, *(rule.code for rule in rules())])
    sections = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert codes == [section.split()[0] for section in sections]
    assert [section.lower().replace(" ", "-") for section in sections] == re.findall(r"^- \[MC...\]\(#(.*?)\)", text, re.MULTILINE)


def test_every_feature_has_a_row(root: Path) -> None:
    """The page of targets has each feature once."""
    page = (root / "docs" / "targets.md").read_text()
    rows = re.findall(r"^\| ([\w-]+) \| ", page, re.MULTILINE)
    assert ["feature", *(feature.value for feature in Feature), "name"] == rows
    assert sorted(load("istio").acceptable) == re.findall(r"^\| `(\S+)` \| ", page, re.MULTILINE)


def test_check_says_what_is_stale(
    tmp_path: Path, generate: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` names stale pages and writes none; without it they are written."""
    monkeypatch.setattr(generate, "HERE", tmp_path)
    monkeypatch.setattr(generate, "PAGES", {"a.md": lambda: "a\n", "b.md": lambda: "b\n"})
    (tmp_path / "a.md").write_text("a\n")
    assert 1 == generate.main(["--check"])
    assert "docs/b.md is not up to date; run `make docs`\n" == capsys.readouterr().err
    assert not (tmp_path / "b.md").exists()
    assert 0 == generate.main([])
    assert "b\n" == (tmp_path / "b.md").read_text()
    assert 0 == generate.main(["--check"])
