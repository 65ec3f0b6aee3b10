"""The command line as a whole: which commands there are, and how a run ends."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from meshc import __version__
from meshc.cli.terminal import Terminal, terminal_options

COMMANDS: Final = {
    "init": "Write a first mesh, with comments.",
    "lint": "Say what is wrong with a mesh.",
    "test": "Run the tests that a mesh states.",
    "trace": "Show what happens to one request, and why.",
    "build": "Compile a mesh into configuration files.",
    "check-cluster": "Say whether a cluster has the settings that a mesh relies on.",
    "fmt": "Lay out the files of a mesh.",
    "targets": "List what a mesh can be built for.",
    "explain": "Explain a code such as MC101.",
    "schema": "Print the JSON Schema of the language.",
    "completion": "Print a script that completes commands in a shell.",
}
"""The commands in the order a newcomer needs them, each with its line in `--help`; a module is loaded when its command is asked for."""

EXAMPLES: Final = """\
\b
Examples:
  meshc init                          write a first mesh.yaml here
  meshc lint                          say what is wrong with it
  meshc build --target istio -o out   compile it
  meshc trace --from web GET http://users/

\b
Exit codes: 0 clean, 1 findings, 2 wrong usage or configuration, 3 a bug.
"""

INTERNAL: Final = 3
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count
BROKEN_PIPE: Final = 141  # 128 + SIGPIPE


class Commands(click.Group):
    """The group, whose commands are modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        import importlib  # noqa: PLC0415 - only the command that is asked for is loaded

        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for, or the nearest one as a hint."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

            near = get_close_matches(args[0], COMMANDS, n=1)
            raise click.UsageError(f"no command {args[0]!r}{f'; did you mean {near[0]!r}?' if near else ''}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="meshc", message="%(prog)s %(version)s")
@terminal_options
def group() -> None:
    """
    Compile and check service meshes.

    One readable spec says who calls whom, how traffic is routed and who may get in; meshc proves it consistent and compiles it.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and ends the process with its exit code."""
    # A run builds large trees, makes hardly any cycles, and ends: the collector would walk the trees over and over (benchmarks/growth.py).
    gc.disable()
    try:
        _main(sys.argv[1:] if arguments is None else list(arguments))
    finally:
        gc.enable()


def _main(arguments: list[str]) -> NoReturn:
    terminal = Terminal()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a narrow encoding must not turn a message into a traceback
    try:
        code = _run(arguments, terminal)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _silence_stdout()
        sys.exit(BROKEN_PIPE)
    except Exception as error:  # noqa: BLE001 - the last resort
        _report_bug(error, terminal)
        sys.exit(INTERNAL)
    sys.exit(code)


def _run(arguments: list[str], terminal: Terminal) -> int:
    """
    The exit code of a command.

    click's own `main` would turn a reader that has gone into 1, which is the code for findings.
    """
    if instruction := os.environ.get("_MESHC_COMPLETE"):
        from click.shell_completion import shell_complete  # noqa: PLC0415 - only for a shell that completes

        return shell_complete(group, {}, "meshc", "_MESHC_COMPLETE", instruction)
    try:
        with group.make_context("meshc", arguments, obj=terminal) as context:
            code = group.invoke(context)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    finally:
        terminal.status("")
    return code if isinstance(code, int) else 0


def _silence_stdout() -> None:
    """Nobody reads any more: what is still buffered must not fail again when the interpreter ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - lives as long as the process


def _report_bug(error: Exception, terminal: Terminal) -> None:
    import traceback  # noqa: PLC0415 - only for a bug

    frame = traceback.extract_tb(error.__traceback__)[-1]
    if terminal.debugging:
        traceback.print_exception(error)
    place = f"{os.path.basename(os.path.dirname(frame.filename))}/{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119, PTH120
    text = " ".join(str(error).split())[:300]
    click.echo(
        f"meshc {__version__} failed: {type(error).__name__}{f': {text}' if text else ''} ({place})\n"
        "This is a bug in meshc or in a target, not in your mesh; nothing was written. Please report it with this message,\n"
        "the command, and the smallest mesh that shows it. `--debug` or MESHC_DEBUG=1 prints the traceback.",
        err=True,
    )
