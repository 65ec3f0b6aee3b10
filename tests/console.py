"""
What pages show as typed and printed: `console` blocks of Markdown, run again in a copy of the examples.

A block that begins with "```yaml NAME" is there too, as a file of that name.

`python tests/console.py` writes what is printed now into the pages.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("meshc", "cat", "ls")
"""What a page may show: programs that every machine has, and none that writes outside the copy."""

_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^```yaml (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MESHC = "import sys; from meshc.cli import main; sys.argv[0] = 'meshc'; main()"


def pages() -> list[Path]:
    """The pages written by hand that may show commands."""
    return sorted([ROOT / "README.md", *ROOT.glob("examples/*/README.md"), *ROOT.glob("docs/guide/*.md")])


def replayed(page: Path) -> str:
    """The page's text with what its commands print now. They run one after the other in one folder with all examples."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples", folder / "examples")
        for file, content in _FILE.findall(text):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(content, encoding="utf-8")
        return _BLOCK.sub(lambda block: "".join(_shown(block[0], folder)), text)


def _shown(block: str, folder: Path) -> Iterator[str]:
    for line in block.splitlines():
        if line.startswith("$ "):
            yield f"{line}\n{_printed(shlex.split(line[2:]), folder)}"


def _printed(command: list[str], folder: Path) -> str:
    program, *arguments = command
    if program not in PROGRAMS:
        raise ValueError(f"a page shows {program!r}, expected one of {', '.join(PROGRAMS)}")
    run = [sys.executable, "-c", _MESHC] if program == "meshc" else [program]
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*run, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    text = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
    return text.lstrip("\n")


if __name__ == "__main__":
    for one in pages():
        one.write_text(replayed(one), encoding="utf-8")
