"""What a gateway's policies refuse stays refused where the cluster maps ports otherwise than the mesh says, or does not map them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml

from tests.conformance.case import HERE, read, send_of
from tests.conformance.istio.engine import IstioEngine
from tests.conformance.prepare import prepare

SUITE = HERE / "cases" / "gateway" / "service-ports.yaml"
SERVED = {"host": "plain.example.com", "path": "/x"}
REFUSED = [
    {"host": "plain.example.com", "path": "/admin/x"},
    {"host": "plain.example.com", "path": "/private/x"},
    {"host": "plain.example.com", "path": "/admin/x", "token": "id"},
]


@pytest.fixture(scope="module")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioEngine]:
    """A real Istio."""
    with IstioEngine(tmp_path_factory.mktemp("istio")) as engine:
        prepare(engine)
        assert engine.apply(read(SUITE, "standard").mesh) == ()
        yield engine


@pytest.mark.engine
@pytest.mark.rig
@pytest.mark.parametrize("number", [8081, 81, 8000], ids=["as-the-mesh-says", "without-a-service", "by-another-service"])
def test_policies_hold(number: int, istio: IstioEngine) -> None:
    """Wherever the pods come to listen, a request is served and what is denied or lacks its token is not."""
    pod = istio.cast.routers[0]
    there = istio.cast.router_service(pod, {81: number})
    if number == 81:
        istio.call("kubectl", words=["delete", "--ignore-not-found", "-f", "-"], text=yaml.safe_dump_all(there))
    else:
        istio.call("kubectl", words=["apply", "--server-side", "--force-conflicts", "-f", "-"], text=yaml.safe_dump_all(there))
    istio.call("settle")
    istio.call("drained")
    istio.public = {}  # numbers are those of the pods, below
    sends = [replace(send_of({"via": "edge", **written}), port=number) for written in (SERVED, *REFUSED)]
    served, *refused = istio.send(sends)
    assert (served.status, served.service) == (200, "users")
    assert [(one.service, one.status in (401, 403)) for one in refused] == [(None, True)] * len(REFUSED), refused
