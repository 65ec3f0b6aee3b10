"""The workloads of a rig and the Kubernetes objects that stand for them; the fixed cast is what case files are written over."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Pod:
    """
    One workload: a pod of a service, with or without a proxy.

    Where it does not echo, whoever uses the rig starts what serves there. `config` is for its proxy alone.
    """

    name: str
    namespace: str
    app: str
    version: str
    address: str
    account: str
    proxy: bool = True
    kind: str = "sidecar"  # sidecar | router | outside, which Kubernetes does not know
    labels: dict[str, str] = field(default_factory=dict)
    echoes: bool = True
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        """Its labels, as Istio's injection would leave them."""
        injected = {"security.istio.io/tlsMode": "istio"} if self.proxy and self.kind == "sidecar" else {}
        own = self.labels or {"app": self.app, "version": self.version, "service.istio.io/canonical-name": self.app}
        return {**own, **injected}


PORTS: dict[str, tuple[int, int]] = {
    "http": (80, 8080),
    "admin": (81, 8081),
    "grpc": (7000, 7000),
    "tcp": (9000, 9000),
    "tls": (9443, 9443),
    "greet": (3306, 3306),
}
"""Every service's ports: name to port and target port. At `greet` the server speaks first."""


def name_of(target: int | None) -> str | None:
    """What the fixed cast calls the port of its pods with that number."""
    return next((name for name, (_, number) in PORTS.items() if number == target), None)


_SPOKEN = {"admin": "http", "greet": "tcp"}

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


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Kubernetes Service; without `protocol` its name says what is spoken there."""

    name: str
    port: int
    target: int
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Further:
    """A further Service over the pods of another's workload; without an `address` it is headless."""

    namespace: str
    name: str
    app: str
    ports: tuple[ServicePort, ...]
    address: str | None


