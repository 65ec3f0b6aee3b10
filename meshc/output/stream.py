"""A build as one text on standard output: what `kubectl apply -f -` reads."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from meshc.target import File

_VERSION: Final = re.compile(r"^apiVersion: \S", re.MULTILINE)
_KIND: Final = re.compile(r"^kind: [\"']?([A-Za-z]+)", re.MULTILINE)
_FOR_A_TOOL: Final = re.compile(r"^apiVersion: [\"']?kustomize\.config\.k8s\.io/", re.MULTILINE)


def stream(trees: Mapping[str, Sequence[File]]) -> tuple[bytes, tuple[str, ...]]:
    """
    The Kubernetes objects of a build as YAML documents, and the paths of files that are none and were left out.

    A build of a single file that is no object is that file, so that `-o -` serves targets with one configuration file too.
    """
    files = [(f"{target}/{file.path.as_posix()}", file) for target, made in sorted(trees.items()) for file in made]
    objects = sorted((path, file.content) for path, file in files if kind_of(file) is not None)
    left_out = tuple(sorted(path for path, file in files if kind_of(file) is None))
    if not objects and len(files) == 1:
        return files[0][1].content, ()
    parts = [b"---\n# " + path.encode() + b"\n" + content.removeprefix(b"---\n") for path, content in objects]
    return b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts), left_out


def kind_of(file: File) -> str | None:
    """Which kind of Kubernetes object a file is, such as `Service`; None for all that no cluster would take."""
    if file.path.suffix not in (".yaml", ".yml"):
        return None
    text = file.content.decode(errors="replace")
    found = _KIND.search(text)
    if found is None or _VERSION.search(text) is None or _FOR_A_TOOL.search(text) is not None:
        return None
    return found[1]
