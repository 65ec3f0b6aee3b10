"""The fixed cast of workloads that conformance meshes are written over, and the Kubernetes objects that stand for it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Pod:
    """One workload: a pod of a service, with or without a proxy."""

    name: str
    namespace: str
    app: str
    version: str
    address: str
    account: str
    proxy: bool = True
    kind: str = "sidecar"  # sidecar | router
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        """Its labels, as Istio's injection would leave them."""
        injected = {"security.istio.io/tlsMode": "istio"} if self.proxy and self.kind == "sidecar" else {}
        own = self.labels or {"app": self.app, "version": self.version, "service.istio.io/canonical-name": self.app}
        return {**own, **injected}


PORTS: dict[str, tuple[int, int]] = {"http": (80, 8080), "admin": (81, 8081), "grpc": (7000, 7000), "tcp": (9000, 9000)}
"""Every service's ports: name to port and target port."""

PODS = (
    Pod("web", "shop", "web", "v1", "10.244.1.1", "web"),
    Pod("users-v1", "shop", "users", "v1", "10.244.1.2", "users"),
    Pod("users-v2", "shop", "users", "v2", "10.244.1.3", "users"),
    Pod("cart", "shop", "cart", "v1", "10.244.1.4", "cart"),
    Pod("spy", "ops", "spy", "v1", "10.244.1.5", "spy"),
    Pod("legacy", "shop", "legacy", "v1", "10.244.1.6", "legacy", proxy=False),
    Pod(
        "gateway", "istio-ingress", "gateway", "v1", "10.244.1.7", "istio-ingressgateway", kind="router", labels={"istio": "ingressgateway"}
    ),
)
OUTSIDE, OUTSIDE_ADDRESS = "outside", "10.244.9.1"
"""A machine outside the mesh: the client of gateways, and a plaintext caller."""
EXTERNAL_ADDRESS = "10.244.9.2"
"""A server outside the mesh."""

SERVICES = sorted({(pod.namespace, pod.app) for pod in PODS if pod.kind == "sidecar"})


def cluster_ip(namespace: str, app: str) -> str:
    """The service's own address."""
    return f"10.96.1.{SERVICES.index((namespace, app)) + 1}"


def objects() -> list[dict[str, Any]]:
    """Namespaces, accounts, services, pods and endpoint slices of the cast."""
    namespaces = sorted({pod.namespace for pod in PODS})
    made: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
    made += [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}}
        for namespace, account in sorted({(pod.namespace, pod.account) for pod in PODS})
    ]
    for namespace, app in SERVICES:
        ports = [{"name": name, "port": port, "targetPort": target, "protocol": "TCP"} for name, (port, target) in PORTS.items()]
        spec = {"selector": {"app": app}, "ports": ports, "clusterIP": cluster_ip(namespace, app)}
        made.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": app, "namespace": namespace}, "spec": spec})
    for pod in PODS:
        made += [_pod(pod), *([_slice(pod)] if pod.kind == "sidecar" else [])]
    return made


def _pod(pod: Pod) -> dict[str, Any]:
    containers = [{"name": "istio-proxy" if pod.kind == "router" else "app", "image": "none"}]
    spec = {"nodeName": "node", "serviceAccountName": pod.account, "containers": containers}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": pod.all_labels},
        "spec": spec,
    }


def _slice(pod: Pod) -> dict[str, Any]:
    reference = {"kind": "Pod", "name": pod.name, "namespace": pod.namespace}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": {"kubernetes.io/service-name": pod.app}},
        "addressType": "IPv4",
        "ports": [{"name": name, "port": target, "protocol": "TCP"} for name, (_, target) in PORTS.items()],
        "endpoints": [{"addresses": [pod.address], "conditions": {"ready": True}, "nodeName": "node", "targetRef": reference}],
    }


def status(pod: Pod, host: str) -> dict[str, Any]:
    """What a kubelet would report of a running pod."""
    return {
        "status": {
            "phase": "Running",
            "podIP": pod.address,
            "podIPs": [{"ip": pod.address}],
            "hostIP": host,
            "conditions": [{"type": "Ready", "status": "True"}],
        }
    }
