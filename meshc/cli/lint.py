"""`meshc lint`."""

import sys
from pathlib import Path

import click

from meshc.cli.options import UnwritableError, target_option
from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

EXAMPLES = """\
\b
Examples:
  meshc lint                              the mesh here, in all environments
  meshc lint shop --env prod              one environment only
  meshc lint --format json | jq '.diagnostics[].message'
  meshc lint --target istio               what Istio could not express
  cat mesh.yaml | meshc lint - --stdin-filename mesh.yaml

\b
Exit codes: 0 no findings, 1 findings, a warning alone too, 2 wrong usage.
A build stops at errors only, and shows warnings.

\b
Silence a judgement where it stands, with a reason:
  # meshc: ignore[MC210] both routes answer alike
"""


@click.command("lint", epilog=EXAMPLES)
@click.argument("path", type=click.Path(exists=True, path_type=Path, allow_dash=True), default=".", metavar="[PATH]")
@click.option("--env", "-e", metavar="ENV", help="Only this environment. Default: the mesh itself and every environment.")
@click.option(
    "--format",
    "-f",
    "shape",
    type=click.Choice(["full", "concise", "json"]),
    default="full",
    show_default=True,
    help="How findings are shown.",
)
@click.option("--output-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report there instead of standard output.")
@target_option
@click.option("--stdin-filename", default="mesh.yaml", show_default=True, metavar="NAME", help="What to call the text when PATH is `-`.")
@terminal_options
@pass_terminal
def command(  # noqa: PLR0917 - one parameter an option
    terminal: Terminal, path: Path, env: str | None, shape: str, output_file: Path | None, targets: tuple[str, ...], stdin_filename: str
) -> int:
    """
    Say what is wrong with a mesh.

    PATH is a file or a folder, `-` is standard input. Checks the files, every reference, the rules, the tests that the mesh states, and
    what its targets can't express; in the mesh itself and in every environment.
    """
    from meshc.cli.findings import compiled, folder_of, seen_from_here, target_findings, targets_or_exit, texts_of  # noqa: PLC0415 - help must not wait for it
    from meshc.compile import Compiled, checked, diagnostics, lint  # noqa: PLC0415 - as above
    from meshc.report import render  # noqa: PLC0415 - as above

    asked = targets_or_exit(targets)
    source = {stdin_filename: sys.stdin.buffer.read()} if str(path) == "-" else path
    terminal.status("linting")
    if env is None:
        found = lint(source, lambda mesh: target_findings(mesh, asked))
    else:
        one = checked(compiled(source, env))
        extra = () if one.mesh is None else target_findings(one.mesh, asked)
        found = diagnostics(Compiled(one.mesh, (*one.findings, *extra), one.documents, one.environments))
    found = seen_from_here(found, folder_of(source))
    terminal.status("")
    colour = terminal.coloured() and output_file is None
    text = render(found, shape, texts_of(source, found), colour=colour, width=terminal.width)
    if output_file is None:
        terminal.out(text)
    else:
        _write(output_file, text)
    if not found:
        terminal.say("no findings")
    return 1 if found else 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnwritableError(str(file), error.strerror) from error
