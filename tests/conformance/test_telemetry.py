"""What proxies report on a real Istio: Telemetry decides no request, so its effect is looked for in their logs."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshc.model import Mesh
from tests.conformance.case import compile_over_cast, send_of
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.prepare import prepare


@pytest.fixture(scope="module")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real Istio."""
    with IstioEngine(tmp_path_factory.mktemp("istio")) as engine:
        prepare(engine)
        yield engine


def _mesh(telemetry: dict[str, Any] | None) -> Mesh:
    compiled = compile_over_cast(
        {"mesh": {"mesh": {"telemetry": telemetry} if telemetry else {}, "services": {"web": {"calls": ["users"]}}}}
    )
    assert compiled.mesh is not None, compiled.findings
    return compiled.mesh


def _logged(istio: IstioEngine, path: str) -> list[dict[str, Any]]:
    """What the caller's proxy has logged as JSON of a request to that path, which it does within a second or two."""
    assert [200] == [one.status for one in istio.send([send_of({"from": "web", "to": "users", "path": path})])]
    for _ in range(30):
        lines = (Path(istio.folder) / "proxy-web.log").read_text(errors="replace").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and f'"{path}"' in line]
        if found:
            return found
        time.sleep(0.2)
    return []


@pytest.mark.engine
@pytest.mark.rig
def test_requests_are_logged_as_json(istio: IstioEngine) -> None:
    """Where the mesh says so, by a proxy that took the setting while it ran; and no more where it does not."""
    assert istio.apply(_mesh({"accessLog": "json"})) == ()
    (entry,) = _logged(istio, "/logged")
    assert ("GET", 200, "users") == (entry["method"], entry["response_code"], entry["authority"])
    assert istio.apply(_mesh(None)) == ()
    assert [] == _logged(istio, "/silent")
