# ruff: noqa: INP001, E402, TID251 - a script, not a package, and the tests' whole Istio is what it measures on
"""
What one hop through two sidecars costs: requests per second of processor time that both Envoys use, on a whole Istio.

meshc's output for one service that calls another, and the same with `requests: strict`, against what a person would write by hand for that
hop: strict mTLS, a DestinationRule, an AuthorizationPolicy for the caller's principal and a VirtualService with one route. All run in turns
in one rig, and the medians' ratios are printed: at least 0.97 and 0.9 are wanted, and less is the exit code 1. The processor time of what
sends and of what serves is not counted. `wrk` sends where it is installed (on Debian: apt install wrk), else the tests' own client does,
which is slower; processor time per request is the same measure.

Run as root, after `make engines-istio`: `python benchmarks/hop.py [--rounds 6] [--seconds 5]`
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from meshc.compile import load_mesh
from meshc.model import Mesh

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a script's own folder is what Python looks into

from tests.conformance.case import send_of
from tests.conformance.istio.cast import Cast, Pod, ServicePort
from tests.conformance.istio.engine import IstioEngine, tools
from tests.conformance.istio.host import MOUNT

WANTED = {"meshc": 0.97, "meshc, strict": 0.9}
CAST = Cast(
    (
        Pod("web", "shop", "web", "v1", "10.244.1.1", "web"),
        Pod("users", "shop", "users", "v1", "10.244.1.2", "users", echoes=False),
    ),
    {"shop/web": (ServicePort("http", 80, 8080),), "shop/users": (ServicePort("http", 80, 8080),)},
    {},
)
SPEC = """
apiVersion: meshc/v1
namespace: shop
mesh: {name: hop, requests: REQUESTS, targets: {istio: {}}}
services:
  web: {ports: {http: {port: 80, targetPort: 8080}}, calls: [users]}
  users: {ports: {http: {port: 80, targetPort: 8080}}, calls: []}
routes: {users: {services: users, rules: [{to: users}]}}
"""
HOST = "users.shop.svc.cluster.local"
BY_HAND = f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: shop}}
spec: {{mtls: {{mode: STRICT}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: users, namespace: shop}}
spec: {{host: {HOST}, trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: users, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: users}}}}
  rules: [{{from: [{{source: {{principals: [cluster.local/ns/shop/sa/web]}}}}]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: users, namespace: shop}}
spec: {{hosts: [{HOST}], http: [{{route: [{{destination: {{host: {HOST}}}}}]}}]}}
"""
ANYWHERE = "0.0.0.0"  # noqa: S104 - a namespace of its own
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
SERVER: dict[str, Any] = {
    "static_resources": {
        "listeners": [
            {
                "name": "app",
                "address": {"socket_address": {"address": ANYWHERE, "port_value": 8080}},
                "filter_chains": [
                    {
                        "filters": [
                            {
                                "name": "http",
                                "typed_config": {
                                    "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
                                    "stat_prefix": "app",
                                    "route_config": {
                                        "virtual_hosts": [
                                            {
                                                "name": "all",
                                                "domains": ["*"],
                                                "routes": [
                                                    {
                                                        "match": {"prefix": "/"},
                                                        "direct_response": {"status": 200, "body": {"inline_string": "x" * 512}},
                                                    }
                                                ],
                                            }
                                        ]
                                    },
                                    "http_filters": [{"name": "router", "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"}}],
                                },
                            }
                        ]
                    }
                ],
            }
        ]
    }
}
"""What serves behind the second sidecar: an Envoy that answers by itself, so that the sidecars are what is waited for."""


def mesh(requests: str) -> Mesh:
    """The hop as a mesh."""
    compiled = load_mesh({"mesh.yaml": SPEC.replace("REQUESTS", requests).encode()})
    if compiled.mesh is None:
        raise SystemExit([finding.message for finding in compiled.findings])
    return compiled.mesh


def apply_mesh(engine: IstioEngine, of: Mesh) -> None:
    """Has meshc's output in place."""
    if refused := engine.apply(of):
        raise SystemExit([finding.message for finding in refused])


