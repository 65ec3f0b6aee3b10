# ruff: noqa: INP001 - a script, not a package
"""
How long `meshc.source.parse` takes, beside PyYAML's C composer on the same text in the same run.

The spec is synthetic: services, routes and policies in the style of the examples, 1.6 MB for 1,150 services. Each contender runs `--repeat`
times, in turns, so that a busy machine slows all alike; the best time of each counts. PyYAML is measured as it comes (the cyclic collector
on) and with the collector paused, as `parse` does it.

Run: `python benchmarks/parse.py [--services 1150] [--repeat 5]`
"""

import argparse
import gc
import sys
from collections.abc import Callable
from time import perf_counter

import yaml

from meshc.source import parse

SERVICE = """
  service-{n}:
    ports: {{http: {{port: 80, targetPort: 8080}}, metrics: {{port: 9090, protocol: http, mtls: disable}}}}
    selector: {{app: service-{n}, tier: backend}}
    versions: {{v1: {{}}, v2: {{}}}}
    traffic: {{v1: 90, v2: 10}}
    loadBalancing: {{policy: least-request}}
    circuitBreaker: {{maxConnections: 1000, maxPendingRequests: 100, maxParallelRequests: 500}}
    outlierDetection: {{consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 30s, maxEjectionPercent: 50%}}
    calls:
      - service-{next}
      - {{service: service-{other}, ports: [http], methods: [GET, POST], paths: [/api/v1/items/**, "/api/v1/carts/{{id}}"]}}
"""
ROUTE = """
  service-{n}:
    services: [service-{n}]
    rules:
      - name: canary
        match: {{paths: /api/v1/**, methods: [GET, HEAD], headers: {{x-canary: "always"}}}}
        to: {{service: service-{n}, version: v2}}
      - name: main
        match: [{{paths: /api/v1/**, methods: [GET, HEAD]}}, {{paths: /v0, methods: [GET]}}]
        to: service-{n}
        timeout: 3s
        retries: {{attempts: 2, perTry: 1s, conditions: [connect-failure, reset], codes: [502, 503]}}
        headers:
          request:
            set: {{x-route: "main"}}
      - {{to: service-{n}}}
"""
POLICY = """
  service-{n}:
    services: [service-{n}]
    allow:
      - {{from: [service-{next}, service-{other}], ports: [http], methods: [GET, POST]}}
      - {{from: [plaintext], ports: [metrics], methods: [GET], paths: [/metrics]}}
"""


def spec(services: int) -> str:
    """A mesh of so many services, as a user would write it."""
    parts = ["apiVersion: meshc/v1\nnamespace: shop\n"]
    for title, template in (("services", SERVICE), ("routes", ROUTE), ("policies", POLICY)):
        parts.append(f"{title}:\n")
        parts.extend(template.format(n=n, next=(n + 1) % services, other=(n * 7 + 3) % services) for n in range(services))
    return "".join(parts)


def compose(text: str) -> None:
    """PyYAML's nodes, which keep positions too."""
    yaml.compose(text, Loader=yaml.CSafeLoader)


def compose_without_collector(text: str) -> None:
    """The same, without the cyclic collector."""
    gc.disable()
    try:
        compose(text)
    finally:
        gc.enable()


def ours(text: str) -> None:
    """A Document: plain data and places."""
    document, findings = parse("mesh.yaml", text.encode())
    if document is None or findings:
        raise SystemExit(f"the spec does not parse: {findings}")


def seconds(run: Callable[[str], None], text: str) -> float:
    """How long one run takes."""
    gc.collect()
    start = perf_counter()
    run(text)
    return perf_counter() - start


def main() -> None:
    """Measures all in turns and prints the best of each, and the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=1150)
    options.add_argument("--repeat", type=int, default=5)
    chosen = options.parse_args()
    text = spec(chosen.services)
    contenders = (ours, compose, compose_without_collector)
    rounds = [[seconds(run, text) for run in contenders] for _ in range(chosen.repeat)]
    best = [min(times) for times in zip(*rounds, strict=True)]
    out = sys.stdout.write
    out(f"{len(text) / 1e6:.2f} MB, {chosen.services:,} services, best of {chosen.repeat}\n")
    for name, time in zip(("meshc.source.parse", "PyYAML C compose", "PyYAML C compose, collector paused"), best, strict=True):
        out(f"  {name:<36} {time:6.3f} s   {best[0] / time:5.2f} x (parse / this)\n")


if __name__ == "__main__":
    main()
