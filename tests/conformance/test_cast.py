"""The cast that a mesh asks for: pods of workloads, whatever services lead there, and Services that a Kubernetes would have."""

from tests.conformance.istio.cast import Further, ServicePort
from tests.conformance.istio.from_mesh import cast_of
from tests.meshes import mesh_of

MESH = """
namespace: shop
services:
  users: {ports: {http: {port: 80, targetPort: 8080}}, selector: {run: users}, versions: {v1: {}, v2: {}}}
  pods: {workload: users, headless: true, ports: {http: 8080}}
  nightly: {calls: [users]}
"""


def test_pods_are_those_of_workloads() -> None:
    """A further service adds no pod; a worker has one, where nothing listens and no Service leads."""
    cast = cast_of(mesh_of(MESH))
    assert [("nightly-v1", False), ("users-v1", True), ("users-v2", True)] == [(pod.name, pod.echoes) for pod in cast.pods]
    assert [("shop", "users")] == cast.services
    assert ["users"] == [one["metadata"]["name"] for one in cast.objects() if one["kind"] == "Service"]


def test_a_further_service_leads_to_all_pods_of_its_workload() -> None:
    """Without an address it is headless, as Kubernetes says it."""
    port = ServicePort("http", 8080, 8080, "http")
    service, *slices = cast_of(mesh_of(MESH)).further_service(Further("shop", "pods", "users", (port,), None))
    assert ("None", "pods") == (service["spec"]["clusterIP"], service["metadata"]["name"])
    assert ["pods-users-v1", "pods-users-v2"] == [one["metadata"]["name"] for one in slices]
    assert [{"kubernetes.io/service-name": "pods"}] * 2 == [one["metadata"]["labels"] for one in slices]
