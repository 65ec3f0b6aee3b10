"""Which files of a folder meshc made: the list it leaves there, in the form that `sha256sum --check` reads."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final

from meshc.target import File

MARKER: Final = ".meshc-output"
"""The list's own name, at the root of every tree that a build made."""

_HEAD: Final = "# What meshc made here, and nothing else: it removes or replaces these files only.\n"
_LINE: Final = re.compile(r"([0-9a-f]{64})  (.+)")


def manifest(files: Iterable[File]) -> bytes:
    """The list of these files."""
    lines = sorted(f"{hashlib.sha256(file.content).hexdigest()}  {file.path.as_posix()}\n" for file in files)
    return (_HEAD + "".join(sorted(lines, key=lambda line: line[66:]))).encode()


def made(listed: bytes) -> Mapping[str, frozenset[str]]:
    """
    The paths of a list, each with the hashes it may have.

    Lines that are none are passed over, so that a list in which a merge left both sides names the files of both. Paths that would lead
    out of the tree are no paths of ours, whoever wrote them there.
    """
    paths: dict[str, frozenset[str]] = {}
    for line in listed.decode(errors="replace").splitlines():
        found = _LINE.fullmatch(line)
        if found and is_inside(found[2]):
            paths[found[2]] = paths.get(found[2], frozenset()) | {found[1]}
    return paths


def is_inside(path: str) -> bool:
    """Whether a relative path is in its simplest form, stays inside its folder, and is not the list itself."""
    pure = PurePosixPath(path)
    return (
        path == pure.as_posix() and not pure.is_absolute() and ".." not in pure.parts and path not in (".", MARKER) and path.isprintable()
    )
