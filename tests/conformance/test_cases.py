"""Every conformance case in both modes of `requests`, on the reference and on every real engine that is there."""

from collections.abc import Iterator

import pytest

from tests.conformance.case import HERE, MODES, read, suites
from tests.conformance.decide_engine import DecideEngine
from tests.conformance.engine import Engine
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.judge import judge
from tests.conformance.prepare import prepare

FILES = [path.relative_to(HERE / "cases").as_posix() for path in suites()]


@pytest.fixture(scope="session")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real Istio, up once for all cases."""
    with IstioEngine(tmp_path_factory.mktemp("istio")) as engine:
        prepare(engine)
        yield engine


def _run(engine: Engine, file: str, mode: str, *, wire: bool) -> None:
    suite = read(HERE / "cases" / file, mode)
    refused = engine.apply(suite.mesh)
    if (declared := suite.refused_by(engine.name)) is not None:
        assert {declared.split()[0]} == {finding.code for finding in refused}
        return
    assert not refused, [f"{finding.code} {finding.message} at {finding.origin}" for finding in refused]
    wrong = [text for texts in judge(engine, suite, wire=wire).wrong.values() for text in texts]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("file", FILES)
def test_decide(file: str, mode: str) -> None:
    """The reference gives each case what its law says, and nothing comes past a check."""
    _run(DecideEngine(), file, mode, wire=False)


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("file", FILES)
def test_istio(file: str, mode: str, istio: IstioEngine) -> None:
    """A real Istio with meshc's output gives each case what its law says, and nothing comes past a check."""
    _run(istio, file, mode, wire=True)
