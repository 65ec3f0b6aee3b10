# ruff: noqa: INP001 - a script beside pages
"""
Writes the pages that code says best.

`cli.md` comes from the commands, `rules.md` from the codes, `targets.md` from what targets support. In `reference/language.md` the tables
of keys come from the shapes of the language; the text and the examples between them are written by hand.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from meshc.cli import COMMANDS, group
from meshc.cli.explain import pages
from meshc.features import Feature
from meshc.spec import FileSpec
from meshc.spec.marks import Bare, OneOrMany, Short, ShortMap
from meshc.spec.shapes import Number, Text
from meshc.spec.structure import Leaf, ListOf, MapOf, Node, Record, TextOr, fields_of
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


def language_page() -> str:
    """The page of keys as it stands, with the table of each shape (and of the kinds of values) written anew."""
    text = (HERE / LANGUAGE).read_text(encoding="utf-8")
    by_name = {shape.__name__: shape for shape in shapes()}
    return _TABLE.sub(lambda found: f"{found[1]}\n{_values() if found[2] == 'values' else _keys(by_name[found[2]])}{found[3]}", text)


def shapes() -> list[type[BaseModel]]:
    """Every shape of a file of the language, outer ones first."""
    found: list[type[BaseModel]] = [FileSpec]
    for shape in found:
        found.extend(one for node in fields_of(shape).values() for one in _records(node) if one not in found)
    return found


def _records(node: Node) -> Iterator[type[BaseModel]]:
    if isinstance(node, Record):
        yield node.model
    for inner in _inner(node):
        yield from _records(inner)


def _inner(node: Node) -> tuple[Node, ...]:
    match node:
        case ListOf(item=item):
            return (item,)
        case MapOf(key=key, value=value):
            return key, value
        case TextOr(text=text, map=map_):
            return text, map_
        case _:
            return ()


def anchor(shape: type[BaseModel]) -> str:
    """What the page calls a shape, and links to: `HealthCheckShape` is `health-check`."""
    words = re.findall("[A-Z][a-z]*", shape.__name__.removesuffix("Shape"))
    return "-".join(words).lower()


def _keys(shape: type[BaseModel]) -> str:
    """A table: each key of a shape with its type, its default, and what it does."""
    lines = [f'<a id="{anchor(shape)}"></a>\n', "| key | type | default | effect |", "|---|---|---|---|"]
    nodes = fields_of(shape)
    for name, field in shape.model_fields.items():
        key = field.alias or name
        default, effect = _default_and_effect(field, nodes[key])
        lines.append(f"| `{key}` | {_type(nodes[key])} | {default} | {effect} |")
    return "".join(f"{line}\n" for line in lines)


_DEFAULT: Final = re.compile(r" ?(?:Default|Absent): (.*?)\.(?= |$)")


def _default_and_effect(field: FieldInfo, node: Node) -> tuple[str, str]:
    """What a key's docstring says: "Default: x." is its default, the rest its effect. Else the default is the value that the shape has."""
    said = field.description or ""
    worded = _DEFAULT.search(said)
    effect = _DEFAULT.sub("", said).strip() or next((one.__doc__ or "" for one in _records(node)), "")
    if field.is_required():
        return "*required*", effect
    return (worded[1] if worded else _value(field.get_default(call_default_factory=True))), effect  # type: ignore[call-overload]


def _value(value: object) -> str:
    match value:
        case None | [] | BaseModel():
            return "-"
        case "":
            return "empty"
        case dict() if not value:
            return "-"
        case dict():
            return "`{" + ", ".join(f"{key}: {one}" for key, one in value.items()) + "}`"
        case list():
            return ", ".join(f"`{one}`" for one in value)
        case bool():
            return f"`{str(value).lower()}`"
        case _:
            return f"`{value}`"


def _type(node: Node) -> str:
    """A type in words, its short forms included."""
    words = _long_type(node)
    for mark in node.shorthands:
        match mark:
            case OneOrMany():
                words = f"{_type(_inner(node)[0])}, or a list of them"
            case Short(key=key):
                words += f", or its `{key}` alone"
            case ShortMap(words=alone):
                words += ", or " + ", ".join(f"`{word}`" for word in alone)
            case Bare():
                words += ", or nothing"
    return words


def _long_type(node: Node) -> str:
    match node:
        case Record(model=model):
            return f"[{anchor(model).replace('-', ' ')}](#{anchor(model)})"
        case ListOf(item=item):
            return f"list: {_type(item)}"
        case MapOf(key=key, value=value):
            return f"map: {_type(key)} to {_type(value)}"
        case TextOr(text=text, map=map_):
            return f"{_type(text)}, or {_type(map_)}"
        case Leaf(type=kind, form=form, words=words):
            return _scalar(kind, form, words)


def _scalar(kind: Any, form: Text | Number | None, words: tuple[Any, ...]) -> str:  # noqa: ANN401 - a type
    match form:
        case Text():
            return _named(form)
        case Number(low=low, high=high):
            return f"{_named(form)}, {f'{low} or more' if high >= 2**31 - 1 else f'{low} to {high}'}"
    if kind is Literal:
        return ", ".join(f"`{'true' if word is True else word}`" for word in words)
    return {bool: "`true`, `false`", int: "whole number", str: "string"}.get(kind, "anything")


def _named(form: Text | Number) -> str:
    return re.sub("^an? ", "", form.kind)


def _values() -> str:
    """A table: the kinds of text and how each is written."""
    forms: dict[str, Text] = {}
    nodes = [node for shape in shapes() for node in fields_of(shape).values()]
    for node in nodes:
        nodes.extend(_inner(node))
        if isinstance(node, Leaf) and isinstance(node.form, Text):
            forms.setdefault(f"{node.form.kind}, {node.form.form}", node.form)
    lines = ["| value | form | such as |", "|---|---|---|"]
    for form in sorted(forms.values(), key=lambda one: (_named(one).lower(), one.form)):
        examples = ", ".join(f"`{one}`" for one in form.examples)
        said = re.sub("([*<])", r"\\\1", form.form)
        lines.append(f"| {_named(form)} | {said} | {examples} |")
    return "".join(f"{line}\n" for line in lines)


LANGUAGE: Final = "reference/language.md"
_TABLE: Final = re.compile(r"(<!-- keys: (\w+) -->)\n.*?(<!-- end -->)", re.DOTALL)
PAGES: Final = {"cli.md": cli_page, "rules.md": rules_page, "targets.md": targets_page, LANGUAGE: language_page}


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
