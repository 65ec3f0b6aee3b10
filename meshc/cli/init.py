"""`meshc init`."""

from pathlib import Path

import click

from meshc.cli.options import UnwritableError
from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

EXAMPLES = """\
\b
Examples:
  meshc init             write mesh.yaml here
  meshc init shop        write shop/mesh.yaml
  meshc lint shop && meshc test shop && meshc build shop
"""


@click.command("init", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="[DIR]")
@terminal_options
@pass_terminal
def command(terminal: Terminal, folder: Path) -> int:
    """
    Write a first mesh, with comments.

    It lints clean, its tests pass, and it builds. The JSON Schema is written beside it, so that editors complete and check it. Nothing is
    ever overwritten.
    """
    from meshc.cli.schema import schema_text  # noqa: PLC0415 - help must not wait for it
    from meshc.starter import FILE, SCHEMA, STARTER  # noqa: PLC0415 - as above

    texts = {FILE: STARTER, SCHEMA: schema_text()}
    if there := [name for name in texts if (folder / name).exists() or (folder / name).is_symlink()]:
        raise click.UsageError(f"{folder / there[0]} is there already, and is not overwritten; name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (folder / name).open("x", encoding="utf-8") as opened:
                opened.write(text)
    except OSError as error:
        raise UnwritableError(str(folder), error.strerror) from error
    where = "" if str(folder) == "." else f" {folder}"
    terminal.out(f"wrote {folder / FILE}\n\nnext:\n" + "".join(f"  meshc {name}{where}\n" for name in ("lint", "test", "build")))
    return 0
