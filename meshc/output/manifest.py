"""Which files of a folder meshc made: the list of names it leaves there, which changes only when the set of files does."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from meshc.target import File

MARKER: Final = ".meshc-output"
"""The list's own name, at the root of every tree that a build made."""

_HEAD: Final = "# What meshc made here, and nothing else: it removes or replaces these files only.\n"
_LINE: Final = re.compile(r"(?:\./|[0-9a-f]{64}  )(.+)")
"""A name, led by `./` so that neither a comment nor the marks of a merge are taken for one. Version 0.1 led it by the file's SHA-256."""


def manifest(files: Iterable[File]) -> bytes:
    """The list of these files. It holds no digest: that would change with every build, and make every two changes of a mesh conflict."""
    return (_HEAD + "".join(f"./{path}\n" for path in sorted(file.path.as_posix() for file in files))).encode()


def made(listed: bytes) -> frozenset[str]:
    """
    The paths of a list.

    Lines that are none are passed over, so that a list in which a merge left both sides names the files of both. Paths that would lead
    out of the tree are no paths of ours, whoever wrote them there.
    """
    lines = (_LINE.fullmatch(line) for line in listed.decode(errors="replace").splitlines())
    return frozenset(found[1] for found in lines if found and is_inside(found[1]))


def is_inside(path: str) -> bool:
    """Whether a relative path is in its simplest form, stays inside its folder, and is not the list itself."""
    pure = PurePosixPath(path)
    return (
        path == pure.as_posix() and not pure.is_absolute() and ".." not in pure.parts and path not in (".", MARKER) and path.isprintable()
    )
