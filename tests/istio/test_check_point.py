"""Where workloads listen: what the checks of a service are about, when endpoints by hand say other ports."""

from meshc.model import Name
from meshc_istio.check_point import of_service
from tests.meshes import mesh_of


def _http_ports(endpoints: str) -> tuple[int, ...]:
    ports = "{http: {port: 80, targetPort: 8080}}"
    mesh = mesh_of(f"namespace: shop\nservices:\n  web: {{ports: {ports}, {endpoints}}}\n")
    return of_service(mesh, mesh.service_by_name[Name("shop", "web")]).http_ports


def test_the_target_port_is_guarded() -> None:
    """Workloads that the platform finds listen on the target port."""
    assert (8080,) == _http_ports("calls: []")


def test_every_port_that_an_endpoint_says_is_guarded() -> None:
    """An endpoint with a port of its own listens there, and one without on the target port: policies hold for both."""
    assert (8080, 8081) == _http_ports("endpoints: [{address: 10.0.0.1}, {address: 10.0.0.2, port: 8081}]")


def test_a_port_where_nobody_listens_is_not_named() -> None:
    """Where all endpoints say a port, the target port is none of the workload's."""
    assert (8081,) == _http_ports("endpoints: [{address: 10.0.0.2, port: 8081}]")
