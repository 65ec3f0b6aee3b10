"""The options and arguments that several commands share, with one spelling and one meaning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

C = TypeVar("C", bound=Callable[..., Any])

MESH: Final = click.Path(exists=True, path_type=Path)


class UnwritableError(click.FileError):
    """A file that a command was told to write, and can't: no finding about the mesh, so not the code of one."""

    exit_code = 2


def path_argument(command: C) -> C:
    """The mesh: a file or a folder."""
    return click.argument("path", type=MESH, default=".", metavar="[PATH]")(command)


def env_option(command: C) -> C:
    """The environment."""
    return click.option("--env", "-e", metavar="ENV", help="Lay the overlays environments/ENV.yaml over the mesh.")(command)


def target_option(command: C) -> C:
    """Targets, several times."""
    return click.option(
        "--target",
        "-t",
        "targets",
        multiple=True,
        metavar="TARGET",
        help="A target; may be given several times. Default: those of mesh.targets.",
    )(command)
