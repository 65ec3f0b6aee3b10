"""How output on disk differs from what a build makes, shown as a unified diff."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from meshc.output.manifest import MARKER
from meshc.output.tree import Change


class Kind(StrEnum):
    """In which way a file differs."""

    MISSING = "missing"
    STALE = "no longer made"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Drift:
    """A file that is not as the build makes it; `path` includes the output folder. `diff` ends in a line break."""

    path: str
    kind: Kind
    diff: str


def drift(wanted: Change) -> Iterator[Drift]:
    """All files of a tree that a build would write or remove; the list of them only where nothing else differs."""
    different = sorted((*wanted.written, *wanted.removed))
    for path in different:
        yield _drift(wanted, path, wanted.tree.content(path), wanted.files.get(path))
    if not different and wanted.listing != wanted.tree.listed:
        yield _drift(wanted, MARKER, wanted.tree.listed, wanted.listing)


def _drift(wanted: Change, path: str, there: bytes | None, made: bytes | None) -> Drift:
    shown = (wanted.tree.root / path).as_posix()
    kind = Kind.MISSING if there is None else Kind.STALE if made is None else Kind.DIFFERS
    before, after = _lines(there), _lines(made)
    names = ("/dev/null" if there is None else shown, "/dev/null" if made is None else shown)
    return Drift(shown, kind, "".join(_ended(line) for line in difflib.unified_diff(before, after, *names)))


def _lines(content: bytes | None) -> list[str]:
    return [] if content is None else content.decode(errors="backslashreplace").splitlines(keepends=True)


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
