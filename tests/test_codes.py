"""The catalogue of codes: well formed, and true where reading a file is all it takes to see it."""

import re
from importlib import import_module
from pkgutil import iter_modules

import pytest

import meshc.codes
from meshc.codes import CODES, name_of, suppressible
from meshc.codes.entry import Code
from meshc.source import parse

BLOCK = re.compile(r"^```yaml (bad|good)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
READ = [code for code in CODES if "MC002" <= code <= "MC007"]


def blocks(entry: Code) -> list[tuple[str, str]]:
    """The example blocks of a page: bad or good, and their text."""
    return [(kind, text) for kind, text in BLOCK.findall(entry.page)]


@pytest.mark.parametrize("code", CODES)
def test_entries_are_well_formed(code: str) -> None:
    """A code of a family the pipeline gives, a name in words, and a page that begins with one sentence."""
    entry = CODES[code]
    assert code == entry.code
    assert re.fullmatch(r"MC[0158]\d\d", code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.name)
    assert re.fullmatch(r"[A-Z`].*\.", entry.summary)
    assert entry.page.count("\n\n") >= 1, "a page says why it hurts and what to do"
    assert entry.page.count("```") % 2 == 0
    assert 2 * len(blocks(entry)) == entry.page.count("```")


def test_codes_stand_in_order_and_names_are_unique() -> None:
    """A reader finds a code by its number, an ignore by its name."""
    assert sorted(CODES) == list(CODES)
    assert len(CODES) == len({entry.name for entry in CODES.values()})


def test_no_code_is_given_twice() -> None:
    """A code that is defined twice would silently be the later one."""
    modules = [import_module(f"meshc.codes.{module.name}") for module in iter_modules(meshc.codes.__path__)]
    tuples = [value for module in modules for value in vars(module).values() if isinstance(value, tuple)]
    given = [entry.code for entries in tuples for entry in entries if isinstance(entry, Code)]
    assert sorted(CODES) == sorted(given)


@pytest.mark.parametrize("code", CODES)
def test_pages_show_bad_and_good_together(code: str) -> None:
    """A page has one example of each kind, or none."""
    assert [kind for kind, _ in blocks(CODES[code])] in ([], ["bad", "good"])


@pytest.mark.parametrize("code", READ)
def test_examples_of_unreadable_files(code: str) -> None:
    """The bad block gives just this code, the good block nothing."""
    found = {kind: [finding.code for finding in parse("m.yaml", text.encode())[1]] for kind, text in blocks(CODES[code])}
    assert found in ({}, {"bad": [code], "good": []})


@pytest.mark.parametrize("code", CODES)
def test_all_examples_are_yaml(code: str) -> None:
    """Every block of other codes can be read, so that what is wrong with it is what the page says."""
    for kind, text in blocks(CODES[code]):
        findings = parse("m.yaml", text.encode())[1]
        assert [] == [one.code for one in findings if kind == "good" or code not in READ]


def test_name_of() -> None:
    """The name behind a code."""
    assert "unknown-service" == name_of("MC101")


def test_only_judgements_can_be_suppressed() -> None:
    """Families 2, 3, 4, 6 and 7; nothing of this catalogue."""
    assert [] == [code for code in CODES if suppressible(code)]
    assert ["MC201", "MC301", "MC401", "MC601", "MC701"] == [f"MC{family}01" for family in range(10) if suppressible(f"MC{family}01")]