def apply_by_hand(engine: IstioEngine) -> None:
    """Has the written objects in place, and no settings of the mesh; istiod's environment stays, or it would start again."""
    values = next(file.content for file in engine.target.emit(mesh("standard")) if file.path.name == "istio-values.yaml")
    engine.call("take", values={"pilot": yaml.safe_load(values).get("pilot", {})})
    engine.call("kubectl", words=["apply", "--server-side", "-f", "-"], text=BY_HAND)
    engine.call("settle")


def remove_by_hand(engine: IstioEngine) -> None:
    """Takes them away."""
    engine.call("kubectl", words=["delete", "-f", "-"], text=BY_HAND)
    engine.call("settle")


def sent_by_wrk(engine: IstioEngine, seconds: int) -> int:
    """Sends for so long; how many requests were answered with 200."""
    words = [str(shutil.which("wrk")), "-t1", "-c16", f"-d{seconds}s", f"http://{CAST.cluster_ip('shop', 'users')}/a", "-H", "Host: users"]
    said: str = engine.call("run", pod="web", words=words)
    found = re.search(r"(\d+) requests in", said)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    return int(found[1])


def sent_by_client(engine: IstioEngine, seconds: int) -> int:
    """The same by the tests' own client."""
    sends = [send_of({"from": "web", "to": "users", "path": "/a"})] * 8
    engine.begin(sends, "stop")
    time.sleep(seconds)
    counts = engine.end(sends, "stop")
    if bad := [each for each in counts if set(each) != {"200 None@None"}]:
        raise SystemExit(bad)
    return sum(each["200 None@None"] for each in counts)


def measured(engine: IstioEngine, seconds: int, send: Callable[[IstioEngine, int], int]) -> float:
    """Requests per second of processor time of both sidecars."""
    send(engine, 1)  # connections are made, and what is compiled once is compiled
    before = engine.call("proxy_seconds")
    number = send(engine, seconds)
    after = engine.call("proxy_seconds")
    return number / sum(after[pod] - before[pod] for pod in ("web", "users"))


def main() -> int:
    """Prints each side's numbers and the ratios; 1 if one is less than wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=5)
    asked = parser.parse_args()
    try:
        found = tools()
    except (pytest.skip.Exception, pytest.fail.Exception) as reason:
        sys.stdout.write(f"not measured: {reason}\n")
        return 0
    send = sent_by_wrk if shutil.which("wrk") else sent_by_client
    sender = "wrk" if send is sent_by_wrk else "the tests' client, as wrk is missing"
    sys.stdout.write(f"requests per second of processor time of both sidecars, sent by {sender}: least, median, most, ratio\n")
    meshes = {"meshc": mesh("standard"), "meshc, strict": mesh("strict")}
    numbers: dict[str, list[float]] = {"by hand": [], **{name: [] for name in meshes}}
    with tempfile.TemporaryDirectory() as folder, IstioEngine(Path(folder), workloads=CAST) as engine:
        (Path(folder) / "server.json").write_text(json.dumps(SERVER))
        engine.call(
            "start",
            pod="users",
            words=[str(found["envoy"]), "-c", str(MOUNT / "server.json"), "--concurrency", "1", "--use-dynamic-base-id"],
        )
        for _ in range(asked.rounds):
            apply_by_hand(engine)
            numbers["by hand"].append(measured(engine, asked.seconds, send))
            remove_by_hand(engine)
            for name, each in meshes.items():
                apply_mesh(engine, each)
                numbers[name].append(measured(engine, asked.seconds, send))
                engine.remove()
    base = median(numbers["by hand"])
    for name, each in numbers.items():
        ratio = median(each) / base
        wanted = f"  wanted: {WANTED[name]}" if name in WANTED else ""
        sys.stdout.write(f"{name:<16}{min(each):>9,.0f}{median(each):>9,.0f}{max(each):>9,.0f}{ratio:>8.2f}{wanted}\n")
    return int(any(median(numbers[name]) < wanted * base for name, wanted in WANTED.items()))


if __name__ == "__main__":
    sys.exit(main())
