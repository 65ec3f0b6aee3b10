"""The page of the conformance suite says what the suite is now, and that nothing fails; its cases say which of them are odd."""

import pytest

from tests.conformance.case import Case, Suite, read, suites
from tests.conformance.mutations import MUTATIONS
from tests.conformance.oddity import is_odd
from tests.conformance.report import PAGE, every_suite, page, promised


def test_page_is_current() -> None:
    """The committed page is what a run writes in which every case passes or is declared, and nothing escapes."""
    every = every_suite()
    assert page(promised(every), every, 0) == PAGE.read_text(), "run `make docs`"


def test_suite_is_large_enough() -> None:
    """There are at least 1,450 cases, at most one in twenty is declared unsupported in a mode, and at least 15 mutations."""
    every = every_suite()
    assert sum(len(suite.cases) for suite in every) >= 2 * 1450
    assert sum(len(suite.cases) for suite in every if suite.refused_by("istio")) * 20 <= sum(len(suite.cases) for suite in every)
    assert len({mutation.name for mutation in MUTATIONS}) >= 15


@pytest.mark.parametrize("file", [path.relative_to(path.parents[1]).as_posix() for path in suites()])
def test_odd_rows_say_so(file: str) -> None:
    """Exactly the rows whose requests are odd have the key `odd`, by a definition of its own: a plain request is never freed by mistake."""
    path = next(path for path in suites() if path.as_posix().endswith(file))
    suite = read(path, "standard")
    wrong = [
        f"{case.says}: {'odd' if _is_odd(suite, case) else 'plain'}"
        for case in suite.cases
        if _is_odd(suite, case) != (case.odd is not None)
    ]
    assert wrong == []


def _is_odd(suite: Suite, case: Case) -> bool:
    via = case.send.via
    trusted = via is not None and any(gateway.name.name == via and gateway.trusted_hops for gateway in suite.mesh.gateways)
    return is_odd(case.send, frozenset(suite.mesh.methods), trusted=trusted)
