"""How a run talks to the one who started it: colours, width, what goes to which stream, and progress where somebody watches."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TextIO, TypeVar

import click

C = TypeVar("C", bound=Callable[..., Any])

WIDEST: Final = 120  # longer lines are hard to read


@dataclass(slots=True)
class Terminal:
    """What the options say of it; a command is given it by click as the context's object."""

    color: str = "auto"
    debug: bool = False
    showing: bool = False  # whether a line of progress stands there now

    def coloured(self, stream: TextIO | None = None) -> bool:
        """Whether a stream gets colours: the option decides, then FORCE_COLOR and NO_COLOR, then whether a person sees it."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return True
        return _is_terminal(stream or sys.stdout) and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return min(shutil.get_terminal_size().columns, WIDEST)

    @property
    def watched(self) -> bool:
        """Whether a person reads standard output, rather than a program."""
        return _is_terminal(sys.stdout)

    @property
    def debugging(self) -> bool:
        """Whether tracebacks are wanted."""
        return self.debug or os.environ.get("MESHC_DEBUG", "0") not in ("", "0")

    def out(self, text: str) -> None:
        """Text for standard output, as it is."""
        sys.stdout.write(text)

    def say(self, line: str) -> None:
        """A line for the person, beside the output."""
        self.status("")
        click.echo(line, err=True, color=self.coloured(sys.stderr))

    def status(self, text: str) -> None:
        """What is being done, on a line that the next one replaces; only where a person watches."""
        if (text or self.showing) and _is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            self.showing = bool(text)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def terminal_options(command: C) -> C:
    """`--color` and `--debug`, which stand before or after the command's name."""
    color = click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        expose_value=False,
        callback=_set_color,
        help="When to colour. Default: auto, which heeds NO_COLOR and FORCE_COLOR.",
    )
    debug = click.option("--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show the traceback of a bug.", hidden=True)
    return color(debug(command))


def _set_color(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    del param
    if value is not None:
        terminal_of(ctx).color = value


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    del param
    if value:
        terminal_of(ctx).debug = True


def terminal_of(ctx: click.Context) -> Terminal:
    """The terminal of a run."""
    return ctx.ensure_object(Terminal)


pass_terminal = click.make_pass_decorator(Terminal, ensure=True)
