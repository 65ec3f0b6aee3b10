"""The laws are one page, what cites them cites laws that exist, and users are told what goes wrong instead of a number."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.cli import COMMANDS, group
from meshc.cli.explain import pages
from meshc.schema import json_schema
from tests.conformance import case

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "laws.md"
LAWS = tuple(range(1, 19))
CITING = ("meshc", "targets", "tests", "docs", "examples", "benchmarks", "engines")
"""Folders in which laws are cited, beside the pages at the top."""
CITING_LINKS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/conformance.md",
    "docs/guide/language.md",
    "docs/reference/language.md",
)
"""Pages whose readers want the laws."""
SPEAKING = ("meshc", "targets")
"""Folders whose strings go to users: add `targets` once no target of the project cites laws in its messages."""

_CITATION = re.compile(r"\bL([1-9][0-9]?)(?:-L([1-9][0-9]?))?\b(?:\(([a-z])\))?")
_TO_USERS = re.compile(r"\bL[1-9][0-9]?\b|\blaws?\b")
_TEXT = {".py", ".md", ".yaml", ".lua", ".toml", ".json", ".txt"}


def _files() -> Iterator[Path]:
    yield from sorted(ROOT.glob("*.md"))
    for folder in CITING:
        yield from sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in _TEXT and "__pycache__" not in path.parts)


def _cited(text: str) -> set[int]:
    """The numbers of the laws that a text cites, those inside a range (`L5-L7`) too."""
    return {number for first, last, _ in _CITATION.findall(text) for number in range(int(first), int(last or first) + 1)}


def _freedoms(text: str) -> set[str]:
    """The letters of the freedoms that a text cites: `L18(e)`."""
    return {letter for number, _, letter in _CITATION.findall(text) if number == "18" and letter}


def test_page_has_every_law_with_its_anchor() -> None:
    """Each law is one section of the page, in order, right below the anchor that links name; the list at its top has all of them."""
    text = PAGE.read_text(encoding="utf-8")
    sections = re.findall(r'^<a id="l(\d+)"></a>\n### L(\d+) ', text, re.MULTILINE)
    assert [(str(number), str(number)) for number in LAWS] == sections
    assert [str(number) for number in LAWS] == re.findall(r"^### L(\d+)", text, re.MULTILINE)
    assert [(str(number), str(number)) for number in LAWS] == re.findall(r"^\| \[L(\d+)\]\(#l(\d+)\) \|", text, re.MULTILINE)


def test_page_lists_the_freedoms() -> None:
    """L18 has each freedom once, by its letter."""
    law = PAGE.read_text(encoding="utf-8").partition("### L18 ")[2].partition("\n## ")[0]
    assert list("abcdefgh") == sorted(re.findall(r"^\| \((.)\) \|", law, re.MULTILINE))


def test_cited_laws_exist() -> None:
    """Whatever cites a law, or a freedom of the last one by its letter, cites one that there is."""
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in _files()}
    assert {} == {name: missing for name, text in texts.items() if (missing := _cited(text) - {*LAWS} | _freedoms(text) - {*"abcdefgh"})}
    assert {*LAWS} == set().union(*(_cited(text) for text in texts.values())), "the walk reads too little"


@pytest.mark.parametrize("path", list(case.suites()), ids=lambda path: path.stem)
def test_each_case_cites_a_law(path: Path) -> None:
    """Every conformance case says which law it holds, or the section of small shapes."""
    section = bool(re.search(r'^## 4\. .*\n<a id="section-4"></a>$', PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    cited = {one.law for one in case.read(path, "standard").cases}
    assert [] == sorted(law for law in cited if not (_cited(law) or (section and law == "section 4")))


@pytest.mark.parametrize("name", CITING_LINKS)
def test_pages_link_to_the_laws(name: str) -> None:
    """These pages say where the laws are."""
    assert re.search(r"\]\([\w./]*laws\.md(#l\d+)?\)", (ROOT / name).read_text(encoding="utf-8"))


def test_pages_that_cite_a_law_link_to_it() -> None:
    """On a page for readers a law's number is a link, or stands in code; the way to its text is one step."""
    bare = {}
    for path in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")]:
        text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        loose = _cited(re.sub(r"\[[^\]]*\]\([^)]*\)", "", text))
        if path != PAGE and loose:
            bare[path.relative_to(ROOT).as_posix()] = loose
    assert {} == bare


@pytest.mark.parametrize("folder", SPEAKING)
def test_messages_cite_no_law(folder: str) -> None:
    """No string of the program speaks of laws: a message says what would go wrong. Docstrings and comments may cite them."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, text in _strings(path)
        if _TO_USERS.search(text)
    ]
    assert [] == found


def _strings(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a module with their lines, without docstrings: strings that stand as a statement."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.lineno, node.value


def test_docstrings_that_users_read_cite_no_law() -> None:
    """Pages of codes, help of commands and the schema's descriptions come from docstrings, and are messages all the same."""
    with group.make_context("meshc", [], resilient_parsing=True) as context:
        helps = {name: command.help or "" for name in COMMANDS if (command := group.get_command(context, name))}
    texts = {**{one.code: one.text for one in pages()}, **helps, "schema": json.dumps(json_schema())}
    assert len(texts) > 50
    assert {} == {name: found for name, text in texts.items() if (found := _TO_USERS.findall(text))}
