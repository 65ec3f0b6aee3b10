"""The catalogue of the codes that the pipeline itself gives: families 0 (files), 1 (references), 5 (targets) and 8 (output)."""

from collections.abc import Mapping
from types import MappingProxyType

from meshc.codes.conditions import CONDITIONS
from meshc.codes.entry import Code
from meshc.codes.file import FILE
from meshc.codes.output import OUTPUT
from meshc.codes.references import REFERENCES
from meshc.codes.target import TARGET
from meshc.codes.yaml import YAML

CODES: Mapping[str, Code] = MappingProxyType({entry.code: entry for entry in (*YAML, *FILE, *REFERENCES, *CONDITIONS, *TARGET, *OUTPUT)})
"""Every entry by its code, in the order of the codes."""

SUPPRESSIBLE_FAMILIES = frozenset("23467")
"""Families whose findings an inline ignore may silence: judgements. What stops a build (files, references, targets, output) can't be."""


def name_of(code: str) -> str:
    """The name of a code of the catalogue, as in `unknown-service`."""
    return CODES[code].name


def suppressible(code: str) -> bool:
    """Whether an inline ignore may name this code."""
    return len(code) > 2 and code.startswith("MC") and code[2] in SUPPRESSIBLE_FAMILIES  # noqa: PLR2004 - the length of "MC"
