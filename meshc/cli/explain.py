"""`meshc explain`."""

from typing import TYPE_CHECKING

import click

from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

if TYPE_CHECKING:
    from meshc.report.pages import Page

WHOLE = 10_000
"""A width that cuts nothing: what another program reads is never cut."""

EXAMPLES = """\
\b
Examples:
  meshc explain                   all codes
  meshc explain MC101
  meshc explain unknown-service   the same, by name
"""


@click.command("explain", epilog=EXAMPLES)
@click.argument("code", required=False)
@terminal_options
@pass_terminal
def command(terminal: Terminal, code: str | None) -> int:
    """
    Explain a code such as MC101.

    What is wrong, why it hurts, what to do, and an example of each.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - help must not wait for it

    from meshc.report.pages import contents, page  # noqa: PLC0415 - as above

    every = pages()
    if code is None:
        terminal.out(contents(every, colour=terminal.coloured(), width=terminal.width if terminal.watched else WHOLE))
        return 0
    for one in every:
        if code.upper() == one.code or code.lower() == one.name:
            terminal.out(page(one, colour=terminal.coloured(), width=terminal.width))
            return 0
    near = get_close_matches(code, [*(one.code for one in every), *(one.name for one in every)], n=1)
    raise click.UsageError(f"no code {code!r}{f'; did you mean {near[0]}?' if near else ''}; `meshc explain` lists all")


def pages() -> list["Page"]:
    """The pages of all codes, in their order."""
    from meshc.codes import CODES  # noqa: PLC0415 - help must not wait for it
    from meshc.report.pages import Page  # noqa: PLC0415 - as above
    from meshc.rules import rules  # noqa: PLC0415 - as above

    catalogue = [Page(one.code, one.name, one.severity.value, one.page) for one in CODES.values()]
    judged = [Page(one.code, one.name, one.severity.value, one.doc) for one in rules()]
    return sorted((*catalogue, *judged), key=lambda one: one.code)
