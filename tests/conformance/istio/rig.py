"""
A real Istio on one machine: etcd, kube-apiserver, istiod, and for each workload Istio's own agent, its iptables rules and a stock Envoy.

A program that runs inside namespaces of its own (`host.unshared`); it reads one JSON command a line and prints one JSON answer a line,
and ends, with all it started, when its input ends.
"""

import base64
import hashlib
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.istio import cast
from tests.conformance.istio.host import HOST, PYTHON, Host, RigError, reachable

WIRE = Path(__file__).resolve().parent.parent / "wire.py"
ISTIOD = "istiod.istio-system.svc"


class Rig:
    """The machine and what runs on it."""

    def __init__(self, folder: Path, engines: dict[str, str], trust_domain: str) -> None:
        self.host = Host(folder)
        self.cast = cast.Cast.of((folder / "cast.json").read_text())
        self.folder, self.engines, self.trust_domain = folder, engines, trust_domain

    def kubectl(self, *words: str, text: str | None = None) -> str:
        """Runs kubectl as the cluster's administrator."""
        return self.host.run(
            "env", "KUBECTL_APPLYSET=true", self.engines["kubectl"], f"--kubeconfig={self.folder}/kubeconfig", *words, text=text
        )

    # --- the control plane

    def control_plane(self) -> None:
        """Brings up etcd, the API server with Istio's CRDs, and istiod."""
        self.host.network({ISTIOD: HOST, **self.cast.names})
        self._api_server()
        self.kubectl("apply", "--server-side", "-f", self.engines["crds"])
        self.kubectl("create", "namespace", "istio-system")
        self.kubectl("create", "-f", "-", text=yaml.safe_dump_all(_gateway_role(self.cast)))
        self.kubectl("create", "-f", "-", text=yaml.safe_dump(_applyset_kind()))
        self.kubectl("apply", "--server-side", "-f", "-", text=yaml.safe_dump_all(self.cast.objects()))
        for pod in self.cast.pods:
            if pod.kind == "outside":
                continue
            patch = json.dumps(cast.status(pod, HOST))
            self.kubectl("-n", pod.namespace, "patch", "pod", pod.name, "--subresource=status", "--type=merge", "-p", patch)
        self._istiod()
        self.kubectl("create", "-f", "-", text=yaml.safe_dump(_applyset()))

    def _api_server(self) -> None:
        run, start = self.host.run, self.host.start
        start(
            "etcd",
            self.engines["etcd"],
            "--data-dir=etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--unsafe-no-fsync",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
        )
        run("openssl", "genrsa", "-out", "sa.key", "2048", cwd=self.folder)
        run("openssl", "rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub", cwd=self.folder)
        (self.folder / "tokens.csv").write_text("admin,admin,1,system:masters\n")
        start(
            "kube-apiserver",
            self.engines["kube-apiserver"],
            "--etcd-servers=http://127.0.0.1:2379",
            "--cert-dir=kube",
            "--secure-port=6443",
            "--bind-address=127.0.0.1",
            f"--advertise-address={HOST}",
            "--authorization-mode=RBAC",
            "--token-auth-file=tokens.csv",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--service-account-key-file=sa.pub",
            "--service-account-signing-key-file=sa.key",
            "--api-audiences=kubernetes.default.svc,istio-ca",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
        )
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}}],
            "users": [{"name": "u", "user": {"token": "admin"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "istio-system"}}],
            "current-context": "x",
        }
        (self.folder / "kubeconfig").write_text(yaml.safe_dump(config))
        ready = (self.engines["kubectl"], f"--kubeconfig={self.folder}/kubeconfig", "get", "--raw", "/readyz")
        self.host.until("the API server", lambda: self.host.succeeds(*ready), 60)

    def _istiod(self) -> None:
        self.mesh_config({"trustDomain": self.trust_domain})
        # Off: what only Istio's own build of Envoy has.
        env = {
            "POD_NAMESPACE": "istio-system",
            "POD_NAME": "istiod-0",
            "SERVICE_ACCOUNT": "istiod",
            "REVISION": "default",
            "CLUSTER_ID": "Kubernetes",
            "EXTERNAL_ISTIOD": "true",
            "INJECTION_WEBHOOK_CONFIG_NAME": "",
            "VALIDATION_WEBHOOK_CONFIG_NAME": "",
            "ISTIOD_CUSTOM_HOST": ISTIOD,
            "PILOT_ENABLE_METADATA_EXCHANGE": "false",
            "PILOT_ENABLE_ALPN_FILTER": "false",
            "PILOT_DISABLE_MX_ALPN": "true",
            "PILOT_ENABLE_TELEMETRY_LABEL": "false",
            "ENABLE_INBOUND_RETRY_POLICY": "false",
            "PILOT_DEBOUNCE_AFTER": "30ms",
        }
        self.host.start(
            "istiod",
            self.engines["pilot-discovery"],
            "discovery",
            f"--kubeconfig={self.folder}/kubeconfig",
            "--meshConfig=mesh.yaml",
            "--networksConfig=",
            "--grpcAddr=127.0.0.1:15010",
            "--secureGRPCAddr=0.0.0.0:15012",
            "--httpsAddr=127.0.0.1:15017",
            "--httpAddr=127.0.0.1:15880",
            "--monitoringAddr=127.0.0.1:15014",
            "--ctrlz_port=0",
            "--clusterID=Kubernetes",
            "--domain=cluster.local",
            env=env,
        )
        self.host.until("istiod", lambda: _fetch("http://127.0.0.1:15880/ready") is not None, 60)
        roots = (
            self.engines["kubectl"],
            f"--kubeconfig={self.folder}/kubeconfig",
            "-n",
            self.cast.pods[0].namespace,
            "get",
            "configmap",
            "istio-ca-root-cert",
        )
        self.host.until("the CA's root", lambda: self.host.succeeds(*roots))

    # --- workloads

    def workloads(self) -> None:
        """Starts every pod of the cast, the outside client and the external server."""
        subject = (
            "-subj",
            "/CN=echo",
            "-addext",
            "subjectAltName=" + ",".join(f"DNS:{name}" for name in ("*.example.com", *self.cast.names)),
        )
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "echo.pem", "-out", "echo.crt")
        self.host.run("openssl", "req", "-x509", *key, *subject, cwd=self.folder)
        with (self.folder / "echo.pem").open("a") as pem:
            pem.write((self.folder / "echo.crt").read_text())
        self.host.trust(self.folder / "echo.crt")
        for name, address in ((cast.OUTSIDE, cast.OUTSIDE_ADDRESS), ("external", cast.EXTERNAL_ADDRESS)):
            self.host.namespace(name, address)
        self._echo("external", "external", "v1", "80", "8080")
        self._client(cast.OUTSIDE, uid="0")
        for pod in self.cast.pods:
            self.host.namespace(pod.name, pod.address)
            if pod.kind != "router":
                self._echo(pod.name, pod.app, pod.version, *(_listen(port) for port in self.cast.ports_of(pod.namespace, pod.app)))
            if pod.kind == "sidecar":
                self._client(pod.name, uid="1000")
            if pod.proxy:
                self._agent(pod)
        for pod in self.cast.pods:
            if pod.proxy:
                self.host.until(
                    f"the proxy of {pod.name}",
                    lambda name=pod.name: self.host.succeeds(  # type: ignore[misc]
                        "ip", "netns", "exec", name, "curl", "-sf", "-m", "2", "http://127.0.0.1:15021/healthz/ready"
                    ),
                    60,
                )

    def _echo(self, namespace: str, *words: str) -> None:
        command = ("ip", "netns", "exec", namespace, PYTHON, str(WIRE), "serve", *words)
        self.host.start(f"echo-{namespace}", *command, env={"PYTHONPATH": str(WIRE.parents[2])})

    def _client(self, namespace: str, uid: str) -> None:
        # Istio's rules let traffic of uid 1337 pass, which is the proxy; a client is somebody else.
        self.host.agent(
            namespace, "ip", "netns", "exec", namespace, "setpriv", f"--reuid={uid}", "--clear-groups", PYTHON, str(WIRE), "ask"
        )

    def _agent(self, pod: cast.Pod) -> None:
        home = self.folder / "proxies" / pod.name
        for folder in ("var/run/secrets/tokens", "var/run/secrets/istio", "etc/istio/proxy", "etc/istio/pod"):
            (home / folder).mkdir(parents=True)
        bound = ("--audience", "istio-ca", "--bound-object-kind", "Pod", "--bound-object-name", pod.name)
        token = self.kubectl("-n", pod.namespace, "create", "token", pod.account, *bound)
        (home / "var/run/secrets/tokens/istio-token").write_text(token)
        roots = self.kubectl(
            "-n", self.cast.pods[0].namespace, "get", "configmap", "istio-ca-root-cert", "-o", r"jsonpath={.data.root-cert\.pem}"
        )
        (home / "var/run/secrets/istio/root-cert.pem").write_text(roots)
        (home / "etc/istio/pod/labels").write_text("".join(f'{key}="{value}"\n' for key, value in pod.all_labels.items()))
        self.host.run("chown", "-R", "1337:1337", str(home))
        agent, exec_in = self.engines["pilot-agent"], ("ip", "netns", "exec", pod.name)
        if pod.kind == "sidecar":
            rules = ("-p", "15001", "-z", "15006", "-u", "1337", "-g", "1337", "-m", "REDIRECT", "-i", "*", "-x", "", "-b", "*")
            self.host.run(*exec_in, agent, "istio-iptables", *rules, "-d", "15090,15021,15020")
        proxy_config = {
            "binaryPath": self.engines["envoy"],
            "discoveryAddress": f"{ISTIOD}:15012",
            "configPath": str(home / "etc/istio/proxy"),
            "concurrency": 1,
            "drainDuration": "1s",
            "parentShutdownDuration": "2s",
            "terminationDrainDuration": "1s",
        }
        env = {
            "HOME": str(home),
            "POD_NAME": pod.name,
            "POD_NAMESPACE": pod.namespace,
            "INSTANCE_IP": pod.address,
            "SERVICE_ACCOUNT": pod.account,
            "HOST_IP": HOST,
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            "ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
            "ISTIO_META_ENABLE_HBONE": "false",
            "ISTIO_META_METADATA_DISCOVERY": "false",
            "PILOT_ENABLE_METADATA_EXCHANGE": "false",
            "TRUST_DOMAIN": self.trust_domain,
            "CA_ADDR": f"{ISTIOD}:15012",
            "PILOT_CERT_PROVIDER": "istiod",
            "ISTIO_BOOTSTRAP": self.engines["envoy_bootstrap"],
            "PROXY_CONFIG": json.dumps(proxy_config),
        }
        self.host.start(
            f"proxy-{pod.name}",
            *exec_in,
            "setpriv",
            "--reuid=1337",
            "--regid=1337",
            "--clear-groups",
            agent,
            "proxy",
            pod.kind,
            "--domain",
            f"{pod.namespace}.svc.cluster.local",
            "--proxyLogLevel=warning",
            env=env,
            cwd=home,
        )

    # --- use

    def apply(self, folder: str) -> dict[str, Any]:
        """Applies a build as a user would, prunes what it no longer holds, and waits until every proxy has it."""
        before = (self.folder / "istiod.log").stat().st_size
        self._control_plane_settings(Path(folder) / "istio-values.yaml")
        words = ("apply", "--server-side", "--force-conflicts", "-k", folder, "--prune", f"--applyset={_APPLYSETS}/meshc")
        out = self.kubectl(*words)
        self.settle()
        self.drained()
        with (self.folder / "istiod.log").open("rb") as log:
            log.seek(before)
            bad = [line for line in log.read().decode(errors="replace").splitlines() if "ACK ERROR" in line or "failed to build" in line]
        return {"out": out, "bad": bad}

    def mesh_config(self, settings: dict[str, Any]) -> bool:
        """Writes what istiod takes for its mesh configuration; whether it is new. istiod reads the file again when it changes."""
        file, text = self.folder / "mesh.yaml", yaml.safe_dump({**settings, "rootNamespace": "istio-system"})
        new = not file.exists() or file.read_text() != text
        if new:
            file.write_text(text)
        return new

    def _control_plane_settings(self, values: Path) -> None:
        """What the build asks of the control plane, as Helm would hand it on."""
        settings = yaml.safe_load(values.read_text())["meshConfig"]
        if self.mesh_config(settings):
            time.sleep(3)

    def settle(self) -> None:
        """Waits until istiod has sent everything and every proxy has taken it, twice in a row."""
        calm = 0
        end = time.monotonic() + 30
        while calm < 3:
            time.sleep(0.15)
            state = json.loads(_fetch("http://127.0.0.1:15880/debug/syncz") or "[]")
            proxies = [proxy for proxy in state if isinstance(proxy, dict)]
            calm = calm + 1 if proxies and all(_synced(proxy) for proxy in proxies) else 0
            if time.monotonic() > end:
                raise RigError("proxies do not settle: " + "; ".join(late for proxy in proxies for late in _late(proxy)))

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
                return self.kubectl(*command["words"], text=command.get("text"))
            case "ask":
                return self.host.ask(command["client"], command["wishes"])
            case "tell":
                self.host.tell(command["client"], command["wishes"])
                return None
            case "hear":
                return self.host.hear(command["client"])
            case "settle":
                self.settle()
                return None
            case "admin":
                return self._admin(command["pod"], command["path"])
            case other:
                raise RigError(f"no command {other!r}")


