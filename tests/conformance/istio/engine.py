"""A real Istio as an engine: meshc's output applied whole by kubectl, requests sent by real clients through real proxies."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import yaml

from meshc.diagnostics import Finding
from meshc.model import GatewayWorkload, Mesh, Service
from meshc.target import File, load, unsupported
from tests import engines
from tests.conformance.case import Send
from tests.conformance.engine import Arrival, Seen
from tests.conformance.istio import cast
from tests.conformance.istio.argo import wave_of
from tests.conformance.istio.host import MOUNT, unshared

ROOT = Path(__file__).resolve().parents[3]


def tools() -> dict[str, Path]:
    """All that a rig is made of; where it is missing the test is skipped, or fails in CI."""
    engines.machine()
    return {
        "etcd": engines.etcd(),
        "kube-apiserver": engines.kube_apiserver(),
        "pilot-discovery": engines.pilot_discovery(),
        "pilot-agent": engines.pilot_agent(),
        "kubectl": engines.kubectl(),
        "crds": engines.crds(),
        "envoy_bootstrap": engines.envoy_bootstrap(),
        "envoy": engines.envoy(),
    }


class IstioEngine:
    """The rig behind a pipe; used as a context manager."""

    name = "istio"

    def __init__(self, folder: Path, trust_domain: str = "cluster.local", workloads: cast.Cast = cast.FIXED) -> None:
        self.folder, self.trust_domain, self.cast = folder, trust_domain, workloads
        self.target = load("istio")
        self.applied: list[dict[str, Any]] = []
        self.ports: dict[str, int] = {}  # of listeners by gateway and name, as the pods listen
        self.further: dict[str, cast.Further] = {}  # by namespace/name
        self.public: dict[int, int] = {}  # ports of listeners as clients see them, and as the pods listen
        self.change: Callable[[list[File]], list[File]] = lambda files: files  # what a mutation does to a build

    def __enter__(self) -> Self:
        found = tools()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        (self.folder / "cast.json").write_text(self.cast.json())
        words = json.dumps({name: str(path) for name, path in found.items()})
        command = unshared(sys.executable, "-m", "tests.conformance.istio.rig", str(self.folder), words, self.trust_domain)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": ""}
        )
        first = self._read()
        assert first == {"ready": True}, first
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def _read(self) -> Any:  # noqa: ANN401 - JSON
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the rig ended"
        return json.loads(line)

    def call(self, do: str, **words: object) -> Any:  # noqa: ANN401 - JSON
        """Has the rig carry out one command."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **words}).encode() + b"\n")
        self.process.stdin.flush()
        answer = self._read()
        assert "ok" in answer, answer["error"]
        return answer["ok"]

    def secret(self, name: str, data: dict[str, bytes]) -> None:
        """Puts a TLS Secret beside the gateway."""
        content = {key: base64.b64encode(value).decode() for key, value in data.items()}
        made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "istio-ingress"}, "data": content}
        self.call("kubectl", words=["apply", "--server-side", "-f", "-"], text=json.dumps(made))

    def apply(self, mesh: Mesh) -> Sequence[Finding]:
        """Builds for Istio and applies the build whole; findings where the target refuses."""
        found = tuple(unsupported(mesh, self.target))
        if found:
            return found
        self._services(mesh)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            files = self.change(list(self.target.emit(mesh)))
            self.applied = objects(files)
            for file in files:
                path = Path(folder) / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.content)
            said = self.call("apply", folder=str(MOUNT / Path(folder).name))
        assert said["bad"] == [], said
        return ()

    def remove(self) -> None:
        """Takes away what was applied, the last wave first."""
        for _, wave in groupby(reversed(self.applied), key=wave_of):
            self.call("kubectl", words=["delete", "-f", "-"], text=yaml.safe_dump_all(wave))
            self.call("settle")
        self.applied = []

    def make_ready(self, mesh: Mesh) -> None:
        """Gives the cluster what the mesh asks of it beside its objects: settings, and the gateways' Services."""
        self._services(mesh)
        values = next(file.content for file in self.target.emit(mesh) if file.path.name == "istio-values.yaml")
        self.call("take", values=yaml.safe_load(values))

    def _services(self, mesh: Mesh) -> None:
        """The Services that the mesh speaks of and the cast has not by itself."""
        self._router_services(mesh)
        self._further_services(mesh)

    def _further_services(self, mesh: Mesh) -> None:
        """A Service for each that has a workload's pods beside its own; those of the mesh before are taken away."""
        sharing = [service for service in mesh.services if service.shares_workload]
        wanted = {str(one.name): _further(one, None if one.headless else f"10.96.2.{n}") for n, one in enumerate(sharing, 1)}
        for words, services in (("delete", self.further), ("create", wanted)):
            if services and wanted != self.further:
                made = [each for one in services.values() for each in self.cast.further_service(one)]
                self.call("kubectl", words=[words, "-f", "-"], text=yaml.safe_dump_all(made))
        self.further = wanted

    def _router_services(self, mesh: Mesh) -> None:
        """A Service before each gateway's pods, with the ports that the mesh says it maps."""
        self.ports = {f"{gateway.name.name}/{each.name}": each.target_port for gateway in mesh.gateways for each in gateway.listeners}
        made: list[dict[str, Any]] = []
        self.public = {}
        for pod in self.cast.routers:
            listeners = [each for gateway in mesh.gateways if _plays(pod, gateway.workload) for each in gateway.listeners]
            self.public |= {each.port: each.target_port for each in listeners}
            if listeners:
                made += self.cast.router_service(pod, {each.port: each.target_port for each in listeners})
        if made:
            self.call("kubectl", words=["apply", "--server-side", "--force-conflicts", "-f", "-"], text=yaml.safe_dump_all(made))

    def send(self, sends: Sequence[Send]) -> list[Seen]:
        """Sends all requests, grouped by the client that sends them."""
        answers: list[Seen | None] = [None] * len(sends)
        ids = [uuid.uuid4().hex for _ in sends]
        by_client: dict[str, list[int]] = {}
        for index, send in enumerate(sends):
            by_client.setdefault(self._pod_of(send), []).append(index)
        for client, indices in by_client.items():
            for start in range(0, len(indices), 64):
                part = indices[start : start + 64]
                wishes = [self._wish(sends[index], ids[index]) for index in part]
                for index, answer in zip(part, self.call("ask", client=client, wishes=wishes), strict=True):
                    answers[index] = seen_of(answer)
        seen = [answer for answer in answers if answer is not None]
        watched = [index for index, send in enumerate(sends) if send.watch]
        return self._with_arrivals(seen, [(index, ids[index]) for index in watched]) if watched else seen

    def _with_arrivals(self, seen: list[Seen], watched: list[tuple[int, str]]) -> list[Seen]:
        """Asks every backend, past its proxy, how often and how it saw the watched requests."""
        time.sleep(0.3)  # copies of requests travel by themselves
        arrivals: dict[int, list[Arrival]] = {index: [] for index, _ in watched}
        for pod in self.cast.pods:
            if pod.kind == "sidecar":
                raws = [f"GET /.test/seen/{key} HTTP/1.1\r\nHost: test\r\n\r\n" for _, key in watched]
                target = cast.PORTS["http"][1]
                wishes = [{"address": "127.0.0.1", "port": target, "raw": base64.b64encode(raw.encode()).decode()} for raw in raws]
                for (index, _), answer in zip(watched, self.call("ask", client=pod.name, wishes=wishes), strict=True):
                    arrivals[index] += [_arrival(one) for one in json.loads(answer["body"])["seen"]]
        return [replace(one, arrivals=tuple(arrivals.get(index, ()))) for index, one in enumerate(seen)]

    def begin(self, sends: Sequence[Send], stop: str) -> None:
        """Has each request sent again and again until `end`: on new connections, and on one that is kept."""
        (self.folder / stop).unlink(missing_ok=True)
        for client, mine in self._by_client(sends).items():
            wishes = [{**self._wish(send, ""), "until": str(MOUNT / stop)} for send in mine]
            self.call("tell", client=client, wishes=[each for wish in wishes for each in (wish, {**wish, "keep": True})])

    def end(self, sends: Sequence[Send], stop: str) -> list[dict[str, int]]:
        """Ends that; how often which answer came, by client and request: on new connections, and then on the kept one."""
        (self.folder / stop).touch()
        return [answer["counts"] for client in self._by_client(sends) for answer in self.call("hear", client=client)]

    def _by_client(self, sends: Sequence[Send]) -> dict[str, list[Send]]:
        found: dict[str, list[Send]] = {}
        for send in sends:
            found.setdefault(self._pod_of(send), []).append(send)
        return found

    def _wish(self, send: Send, key: str) -> dict[str, Any]:
        headers = [*send.headers, *([("x-test-id", key)] if send.watch else [])]
        if send.token is not None:
            headers.append(send.token.header)
        if send.stream:
            headers.append(("x-test-do", "stream"))
        wish: dict[str, Any] = {"raw": _raw(send, headers), "method": send.method, **self._address(send)}
        wish |= {"greeted": send.server_first, "silent": send.silent}
        if send.http2:
            wish["http2"] = {"headers": _http2_headers(send, headers), "body": send.body, "stream": send.stream}
        if send.tls:
            wish["tls"] = {"sni": (send.hosts[0] if send.hosts else "") if send.sni is None else send.sni or None, "max": send.tls_version}
            if send.client_cert or send.foreign_cert:
                name = "foreign" if send.foreign_cert else "client"
                wish["tls"] |= {"cert": str(self.folder / f"{name}.pem"), "key": str(self.folder / f"{name}.key")}
        return wish

    def _pod_of(self, send: Send) -> str:
        if send.via is not None or send.client == "plaintext":
            return cast.OUTSIDE
        app = send.client.rpartition("/")[2]
        return next(pod.name for pod in self.cast.pods if pod.app == app)

    def _address(self, send: Send) -> dict[str, Any]:
        if send.via is not None:
            gateway = next(pod for pod in self.cast.pods if pod.kind == "router")
            if isinstance(send.port, int):
                return {"address": gateway.address, "port": self.public.get(send.port, send.port)}
            name = send.port or ("https" if send.tls else "http")
            return {"address": gateway.address, "port": self.ports[f"{send.via.rpartition('/')[2]}/{name}"]}
        namespace, _, app = (send.to or "").rpartition("/")
        namespace = namespace or "shop"
        if (further := self.further.get(f"{namespace}/{app}")) is not None:
            return self._further_address(send, further)
        if not app:
            return {"address": cast.EXTERNAL_ADDRESS, "port": send.port if isinstance(send.port, int) else 80}
        outside = next((pod for pod in self.cast.pods if pod.kind == "outside" and pod.app == app), None)
        port, target = self._numbers(namespace, app, send.port)
        if outside is not None:
            return {"address": outside.address, "port": port}
        client = send.client.rpartition("/")[2]
        if send.client == "plaintext" or any(pod.app == client and not pod.proxy for pod in self.cast.pods):  # no proxy: no cluster address
            pod = next(pod for pod in self.cast.pods if pod.app == app)
            return {"address": pod.address, "port": target}
        return {"address": self.cast.cluster_ip(namespace, app), "port": port}

    def _further_address(self, send: Send, service: cast.Further) -> dict[str, Any]:
        """The Service's own address; where it has none, that of the pod which the Host names, or of the first."""
        named = send.port or "http"
        port = next((one for one in service.ports if named in (one.name, one.port)), service.ports[0])
        pods = [pod for pod in self.cast.pods if (pod.namespace, pod.app) == (service.namespace, service.app)]
        if send.client == "plaintext":
            return {"address": pods[0].address, "port": port.target}
        meant = [pod for pod in pods for host in send.hosts if host.startswith(f"{pod.name}.")]
        return {"address": service.address or (meant or pods)[0].address, "port": port.port}

    def _numbers(self, namespace: str, app: str, named: str | int | None) -> tuple[int, int]:
        """Port and target port, by the port's name, or a number as it is."""
        if isinstance(named, int):
            return named, named
        ports = self.cast.ports_of(namespace, app)
        one = next((port for port in ports if port.name == (named or "http")), ports[0])
        return one.port, one.target


