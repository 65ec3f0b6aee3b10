"""The control plane of a rig: etcd, kube-apiserver with Istio's kinds, and istiod with the settings that a build asks for."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.istio import cast
from tests.conformance.istio.host import HOST, Host, RigError, fetch

ISTIOD = "istiod.istio-system.svc"
PAGES = "http://127.0.0.1:15880"
"""Where istiod serves its own pages."""
APPLYSETS = "applysets.tests.meshc"
_MARK = "RIG_SETTINGS"
_AT_ONCE = frozenset({"connectionSettings"})
"""What of `defaultConfig` istiod hands to proxies that run; the rest a proxy reads when it starts."""
_UNUSED = frozenset({"proxyMetadata"})
"""What no answer depends on here: proxies that capture DNS, where clients dial addresses."""
_STOCK = {
    # Off: what only Istio's own build of Envoy has.
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_DISABLE_MX_ALPN": "true",
    "PILOT_ENABLE_TELEMETRY_LABEL": "false",
}


class ControlPlane:
    """What a cluster's administrators run."""

    def __init__(self, host: Host, folder: Path, engines: dict[str, str], trust_domain: str, of: cast.Cast) -> None:
        self.host, self.folder, self.engines, self.trust_domain, self.cast = host, folder, engines, trust_domain, of
        self.settings: dict[str, Any] = {}
        self.written = 0
        self.env: dict[str, str] = {}
        self.istiod: subprocess.Popen[bytes] | None = None

    def kubectl(self, *words: str, text: str | None = None) -> str:
        """Runs kubectl as the cluster's administrator."""
        return self.host.run(
            "env", "KUBECTL_APPLYSET=true", self.engines["kubectl"], f"--kubeconfig={self.folder}/kubeconfig", *words, text=text
        )

    def start(self) -> None:
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
        self._write({"trustDomain": self.trust_domain})
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
            "PILOT_DEBOUNCE_AFTER": "30ms",
            **_STOCK,
            **self.env,
        }
        self.istiod = self.host.start(
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
        self.host.until("istiod", lambda: fetch(f"{PAGES}/ready") is not None, 60)
        where = ("-n", self.cast.pods[0].namespace)
        roots = (self.engines["kubectl"], f"--kubeconfig={self.folder}/kubeconfig", *where, "get", "configmap", "istio-ca-root-cert")
        self.host.until("the CA's root", lambda: self.host.succeeds(*roots))

    def take(self, values: Mapping[str, Any]) -> None:
        """What a build asks of the control plane, as Helm would hand it on; an istiod whose environment changes is started again."""
        settings, env = (
            dict(values.get("meshConfig", {})),
            {key: str(value) for key, value in values.get("pilot", {}).get("env", {}).items()},
        )
        if later := set(settings.get("defaultConfig", {})) - _AT_ONCE - _UNUSED:
            raise RigError(f"proxies would have to be started again for {sorted(later)} of defaultConfig, which no rig does")
        anew = env != self.env
        if not anew and settings == self.settings:
            return
        self._write(settings)
        if anew and self.istiod is not None:
            self.env = env
            self.host.end(self.istiod)
            self._istiod()
        self.host.until("istiod's settings", lambda: f'"{self.written}"' in (fetch(f"{PAGES}/debug/mesh") or "").partition(_MARK)[2][:20])

    def _write(self, settings: dict[str, Any]) -> None:
        """Writes what istiod takes for its mesh configuration, with a mark by which one sees that it has read it."""
        self.settings = settings
        self.written += 1
        config = dict(settings.get("defaultConfig", {}))
        marked = {**config, "proxyMetadata": {**config.get("proxyMetadata", {}), _MARK: str(self.written)}}
        text = yaml.safe_dump({"trustDomain": self.trust_domain, **settings, "rootNamespace": "istio-system", "defaultConfig": marked})
        (self.folder / "mesh.yaml").write_text(text)


def _gateway_role(of: cast.Cast) -> list[dict[str, Any]]:
    """Lets gateways have the certificates that their namespace holds."""
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
    subjects = [{"kind": "ServiceAccount", "name": pod.account, "namespace": pod.namespace} for pod in of.routers]
    role = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "gateway-secrets"}, "rules": [rule]}
    reference = {"apiGroup": rbac, "kind": "ClusterRole", "name": "gateway-secrets"}
    binding = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "gateway-secrets"}}
    return [role, {**binding, "roleRef": reference, "subjects": subjects}]


def _applyset_kind() -> dict[str, Any]:
    """What kubectl keeps in mind of a build that spans namespaces, to prune by: an object of a kind marked so."""
    group, _, domain = APPLYSETS.partition(".")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": APPLYSETS, "labels": {"applyset.kubernetes.io/is-parent-type": "true"}},
        "spec": {
            "group": domain,
            "scope": "Cluster",
            "names": {"plural": group, "singular": "applyset", "kind": "ApplySet"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def _applyset() -> dict[str, Any]:
    """The object itself, with the id and the empty list that kubectl expects of one."""
    group = APPLYSETS.partition(".")[2]
    digest = base64.urlsafe_b64encode(hashlib.sha256(f"meshc..ApplySet.{group}".encode()).digest()).rstrip(b"=").decode()
    name = "applyset.kubernetes.io"
    annotations = {f"{name}/tooling": "kubectl/v1", f"{name}/contains-group-kinds": ""}
    metadata = {"name": "meshc", "labels": {f"{name}/id": f"applyset-{digest}-v1"}, "annotations": annotations}
    return {"apiVersion": f"{group}/v1", "kind": "ApplySet", "metadata": metadata}
