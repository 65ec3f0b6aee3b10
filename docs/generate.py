"""Writes the pages that code says best: `cli.md` from the commands, `rules.md` from the codes, `targets.md` from what targets support."""  # noqa: INP001 - a script beside pages

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from meshc.cli import COMMANDS, group
from meshc.cli.explain import pages
from meshc.features import Feature
from meshc.target import Target, installed, load

HERE: Final = Path(__file__).resolve().parent
FAMILIES: Final = {
    "0": "Files and schema",
    "1": "References",
    "2": "Routes",
    "3": "Access",
    "4": "Reachability, calls and tests",
    "5": "What a target cannot express",
    "6": "Certificates and TLS",
    "7": "Resilience",
    "8": "Output",
}
EXIT_CODES: Final = """\
| exit code | means |
|---|---|
| 0 | nothing to complain of; a warning is a complaint for `lint` alone, the others show it and go on |
| 1 | something wrong with the mesh, a failed test, drift (`--check`), or a setting that a cluster lacks |
| 2 | wrong usage: an option, a path, an environment, or a file that is not what it should be |
| 3 | a bug in meshc or in a target |
"""
NOTE: Final = "<!-- Written by `make docs`; change the code it comes from instead. -->\n"


def cli_page() -> str:
    """Every command with its help."""
    parts = [f"# Commands\n{NOTE}\n{EXIT_CODES}"]
    with group.make_context("meshc", [], resilient_parsing=True) as root:
        parts.append(_help("meshc", group, root))
        for name in COMMANDS:
            one = group.get_command(root, name)
            if one is not None:
                with one.make_context(name, [], parent=root, resilient_parsing=True) as context:
                    parts.append(_help(f"meshc {name}", one, context))
    return "\n".join(parts)


def _help(title: str, one: click.Command, context: click.Context) -> str:
    context.terminal_width = 100
    text = "\n".join(line.rstrip() for line in one.get_help(context).splitlines())
    return f"## {title}\n```text\n{text}\n```\n"


def rules_page() -> str:
    """Every code with its page, by family."""
    every = pages()
    parts = [f"# Codes\n{NOTE}\n`meshc explain CODE` prints one of them. A code is never used again for something else.\n"]
    for digit, title in FAMILIES.items():
        family = [one for one in every if one.code[2] == digit]
        if family:
            parts.append(
                f"## MC{digit}xx: {title}\n" + "".join(f"- [{one.code}](#{one.code.lower()}-{one.name}) {one.summary}\n" for one in family)
            )
            parts += [f"### {one.code} {one.name}\n*{one.severity}*\n\n{_plain_fences(one.text)}\n" for one in family]
    return "\n".join(parts)


def _plain_fences(text: str) -> str:
    """The words `bad` and `good` as a caption: viewers of Markdown show no second word of a fence."""
    return text.replace("```yaml bad", "Bad:\n```yaml").replace("```yaml good", "Good:\n```yaml")


def targets_page() -> str:
    """What each bundled target supports: installed packages of others have no place in this project's pages."""
    bundled = [load(name) for name, points in installed().items() if any(point.value == f"meshc_{name}:target" for point in points)]
    bundled = [one for one in bundled if _is_ours(one)]
    head = "".join(f"- **{one.name}**: {one.title}\n" for one in bundled)
    rows = "".join(f"{line}\n" for line in _table(bundled))
    intro = "What a target does not express exactly is an error (MC501) at the line that needs it, before anything is written.\n"
    accepted = "".join(f"\n{line}" for one in bundled for line in _accepted(one))
    return f"# Targets\n{NOTE}\n{intro}\n{head}\n{rows}{accepted}"


def _accepted(target: Target) -> Iterator[str]:
    yield f"## What {target.name} may approximate\n"
    yield f"Each of these is an error until `mesh.targets.{target.name}.accept` names it; every build then lists it.\n"
    yield "| name | what is given up |"
    yield "|---|---|"
    yield from (f"| `{name}` | {what} |" for name, what in sorted(target.acceptable.items()))
    guide = f"guide/{target.name}.md"
    if (HERE / guide).is_file():
        yield f"\nWhat it refuses whatever is accepted, and why: [{guide}]({guide})."


def _is_ours(target: Target) -> bool:
    return (HERE.parent / "targets" / f"meshc_{target.name}").is_dir()


def _table(targets: list[Target]) -> Iterator[str]:
    yield "| feature | " + " | ".join(one.name for one in targets) + " |"
    yield "|---" * (len(targets) + 1) + "|"
    for feature in Feature:
        yield f"| {feature.value} | " + " | ".join("yes" if feature in one.supports else "no" for one in targets) + " |"


PAGES: Final = {"cli.md": cli_page, "rules.md": rules_page, "targets.md": targets_page}


def main(arguments: list[str] | None = None) -> int:
    """Writes the pages, or with `--check` says which are not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is not up to date")
    check: bool = parser.parse_args(arguments).check
    stale = 0
    for name, make in PAGES.items():
        file, text = HERE / name, make()
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            continue
        if check:
            sys.stderr.write(f"docs/{name} is not up to date; run `make docs`\n")
            stale += 1
        else:
            file.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote docs/{name}\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