def _listen(port: cast.ServicePort) -> str:
    """A port as the echo server takes it: where TLS is meant to end there, it speaks TLS itself."""
    return f"{port.target}/tls" if "tls" in (port.name, port.protocol) else str(port.target)


def _fetch(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 - istiod's own pages
            body: bytes = reply.read()
            return body.decode()
    except OSError:
        return None


def _synced(proxy: dict[str, Any]) -> bool:
    """Each kind of resource: what was sent last is what was acknowledged last."""
    return not list(_late(proxy))


def _late(proxy: dict[str, Any]) -> Iterator[str]:
    for kind in ("cluster", "listener", "route", "endpoint"):
        if proxy.get(f"{kind}_sent") != proxy.get(f"{kind}_acked"):
            errors = {one["lastError"] for one in proxy.get("resources", {}).values() if "lastError" in one}
            yield f"{proxy['proxy']} has not taken its {kind}s {' '.join(sorted(errors))}"


def _gateway_role(of: cast.Cast) -> list[dict[str, Any]]:
    """Lets gateways have the certificates that their namespace holds."""
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
    subjects = [{"kind": "ServiceAccount", "name": pod.account, "namespace": pod.namespace} for pod in of.routers]
    role = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "gateway-secrets"}, "rules": [rule]}
    reference = {"apiGroup": rbac, "kind": "ClusterRole", "name": "gateway-secrets"}
    binding = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "gateway-secrets"}}
    return [role, {**binding, "roleRef": reference, "subjects": subjects}]


