# ruff: noqa: INP001 - a script, not a package
"""
How the time of a whole compile grows with the mesh: each stage for N services and for 4 N, in the same run, as a ratio.

A ratio near 4 is linear growth. Every service has a gateway route, two versions, three declared calls and a policy; that is the shape in
which teams of a company grow a mesh: more things, not larger ones. Both sizes run `--repeat` times in turns, and the best time counts.

Run: `python benchmarks/growth.py [--services 2500] [--repeat 2]`
"""

import argparse
import sys
from collections.abc import Callable
from time import perf_counter

from meshc.compile import checked, load_mesh
from meshc.model import Mesh
from meshc.source import collector_paused
from meshc.target import load, unsupported

SERVICE = """
  s{n}:
    ports: {{http: {{port: 80, targetPort: 8080}}}}
    versions: {{v1: {{}}, v2: {{}}}}
    traffic: {{v1: 90, v2: 10}}
    calls:
      - {{service: s{a}, methods: [GET, POST], paths: [/api/v1/**, "/carts/{{id}}"]}}
      - {{service: s{b}, methods: [GET], paths: [/api/v2/**]}}
      - s{c}
"""
ROUTE = """
  r{n}:
    gateways: [edge]
    hosts: [h{n}.example.com]
    rules:
      - {{match: {{paths: /api/**, methods: [GET]}}, to: s{n}, timeout: 3s}}
      - {{to: s{n}}}
"""
POLICY = """
  p{n}: {{services: [s{n}], deny: [{{from: [{{namespace: sandbox}}], paths: [/admin/**]}}]}}
"""


def spec(services: int) -> bytes:
    """A mesh of so many services, in one file."""

    def each(template: str) -> str:
        return "".join(
            template.format(n=n, a=(7 * n + 1) % services, b=(7 * n + 2) % services, c=(7 * n + 3) % services) for n in range(services)
        )

    head = "apiVersion: meshc/v1\nnamespace: shop\nmesh: {name: big, namespace: shop, targets: {istio: {}}}\n"
    gateway = "gateways: {edge: {listeners: {http: {port: 80}}}}\n"
    return f"{head}services:{each(SERVICE)}{gateway}routes:{each(ROUTE)}policies:{each(POLICY)}".encode()


def timed(services: int) -> dict[str, float]:
    """Seconds of each stage."""
    content = spec(services)
    times: dict[str, float] = {}

    def measure(stage: str, work: Callable[[], object]) -> object:
        start = perf_counter()
        result = work()
        times[stage] = perf_counter() - start
        return result

    compiled = load_mesh({"mesh.yaml": content})
    measure("read and resolve", lambda: load_mesh({"mesh.yaml": content}))
    measure("rules", lambda: checked(compiled))
    mesh, target = compiled.mesh, load("istio")
    if not isinstance(mesh, Mesh):
        raise SystemExit([finding.message for finding in compiled.findings])
    measure("what Istio can't express", lambda: list(unsupported(mesh, target)))
    measure("emit for Istio", lambda: list(target.emit(mesh)))
    times["all"] = sum(times.values())
    return times


def main() -> None:
    """Prints the stages of both sizes and how they grow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--services", type=int, default=2500)
    parser.add_argument("--repeat", type=int, default=2)
    asked = parser.parse_args()
    small, large = asked.services, 4 * asked.services
    with collector_paused():  # as the command line does
        runs = [(timed(small), timed(large)) for _ in range(asked.repeat)]
    sys.stdout.write(f"{'stage':<26}{small:>10,}{large:>10,}   growth (linear: 4)\n")
    for stage in runs[0][0]:
        one, four = (min(run[side][stage] for run in runs) for side in (0, 1))
        sys.stdout.write(f"{stage:<26}{one:>9.2f}s{four:>9.2f}s{four / one:>9.1f}\n")


if __name__ == "__main__":
    main()
