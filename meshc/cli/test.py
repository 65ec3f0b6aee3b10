"""`meshc test`."""

from pathlib import Path

import click

from meshc.cli.options import env_option, path_argument
from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

EXAMPLES = """\
\b
Examples:
  meshc test                          the tests of the mesh here
  meshc test shop --env prod          the same in an environment
  meshc test --name 'admin*'          only some
  meshc test --format junit > report.xml

\b
A test in the mesh:
  tests:
    - name: anyone reads a user
      via: public
      request: {host: shop.example.com, path: /api/v1/users/7}
      expect: {reaches: users}
"""


@click.command("test", epilog=EXAMPLES)
@path_argument
@env_option
@click.option(
    "--format",
    "-f",
    "shape",
    type=click.Choice(["text", "junit", "json"]),
    default="text",
    show_default=True,
    help="How results are shown.",
)
@click.option("--name", "-k", "glob", metavar="GLOB", help="Only tests whose name matches, as in 'admin*'.")
@terminal_options
@pass_terminal
def command(terminal: Terminal, path: Path, env: str | None, shape: str, glob: str | None) -> int:
    """
    Run the tests that a mesh states.

    Each asks the mesh's meaning about one request; nothing is sent anywhere. A failure shows what came instead and the lines that say so.
    """
    from fnmatch import fnmatchcase  # noqa: PLC0415 - help must not wait for it

    from meshc.cli.findings import compiled, folder_of, mesh_or_exit  # noqa: PLC0415 - as above
    from meshc.cli.requests import command_of  # noqa: PLC0415 - as above
    from meshc.report.results import Result, render_results  # noqa: PLC0415 - as above
    from meshc.semantics.expectations import check  # noqa: PLC0415 - as above
    from meshc.source import locator  # noqa: PLC0415 - as above

    one = compiled(path, env)
    mesh = mesh_or_exit(one, folder_of(path), terminal)
    tests = [test for test in mesh.tests if glob is None or fnmatchcase(test.name, glob)]
    if mesh.tests and not tests:
        raise click.BadParameter(f"no test is called {glob!r}; there are {len(mesh.tests)} tests", param_hint="--name")
    results = [Result(check(mesh, test), command_of(mesh, test, str(path), env)) for test in tests]
    locate = locator(one.documents, folder_of(path))
    terminal.out(render_results(results, shape, locate, colour=terminal.coloured(), width=terminal.width))
    return 1 if any(result.failure is not None for result in results) else 0
