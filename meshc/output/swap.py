"""How a whole tree takes the place of another at one instant, and how what a killed build left behind is put right."""

import ctypes
import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from meshc.output.manifest import MARKER
from meshc.output.tree import Change, parents, read_plain, scan

_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2  # RENAME_EXCHANGE of renameat2(2); RENAME_SWAP of renamex_np(2) has the same value
_NO_EXCHANGE: Final = frozenset((errno.ENOSYS, errno.EINVAL, errno.ENOTSUP))
_NO_LINK: Final = frozenset((errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS))


def staging(live: Path) -> Path:
    """Where the next tree is made: beside the one it replaces, under a name that no reader of the folder looks at."""
    return live.with_name(f".{live.name}.meshc-new")


def _aside(live: Path) -> Path:
    return live.with_name(f".{live.name}.meshc-old")


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keeps other builds into the folder waiting; the lock ends with the process, however that ends."""
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        yield
        return
    handle = os.open(out, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks: then nobody waits
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# --- making the next tree -------------------------------------------------------------------------------------------------------


def stage(wanted: Change) -> None:
    """
    The next tree, whole and on disk, beside the live one.

    The list comes first, so that whatever a killed build leaves is known to be meshc's. What meshc did not make, and files that stay as
    they are, are the same files under a second name: neither their content nor their times are touched.
    """
    tree, root = wanted.tree, staging(wanted.tree.root)
    root.mkdir()
    if tree.exists:
        root.chmod(stat.S_IMODE(tree.root.stat().st_mode))
    fresh = [_write(root / MARKER, wanted.listing)]
    folders = [root]
    for path, entry in tree.kept.items():
        if path in wanted.files:
            continue
        folders += _folders(root, path, tree.root)
        if stat.S_ISDIR(entry.st_mode):
            folders += _folders(root, f"{path}/-", tree.root)
        else:
            _second_name(tree.root / path, root / path)
    changed = set(wanted.written)
    for path, content in sorted(wanted.files.items()):
        folders += _folders(root, path, tree.root)
        if path in changed or not _linked(tree.root / path, root / path):
            fresh.append(_write(root / path, content))
    for made in (*fresh, *reversed(folders)):
        sync(made)


def _folders(root: Path, path: str, like: Path) -> list[Path]:
    """Makes the folders above a path that are missing, each with the mode that it has in the other tree."""
    made = []
    for parent in reversed([*parents(path)]):
        folder = root / parent
        if not folder.is_dir():
            folder.mkdir()
            with suppress(FileNotFoundError, NotADirectoryError):
                status = (like / parent).lstat()
                if stat.S_ISDIR(status.st_mode):
                    folder.chmod(stat.S_IMODE(status.st_mode))
            made.append(folder)
    return made


def _write(path: Path, content: bytes) -> Path:
    with path.open("xb") as opened:
        opened.write(content)
    return path


def _linked(source: Path, place: Path) -> bool:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    return True


def _second_name(source: Path, place: Path) -> None:
    """The same file under another name; where the file system has no such thing, a copy."""
    if not _linked(source, place):
        if not stat.S_ISREG(source.lstat().st_mode) and not source.is_symlink():
            raise OSError(errno.ENOTSUP, "neither a plain file nor a link, and it cannot be linked", str(source))
        shutil.copy2(source, place, follow_symlinks=False)


def sync(path: Path) -> None:
    """Waits until the disk has it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # folders cannot be synced everywhere
            os.fsync(handle)
    finally:
        os.close(handle)


# --- the instant ----------------------------------------------------------------------------------------------------------------


def put_in_place(live: Path) -> Path | None:
    """The staged tree becomes the live one; the place of the old one, if there was one."""
    new = staging(live)
    if not os.path.lexists(live):
        new.rename(live)
        return None
    if _exchange(new, live):
        return new
    live.rename(_aside(live))
    new.rename(live)
    return _aside(live)


def take_back(live: Path, old: Path | None) -> None:
    """Undoes `put_in_place`."""
    new = staging(live)
    if old is None:
        live.rename(new)
    elif not _exchange(old, live):
        live.rename(new)
        old.rename(live)


def _exchange(one: Path, other: Path) -> bool:
    """Two folders trade names at one instant; False where the system cannot do that."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = libc.renamex_np(os.fsencode(one), os.fsencode(other), ctypes.c_uint(_EXCHANGE))
        else:
            failed = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_EXCHANGE))
    except (AttributeError, OSError, TypeError):
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


# --- what is left over ----------------------------------------------------------------------------------------------------------


def recover(live: Path) -> None:
    """Puts right what a killed build left: an old tree that was set aside comes back, anything else of it goes."""
    aside = _aside(live)
    if os.path.lexists(aside) and not os.path.lexists(live):
        aside.rename(live)
    for left in (aside, staging(live)):
        if os.path.lexists(left):
            retire(left, live)


def retire(old: Path, live: Path) -> None:
    """
    Removes a tree that is not the live one any more, or never became it.

    Only meshc's own files go, and second names of files that the live tree has. A file that somebody put there in the meantime moves to
    the live tree; where it can't, the old tree stays, which the next build says.
    """
    tree = scan(old)
    for path in (*sorted(tree.owned), *([MARKER] if tree.listed is not None else [])):
        if path != MARKER:
            (old / path).unlink()
    for path, entry in tree.kept.items():
        if not stat.S_ISDIR(entry.st_mode):
            _let_go(old / path, live / path)
    if tree.listed is not None and not any(not stat.S_ISDIR(entry.st_mode) for entry in scan(old).kept.values()):
        (old / MARKER).unlink()
    for folder in sorted(_folders_of(old), reverse=True):
        with suppress(OSError):
            folder.rmdir()


def _folders_of(root: Path) -> Iterator[Path]:
    yield root
    for folder, names, _ in os.walk(root):
        yield from (Path(folder) / name for name in names if not (Path(folder) / name).is_symlink())


def _let_go(old: Path, live: Path) -> None:
    if _same(old, live):
        old.unlink()
    elif not os.path.lexists(live) and live.parent.is_dir():
        old.rename(live)


def _same(one: Path, other: Path) -> bool:
    try:
        if os.path.samestat(one.lstat(), other.lstat()):
            return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    if one.is_symlink() and other.is_symlink():
        return one.readlink() == other.readlink()
    content = read_plain(one)
    return content is not None and content == read_plain(other)


def discard(lives: Iterable[Path]) -> None:
    """Removes staged trees that are not wanted after all, as the next build would."""
    for live in lives:
        with suppress(OSError):
            recover(live)
