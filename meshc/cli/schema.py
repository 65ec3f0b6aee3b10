"""`meshc schema`."""

import json
from pathlib import Path

import click

from meshc.cli.options import UnwritableError
from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

FILE = "mesh.v1.json"

EXAMPLES = """\
\b
Examples:
  meshc schema > mesh.v1.json
  meshc schema -o schemas            write schemas/mesh.v1.json
  meshc schema -o schemas --check    is that file up to date?

\b
In an editor with yaml-language-server, at the top of a file of the mesh:
  # yaml-language-server: $schema=mesh.v1.json
"""


@click.command("schema", epilog=EXAMPLES)
@click.option("--output", "-o", "folder", type=click.Path(file_okay=False, path_type=Path), help=f"Write {FILE} into this folder.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the file differs. Default of -o: schemas.")
@terminal_options
@pass_terminal
def command(terminal: Terminal, folder: Path | None, check: bool) -> int:  # noqa: FBT001 - click's signature
    """
    Print the JSON Schema of the language.

    Editors complete and check a mesh with it.
    """
    text = schema_text()
    if check:
        return _check((folder or Path("schemas")) / FILE, text, terminal)
    if folder is None:
        terminal.out(text)
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnwritableError(str(folder / FILE), error.strerror) from error
    terminal.out(f"wrote {folder / FILE}\n")
    return 0


def schema_text() -> str:
    """The schema as a file holds it."""
    from meshc.schema import json_schema  # noqa: PLC0415 - help must not wait for it

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _check(file: Path, text: str, terminal: Terminal) -> int:
    try:
        there = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        there = ""
    if there == text:
        return 0
    terminal.out(f"{file} is not the schema of this version; run `meshc schema -o {file.parent}`\n")
    return 1
