"""What a target is: a package found by its entry point that turns a Mesh into files, and says what it can't express."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import PurePosixPath
from typing import Protocol, runtime_checkable

from meshc.diagnostics import Finding, Origin
from meshc.features import Feature, used
from meshc.model import Mesh

GROUP = "meshc.targets"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a build: `path` is relative to `<out>/<target>/`, `content` its exact bytes."""

    path: PurePosixPath
    content: bytes


@runtime_checkable
class Target(Protocol):
    """
    A back-end. Third parties' targets look exactly like the bundled ones.

    `supports` are the language features it expresses exactly; a mesh that uses another one is an error at its line before `emit` is called.
    `acceptable` are the approximations that a user may accept by name (`mesh.targets.<name>.accept`), each with what it gives up.
    `check` gives what no feature name can say: combinations, versions, options. `emit` is pure: no disk, clock, randomness or environment.
    `summary` is a checklist for a person: what has to be there for the files to do what the mesh says, such as settings of the control
    plane. Each line begins with `you must`, the most important one comes first; what follows a line break is a command or setting, kept
    whole. A line that begins otherwise is a note, which `--quiet` does not hide.

    A target may do more: `OpensBackDoors`, `ChecksSettings`.
    """

    name: str
    title: str
    supports: frozenset[Feature]
    acceptable: Mapping[str, str]

    def check(self, mesh: Mesh) -> Iterable[Finding]: ...
    def emit(self, mesh: Mesh) -> Iterable[File]: ...
    def summary(self, mesh: Mesh) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class BackDoor:
    """Something a target made in its engine's back door, since no object says it: `made` names it, `origin` is what asks for it."""

    made: str
    why: str
    origin: Origin


@runtime_checkable
class OpensBackDoors(Protocol):
    """A target some of whose files speak to the engine behind the engine: every build names them, each with the line that asks for it."""

    def back_doors(self, mesh: Mesh) -> Iterable[BackDoor]: ...


@dataclass(frozen=True, slots=True)
class Setting:
    """
    A setting that a build relies on and that an engine does not have so.

    `wanted` and `found` are short texts in the engine's own syntax, `found` is None where nothing is said; `why` says what goes wrong.
    """

    name: str
    wanted: str
    found: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What an engine's settings say of those that a build relies on.

    `asked` are the names of all that were looked for, `lacking` those that are not as the build needs them, `remedy` is the text that
    gives all of these at once, `unseen` are settings that the text given can't show.
    """

    asked: tuple[str, ...]
    lacking: tuple[Setting, ...]
    remedy: str
    unseen: tuple[str, ...] = ()


class SettingsError(Exception):
    """A text that holds no settings, or can't be read; the message says what was expected. `line` counts from 1, 0 is the whole text."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@runtime_checkable
class ChecksSettings(Protocol):
    """
    A target whose files rely on settings of a control plane, and that can read them from what such a one prints.

    `settings_from` says for a person where that text comes from and `settings_into` where the remedy goes; `check_settings` is pure, and
    raises SettingsError for a text that it can't use.
    """

    settings_from: str
    settings_into: str

    def check_settings(self, mesh: Mesh, text: bytes) -> Settings: ...


class TargetError(Exception):
    """A target that can't be had; the message is fit for a diagnostic."""


def installed() -> Mapping[str, tuple[EntryPoint, ...]]:
    """The targets that packages bring, by name, sorted; more than one of a name is a mistake that `load` refuses."""
    found: dict[str, dict[str, EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, {}).setdefault(point.value, point)
    return {name: tuple(points[value] for value in sorted(points)) for name, points in sorted(found.items())}


def load(name: str) -> Target:
    """The target of that name, or a TargetError."""
    known = installed()
    points = known.get(name, ())
    if not points:
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise TargetError(f"no target {name!r} is installed, expected one of {', '.join(known) or 'none'}{hint}")
    if len(points) > 1:
        raise TargetError(f"target {name!r} is brought by {' and '.join(point.value for point in points)}, expected one package")
    try:
        target = points[0].load()
    except Exception as error:  # a third party's package may fail in any way
        raise TargetError(f"target {name!r} ({points[0].value}) can't be loaded: {error}") from error
    if not isinstance(target, Target):
        raise TargetError(f"target {name!r} ({points[0].value}) is no target: it lacks name, title, supports, check, emit or summary")
    return target


def unknown(names: Iterable[str], mesh: Mesh) -> tuple[Finding, ...]:
    """Targets that can't be had, at the place in the mesh that names them."""
    places = {options.name: options.origin for options in mesh.targets}
    found = []
    for name in names:
        try:
            load(name)
        except TargetError as error:
            found.append(Finding("MC504", str(error), places.get(name, mesh.origin), help="`meshc targets` lists those that are installed"))
    return tuple(found)


def unsupported(mesh: Mesh, target: Target) -> tuple[Finding, ...]:
    """What the mesh asks of the target that it can't give exactly (L3): empty before `emit` may be called."""
    missing: dict[tuple[Feature, Origin], None] = {}
    for feature, origin in used(mesh):
        if feature not in target.supports:
            missing[feature, origin] = None
    gaps = tuple(
        Finding("MC501", f"target {target.name} can't express {feature}", origin, help="change it, or build for another target")
        for feature, origin in missing
    )
    return (*gaps, *target.check(mesh))
