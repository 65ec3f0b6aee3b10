"""A stock Envoy with filters in one chain: it answers by itself, with what the last filter left in the request as headers of the answer."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests import engines

_TYPES = "type.googleapis.com/envoy.extensions.filters"
_HCM = f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager"
RULE = "/rule"
_ROUTER = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPES}.http.router.v3.Router"}}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, and its headers in lower case."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Envoy:
    """A running one."""

    port: int

    def ask(
        self, target: str, *, method: str = "GET", host: str = "users.shop", headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> Reply:
        """The answer to one request, sent as it is; a body goes in chunks where no header says its length."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in (("Host", host), *headers):
                connection.putheader(name, value)
            chunked = bool(body) and "content-length" not in dict(headers)
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(body or None, encode_chunked=chunked)
            response = connection.getresponse()
            response.read()
            return Reply(response.status, {name.lower(): value for name, value in response.getheaders()})
        finally:
            connection.close()


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    folder: Path,
    filters: list[dict[str, Any]],
    shown: Mapping[str, str],
    port: int | None = None,
    per_route: Mapping[str, Any] | None = None,
) -> Iterator[Envoy]:
    """
    An Envoy with these HTTP filters; `shown` are headers of its answers, by the formats that fill them.

    What begins with `RULE` is taken by a route named `rule`, which has `per_route` of its own.
    """
    port = port or free_port()
    config = folder / "envoy.json"
    config.write_text(json.dumps(_bootstrap(filters, shown, port, per_route or {})))
    command = [str(engines.envoy()), "-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(process, port, folder / "log")
            yield Envoy(port)
        finally:
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"Envoy does not listen: {log.read_text()}")


def _answer(prefix: str, shown: Mapping[str, str], per_route: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": "rule" if prefix == RULE else "",
        "match": {"prefix": prefix},
        **({"typed_per_filter_config": dict(per_route)} if per_route and prefix == RULE else {}),
        "direct_response": {"status": 200},
        "response_headers_to_add": [{"header": {"key": name, "value": text}} for name, text in shown.items()],
    }


def _bootstrap(filters: list[dict[str, Any]], shown: Mapping[str, str], port: int, per_route: Mapping[str, Any]) -> dict[str, Any]:
    answers = [_answer(prefix, shown, per_route) for prefix in (RULE, "/")]
    manager = {
        "@type": _HCM,
        "stat_prefix": "test",
        # As Istio has it by default, and as the settings that the output relies on have it.
        "normalize_path": True,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": answers}]},
        "http_filters": [*filters, _ROUTER],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    runtime = {"re2.max_program_size.error_level": 32768}  # as Istio's agent sets it; Envoy's own is 100
    return {
        "static_resources": {"listeners": [{"name": "test", "address": address, "filter_chains": [chain]}]},
        "layered_runtime": {"layers": [{"name": "istio", "static_layer": runtime}]},
    }
