"""`meshc targets`."""

import click

from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

EXAMPLES = """\
\b
Examples:
  meshc targets
  meshc targets --format json | jq '.targets[].name'

\b
A target is a package; `pip install` of another one adds a column. What a
target does not express exactly is an error at the line that needs it.
"""


@click.command("targets", epilog=EXAMPLES)
@click.option(
    "--format", "-f", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the table is shown."
)
@terminal_options
@pass_terminal
def command(terminal: Terminal, shape: str) -> int:
    """
    List what a mesh can be built for.

    A row a feature of the language, a column a target.
    """
    from meshc.features import Feature  # noqa: PLC0415 - help must not wait for it
    from meshc.report.pages import Column, feature_table, features_as_json  # noqa: PLC0415 - as above
    from meshc.target import TargetError, installed, load  # noqa: PLC0415 - as above

    columns = []
    for name in installed():
        try:
            target = load(name)
        except TargetError as error:
            terminal.say(str(error))
            continue
        columns.append(Column(target.name, target.title, frozenset(feature.value for feature in target.supports)))
    features = [feature.value for feature in Feature]
    if shape == "json":
        terminal.out(features_as_json(features, columns))
    else:
        terminal.out(feature_table(features, columns, colour=terminal.coloured()))
    return 0
