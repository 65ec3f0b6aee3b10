"""YAML text as a Document: plain data with YAML 1.2 core meaning, the place of every key and value, and all that is wrong with the text."""

import codecs
import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import yaml

from meshc.diagnostics import Finding, Origin
from meshc.source.document import Document, Lines, locator
from meshc.source.ignores import Ignore, ignores, suppress
from meshc.source.tree import Parser, Stopped, Tree
from meshc.source.trouble import invalid_yaml

__all__ = ["MAX_BYTES", "Document", "Ignore", "Lines", "ignores", "locator", "parse", "suppress", "too_large"]

MAX_BYTES: Final = 32 * 1024 * 1024

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.2 forbids (section 5.1), what YAML 1.1 takes for a line break (U+0085, U+2028, U+2029), and a late byte order mark."""

_LINE_BREAKS: Final = frozenset("\x85\u2028\u2029")
_START: Final = (Lines(""), 0)


def parse(file: str, content: bytes) -> tuple[Document | None, tuple[Finding, ...]]:
    """
    A file's bytes as a Document, and what is wrong with them.

    There is no Document where reading had to stop. Where there is one beside findings, what they are about is left out of its data.
    """
    text = _decode(file, content)
    if isinstance(text, Finding):
        return None, (text,)
    tree = Tree(file, text)
    try:
        with collector_paused():
            tree.read(_parser(text))
    except Stopped as stopped:
        return None, (*_unplaced(tree), stopped.finding)
    except yaml.MarkedYAMLError as error:
        return None, (*_unplaced(tree), invalid_yaml(file, tree.lines, error))
    if not tree.documents or (tree.data is None and not tree.findings and not tree.lines.text.strip("-. \t\r\n")):
        return None, (_complaint(file, "MC010", "the file is empty, expected `apiVersion: meshc/v1`", "write a mesh, or remove it"),)
    return Document(file, text, tree.data, tree.root), tuple(tree.findings)


def too_large(file: str, size: int) -> Finding | None:
    """Whether a file of so many bytes is beyond what meshc reads: known before it is read."""
    if size <= MAX_BYTES:
        return None
    mib = 1024 * 1024
    message = f"the file has {size / mib:,.0f} MiB, expected at most {MAX_BYTES // mib} MiB"
    return _complaint(file, "MC007", message, "split it by namespace or team: a mesh may be any number of files")


def _decode(file: str, content: bytes) -> str | Finding:
    if large := too_large(file, len(content)):
        return large
    if content.startswith(_UTF16):
        help_ = "save the file as UTF-8; PowerShell's `>` writes UTF-16, `Set-Content -Encoding utf8` does not"
        return _complaint(file, "MC001", "the file is UTF-16, expected UTF-8", help_)
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        message = f"byte 0x{content[error.start]:02X} is not UTF-8 ({error.reason})"
        return _complaint(file, "MC001", message, "save the file as UTF-8", (Lines(before), len(before)))
    if bad := _FORBIDDEN.search(text):
        return _forbidden(file, text, bad.start())
    return text


def _forbidden(file: str, text: str, offset: int) -> Finding:
    char = text[offset]
    escape = f"\\x{ord(char):02x}" if ord(char) <= 0xFF else f"\\u{ord(char):04x}"  # noqa: PLR2004 - what fits two digits
    help_ = f'write it as `{escape}` inside double quotes: "{escape}"'
    if char in _LINE_BREAKS:
        return _complaint(
            file, "MC006", f"U+{ord(char):04X}, which readers of YAML 1.1 take for a line break", help_, (Lines(text), offset)
        )
    if char == "\0":
        return _complaint(file, "MC001", "a NUL character: the file is not UTF-8 text", "save the file as UTF-8", (Lines(text), offset))
    what = "control character" if ord(char) < 0xA0 else "character"  # noqa: PLR2004 - the end of the C1 controls
    return _complaint(file, "MC002", f"{what} U+{ord(char):04X}, which YAML does not allow", help_, (Lines(text), offset))


def _complaint(file: str, code: str, message: str, help_: str, at: tuple[Lines, int] = _START) -> Finding:
    lines, offset = at
    return Finding(code, message, Origin(file), help=help_, span=lines.span(offset, min(offset + 1, len(lines.text))))


def _unplaced(tree: Tree) -> Iterator[Finding]:
    """Findings of a file that has no tree: nobody could look up a related place in it."""
    for one in tree.findings:
        yield Finding(one.code, one.message, one.origin, one.severity, one.help, one.notes, span=one.span)


def _parser(text: str) -> Parser:
    """The parser of libyaml where PyYAML was built with it, else the pure one: some ten times slower, the same events."""
    fast = getattr(yaml, "CLoader", None)
    parser: Parser = fast(text) if fast else yaml.SafeLoader(text)
    return parser


@contextmanager
def collector_paused() -> Iterator[None]:
    """The cyclic collector walks the growing tree again and again and finds nothing: it would take most of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
