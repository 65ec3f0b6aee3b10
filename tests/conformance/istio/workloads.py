"""The workloads of a rig: for each an echo server and a client, and Istio's own agent, its iptables rules and a stock Envoy."""

import json
from pathlib import Path

from tests.conformance.istio import cast
from tests.conformance.istio.control_plane import ISTIOD, ControlPlane
from tests.conformance.istio.host import HOST, PYTHON

WIRE = Path(__file__).resolve().parent.parent / "wire.py"
_KINDS = {"tls": "tls", "greet": "greet"}
"""How the echo server takes a port, by the port's name or protocol: where TLS is meant to end there, it speaks TLS itself."""


class Workloads:
    """All pods of the cast, the outside client and the external server."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane, self.host, self.cast = control_plane, control_plane.host, control_plane.cast
        self.folder, self.engines = control_plane.folder, control_plane.engines
        self.agents: dict[str, int] = {}

    def start(self) -> None:
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
            if pod.kind != "router" and pod.echoes:
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
        token = self.control_plane.kubectl("-n", pod.namespace, "create", "token", pod.account, *bound)
        (home / "var/run/secrets/tokens/istio-token").write_text(token)
        roots = self.control_plane.kubectl(
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
            **pod.config,
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
            "TRUST_DOMAIN": self.control_plane.trust_domain,
            "CA_ADDR": f"{ISTIOD}:15012",
            "PILOT_CERT_PROVIDER": "istiod",
            "ISTIO_BOOTSTRAP": self.engines["envoy_bootstrap"],
            "PROXY_CONFIG": json.dumps(proxy_config),
        }
        started = self.host.start(
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
        self.agents[pod.name] = started.pid  # what is named first gives way to what it starts: this is the agent

    def proxy_seconds(self) -> dict[str, float]:
        """The processor time that each pod's Envoy has used so far."""
        agents = {agent: pod for pod, agent in self.agents.items()}
        found = dict.fromkeys(self.agents, 0.0)
        for process in (path for path in Path("/proc").iterdir() if path.name.isdigit()):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in agents:
                found[agents[parent]] += _seconds(process)
        return found


def _seconds(process: Path) -> float:
    """Of all its threads, from the scheduler, which counts in nanoseconds."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in (process / "task").iterdir()) / 1e9


def _listen(port: cast.ServicePort) -> str:
    kind = _KINDS.get(port.name) or _KINDS.get(port.protocol or "")
    return f"{port.target}/{kind}" if kind else str(port.target)
