"""How commands show what is wrong with a mesh, and what exit code that gives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from meshc.cli.terminal import Terminal
from meshc.compile import Compiled, Source, UnknownEnvironmentError, checked, diagnostics, load_mesh, name_of
from meshc.diagnostics import Diagnostic, Finding, Place, Severity, diagnose
from meshc.model import Mesh
from meshc.report import Format, render
from meshc.source import MAX_BYTES, locator
from meshc.target import Target, TargetError, load, unknown, unsupported


def compiled(source: Source, env: str | None) -> Compiled:
    """The mesh of an environment; one that is not there is a mistake in the command."""
    try:
        return load_mesh(source, env)
    except UnknownEnvironmentError as error:
        raise click.BadParameter(str(error), param_hint="--env") from error


def folder_of(source: Source) -> str:
    """What stands before the names of a mesh's files, for one who reads them where the command runs: editors and CI open those."""
    if not isinstance(source, Path):
        return ""
    folder = (source if source.is_dir() else source.parent).as_posix()
    return "" if folder == "." else f"{folder.rstrip('/')}/"


def seen_from_here(found: Iterable[Diagnostic], folder: str) -> list[Diagnostic]:
    """The same diagnostics, with files named from where the command runs."""
    return [replace(one, place=_under(folder, one.place), related=tuple(_under(folder, place) for place in one.related)) for one in found]


def _under(folder: str, place: Place) -> Place:
    return replace(place, file=folder + place.file)


def mesh_or_exit(compiled: Compiled, folder: str, terminal: Terminal, extra: Iterable[Finding] = (), *, rules: bool = False) -> Mesh:
    """
    The mesh, if nothing is wrong with it; else what is wrong is shown and the command ends with 1.

    Warnings are shown on standard error, so that the command's own output stays as it is.
    """
    everything = checked(compiled) if rules else compiled
    found = diagnostics(Compiled(everything.mesh, (*everything.findings, *extra), everything.documents, everything.environments))
    found = seen_from_here(found, folder)
    texts = {folder + file: document.text for file, document in compiled.documents.items()}
    if compiled.mesh is None or any(one.severity is Severity.ERROR for one in found):
        terminal.status("")
        terminal.out(render(found, Format.FULL, texts, colour=terminal.coloured(), width=terminal.width))
        raise click.exceptions.Exit(1)
    if found:
        import sys  # noqa: PLC0415 - the stream as it is now

        text = render(found, Format.FULL, texts, colour=terminal.coloured(sys.stderr), width=terminal.width)
        terminal.say(text.rstrip("\n"))
    return compiled.mesh


def show(findings: Sequence[Finding], terminal: Terminal) -> None:
    """Findings about files that are not the mesh's."""
    found = diagnose(findings, locator({}), name_of)
    terminal.status("")
    terminal.out(render(found, Format.FULL, {}, colour=terminal.coloured(), width=terminal.width))


def texts_of(source: Source, found: Iterable[Diagnostic]) -> Mapping[str, str]:
    """The text of each file that diagnostics point into (as seen from here), as far as it can be read."""
    files = {place.file for one in found for place in (one.place, *one.related)}
    folder = folder_of(source)
    texts = {}
    for file in files:
        content = _content(source, file.removeprefix(folder))
        if content is not None:
            texts[file] = content.decode("utf-8-sig", errors="replace")
    return texts


def _content(source: Source, file: str) -> bytes | None:
    if not isinstance(source, Path):
        return source.get(file)
    place = source / file if source.is_dir() else source.parent / file
    try:
        return place.read_bytes() if place.is_file() and place.stat().st_size <= MAX_BYTES else None
    except (OSError, ValueError):
        return None


def targets_or_exit(names: Iterable[str]) -> tuple[Target, ...]:
    """The targets that the command line names."""
    try:
        return tuple(load(name) for name in dict.fromkeys(names))
    except TargetError as error:
        raise click.BadParameter(str(error), param_hint="--target") from error


def target_findings(mesh: Mesh, asked: Sequence[Target]) -> tuple[Finding, ...]:
    """What targets can't express: those that are asked for and, where none is, the mesh's own."""
    if asked:
        return tuple(finding for target in asked for finding in unsupported(mesh, target))
    names = [options.name for options in mesh.targets]
    found = unknown(names, mesh)
    if found:
        return found
    return tuple(finding for name in names for finding in unsupported(mesh, load(name)))