@dataclass(frozen=True, slots=True)
class Cast:
    """All workloads of a rig, the ports of their services by `namespace/app`, and the addresses of host names outside."""

    pods: tuple[Pod, ...]
    ports: dict[str, tuple[ServicePort, ...]]
    names: dict[str, str]

    @property
    def services(self) -> list[tuple[str, str]]:
        """Namespace and name of every service; a workload that listens nowhere has none."""
        return sorted({(pod.namespace, pod.app) for pod in self.pods if pod.kind == "sidecar" and self.ports_of(pod.namespace, pod.app)})

    @property
    def routers(self) -> list[Pod]:
        """The pods that play gateways."""
        return [pod for pod in self.pods if pod.kind == "router"]

    def cluster_ip(self, namespace: str, app: str) -> str:
        """The service's own address."""
        return f"10.96.1.{self.services.index((namespace, app)) + 1}"

    def ports_of(self, namespace: str, app: str) -> tuple[ServicePort, ...]:
        """The ports of a service."""
        return self.ports[f"{namespace}/{app}"]

    def objects(self) -> list[dict[str, Any]]:
        """Namespaces, accounts, services, pods and endpoint slices."""
        inside = [pod for pod in self.pods if pod.kind != "outside"]
        namespaces = sorted({pod.namespace for pod in inside})
        made: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
        made += [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}}
            for namespace, account in sorted({(pod.namespace, pod.account) for pod in inside})
        ]
        for namespace, app in self.services:
            ports = [_service_port(port) for port in self.ports_of(namespace, app)]
            spec = {"selector": {"app": app}, "ports": ports, "clusterIP": self.cluster_ip(namespace, app)}
            made.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": app, "namespace": namespace}, "spec": spec})
        for pod in inside:
            made += [_pod(pod), *([self._slice(pod)] if (pod.namespace, pod.app) in self.services else [])]
        made += [each for name, address in self.names.items() for each in self._bystander(name, address)]
        return made

    def router_service(self, pod: Pod, ports: Mapping[int, int]) -> list[dict[str, Any]]:
        """The Service before a gateway's pod, which maps these ports to the pod's own, and its endpoints."""
        spec = [
            {"name": f"p{port}", "port": port, "targetPort": target, "protocol": "TCP", "appProtocol": "tcp"}
            for port, target in sorted(ports.items())
        ]
        found = {"name": pod.name, "namespace": pod.namespace}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": found, "spec": {"selector": pod.all_labels, "ports": spec}}
        listening = [{"name": f"p{port}", "port": target, "protocol": "TCP"} for port, target in sorted(ports.items())]
        return [service, _endpoints(pod.name, pod, listening)]

    def further_service(self, one: Further) -> list[dict[str, Any]]:
        """A Service beside a workload's own, and its endpoints."""
        meta = {"name": one.name, "namespace": one.namespace}
        ports = [_service_port(port) for port in one.ports]
        spec = {"selector": {"app": one.app}, "ports": ports, "clusterIP": one.address or "None"}
        pods = [pod for pod in self.pods if (pod.namespace, pod.app) == (one.namespace, one.app)]
        slices = [_endpoints(one.name, pod, _listening(one.ports), f"{one.name}-{pod.name}") for pod in pods]
        return [{"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}, *slices]

    def _slice(self, pod: Pod) -> dict[str, Any]:
        return _endpoints(pod.app, pod, _listening(self.ports_of(pod.namespace, pod.app)))

    def _bystander(self, name: str, address: str) -> Iterator[dict[str, Any]]:
        """The Service of a name inside the cluster that stands for no workload of the cast: a collector of traces."""
        app, _, below = name.partition(".")
        namespace, _, kind = below.partition(".")
        if not kind.startswith("svc.") or (namespace, app) in self.services:
            return
        meta = {"name": app, "namespace": namespace}
        port = {"name": "grpc-otlp", "port": 4317, "protocol": "TCP"}
        yield {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [port]}}
        yield {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**meta, "labels": {"kubernetes.io/service-name": app}},
            "addressType": "IPv4",
            "ports": [port],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        }

    def json(self) -> str:
        """As text, for the program that is the rig."""
        return json.dumps(asdict(self))

    @staticmethod
    def of(text: str) -> "Cast":
        """The cast of such a text."""
        data = json.loads(text)
        ports = {name: tuple(ServicePort(**port) for port in ports) for name, ports in data["ports"].items()}
        return Cast(tuple(Pod(**pod) for pod in data["pods"]), ports, data["names"])


FIXED = Cast(
    PODS,
    {
        f"{pod.namespace}/{pod.app}": tuple(ServicePort(name, *numbers, _SPOKEN.get(name)) for name, numbers in PORTS.items())
        for pod in PODS
    },
    {"api.example.com": EXTERNAL_ADDRESS, "other.example.com": EXTERNAL_ADDRESS, "a.b.far.example": EXTERNAL_ADDRESS},
)
"""The cast of all case files."""


def _service_port(port: ServicePort) -> dict[str, Any]:
    spoken = {"appProtocol": port.protocol} if port.protocol else {}
    return {"name": port.name, "port": port.port, "targetPort": port.target, "protocol": "TCP", **spoken}


def _listening(ports: Sequence[ServicePort]) -> list[dict[str, Any]]:
    return [
        {"name": port.name, "port": port.target, "protocol": "TCP", **({"appProtocol": port.protocol} if port.protocol else {})}
        for port in ports
    ]


def _endpoints(service: str, pod: Pod, ports: list[dict[str, Any]], name: str | None = None) -> dict[str, Any]:
    reference = {"kind": "Pod", "name": pod.name, "namespace": pod.namespace}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name or pod.name, "namespace": pod.namespace, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": [pod.address], "conditions": {"ready": True}, "nodeName": "node", "targetRef": reference}],
    }


def _pod(pod: Pod) -> dict[str, Any]:
    containers = [{"name": "istio-proxy" if pod.kind == "router" else "app", "image": "none"}]
    spec = {"nodeName": "node", "serviceAccountName": pod.account, "containers": containers}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": pod.all_labels},
        "spec": spec,
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
