"""`meshc build`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.options import env_option, path_argument, target_option
from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

if TYPE_CHECKING:
    from meshc.diagnostics import Locate
    from meshc.model import Mesh
    from meshc.target import File, Target

EXAMPLES = """\
\b
Examples:
  meshc build                             for mesh.targets, into ./out
  meshc build shop --target istio -o deploy --env prod
  meshc build --check                     is the committed output up to date?
  meshc build -o - | kubectl apply --server-side -f -
  kubectl apply --server-side -k out/istio

\b
The whole tree OUT/TARGET changes at one instant, or not at all. Files that
meshc no longer makes are removed; files it did not make are never touched.
"""


@click.command("build", epilog=EXAMPLES)
@path_argument
@target_option
@env_option
@click.option(
    "--output", "-o", "out", metavar="DIR", help="Where to write; `-` is standard output. Default: the folder `out` beside the mesh."
)
@click.option("--check", is_flag=True, help="Write nothing; show what a build would change, and exit with 1 if it would.")
@click.option("--quiet", "-q", is_flag=True, help="Leave out the checklist: what must be there for the files to do their work.")
@click.option("--allow-empty", is_flag=True, help="Allow a target to make no file.")
@terminal_options
@pass_terminal
def command(  # noqa: PLR0917 - one parameter an option
    terminal: Terminal,
    path: Path,
    targets: tuple[str, ...],
    env: str | None,
    out: str | None,
    check: bool,  # noqa: FBT001 - click's signature
    quiet: bool,  # noqa: FBT001 - as above
    allow_empty: bool,  # noqa: FBT001 - as above
) -> int:
    """
    Compile a mesh into configuration files.

    Nothing is written where anything is wrong with the mesh, or where a target could not say exactly what the mesh says.
    """
    from meshc.cli.findings import compiled, folder_of, mesh_or_exit, target_findings, targets_or_exit  # noqa: PLC0415 - help must not wait for it
    from meshc.report.changes import checklist  # noqa: PLC0415 - as above
    from meshc.source import locator  # noqa: PLC0415 - as above
    from meshc.target import TargetError, load  # noqa: PLC0415 - as above

    if check and out == "-":
        raise click.UsageError("--check compares with files: it needs a folder, not `-o -`")
    asked = targets_or_exit(targets)
    terminal.status("reading")
    one = compiled(path, env)
    extra = () if one.mesh is None else target_findings(one.mesh, asked)
    mesh = mesh_or_exit(one, folder_of(path), terminal, extra, rules=True)
    try:
        chosen = asked or tuple(load(options.name) for options in mesh.targets)
    except TargetError as error:
        raise click.UsageError(str(error)) from error
    if not chosen:
        raise click.UsageError("no target: name one with --target, or write it in the mesh: mesh: {targets: {istio: {}}}")
    trees = {target.name: _made(target, mesh, terminal) for target in chosen}
    if not allow_empty and (empty := [name for name, files in trees.items() if not files]):
        raise click.UsageError(f"target {', '.join(empty)} makes no file of this mesh; --allow-empty takes that for an answer")
    locate = locator(one.documents, folder_of(path))
    # What is told is asked for before anything is written: a target that fails there writes nothing.
    if out == "-":
        told = [_given_up(target, mesh, locate, terminal, colour=terminal.coloured(sys.stderr)) for target in chosen]
        return _to_stdout(trees, told, terminal)
    folder = Path(out) if out is not None else (path if path.is_dir() else path.parent) / "out"
    if check:
        code = _checked(folder, trees, terminal)
    else:
        told = [
            _given_up(target, mesh, locate, terminal, colour=terminal.coloured())
            + checklist(target.summary(mesh), quiet=quiet, width=terminal.width)
            for target in chosen
        ]
        code = _written(folder, trees, told, terminal)
    if not asked:
        _name_others(folder, trees, terminal)
    return code


def _made(target: "Target", mesh: "Mesh", terminal: Terminal) -> tuple["File", ...]:
    terminal.status(f"compiling for {target.name}")
    return tuple(sorted(target.emit(mesh), key=lambda file: file.path.as_posix()))


def _to_stdout(trees: Mapping[str, Sequence["File"]], told: Sequence[str], terminal: Terminal) -> int:
    from meshc.output import stream  # noqa: PLC0415 - help must not wait for it

    text, left_out = stream(trees)
    terminal.status("")
    if not text and left_out:
        raise click.UsageError("these files are no Kubernetes objects and can't be written as one text; name a folder with -o")
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
    for lines in filter(None, told):
        terminal.say(lines.rstrip("\n"))
    if left_out:
        terminal.say(f"left out, since they are no Kubernetes objects: {', '.join(left_out)}")
    return 0


def _checked(folder: Path, trees: Mapping[str, Sequence["File"]], terminal: Terminal) -> int:
    from meshc.cli.findings import show  # noqa: PLC0415 - help must not wait for it
    from meshc.output import WriteError, check  # noqa: PLC0415 - as above
    from meshc.report.changes import drifts  # noqa: PLC0415 - as above

    try:
        found = check(folder, trees)
    except WriteError as error:
        show(error.findings, terminal)
        return 1
    terminal.status("")
    if found:
        terminal.out(drifts([(one.path, one.kind.value, one.diff) for one in found], colour=terminal.coloured()))
        return 1
    count = sum(map(len, trees.values()))
    terminal.out(f"{folder} is what the mesh builds to: {count:,} file{'s' * (count != 1)}\n")
    return 0


def _given_up(target: "Target", mesh: "Mesh", locate: "Locate", terminal: Terminal, *, colour: bool) -> str:
    """What every build says of a target's files: approximations that the mesh accepts, and what goes through the engine's back door."""
    from meshc.report.changes import given_up  # noqa: PLC0415 - help must not wait for it
    from meshc.target import OpensBackDoors  # noqa: PLC0415 - as above

    accepted = [(name, target.acceptable.get(name, "")) for one in mesh.targets if one.name == target.name for name in one.accept]
    doors = []
    if isinstance(target, OpensBackDoors):
        for door in target.back_doors(mesh):
            place = locate(door.origin)
            doors.append((door.made, door.why, f"{place.file}:{place.span.line}"))
    return given_up(sorted(accepted), doors, colour=colour, width=terminal.width)


def _written(folder: Path, trees: Mapping[str, Sequence["File"]], told: Sequence[str], terminal: Terminal) -> int:
    from meshc.cli.findings import show  # noqa: PLC0415 - help must not wait for it
    from meshc.output import WriteError, kind_of, write  # noqa: PLC0415 - as above
    from meshc.report.changes import written  # noqa: PLC0415 - as above

    terminal.status("writing")
    try:
        done = write(folder, trees)
    except WriteError as error:
        show(error.findings, terminal)
        return 1
    terminal.status("")
    for one, text in zip(done, told, strict=True):
        kinds = {file.path.as_posix(): kind_of(file) for file in trees[one.target]}
        terminal.out(written(one, kinds, colour=terminal.coloured(), width=terminal.width) + text)
    return 0


def _name_others(folder: Path, trees: Mapping[str, Sequence["File"]], terminal: Terminal) -> None:
    """A target that the mesh no longer names leaves its tree behind: only the user knows whether it is still deployed."""
    from meshc.output import left_alone  # noqa: PLC0415 - help must not wait for it

    for other in left_alone(folder, trees):
        terminal.say(f"{other} was built for a target that the mesh does not name; remove the folder if nothing uses it")
