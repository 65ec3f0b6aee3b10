# ruff: noqa: INP001, E402, TID251 - a script, not a package, and the tests' whole Istio is what it measures on
"""
What one hop through two sidecars costs: requests per second of processor time that both Envoys use, on a whole Istio.

meshc's output for one service that calls another, and the same with `requests: strict`, beside what a person would write by hand for that
hop: strict mTLS, a DestinationRule, an AuthorizationPolicy for the caller's principal and a VirtualService with one route. Each has two
workloads of its own in one rig, and short loads run in turns, since what else the machine does changes the numbers by more than what is
measured. The medians' ratios are printed: at least 0.97 and 0.9 are wanted, and less is the exit code 1; on a busy machine one run of 40
rounds is good for three hundredths, and more rounds for less. The processor time of what sends and of what serves is not counted. `wrk`
sends where it is installed (on Debian: apt install wrk), else the tests' own client, which is slower.

Run as root, after `make engines-istio`: `python benchmarks/hop.py [--rounds 40] [--seconds 1]`
"""

import argparse
import base64
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

from tests.conformance.istio.cast import Cast, Pod, ServicePort
from tests.conformance.istio.engine import IstioEngine, objects, tools
from tests.conformance.istio.host import MOUNT

WANTED = {"meshc": 0.97, "strict": 0.9}
SIDES = ("hand", *WANTED)
"""Each is the namespace of its two workloads."""
UNSET = {
    "connectionSettings": {
        "httpMergeSlashes": False,
        "httpPathWithEscapedSlashesAction": "KEEP_UNCHANGED",
        "httpHeadersWithUnderscoresAction": "HEADERS_WITH_UNDERSCORES_ALLOW",
    }
}
"""Istio's defaults, in the place of the settings that meshc's output asks for."""
CAST = Cast(
    tuple(
        Pod(f"{app}-{side}", side, app, "v1", f"10.244.1.{2 * number + offset}", app, echoes=False, config=UNSET if side == "hand" else {})
        for number, side in enumerate(SIDES, 1)
        for offset, app in enumerate(("users", "web"))
    ),
    {f"{side}/{app}": (ServicePort("http", 80, 8080),) for side in SIDES for app in ("users", "web")},
    {},
)
SPEC = """
apiVersion: meshc/v1
namespace: NAMESPACE
mesh: {name: hop, requests: REQUESTS, targets: {istio: {}}}
services:
  web: {ports: {http: {port: 80, targetPort: 8080}}, calls: [users]}
  users: {ports: {http: {port: 80, targetPort: 8080}}, calls: []}
routes: {users: {services: users, rules: [{to: users}]}}
"""
HOST = "users.hand.svc.cluster.local"
BY_HAND = f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: hand}}
spec: {{mtls: {{mode: STRICT}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: users, namespace: hand}}
spec: {{host: {HOST}, trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: users, namespace: hand}}
spec:
  selector: {{matchLabels: {{app: users}}}}
  rules: [{{from: [{{source: {{principals: [cluster.local/ns/hand/sa/web]}}}}]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: users, namespace: hand}}
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


def mesh(side: str) -> Mesh:
    """The hop as a mesh."""
    text = SPEC.replace("NAMESPACE", side).replace("REQUESTS", "strict" if side == "strict" else "standard")
    compiled = load_mesh({"mesh.yaml": text.encode()})
    if compiled.mesh is None:
        raise SystemExit([finding.message for finding in compiled.findings])
    return compiled.mesh


def prepare(engine: IstioEngine, envoy: Path) -> None:
    """Has every side's objects in place, and servers that answer."""
    (engine.folder / "server.json").write_text(json.dumps(SERVER))
    serve = [str(envoy), "-c", str(MOUNT / "server.json"), "--concurrency", "1", "--use-dynamic-base-id"]
    for side in SIDES:
        engine.call("start", pod=f"users-{side}", words=serve)
    for side in WANTED:
        engine.make_ready(mesh(side))
        trees = objects(list(engine.target.emit(mesh(side))))
        engine.call("kubectl", words=["apply", "--server-side", "-f", "-"], text=yaml.safe_dump_all(trees))
    engine.call("kubectl", words=["apply", "--server-side", "-f", "-"], text=BY_HAND)
    engine.call("settle")


def sent_by_wrk(engine: IstioEngine, side: str, seconds: int) -> int:
    """Sends for so long; how many requests were answered with 200."""
    address = CAST.cluster_ip(side, "users")
    words = [str(shutil.which("wrk")), "-t1", "-c16", f"-d{seconds}s", "-H", "Host: users", f"http://{address}/a"]
    said: str = engine.call("run", pod=f"web-{side}", words=words)
    found = re.search(r"(\d+) requests in", said)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    return int(found[1])


def sent_by_client(engine: IstioEngine, side: str, seconds: int) -> int:
    """The same by the tests' own client."""
    raw = base64.b64encode(b"GET /a HTTP/1.1\r\nhost: users\r\n\r\n").decode()
    wish = {"address": CAST.cluster_ip(side, "users"), "port": 80, "raw": raw, "until": str(MOUNT / "stop"), "keep": True}
    (engine.folder / "stop").unlink(missing_ok=True)
    engine.call("tell", client=f"web-{side}", wishes=[wish] * 16)
    time.sleep(seconds)
    (engine.folder / "stop").touch()
    counts = [each["counts"] for each in engine.call("hear", client=f"web-{side}")]
    if bad := [each for each in counts if set(each) != {"200 None@None"}]:
        raise SystemExit(bad)
    return sum(each["200 None@None"] for each in counts)


def measured(engine: IstioEngine, side: str, seconds: int, send: Callable[[IstioEngine, str, int], int]) -> float:
    """Requests per second of processor time of both sidecars."""
    before = engine.call("proxy_seconds")
    number = send(engine, side, seconds)
    after = engine.call("proxy_seconds")
    return number / sum(after[f"{app}-{side}"] - before[f"{app}-{side}"] for app in ("web", "users"))


def main() -> int:
    """Prints each side's numbers and the ratios; 1 if one is less than wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=1)
    asked = parser.parse_args()
    try:
        found = tools()
    except (pytest.skip.Exception, pytest.fail.Exception) as reason:
        sys.stdout.write(f"not measured: {reason}\n")
        return 0
    send = sent_by_wrk if shutil.which("wrk") else sent_by_client
    sender = "wrk" if send is sent_by_wrk else "the tests' client, as wrk is missing"
    sys.stdout.write(f"requests per second of processor time of both sidecars, sent by {sender}: least, median, most, ratio\n")
    numbers: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder, IstioEngine(Path(folder), workloads=CAST) as engine:
        prepare(engine, found["envoy"])
        for number in range(asked.rounds + 1):
            for side in SIDES:
                value = measured(engine, side, asked.seconds, send)
                if number:  # in the first round connections are made, and what is compiled once is compiled
                    numbers[side].append(value)
    base = median(numbers["hand"])
    for side, each in numbers.items():
        wanted = f"  wanted: {WANTED[side]}" if side in WANTED else ""
        sys.stdout.write(f"{side:<8}{min(each):>9,.0f}{median(each):>9,.0f}{max(each):>9,.0f}{median(each) / base:>8.2f}{wanted}\n")
    return int(any(median(numbers[side]) < wanted * base for side, wanted in WANTED.items()))


if __name__ == "__main__":
    sys.exit(main())
