"""Pages that a new user reads: what they show as printed is what is printed, and what they link to is there."""

import re
from pathlib import Path

import pytest

from tests.console import ROOT, pages, replayed

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)")
WITHOUT_COMMANDS = sorted({ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("docs/reference/*.md")})
"""Pages that show no commands, or are generated."""


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_commands_print_what_the_page_shows(page: Path) -> None:
    """Every command of the page, run in the order of the page, prints what stands below it."""
    assert page.read_text(encoding="utf-8") == replayed(page)


@pytest.mark.parametrize("page", [*pages(), *WITHOUT_COMMANDS], ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of the page names a file or folder of the project and, after `#`, an anchor or heading of that page."""
    missing = []
    for file, fragment in _LINK.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / file) if file else page
        if not there.exists() or (fragment and there.suffix == ".md" and fragment not in _places(there)):
            missing.append(f"{file}#{fragment}")
    assert [] == missing


def _places(page: Path) -> set[str]:
    """What a link may name in a page: its anchors, and its headings as GitHub spells them."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {*re.findall(r'<a id="([^"]+)"></a>', text), *(re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings)}
