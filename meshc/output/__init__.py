"""Files and the disk: the only place that writes what a build makes, whole trees or nothing (L17)."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshc.diagnostics import Finding, Origin
from meshc.output.drift import Drift, drift
from meshc.output.manifest import MARKER
from meshc.output.stream import kind_of, stream
from meshc.output.swap import alone, discard, put_in_place, recover, retire, stage, staging, sync, take_back
from meshc.output.tree import Change, change, in_the_way, scan
from meshc.target import File

__all__ = ["MARKER", "Drift", "WriteError", "Written", "check", "kind_of", "left_alone", "stream", "write"]


class WriteError(Exception):
    """Why nothing was written."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Written:
    """What a build did to a target's tree; paths are relative to `folder`."""

    target: str
    folder: Path
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int

    @property
    def written(self) -> tuple[str, ...]:
        """What was added and what was changed, sorted."""
        return tuple(sorted((*self.added, *self.changed)))


def write(out: Path, trees: Mapping[str, Sequence[File]]) -> tuple[Written, ...]:
    """
    Makes `<out>/<target>` hold each target's files, and none that meshc made before and makes no more.

    Each tree changes at one instant, and only after all of them lie on the disk. Raises WriteError, and has then changed nothing.
    """
    made = _missing_folders(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with alone(out):
            changes = _changes(out, trees)
            _replace(out, [wanted for wanted in changes.values() if wanted.is_needed])
    except OSError as error:
        _remove_empty(made)
        raise WriteError([_unwritable(out, error)]) from error
    except BaseException:
        _remove_empty(made)
        raise
    return tuple(
        Written(target, out / target, wanted.added, wanted.changed, wanted.removed, wanted.unchanged) for target, wanted in changes.items()
    )


def left_alone(out: Path, targets: Iterable[str]) -> tuple[Path, ...]:
    """Trees that builds made there for other targets."""
    built = set(targets)
    try:
        folders = sorted(folder for folder in out.iterdir() if folder.name not in built and not folder.name.startswith("."))
    except OSError:
        return ()
    return tuple(folder for folder in folders if not folder.is_symlink() and (folder / MARKER).is_file())


def check(out: Path, trees: Mapping[str, Sequence[File]]) -> tuple[Drift, ...]:
    """How the trees on disk differ from what the build makes; nothing is changed. Raises WriteError where they can't be read."""
    try:
        for target in trees:
            _refuse_strangers(out / target)
        return tuple(one for target, files in trees.items() for one in drift(change(scan(out / target), files)))
    except OSError as error:
        raise WriteError([_unwritable(out, error)]) from error


def _changes(out: Path, trees: Mapping[str, Sequence[File]]) -> Mapping[str, Change]:
    changes = {target: _change(out / target, files) for target, files in trees.items()}
    if findings := [finding for wanted in changes.values() for finding in in_the_way(wanted)]:
        raise WriteError(findings)
    return changes


def _change(live: Path, files: Sequence[File]) -> Change:
    _refuse_strangers(live)
    recover(live)
    if os.path.lexists(staging(live)):
        message = f"{staging(live).as_posix()!r} was left by a build that was interrupted, and holds files that meshc did not make"
        raise WriteError([Finding("MC803", message, Origin(staging(live).as_posix()), help="look what they are, then remove the folder")])
    return change(scan(live), files)


def _refuse_strangers(live: Path) -> None:
    """The root of a tree is a real folder, or is not there."""
    shown = live.as_posix()
    if live.is_symlink():
        message = f"{shown!r} is a symbolic link, expected a folder: meshc does not follow links inside the output folder"
        raise WriteError([Finding("MC803", message, Origin(shown), help="give the folder it points to with -o")])
    if os.path.lexists(live) and not live.is_dir():
        message = f"{shown!r} is a file that meshc did not make, expected a folder or nothing"
        raise WriteError([Finding("MC802", message, Origin(shown), help="move it away, or choose another output folder with -o")])


def _replace(out: Path, changes: Sequence[Change]) -> None:
    """All trees are staged before the first is put in place; if one can't be, those before it are taken back."""
    lives = [wanted.tree.root for wanted in changes]
    done: list[tuple[Path, Path | None]] = []
    try:
        for wanted in changes:
            stage(wanted)
        for live in lives:
            done.append((live, put_in_place(live)))  # noqa: PERF401 - what was done is known when one fails
    except BaseException:
        for live, old in reversed(done):
            take_back(live, old)
        discard(lives)
        raise
    sync(out)
    for live, old in done:
        if old is not None:
            _retire_quietly(old, live)


def _retire_quietly(old: Path, live: Path) -> None:
    """The new tree is in place: what can't be removed of the old one is the next build's to try again."""
    try:
        retire(old, live)
    except OSError:
        return


def _missing_folders(out: Path) -> list[Path]:
    return [folder for folder in (out, *out.parents) if not os.path.lexists(folder)]


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _unwritable(out: Path, error: OSError) -> Finding:
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else out.as_posix()
    message = f"cannot write to {out.as_posix()!r}: {reason}" + (f" ({place})" if place != out.as_posix() else "")
    return Finding("MC803", message, Origin(out.as_posix()), help="nothing was changed there; make room or grant access, and build again")