_APPLYSETS = "applysets.tests.meshc"


def _applyset_kind() -> dict[str, Any]:
    """What kubectl keeps in mind of a build that spans namespaces, to prune by: an object of a kind marked so."""
    group, _, domain = _APPLYSETS.partition(".")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": _APPLYSETS, "labels": {"applyset.kubernetes.io/is-parent-type": "true"}},
        "spec": {
            "group": domain,
            "scope": "Cluster",
            "names": {"plural": group, "singular": "applyset", "kind": "ApplySet"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def _applyset() -> dict[str, Any]:
    """The object itself, with the id and the empty list that kubectl expects of one."""
    group = _APPLYSETS.partition(".")[2]
    digest = base64.urlsafe_b64encode(hashlib.sha256(f"meshc..ApplySet.{group}".encode()).digest()).rstrip(b"=").decode()
    name = "applyset.kubernetes.io"
    annotations = {f"{name}/tooling": "kubectl/v1", f"{name}/contains-group-kinds": ""}
    metadata = {"name": "meshc", "labels": {f"{name}/id": f"applyset-{digest}-v1"}, "annotations": annotations}
    return {"apiVersion": f"{group}/v1", "kind": "ApplySet", "metadata": metadata}


def main() -> None:
    """Brings the rig up, says `ready`, and serves commands until the input ends."""
    rig = Rig(reachable(Path(sys.argv[1])), json.loads(sys.argv[2]), sys.argv[3])
    try:
        rig.control_plane()
        rig.workloads()
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
