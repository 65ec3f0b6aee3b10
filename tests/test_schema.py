"""The published JSON Schema says what the models say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from meshc.schema import json_schema
from meshc.source import parse

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
HEAD = "apiVersion: meshc/v1\n"


def data_of(text: str) -> Any:  # noqa: ANN401 - YAML data
    document, wrong = parse("mesh.yaml", text.encode())
    assert () == wrong
    assert document is not None
    return document.data


def messages(text: str) -> list[str]:
    return [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(data_of(text))]


def test_the_schema_is_one() -> None:
    """It keeps the rules of its own dialect."""
    Draft202012Validator.check_schema(SCHEMA)
    assert "https://json-schema.org/draft/2020-12/schema" == SCHEMA["$schema"]


def test_the_published_file(root: Path) -> None:
    """`schemas/mesh.v1.json` is what the models give; `meshc schema` writes it."""
    assert (root / "schemas/mesh.v1.json").read_text(encoding="utf-8") == json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def test_the_example_of_the_language(root: Path) -> None:
    """The language's own example is valid."""
    assert [] == messages((root / "tests/fixtures/shop/mesh.yaml").read_text(encoding="utf-8"))


def test_the_examples(root: Path) -> None:
    """Every file of every example is valid; overlays are parts of files and have other rules."""
    files = [file for file in sorted(root.glob("examples/*/**/*.yaml")) if not {"environments", "out"} & set(file.parts)]
    meshes = [text for file in files if (text := file.read_text(encoding="utf-8")).startswith("apiVersion: meshc/v1")]
    assert [] == [message for text in meshes for message in messages(text)]


def properties(node: object, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "properties":
                yield from ((f"{name}.{one}", below) for one, below in value.items())
            yield from properties(value, f"{name}.{key}")


def test_every_key_is_described() -> None:
    """Editors show a sentence at every key: its own, or its shape's."""

    def described(schema: dict[str, Any]) -> bool:
        return "description" in schema or "description" in SCHEMA["$defs"].get(schema.get("$ref", "").rpartition("/")[2], {})

    assert [] == [name for name, schema in properties(SCHEMA) if not described(schema)]


def test_every_map_is_closed() -> None:
    """A shape takes no key that it does not have."""
    assert [] == [name for name, shape in SCHEMA["$defs"].items() if shape.get("additionalProperties") is not False]


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {ports: {http: 80}, calls: b}}",
        "services: {a: {ports: {http: {port: 80}}, calls: [{service: b, paths: /x}], versions: {v1: }}}",
        "services: {a: {ports: {http: 80}, loadBalancing: random, rateLimits: {limit: 1/s, per: {header: x-a}}}}",
        "services: {a: {calls: b}, b: {workload: c, headless: true, ports: {http: 80}}, c: {ports: {http: 80}}}",
        "policies: {p: {services: all, allow: {from: callers}}}",
        "policies: {p: {services: all, allow: {headers: {a: [b, {not: {prefix: c}}]}}}}",
        "routes: {r: {services: a, rules: {to: [{service: a, weight: 1}, b], mirror: c}}}",
        "certificates: {c: {from: mesh-ca}, d: {from: {cert-manager: letsencrypt}}}",
        "mesh: {targets: {istio: , nginx: {accept: [a]}}}",
    ],
)
def test_what_the_schema_takes(text: str) -> None:
    """Short and long forms are both valid."""
    assert [] == messages(HEAD + text)


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: meshc/v2",
        "services: {}",
        HEAD + "servics: {}",
        HEAD + "services: ",
        HEAD + "services: {a: {}}",
        HEAD + "services: {a: {ports: {}}}",
        HEAD + "services: {a: {hosts: a.example, calls: []}}",
        HEAD + "services: {a: {workload: b, calls: []}}",
        HEAD + "services: {a: {ports: {http: 80}, headless: pods}}",
        HEAD + "services: {A_b: {ports: {http: 80}}}",
        HEAD + "services: {a: {ports: {HTTP: 80}}}",
        HEAD + "services: {a: {ports: {http: 80000}}}",
        HEAD + "services: {a: {ports: {http: '80'}}}",
        HEAD + "services: {a: {ports: {http: 80}, acces: deny}}",
        HEAD + "services: {a: {ports: {http: 80}, access: dney}}",
        HEAD + "services: {a: {ports: {http: 80}, access: null}}",
        HEAD + "services: {a: {ports: {http: 80}, calls: [null]}}",
        HEAD + "services: {a: {ports: {http: 80}, calls: [{paths: /x}]}}",
        HEAD + "services: {a: {ports: {http: 80}, timeouts: {idle: 5 minutes}}}",
        HEAD + "services: {a: {ports: {http: 80}, timeouts: {idle: 5}}}",
        HEAD + "services: {a: {ports: {http: 80}, selector: {version: 1.31}}}",
        HEAD + "services: {a: {ports: {http: 80}, loadBalancing: {hash: {header: a, cookie: b}}}}",
        HEAD + "policies: {p: {services: all, allow: [{}]}}",
        HEAD + "policies: {p: {allow: []}}",
        HEAD + "policies: {p: {services: all, allow: {headers: {a: {present: false}}}}}",
        HEAD + "policies: {p: {services: all, allow: {headers: {a: {present: true, prefix: b}}}}}",
        HEAD + "policies: {p: {services: all, allow: {headers: {a: 1}}}}",
        HEAD + "policies: {p: {services: all, allow: {paths: {id}}}}",
        HEAD + "routes: {r: {rules: [{to: a}]}}",
        HEAD + "routes: {r: {services: a, rules: []}}",
        HEAD + "routes: {r: {services: a, rules: [{match: {paths: /a}}]}}",
        HEAD + "routes: {r: {services: a, rules: [{to: a, respond: {}}]}}",
        HEAD + "routes: {r: {gateways: g, rules: [{to: a}]}}",
        HEAD + "certificates: {c: {from: acme}}",
        HEAD + "tests: [{name: a, from: b, to: c, expect: denid}]",
        HEAD + "tests: [{name: a, to: c, expect: denied}]",
    ],
)
def test_what_the_schema_refuses(text: str) -> None:
    """What the models refuse, as the other tests show, the schema refuses too."""
    from meshc.assemble import assemble  # noqa: PLC0415 - beside its only use

    document, _ = parse("mesh.yaml", text.encode())
    assert document is not None
    assert () != assemble([document]).findings
    assert [] != messages(text)
