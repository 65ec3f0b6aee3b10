"""The results of a mesh's tests: for a person, for CI servers (JUnit), and as JSON that `schemas/test-results.v1.json` describes."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never
from xml.etree import ElementTree as ET

from meshc.diagnostics import Locate
from meshc.report.chain import chain
from meshc.report.paint import Paint, Style
from meshc.report.printable import printable
from meshc.semantics.expectations import Checked
from meshc.semantics.json import to_json

_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (section 2.2)."""


class ResultFormat(StrEnum):
    """How results are shown."""

    TEXT = "text"
    JUNIT = "junit"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Result:
    """A test that was run, and a command that asks the same again."""

    checked: Checked
    command: str

    @property
    def failure(self) -> str | None:
        """What came instead."""
        return self.checked.failure


def render_results(results: Sequence[Result], format: ResultFormat | str, locate: Locate, *, colour: bool = False, width: int = 80) -> str:  # noqa: A002 - named as the option is
    """The results as text that ends in a line break."""
    match ResultFormat(format):
        case ResultFormat.TEXT:
            return _text(results, locate, colour=colour, width=width)
        case ResultFormat.JUNIT:
            return _junit(results, locate)
        case ResultFormat.JSON:
            return _json(results, locate)
        case never:
            assert_never(never)


def _place(result: Result, locate: Locate) -> str:
    place = locate(result.checked.test.origin)
    return f"{place.file}:{place.span.line}"


# --- text -----------------------------------------------------------------------------------------------------------------------


def _text(results: Sequence[Result], locate: Locate, *, colour: bool, width: int) -> str:
    if not results:
        return "no tests in this mesh: write some under `tests:`\n"
    paint = Paint(enabled=colour)
    parts = [_one(result, locate, paint, width) for result in results]
    return f"{''.join(parts)}\n{paint(summary(results), Style.STRONG)}\n"


def summary(results: Sequence[Result]) -> str:
    """`4 passed, 1 failed`."""
    failed = sum(result.failure is not None for result in results)
    passed = len(results) - failed
    return ", ".join(part for part in (f"{passed:,} passed" if passed else "", f"{failed:,} failed" if failed else "") if part)


def _one(result: Result, locate: Locate, paint: Paint, width: int) -> str:
    name = printable(result.checked.test.name)
    if result.failure is None:
        return f"{paint('ok', Style.HELP)}   {name}\n"
    head = f"{paint('FAIL', Style.ERROR)} {paint(name, Style.STRONG)}\n     {printable(result.failure)}\n"
    place = f"     {paint('test', Style.RELATED)}  {paint(printable(_place(result, locate)), Style.FRAME)}\n"
    again = f"     {paint('again', Style.RELATED)} {printable(result.command)}\n"
    if result.checked.decision is None:
        return f"{head}{place}{again}"
    return f"{head}{chain(result.checked.decision, locate, colour=paint.enabled, width=width, indent='     ')}{place}{again}"


# --- JUnit ----------------------------------------------------------------------------------------------------------------------


def _junit(results: Sequence[Result], locate: Locate) -> str:
    failed = str(sum(result.failure is not None for result in results))
    counts = {"tests": str(len(results)), "failures": failed, "errors": "0", "skipped": "0"}
    root = ET.Element("testsuites", {"name": "meshc", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": "mesh", **counts})
    for result in results:
        place = locate(result.checked.test.origin)
        where = {"file": _xml(place.file), "line": str(place.span.line)}
        case = ET.SubElement(suite, "testcase", {"classname": "mesh", "name": _xml(result.checked.test.name), **where})
        if result.failure is not None:
            failure = ET.SubElement(case, "failure", {"message": _xml(result.failure)})
            failure.text = _xml(_one(result, locate, Paint(enabled=False), 100))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)


# --- JSON -----------------------------------------------------------------------------------------------------------------------


def _json(results: Sequence[Result], locate: Locate) -> str:
    failed = sum(result.failure is not None for result in results)
    tests = []
    for result in results:
        decision = result.checked.decision
        place = locate(result.checked.test.origin)
        tests.append(
            {
                "name": result.checked.test.name,
                "passed": result.failure is None,
                "failure": result.failure,
                "file": place.file,
                "line": place.span.line,
                "column": place.span.column,
                "command": result.command,
                "decision": None if decision is None else to_json(decision, locate),
            }
        )
    return json.dumps({"passed": len(results) - failed, "failed": failed, "tests": tests}, indent=2) + "\n"
