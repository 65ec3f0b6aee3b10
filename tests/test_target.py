"""What core knows of targets: which are there, and what a mesh asks of one that it can't give."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pytest

from meshc import target
from meshc.compile import load_mesh
from meshc.diagnostics import Finding
from meshc.features import Feature
from meshc.model import Mesh
from meshc.target import File, Target, TargetError, load, unknown, unsupported

TEXT = b"""apiVersion: meshc/v1
namespace: shop
mesh: {targets: {nowhere: {}}}
services:
  a: {ports: {http: 80}}
routes:
  r: {services: [a], rules: [{to: a, timeout: 1s, fault: {delay: {duration: 1s}}}]}
"""


class Little:
    """A target that knows everything but faults."""

    name = "little"
    title = "A little target"
    supports = frozenset(Feature) - {Feature.FAULT}
    acceptable: Mapping[str, str] = MappingProxyType({})

    def check(self, mesh: Mesh) -> Iterable[Finding]:
        yield Finding("MC502", "too little", mesh.services[0].origin)

    def emit(self, mesh: Mesh) -> Iterable[File]:
        del mesh
        return ()

    def summary(self, mesh: Mesh) -> Iterable[str]:
        del mesh
        return ()


class Point:
    """An entry point as importlib.metadata gives it."""

    def __init__(self, name: str, value: str, thing: object) -> None:
        self.name, self.value, self._thing = name, value, thing

    def load(self) -> object:
        if isinstance(self._thing, Exception):
            raise self._thing
        return self._thing


def mesh() -> Mesh:
    """A mesh with a route that injects a fault."""
    compiled = load_mesh({"mesh.yaml": TEXT})
    assert compiled.mesh is not None
    return compiled.mesh


def test_what_a_target_lacks_stands_at_its_place() -> None:
    """A feature without support is an error at the node that needs it, and the target's own complaints follow."""
    little: Target = Little()
    assert [("MC501", ("routes", "r", "rules", 0, "fault")), ("MC502", ("services", "a"))] == [
        (one.code, one.origin.path) for one in unsupported(mesh(), little)
    ]


def test_an_unknown_target_is_named_where_it_is_asked_for() -> None:
    """`mesh.targets` names a target that nobody installed."""
    found = unknown(["nowhere"], mesh())
    assert [("MC504", ("mesh", "targets", "nowhere"))] == [(one.code, one.origin.path) for one in found]


def points(monkeypatch: pytest.MonkeyPatch, *some: Point) -> None:
    """Exactly these packages are installed."""
    monkeypatch.setattr(target, "entry_points", lambda group: some if group == target.GROUP else ())


def test_targets_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package's entry point is all that makes it a target."""
    little = Little()
    points(monkeypatch, Point("little", "a:target", little))
    assert (["little"], little) == (list(target.installed()), load("little"))


@pytest.mark.parametrize(
    ("some", "message"),
    [
        ((), "no target 'little' is installed, expected one of none"),
        ((Point("litle", "a:t", None),), "no target 'little' is installed, expected one of litle; did you mean 'litle'?"),
        ((Point("little", "a:t", None), Point("little", "b:t", None)), "target 'little' is brought by a:t and b:t, expected one package"),
        ((Point("little", "a:t", ImportError("no b")),), "target 'little' (a:t) can't be loaded: no b"),
        ((Point("little", "a:t", object()),), "target 'little' (a:t) is no target: it lacks name, title, supports, check, emit or summary"),
    ],
)
def test_a_target_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, some: tuple[Point, ...], message: str) -> None:
    """Missing, brought twice, broken, or something else: each is said in one sentence."""
    points(monkeypatch, *some)
    with pytest.raises(TargetError) as caught:
        load("little")
    assert message == str(caught.value)