def _further(service: Service, address: str | None) -> cast.Further:
    ports = tuple(cast.ServicePort(port.name, port.port, port.target_port, port.protocol.value) for port in service.ports)
    return cast.Further(service.name.namespace, service.name.name, service.workload.name, ports, address)


def objects(files: Sequence[File]) -> list[dict[str, Any]]:
    """A build's objects in the order of their waves."""
    trees = [yaml.safe_load(file.content) for file in files]
    return sorted((tree for tree in trees if isinstance(tree, dict) and "metadata" in tree), key=wave_of)


def _plays(pod: cast.Pod, workload: GatewayWorkload) -> bool:
    return pod.namespace == workload.namespace and set(workload.selector) <= set(pod.all_labels.items())


def _raw(send: Send, headers: Sequence[tuple[str, str]]) -> str:
    lines = [f"{send.method} {send.target} HTTP/1.1", *(f"Host: {host}" for host in send.hosts)]
    lines += [f"{name}: {value}" for name, value in headers]
    body = b"x" * send.body
    if send.chunked:
        lines.append("transfer-encoding: chunked")
        body = f"{send.body:x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    elif send.body:
        lines.append(f"content-length: {send.body}")
    text = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    return base64.b64encode(text).decode()


def _http2_headers(send: Send, headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first Host is the authority; further ones go beside it."""
    pseudo = [(":method", send.method), (":scheme", "https" if send.tls else "http"), (":path", send.target)]
    authority = [(":authority", host) for host in send.hosts[:1]]
    return [*pseudo, *authority, *(("host", host) for host in send.hosts[1:]), *((name.lower(), value) for name, value in headers)]


def _arrival(seen: dict[str, Any]) -> Arrival:
    host = next((value for name, value in seen["headers"] if name.lower() == "host"), "")
    return Arrival(seen["service"], seen["version"], seen["line"].split(" ")[1], host)


def seen_of(answer: dict[str, Any]) -> Seen:
    """What the wire's answer shows."""
    if "refused" in answer:
        return Seen(refused=answer["refused"], seconds=answer.get("seconds"))
    response = tuple((name.lower(), value) for name, value in answer["headers"])
    by_name = dict(response)
    grpc = int(by_name["grpc-status"]) if "grpc-status" in by_name else None
    if "x-backend" not in by_name:
        return Seen(
            status=answer["status"],
            location=by_name.get("location"),
            response=response,
            body=answer["body"],
            seconds=answer.get("seconds"),
            grpc=grpc,
        )
    told = json.loads(answer["body"]) if answer["body"] else {}
    headers = tuple((name.lower(), value) for name, value in told.get("headers", ()))
    line = told.get("line", "  ").split(" ")
    certificate = dict(headers).get("x-forwarded-client-cert", "")
    identity = next((part.removeprefix("URI=") for part in certificate.split(";") if part.startswith("URI=")), None)
    host = dict(headers).get("host")
    return Seen(
        status=answer["status"],
        response=response,
        service=by_name["x-backend"],
        port=cast.name_of(told.get("port")),
        version=by_name.get("x-backend-version"),
        method=line[0],
        path=line[1],
        host=host,
        headers=headers,
        identity=identity,
        seconds=answer.get("seconds"),
        grpc=grpc,
    )
