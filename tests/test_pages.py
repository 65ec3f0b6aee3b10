"""Pages that a new user reads: what they show as printed is what is printed, and what they link to is there."""

import re
from pathlib import Path

import pytest

from tests.console import ROOT, pages, replayed

_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_commands_print_what_the_page_shows(page: Path) -> None:
    """Every command of the page, run in the order of the page, prints what stands below it."""
    assert page.read_text(encoding="utf-8") == replayed(page)


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of the page names a file or folder of the project."""
    missing = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert [] == missing
