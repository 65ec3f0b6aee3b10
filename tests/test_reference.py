"""The reference of the language: no key of the shapes without an entry and an example, and every example is a sound mesh."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from meshc.compile import lint
from meshc.spec import FileSpec
from meshc.spec.shorthand import expand
from meshc.spec.structure import ListOf, MapOf, Node, Record, TextOr, fields_of
from tests.conformance.certificates import authority_pem, issue

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "language.md"
BESIDE: Mapping[str, bytes] = {
    "ca/staff.pem": authority_pem(),
    "certs/c.pem": issue("c", names=("c.example.com",))[0],
    "keys/id.jwks.json": b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}]}',
}
"""What examples name beside themselves."""

_EXAMPLE = re.compile(r"^```yaml ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"<!-- keys: (\w+) -->\n(.*?)<!-- end -->", re.DOTALL)


def examples() -> dict[str, dict[str, str]]:
    """The files of each mesh on the page. Blocks with a name, `FOLDER/FILE`, are files of one mesh; each other block is one alone."""
    found: dict[str, dict[str, str]] = {}
    text = PAGE.read_text(encoding="utf-8")
    for block in _EXAMPLE.finditer(text):
        folder, _, file = block[1].partition("/")
        line = text[: block.start()].count("\n") + 2
        found.setdefault(folder or f"line {line}", {})[file or "mesh.yaml"] = block[2]
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_sound(name: str) -> None:
    """Every example lints clean, in all its environments; that runs the tests which it states as well."""
    found = lint({**{file: text.encode() for file, text in EXAMPLES[name].items()}, **BESIDE})
    assert [] == [f"{one.place.file}:{one.place.span.line} {one.code} {one.message}" for one in found]


def test_every_shape_has_a_table(generate: ModuleType) -> None:
    """No shape is without its table of keys, none has two, and no table is of a shape that is gone."""
    tables = [name for name, _ in _TABLE.findall(PAGE.read_text(encoding="utf-8"))]
    assert sorted(["values", *(shape.__name__ for shape in generate.shapes())]) == sorted(tables)


def test_every_key_has_a_type_and_an_effect() -> None:
    """No row of a table has an empty cell: a key whose docstring says nothing of its effect shows here."""
    rows = [row for _, table in _TABLE.findall(PAGE.read_text(encoding="utf-8")) for row in table.splitlines() if row.startswith("| `")]
    assert len(rows) > 150
    assert [] == [row for row in rows if not all(cell.strip() for cell in row.split(" | "))]


def test_every_shape_is_called_by_one_name(generate: ModuleType) -> None:
    """Links to shapes are not ambiguous."""
    names = [generate.anchor(shape) for shape in generate.shapes()]
    assert sorted(set(names)) == sorted(names)


def test_every_key_stands_in_an_example(generate: ModuleType) -> None:
    """Each key is written in an example of the section that lists it. What is missing wants a line there."""
    shapes = {shape.__name__: shape for shape in generate.shapes()}
    missing = []
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE):
        meshes = [block[2] for block in _EXAMPLE.finditer(section) if "environments/" not in block[1]]
        shown = {key for mesh in meshes for key in _keys(Record(FileSpec), _expanded(mesh))}
        listed = [shapes[name] for name, _ in _TABLE.findall(section) if name in shapes]
        missing += [f"{shape.__name__}: {key}" for shape in listed for key in fields_of(shape) if (shape, key) not in shown]
    assert [] == missing


def _expanded(text: str) -> object:
    yaml = YAML(typ="safe", pure=True)
    return expand(FileSpec, yaml.load(text))


def _keys(node: Node, data: object) -> Iterator[tuple[type[BaseModel], str]]:
    """Every key of a shape that the data has."""
    match node, data:
        case Record(model=model, fields=fields), dict():
            for key, value in data.items():
                yield model, key
                yield from _keys(fields[key], value)
        case ListOf(item=item), list():
            for value in data:
                yield from _keys(item, value)
        case MapOf(value=inner), dict():
            for value in data.values():
                yield from _keys(inner, value)
        case TextOr(map=inner), dict():
            yield from _keys(inner, data)
