"""`meshc completion`."""

import click

from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

EXAMPLES = """\
\b
Examples:
  meshc completion bash > ~/.local/share/bash-completion/completions/meshc
  meshc completion zsh > ~/.zfunc/_meshc
  meshc completion fish > ~/.config/fish/completions/meshc.fish
"""


@click.command("completion", epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@terminal_options
@pass_terminal
@click.pass_context
def command(ctx: click.Context, terminal: Terminal, shell: str) -> int:
    """
    Print a script that completes commands in a shell.

    Put it where the shell looks for completions, then start a new shell.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - help must not wait for it

    made = get_completion_class(shell)
    assert made is not None, shell  # noqa: S101 - click brings these three
    terminal.out(made(ctx.find_root().command, {}, "meshc", "_MESHC_COMPLETE").source() + "\n")
    return 0
