"""`meshc fmt`."""

import difflib
from collections.abc import Iterator
from pathlib import Path

import click

from meshc.cli.options import UnwritableError, path_argument
from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

EXAMPLES = """\
\b
Examples:
  meshc fmt                 lay out the files of the mesh here
  meshc fmt shop --check    would anything change? (exit 1 if so)
  meshc fmt shop --diff     show what would change
"""


@click.command("fmt", epilog=EXAMPLES)
@path_argument
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@terminal_options
@pass_terminal
def command(terminal: Terminal, path: Path, check: bool, diff: bool) -> int:  # noqa: FBT001 - click's signature
    """
    Lay out the files of a mesh.

    One indentation and no stray blanks; comments, quotes and the order of keys stay. The meaning never changes: a file that can't be laid
    out without that is left as it is, and named.
    """
    from meshc.fmt import UntidyError, tidy  # noqa: PLC0415 - help must not wait for it
    from meshc.load import find  # noqa: PLC0415 - as above

    folder = path if path.is_dir() else path.parent
    contents, _ = find(path)
    changed, refused = 0, 0
    for name, content in sorted(contents.items()):
        try:
            better = tidy(name, content)
        except UntidyError as error:
            refused += 1
            terminal.say(f"{folder / name}: left as it is: {error}")
            continue
        if better == content:
            continue
        changed += 1
        if diff:
            terminal.out("".join(_diff(str(folder / name), content, better)))
        elif check:
            terminal.out(f"{folder / name}\n")
        else:
            _write(folder / name, better)
            terminal.out(f"laid out {folder / name}\n")
    terminal.say(f"{changed} of {len(contents)} files {'would change' if check or diff else 'changed'}")
    return 1 if refused or (changed and (check or diff)) else 0


def _diff(name: str, before: bytes, after: bytes) -> Iterator[str]:
    lines = (text.decode("utf-8-sig").splitlines(keepends=True) for text in (before, after))
    old, new = lines
    yield from difflib.unified_diff(old, new, name, name)


def _write(file: Path, content: bytes) -> None:
    """Replaces the file whole: a crash leaves the old one or the new one."""
    import os  # noqa: PLC0415 - only where something is written
    import tempfile  # noqa: PLC0415 - as above

    real = file.resolve()  # behind a link, the file and not the link is replaced
    try:
        with tempfile.NamedTemporaryFile(dir=real.parent, prefix=f".{real.name}.", delete=False) as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        os.chmod(new.name, real.stat().st_mode & 0o7777)  # noqa: PTH101 - by the name that it was made under
        os.replace(new.name, real)  # noqa: PTH105 - as above
    except OSError as error:
        raise UnwritableError(str(file), error.strerror) from error
