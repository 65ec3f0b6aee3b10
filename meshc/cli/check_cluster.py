"""`meshc check-cluster`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.options import env_option, path_argument
from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

if TYPE_CHECKING:
    from meshc.target import ChecksSettings

EXAMPLES = """\
\b
Examples:
  kubectl get configmap istio -n istio-system -o yaml > istio.yaml
  meshc check-cluster --istio-config istio.yaml
  kubectl get configmap istio -n istio-system -o yaml |
    meshc check-cluster shop --env prod --istio-config -

\b
Exit codes: 0 all is there, 1 something lacks or the mesh has mistakes,
2 the file holds no settings or can't be read.
"""

FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


class _ByTarget(click.Command):
    """The command, with an option for each installed target that can read settings."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Those options, then the others."""
        options = (
            click.Option(
                [_option(name), f"config_{number}"],
                type=FILE,
                metavar="FILE",
                help=f"A cluster's settings of {name}, as it prints them (below); `-` is standard input.",
            )
            for number, (name, _) in enumerate(_checking())
        )
        return [*options, *super().get_params(ctx)]


def _option(name: str) -> str:
    return f"--{name}-config"


def _checking() -> "Iterator[tuple[str, ChecksSettings]]":
    """The installed targets that can read settings, in the order of their names."""
    from meshc.target import ChecksSettings, TargetError, installed, load  # noqa: PLC0415 - only this command waits for it

    for name in installed():
        try:
            target = load(name)
        except TargetError:  # `meshc targets` says why
            continue
        if isinstance(target, ChecksSettings):
            yield name, target


@click.command("check-cluster", cls=_ByTarget, epilog=EXAMPLES)
@path_argument
@env_option
@terminal_options
@pass_terminal
def command(terminal: Terminal, /, path: Path, env: str | None, **configs: Path | None) -> int:
    """
    Say whether a cluster has the settings that a mesh relies on.

    meshc talks to no cluster: it reads what one prints, names each setting that is missing or different, and shows what to add.
    """
    from meshc.cli.findings import compiled, folder_of, mesh_or_exit, target_findings  # noqa: PLC0415 - help must not wait for it
    from meshc.report.settings import report  # noqa: PLC0415 - as above
    from meshc.target import SettingsError, load  # noqa: PLC0415 - as above

    checking = dict(_checking())
    given = {
        name: file for name, file in zip(checking, (configs[f"config_{number}"] for number in range(len(checking))), strict=True) if file
    }
    if not given:
        ways = " or ".join(f"{_option(name)} FILE (what `{one.settings_from}` prints)" for name, one in checking.items())
        raise click.UsageError(f"which cluster? expected {ways or 'a target that can read settings, and none that is installed can'}")
    if sum(str(file) == "-" for file in given.values()) > 1:
        raise click.UsageError("standard input can be only one of them")
    texts = {name: _text(name, file) for name, file in given.items()}
    one = compiled(path, env)
    extra = () if one.mesh is None else target_findings(one.mesh, [load(name) for name in given])
    mesh = mesh_or_exit(one, folder_of(path), terminal, extra)
    code = 0
    for name, text in texts.items():
        shown = "standard input" if str(given[name]) == "-" else str(given[name])
        try:
            settings = checking[name].check_settings(mesh, text)
        except SettingsError as error:
            place = f"{shown}:{error.line}" if error.line else shown
            raise click.BadParameter(f"{place}: {error}", param_hint=_option(name)) from error
        into = checking[name].settings_into
        terminal.out(report(settings, shown, into, colour=terminal.coloured(), width=terminal.width))
        code = 1 if settings.lacking else code
    return code


def _text(name: str, file: Path) -> bytes:
    from meshc.source import MAX_BYTES  # noqa: PLC0415 - help must not wait for it

    try:
        if str(file) == "-":
            text = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                text = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint=_option(name)) from error
    if len(text) > MAX_BYTES:
        raise click.BadParameter(f"{file}: more than {MAX_BYTES // 1024 // 1024} MiB", param_hint=_option(name))
    return text
