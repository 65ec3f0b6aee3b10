"""The JSON Schema of a file of the language, as editors and other validators want it."""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from meshc.spec import FileSpec

ID: Final = "urn:meshc:schema:mesh:v1"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without what says nothing: titles made of names, and null, which no key of a file takes."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        generated = super().default_schema(schema)
        if "default" in generated and _says_nothing(generated["default"]):
            del generated["default"]
        return generated

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Names are checked by `propertyNames`: pydantic's `patternProperties` alone would let other names pass unchecked."""
        generated = super().dict_schema(schema)
        for pattern, value in generated.pop("patternProperties", {}).items():
            names = {key: limit for key, limit in generated.pop("propertyNames", {}).items() if key != "examples"}
            generated |= {"additionalProperties": value, "propertyNames": {"pattern": pattern, **names}}
        return generated

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - several of pydantic's schemas
        del schema
        return False

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """The branches have different types: `anyOf` says as much as `oneOf`, and editors complete better from it."""
        generated = super().tagged_union_schema(schema)
        branches = generated.pop("oneOf", None)
        return {"anyOf": branches, **generated} if branches else generated


def _says_nothing(default: object) -> bool:
    """Whether a default is as good as none: no value, or maps and lists without any."""
    if isinstance(default, dict):
        return all(_says_nothing(value) for value in default.values())
    return default is None or default == []


def json_schema() -> dict[str, Any]:
    """The schema of one file of a mesh."""
    body = FileSpec.model_json_schema(schema_generator=_Generator)
    definitions = body.pop("$defs")
    for definition in definitions.values():
        definition.pop("title", None)
    head = {
        "$schema": DIALECT,
        "$id": ID,
        "title": "meshc mesh",
        "description": "One file of a service mesh in the meshc language, version 1.",
    }
    return {**head, **{key: value for key, value in body.items() if key not in head}, "$defs": dict(sorted(definitions.items()))}
