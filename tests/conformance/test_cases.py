"""Every conformance case, on the reference and on every real engine that is there."""

from collections.abc import Iterator

import pytest

from tests.conformance.case import HERE, read, suites
from tests.conformance.decide_engine import DecideEngine
from tests.conformance.engine import Engine
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.judge import answers
from tests.conformance.prepare import prepare

FILES = [path.relative_to(HERE / "cases").as_posix() for path in suites()]


@pytest.fixture(scope="session")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real Istio, up once for all cases."""
    with IstioEngine(tmp_path_factory.mktemp("istio")) as engine:
        prepare(engine)
        yield engine


def _run(engine: Engine, file: str, *, wire: bool) -> None:
    suite = read(HERE / "cases" / file)
    refused = engine.apply(suite.mesh)
    if engine.name in suite.unsupported:
        expected = suite.unsupported[engine.name].split()[0]
        assert {expected} == {finding.code for finding in refused}
        return
    assert not refused, [f"{finding.code} {finding.message} at {finding.origin}" for finding in refused]
    wrong = [text for texts in answers(engine, suite, wire=wire).values() for text in texts]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("file", FILES)
def test_decide(file: str) -> None:
    """The reference gives each case what its law says."""
    _run(DecideEngine(), file, wire=False)


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.parametrize("file", FILES)
def test_istio(file: str, istio: IstioEngine) -> None:
    """A real Istio with meshc's output gives each case what its law says."""
    _run(istio, file, wire=True)
