"""What a person, an editor and a program are shown of diagnostics."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from meshc.diagnostics import Diagnostic, Place, Severity, Span
from meshc.report import render
from meshc.report.printable import columns

SCHEMA = json.loads((Path(__file__).parent.parent / "schemas" / "diagnostics.v1.json").read_text(encoding="utf-8"))

TEXT = "services:\n  frontend: {calls: [user]}\n  users: {}\n"

ONE = Diagnostic(
    "MC101",
    "unknown-service",
    Severity.ERROR,
    "no service `user`, did you mean `users`?",
    Place("mesh.yaml", Span(2, 22, 2, 26)),
    help="name a service of the mesh",
    notes=("services: frontend, users",),
    related=(Place("mesh.yaml", Span(3, 3, 3, 8), "the nearest one"),),
)

FULL = """\
error[MC101 unknown-service]: no service `user`, did you mean `users`?
 --> mesh.yaml:2:22
  |
2 |   frontend: {calls: [user]}
  |                      ^^^^
  |
 ::: mesh.yaml:3:3
  |
3 |   users: {}
  |   ----- the nearest one
  |
  = note: services: frontend, users
  = help: name a service of the mesh

1 error
"""


def at(span: Span, text: str, *, width: int = 80, message: str = "message") -> list[str]:
    """The lines of a report of one warning."""
    one = Diagnostic("MC201", "some-name", Severity.WARNING, message, Place("m.yaml", span))
    return render([one], "full", {"m.yaml": text}, width=width).splitlines()


def test_full() -> None:
    """The line at fault, carets under it, related places, notes, help, and the sum."""
    assert render([ONE], "full", {"mesh.yaml": TEXT}) == FULL


def test_nothing_to_say() -> None:
    """No diagnostics: nothing for people, an empty list for programs."""
    assert ["", "", {"diagnostics": []}] == [render([], "full", {}), render([], "concise", {}), json.loads(render([], "json", {}))]


def test_colour_only_adds_colour() -> None:
    """With the escapes taken out, the coloured report is the plain one; without `colour` there are none."""
    coloured = render([ONE], "full", {"mesh.yaml": TEXT}, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == FULL


def test_summary_counts_both_kinds() -> None:
    """`2 errors, 1 warning`."""
    warning = Diagnostic("MC201", "some-name", Severity.WARNING, "m", Place("x.yaml", Span(1, 1, 1, 1)))
    assert "2 errors, 1 warning" == render([ONE, ONE, warning], "full", {}).splitlines()[-1]


def test_a_missing_file_has_no_snippet() -> None:
    """Only its name and place are shown."""
    assert (
        " --> m.yaml:7:1"
        == render([Diagnostic("MC025", "missing-file", Severity.ERROR, "m", Place("m.yaml", Span(7, 1, 7, 1)))], "full", {}).split("\n")[1]
    )


@pytest.mark.parametrize(
    ("text", "span", "code", "marks"),
    [
        ("\ta: x", Span(1, 5, 1, 6), "1 |     a: x", "  |        ^"),
        ("日本: x", Span(1, 5, 1, 6), "1 | 日本: x", "  |       ^"),
        ("日本: x", Span(1, 1, 1, 3), "1 | 日本: x", "  | ^^^^"),
        ("a:", Span(1, 3, 1, 3), "1 | a:", "  |   ^"),
        ("a:\r\n  b: 1\r\n", Span(1, 1, 2, 7), "1 | a:", "  | ^^"),
        ("e\u202ev: x", Span(1, 6, 1, 7), "1 | e\\u202ev: x", "  |           ^"),
    ],
)
def test_carets_stand_under_what_they_mean(text: str, span: Span, code: str, marks: str) -> None:
    """Tabs, wide characters and escapes take the columns they are drawn in; a place of several lines is shown by its first."""
    assert [code, marks] == at(span, text)[3:5]


@pytest.mark.parametrize("start", [1, 40, 150, 300, 398])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_long_lines_are_cut_around_the_place(start: int, width: int) -> None:
    """No line is wider than asked, and the marked text is still there, under its carets."""
    text = "".join(f"{n:03}" for n in range(134))
    lines = at(Span(1, start, 1, start + 3), text, width=width)
    assert max(map(columns, lines)) <= width
    code, marks = lines[3], lines[4]
    assert text[start - 1 : start + 2] == code[marks.index("^") : marks.rindex("^") + 1]


@pytest.mark.parametrize("form", ["full", "concise", "json"])
def test_nothing_a_user_wrote_reaches_the_terminal_as_a_command(form: str) -> None:
    """Escapes, carriage returns and bidirectional controls are shown, never sent: in messages, file names, labels and snippets."""
    evil = "a\x1b[31m\x07\r\x9b\u202e\u2028"
    place = Place(evil, Span(1, 1, 1, 2), evil)
    shown = render([Diagnostic("MC101", "name", Severity.ERROR, evil, place, evil, (evil,), (place,))], form, {evil: evil})
    assert [] == [char for char in shown if char in "\x1b\x07\r\x9b\u202e\u2028"]
    assert "\\u202e" in shown


def test_concise() -> None:
    """One line that editors can parse."""
    assert "mesh.yaml:2:22: error MC101 no service `user`, did you mean `users`?\n" == render([ONE], "concise", {})


def test_json() -> None:
    """Every field under its published name, valid by the published schema."""
    report = json.loads(render([ONE], "json", {}))
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(report)
    assert {
        "code": "MC101",
        "name": "unknown-service",
        "severity": "error",
        "message": "no service `user`, did you mean `users`?",
        "file": "mesh.yaml",
        "line": 2,
        "column": 22,
        "endLine": 2,
        "endColumn": 26,
        "help": "name a service of the mesh",
        "notes": ["services: frontend, users"],
        "related": [{"label": "the nearest one", "file": "mesh.yaml", "line": 3, "column": 3, "endLine": 3, "endColumn": 8}],
    } == report["diagnostics"][0]


def test_unknown_format() -> None:
    """A format that does not exist is refused, not guessed."""
    with pytest.raises(ValueError, match="yaml"):
        render([], "yaml", {})
