"""
A real Istio on one machine: etcd, kube-apiserver, istiod, and for each workload Istio's own agent, its iptables rules and a stock Envoy.

A program that runs inside namespaces of its own (`host.unshared`); it reads one JSON command a line and prints one JSON answer a line,
and ends, with all it started, when its input ends.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.istio import cast
from tests.conformance.istio.control_plane import APPLYSETS, PAGES, ControlPlane
from tests.conformance.istio.host import Host, RigError, fetch, reachable
from tests.conformance.istio.workloads import Workloads


class Rig:
    """The machine and what runs on it."""

    def __init__(self, folder: Path, engines: dict[str, str], trust_domain: str) -> None:
        self.host = Host(folder)
        self.cast = cast.Cast.of((folder / "cast.json").read_text())
        self.folder = folder
        self.control_plane = ControlPlane(self.host, folder, engines, trust_domain, self.cast)
        self.workloads = Workloads(self.control_plane)

    def apply(self, folder: str) -> dict[str, Any]:
        """Applies a build as a user would, prunes what it no longer holds, and waits until every proxy has it."""
        before = (self.folder / "istiod.log").stat().st_size
        self.control_plane.take(yaml.safe_load((Path(folder) / "istio-values.yaml").read_text()))
        words = ("apply", "--server-side", "--force-conflicts", "-k", folder, "--prune", f"--applyset={APPLYSETS}/meshc")
        out = self.control_plane.kubectl(*words)
        self.settle()
        self.drained()
        return {"out": out, "bad": self.refused(before)}

    def refused(self, since: int) -> list[str]:
        """What istiod's log says since then of configuration that proxies refused or that could not be made."""
        with (self.folder / "istiod.log").open("rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        return [line for line in lines if "ACK ERROR" in line or "failed to build" in line]

    def settle(self) -> None:
        """Waits until istiod has sent everything and every proxy has taken it, twice in a row."""
        calm = 0
        expected = [pod for pod in self.cast.pods if pod.proxy]
        end = time.monotonic() + 30
        while calm < 3:
            time.sleep(0.15)
            state = json.loads(fetch(f"{PAGES}/debug/syncz") or "[]")
            proxies = [proxy for proxy in state if isinstance(proxy, dict)]
            calm = calm + 1 if len(proxies) >= len(expected) and all(_synced(proxy) for proxy in proxies) else 0
            if time.monotonic() > end:
                late = [each for proxy in proxies for each in _late(proxy)]
                raise RigError(f"proxies do not settle: {len(proxies)} of {len(expected)} are there; " + "; ".join(late))

    def drained(self) -> None:
        """Waits until no proxy serves old connections by an old configuration."""
        for pod in self.cast.pods:
            if pod.proxy:
                self.host.until(f"{pod.name} to drain", lambda name=pod.name: not self._draining(name))  # type: ignore[misc]

    def _draining(self, pod: str) -> bool:
        stats = self._admin(pod, "stats?filter=listener_manager.total_.*_draining")
        return any(not line.endswith(": 0") for line in stats.splitlines())

    def _admin(self, pod: str, path: str) -> str:
        return self.host.run("ip", "netns", "exec", pod, "curl", "-s", "-m", "5", f"http://127.0.0.1:15000/{path}")

    def answer(self, command: dict[str, Any]) -> object:
        """Carries out one command."""
        match command["do"]:
            case "apply":
                return self.apply(command["folder"])
            case "kubectl":
                return self.control_plane.kubectl(*command["words"], text=command.get("text"))
            case "take":
                self.control_plane.take(command["values"])
                self.settle()
            case "settle":
                self.settle()
            case "drained":
                self.drained()
            case other:
                return self._answer_of_pod(other, command)
        return None

    def _answer_of_pod(self, do: str, command: dict[str, Any]) -> object:
        match do:
            case "ask":
                return self.host.ask(command["client"], command["wishes"])
            case "tell":
                self.host.tell(command["client"], command["wishes"])
            case "hear":
                return self.host.hear(command["client"])
            case "admin":
                return self._admin(command["pod"], command["path"])
            case "proxy_seconds":
                return self.workloads.proxy_seconds()
            case "start":
                self.host.start(
                    f"{command['pod']}-{command['words'][0].rpartition('/')[2]}", "ip", "netns", "exec", command["pod"], *command["words"]
                )
            case "run":  # as a client of that pod's
                return self.host.run("ip", "netns", "exec", command["pod"], "setpriv", "--reuid=1000", "--clear-groups", *command["words"])
            case other:
                raise RigError(f"no command {other!r}")
        return None


def _synced(proxy: dict[str, Any]) -> bool:
    """Each kind of resource: what was sent last is what was acknowledged last."""
    return not list(_late(proxy))


def _late(proxy: dict[str, Any]) -> Iterator[str]:
    for kind in ("cluster", "listener", "route", "endpoint"):
        if proxy.get(f"{kind}_sent") != proxy.get(f"{kind}_acked"):
            errors = {one["lastError"] for one in proxy.get("resources", {}).values() if "lastError" in one}
            yield f"{proxy['proxy']} has not taken its {kind}s {' '.join(sorted(errors))}"


def main() -> None:
    """Brings the rig up, says `ready`, and serves commands until the input ends."""
    rig = Rig(reachable(Path(sys.argv[1])), json.loads(sys.argv[2]), sys.argv[3])
    try:
        rig.control_plane.start()
        rig.workloads.start()
        _say({"ready": True})
        for line in sys.stdin:
            try:
                _say({"ok": rig.answer(json.loads(line))})
            except RigError as error:
                _say({"error": str(error)})
    except RigError as error:
        _say({"error": str(error)})
    finally:
        rig.host.stop()


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
