"""What lies in an output folder before a build: which of it meshc made, what is kept, and what stands in the way."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from meshc.diagnostics import Finding, Origin
from meshc.output.manifest import MARKER, is_inside, made, manifest
from meshc.target import File


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder as it is: `owned` are plain files that its list names, `kept` is all that is neither one nor a folder for one."""

    root: Path
    exists: bool
    owned: frozenset[str]
    kept: Mapping[str, os.stat_result]
    listed: bytes | None  # None: meshc made nothing here

    def content(self, path: str) -> bytes | None:
        """The bytes of a plain file, None where there is none."""
        return read_plain(self.root / path)


@dataclass(frozen=True, slots=True)
class Change:
    """What a build does to one tree; paths are relative to its root."""

    tree: Tree
    files: Mapping[str, bytes]  # all that the build makes, without the list
    listing: bytes
    added: tuple[str, ...]
    changed: tuple[str, ...]  # other bytes than on disk
    removed: tuple[str, ...]

    @property
    def written(self) -> tuple[str, ...]:
        """All that is not on disk as the build makes it, sorted."""
        return tuple(sorted((*self.added, *self.changed)))

    @property
    def unchanged(self) -> int:
        """How many files stay as they are."""
        return len(self.files) - len(self.written)

    @property
    def is_needed(self) -> bool:
        """Whether anything on disk differs from what the build makes."""
        return bool(self.written or self.removed or self.listing != self.tree.listed)


def scan(root: Path) -> Tree:
    """The folder as it is now; links are seen as links, never followed. `root` itself is a folder or is not there."""
    if not os.path.lexists(root):
        return Tree(root, exists=False, owned=frozenset(), kept={}, listed=None)
    entries = dict(_entries(root, ""))
    listed = read_plain(root / MARKER)
    owned = frozenset(path for path in made(listed or b"") if path in entries and stat.S_ISREG(entries[path].st_mode))
    ours = {*owned, *(parent for path in owned for parent in parents(path))}
    if listed is not None:
        ours.add(MARKER)
    return Tree(root, exists=True, owned=owned, kept={path: entry for path, entry in entries.items() if path not in ours}, listed=listed)


def _entries(root: Path, below: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(root / below) as found:
        for entry in sorted(found, key=lambda one: one.name):
            path = f"{below}/{entry.name}" if below else entry.name
            yield path, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(root, path)


def parents(path: str) -> Iterator[str]:
    """The folders above a relative path, the nearest first."""
    return (parent.as_posix() for parent in PurePosixPath(path).parents if parent.name)


def read_plain(path: Path) -> bytes | None:
    """The bytes of a plain file; None for anything else: no link is followed, no pipe waited for."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(handle, "rb") as opened:  # noqa: PTH123 - a descriptor, not a path
        return opened.read()


def change(tree: Tree, files: Sequence[File]) -> Change:
    """What it takes to make the folder hold these files and no other file of meshc's."""
    contents = {file.path.as_posix(): file.content for file in files}
    if (
        len(contents) != len(files)
        or not all(map(is_inside, contents))
        or any(parent in contents for path in contents for parent in parents(path))
    ):
        raise ValueError(f"a target made files with impossible names: {sorted(file.path.as_posix() for file in files)}")
    there = {path: tree.content(path) for path in sorted(contents)}
    added = tuple(path for path, content in there.items() if content is None)
    changed = tuple(path for path, content in there.items() if content is not None and content != contents[path])
    return Change(tree, contents, manifest(files), added, changed, tuple(sorted(tree.owned - contents.keys())))


def in_the_way(wanted: Change) -> Iterator[Finding]:
    """What stands where the build would write, and is not meshc's. A file that already is what the build makes is taken over."""
    tree = wanted.tree
    if MARKER in tree.kept:
        yield _foreign(tree, MARKER, "is no plain file, expected the list of what meshc made here")
    places = {parent for path in wanted.files for parent in parents(path)}
    for path, entry in tree.kept.items():
        if path in wanted.files and tree.content(path) != wanted.files[path]:
            what = "a folder" if stat.S_ISDIR(entry.st_mode) else "a link" if stat.S_ISLNK(entry.st_mode) else "a file"
            yield _foreign(tree, path, f"is {what} that meshc did not make, and the build makes a file of that name")
        elif path in places and not stat.S_ISDIR(entry.st_mode):
            what = "a link" if stat.S_ISLNK(entry.st_mode) else "a file"
            yield _foreign(tree, path, f"is {what} that meshc did not make, and the build makes a folder of that name")
        elif above := next((parent for parent in parents(path) if parent in wanted.files and parent not in tree.kept), None):
            yield _foreign(tree, path, f"is not meshc's, and the build makes a file in place of the folder {above!r}")


def _foreign(tree: Tree, path: str, why: str) -> Finding:
    shown = (tree.root / path).as_posix()
    help_ = "move it away, or choose another output folder with -o"
    return Finding("MC802", f"{shown!r} {why}", Origin(shown), help=help_)
