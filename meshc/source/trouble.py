"""What a YAML reader's complaints mean in words a user can act on, and the mistakes that usually cause them."""

import re
from typing import Final, TypeAlias

import yaml

from meshc.diagnostics import Finding, Origin
from meshc.source.document import Lines

_OPENERS: Final = {"{": "}", "[": "]"}
_LONGEST_KEY: Final = 1024  # YAML 1.2 section 7.4.3
_RESERVED: Final = frozenset("@`%")
_NO_SPACE: Final = re.compile(r"[ \t]*(?:- +)*[A-Za-z_][\w./-]*(:)[^\s:/]")
_ENTRY: Final = re.compile(r": +([^\s,\[\]{}'\"][^,\[\]{}'\"\r\n]*)$")
_REST: Final = re.compile(r"[^,\[\]{}'\"\r\n]+")
_INDENT: Final = re.compile(r"[ \t]*")

_MESSAGES: Final = (
    ("mapping values are not allowed", "a `:` where no map entry can be"),
    ("could not find expected ':'", "a line that is no `key: value` entry"),
    ("block sequence entries are not allowed", "a `- ` item where no list item can be"),
    ("sequence entries are not allowed", "a `- ` item where no list item can be"),
    ("mapping keys are not allowed", "a `? ` key where no map entry can be"),
    ("cannot start any token", "a character that no value can begin with"),
    ("did not find expected key", "expected another `key: value` of this map, indented like its first one"),
    ("expected <block end>", "expected another entry, indented like the first one"),
    ("did not find expected '-' indicator", "expected another `- ` item of this list, indented like its first one"),
    ("expected ',' or ']'", "expected `,` or `]` in this list"),
    ("expected ',' or '}'", "expected `,` or `}` in this map"),
    ("did not find expected node content", "expected a value"),
    ("alphabetic or numeric", "`*` or `&` without a name behind it"),
    ("unknown escape", "an escape in double quotes that YAML does not have"),
    ("hexdecimal", "an escape in double quotes with too few hexadecimal digits"),
    ("invalid Unicode character escape", "an escape in double quotes for a character that does not exist"),
    ("document indicator", "`---` or `...` inside of a quoted value"),
    ("<document start>", "expected the end of the file, or `---`"),
    ("tab character", "a tab where spaces are expected"),
    ("indentation indicator equal to 0", "a block value's indentation indicator `0`, expected 1 to 9"),
    ("expected comment or line break", "text behind `|` or `>`, expected it on the next line"),
    ("undefined tag handle", "a tag with an unknown handle"),
    ("duplicate %YAML", "two `%YAML` lines"),
    ("incompatible YAML document", "a `%YAML` version that is not 1.2"),
    ("directive", "a `%` line that is no YAML directive"),
)


def invalid_yaml(file: str, lines: Lines, error: yaml.MarkedYAMLError) -> Finding:
    """A reader's error as a finding: in our words, at the place that has to change, with a hint at the usual cause."""
    text = lines.text
    at = min(error.problem_mark.index if error.problem_mark else 0, len(text))
    context = min(error.context_mark.index if error.context_mark else at, len(text))
    begin, message, help_ = _explain(lines, (error.problem or "not valid YAML").replace("\n", " "), context, at)
    end = begin if begin >= len(text) or text[begin] in "\r\n" else begin + 1
    return Finding("MC002", message, Origin(file), help=help_, span=lines.span(begin, end))


_Cause: TypeAlias = tuple[int, str, str | None]
"""The offset that has to change, what is wrong there, and how to mend it."""


def _explain(lines: Lines, problem: str, context: int, at: int) -> _Cause:
    text = lines.text
    general = next((ours for theirs, ours in _MESSAGES if theirs in problem), problem)
    if context < at and (opener := text[context]) in _OPENERS and at >= len(text.rstrip()):
        return context, f"`{opener}` that is never closed", f"close it with `{_OPENERS[opener]}`"
    if "end of stream" in problem and context < at:
        return context, "a quote that is never closed", f"close it with `{text[context]}`"
    if "escape" in general:
        return at, general, "write a backslash twice, or use single quotes: '\\d+'"
    return (
        _bad_character(lines, at)
        or _braces(text, at, general)
        or _key(lines, problem, context, at)
        or _layout(lines, problem, context, at)
        or (at, general, None)
    )


