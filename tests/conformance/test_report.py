"""The page of the conformance suite says what the suite is now, and that nothing fails."""

from tests.conformance.case import read, suites
from tests.conformance.mutations import MUTATIONS
from tests.conformance.report import PAGE, page, promised


def test_page_is_current() -> None:
    """The committed page is what a run writes in which every case passes or is declared."""
    every = [read(path) for path in suites()]
    assert page(promised(every), every) == PAGE.read_text(), "run `make docs`"


def test_suite_is_large_enough() -> None:
    """There are at least 250 cases, at most one in twenty is declared unsupported, and at least 15 mutations."""
    every = [read(path) for path in suites()]
    cases = sum(len(suite.cases) for suite in every)
    declared = sum(len(suite.cases) for suite in every if "istio" in suite.unsupported)
    assert cases >= 250
    assert declared * 20 <= cases
    assert len({mutation.name for mutation in MUTATIONS}) >= 15
