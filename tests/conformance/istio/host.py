"""One machine of its own for a whole Istio: network, process and mount namespaces that vanish with the process that holds them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

BRIDGE, HOST = "br0", "10.244.0.1"
MOUNT = Path("/mnt")
SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")
"""Where the rig's folder is for what runs in it."""


class RigError(RuntimeError):
    """The rig could not be brought up, or a step of it failed; the message has the command and its output."""


class Host:
    """Processes and namespaces of the rig. It lives inside `unshare --net --pid --mount --kill-child`, so nothing survives its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.agents: dict[str, subprocess.Popen[bytes]] = {}

    def network(self, names: dict[str, str]) -> None:
        """The bridge that all workloads hang on, and the host names that all processes know."""
        hosts = self.folder / "hosts"
        hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in names.items()))
        self.run("mount", "-t", "tmpfs", "tmpfs", "/run/netns") if Path("/run/netns").exists() else self._netns_folder()
        self.run("mount", "--bind", str(hosts), "/etc/hosts")
        if Path("/etc/resolv.conf").exists():
            resolver = self.folder / "resolv.conf"
            resolver.write_text("nameserver 127.0.0.1\n")  # nobody is there: what no file says is unknown at once
            self.run("mount", "--bind", str(resolver), "/etc/resolv.conf")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "add", BRIDGE, "type", "bridge")
        self.run("ip", "addr", "add", f"{HOST}/16", "dev", BRIDGE)
        self.run("ip", "link", "set", BRIDGE, "up")

    def _netns_folder(self) -> None:
        Path("/run/netns").mkdir(parents=True)
        self.run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")

    def namespace(self, name: str, address: str) -> None:
        """A network namespace of that name with one address on the bridge."""
        link = "v-" + "-".join(address.split(".")[2:])
        self.run("ip", "netns", "add", name)
        self.run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        self.run("ip", "link", "set", link, "master", BRIDGE, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{address}/16", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", HOST),
        ):
            self.run("ip", "-n", name, *words)
        self.run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0")

    def trust(self, certificate: Path) -> None:
        """Has all processes of the rig take the certificate for an authority of the system, where the system keeps them like Debian."""
        if SYSTEM_CA.exists():
            bundle = self.folder / "system-ca.crt"
            bundle.write_text(SYSTEM_CA.read_text() + certificate.read_text())
            self.run("mount", "--bind", str(bundle), str(SYSTEM_CA))

    def run(self, *command: str, text: str | None = None, cwd: Path | None = None) -> str:
        """Runs a command to its end and gives what it printed."""
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)
        if done.returncode:
            raise RigError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, log: str, *command: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        """Starts a process that writes into `<log>.log`."""
        path = self.folder / f"{log}.log"
        with path.open("ab") as out:
            path.chmod(0o666)  # a proxy that logs to /dev/stdout opens this again, as another user
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **(env or {})}, cwd=cwd or self.folder
            )
        self.processes.append(process)
        return process

    def agent(self, name: str, *command: str) -> None:
        """Starts a client that `ask` speaks to."""
        self.agents[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, name: str, wishes: Sequence[object]) -> list[object]:
        """Lets the client in that namespace send requests side by side; answers in their order."""
        self.tell(name, wishes)
        return self.hear(name)

    def tell(self, name: str, wishes: Sequence[object]) -> None:
        """Has the client begin."""
        stdin, _ = _pipes(self.agents[name])
        stdin.write(json.dumps(wishes).encode() + b"\n")
        stdin.flush()

    def hear(self, name: str) -> list[object]:
        """Waits until the client has all answers."""
        line = _pipes(self.agents[name])[1].readline()
        if not line:
            raise RigError(f"the client in {name} ended")
        answers: list[object] = json.loads(line)
        return answers

    def until(self, what: str, check: Callable[[], bool], seconds: float = 30.0) -> None:
        """Waits until the check holds."""
        end = time.monotonic() + seconds
        while not check():
            dead = [process.args for process in self.processes if process.poll() is not None]
            if time.monotonic() > end or dead:
                raise RigError(f"waited for {what}" + (f"; ended: {dead}" if dead else "") + "\n" + self.logs())
            time.sleep(0.05)

    def succeeds(self, *command: str) -> bool:
        """Whether the command exits with 0."""
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0

    def logs(self) -> str:
        """The end of every log."""
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in sorted(self.folder.glob("*.log")))

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Ends one process that was started."""
        self.processes.remove(process)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        """Ends everything; what does not end by itself goes with the namespace."""
        for process in (*self.agents.values(), *reversed(self.processes)):
            process.send_signal(signal.SIGKILL)


def fetch(url: str) -> str | None:
    """A page of the control plane's, if it answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 - istiod's own pages
            body: bytes = reply.read()
            return body.decode()
    except OSError:
        return None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RigError("a client without pipes")
    return process.stdin, process.stdout


def reachable(folder: Path) -> Path:
    """The folder under a path that every user may enter, in this mount namespace only: pytest's own folders are closed to other users."""
    command = ("mount", "--bind", str(folder), str(MOUNT))
    subprocess.run(command, check=True)
    return MOUNT


def unshared(*command: str) -> list[str]:
    """The command line that runs `command` in namespaces of its own; all of it dies with it."""
    return ["unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", *command]


PYTHON = sys.executable