def _bad_character(lines: Lines, at: int) -> _Cause | None:
    """A character that means something to YAML where the user means text."""
    text, line = lines.text, lines.position(at)[0]
    if (tab := _tab(lines, line, at)) is not None:
        return tab, "a tab where spaces are expected", "YAML's indentation is made of spaces: replace the tab"
    here, before = text[at : at + 1], text[at - 1 : at] if at else ""
    if here and here in _RESERVED:
        name = "a backtick" if here == "`" else f"`{here}`"
        return at, f"a value that begins with {name}, which YAML keeps for itself", "put quotes around the value"
    if here == "*" or before == "*":
        return (
            at if here == "*" else at - 1,
            "`*` without an anchor's name behind it",
            'put quotes around the value: "*" alone begins an alias',
        )
    if here == "&" or before == "&":
        return at if here == "&" else at - 1, "`&` without a name behind it", "put quotes around the value: `&` alone begins an anchor"
    if here and here in _OPENERS.values() and text.rfind(_opener(here), 0, at) < 0:
        return at, f"`{here}` that closes nothing", "remove it, or put quotes around the value"
    return None


def _opener(closer: str) -> str:
    return next(opener for opener, ours in _OPENERS.items() if ours == closer)


def _braces(text: str, at: int, general: str) -> _Cause | None:
    """An unquoted `/users/{id}` inside a flow map or list: YAML ends the text at the brace and begins a map."""
    here, before = text[at : at + 1], text[at - 1 : at] if at else ""
    help_ = 'put quotes around a value with braces inside `{...}` or `[...]`: "/users/{id}"'
    if here == "{" and before not in ("", " ", "\t", "\n", ",", "[", "{", ":"):
        return at, general, help_
    if here == ":" and "`}`" in general and (entry := _ENTRY.search(text, text.rfind("\n", 0, at) + 1, at)):
        value = _REST.match(text, entry.start(1))
        quoted = f'"{value[0].rstrip()}"' if value else '"a: b"'
        return at, "a second `: ` in one entry of a map", f'put quotes around a value that has ": " in it: {quoted}'
    opener = text.rfind("{", 0, at)
    if before == "}" and here not in ("", " ", "\n", ",", "]", "}") and opener >= 0:
        return opener, general, help_
    return None


def _key(lines: Lines, problem: str, context: int, at: int) -> _Cause | None:
    """A colon too many, or one without its space."""
    text, line = lines.text, lines.position(at)[0]
    is_colon = "mapping values are not allowed" in problem
    if not is_colon and "could not find expected ':'" not in problem and "did not find expected key" not in problem:
        return None
    if (colon := _missing_space(lines, line)) is not None:
        return colon, "a `:` without a space behind it", "put a space after the colon"
    if not is_colon:
        return (context, "a line that is no `key: value` entry", None) if "':'" in problem else None
    start = lines.starts[line - 1]
    if at - start > _LONGEST_KEY:
        return start, f"a key of more than {_LONGEST_KEY:,} characters", None
    if ": " in text[start:at]:
        return at, "a second `: ` on one line", 'put quotes around a value that has ": " in it, or begin a new line after the first'
    first = len(text[start:at]) - len(text[start:at].lstrip(" "))
    return start + first, "a map entry below a value", "indent it like the entry above, or remove the value of that entry"


def _layout(lines: Lines, problem: str, context: int, at: int) -> _Cause | None:
    """Indentation, and brackets and quotes that end too early or too late."""
    text = lines.text
    (first, column), line = lines.position(context), lines.position(at)[0]
    if "',' or" in problem and line > first and text[context : context + 1] in _OPENERS:
        opener = text[context]
        what = "map" if opener == "{" else "list"
        return (
            at,
            f"no `,` or `{_OPENERS[opener]}` in the {what} that line {first} opens",
            "close it there, or put a comma before this entry",
        )
    before = text[lines.starts[line - 1] : at].rstrip()
    if before.endswith(("'", '"')):
        return at, "text behind a quoted value", "put the whole value inside of the quotes"
    if "expected key" in problem or "block end" in problem:
        return (
            at,
            "a line that is not indented like the map it stands in",
            "indent it exactly like the entry above that it stands beside",
        )
    if "'-' indicator" in problem:
        return (
            at,
            "a line that is not an item of the list it stands in",
            f"begin an item with `- ` in column {column}, or indent it differently",
        )
    return None


def _tab(lines: Lines, line: int, at: int) -> int | None:
    start = lines.starts[line - 1]
    indent = _INDENT.match(lines.text, start)
    found = lines.text.find("\t", start, indent.end() if indent else start)
    if found >= 0:
        return found
    return at if lines.text[at : at + 1] == "\t" else None


def _missing_space(lines: Lines, last: int) -> int | None:
    """The colon of a `key:value` on this line or the two above it."""
    for line in range(last, max(0, last - 3), -1):
        if found := _NO_SPACE.match(lines.text, lines.starts[line - 1]):
            return found.start(1)
    return None
