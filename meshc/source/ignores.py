"""Comments `# meshc: ignore[MC201] reason`: where they stand, which line they speak of, and what they may silence."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from meshc.codes import suppressible
from meshc.diagnostics import Diagnostic, Finding, Origin, Severity, Span
from meshc.source.document import Document

_COMMENT: Final = re.compile(r"#[ \t]*meshc:[ \t]*ignore\b[ \t]*(?:\[([^\]\r\n]*)\])?([^\r\n]*)")
_BLOCK_HEADER: Final = frozenset("|>")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment: it silences `codes` on the line `applies_to_line`, for a reason."""

    codes: tuple[str, ...]
    reason: str
    line: int
    applies_to_line: int
    span: Span


def ignores(document: Document) -> tuple[Ignore, ...]:
    """All ignores of a file, from comments only: the same words in a string or a block of text mean nothing."""
    if "meshc:" not in document.text:
        return ()
    return tuple(_ignores(document))


def _ignores(document: Document) -> Iterator[Ignore]:
    text, lines = document.text, document.lines
    scalars = sorted(document.scalar_extents())
    starts = [start for start, _ in scalars]
    for found in _COMMENT.finditer(text):
        at = found.start()
        if (at and text[at - 1] not in " \t\r\n") or _inside(text, scalars, starts, at):
            continue
        line = lines.position(at)[0]
        alone = not text[lines.starts[line - 1] : at].strip()
        codes = tuple(code.strip() for code in (found[1] or "").split(",") if code.strip())
        end = at + len(found[0].rstrip())
        yield Ignore(codes, found[2].strip(), line, _next_line(document, line) if alone else line, lines.span(at, end))


def _inside(text: str, scalars: list[tuple[int, int]], starts: list[int], at: int) -> bool:
    """Whether an offset lies inside a scalar; the comment behind a block's `|` does not, though the block begins before it."""
    index = bisect_right(starts, at) - 1
    if index < 0:
        return False
    start, end = scalars[index]
    if not start <= at < end:
        return False
    header = text[start:at]
    is_block = re.match(r"(?:&\S+\s+)?[|>]", header) is not None
    return not (is_block and "\n" not in header and "\r" not in header)


def _next_line(document: Document, line: int) -> int:
    """The next line that is neither blank nor a comment."""
    starts, text = document.lines.starts, document.text
    for index in range(line, len(starts)):
        end = starts[index + 1] if index + 1 < len(starts) else len(text)
        if (content := text[starts[index] : end].strip()) and not content.startswith("#"):
            return index + 1
    return line


def suppress(
    diagnostics: Iterable[Diagnostic], by_file: Mapping[str, Iterable[Ignore]]
) -> tuple[tuple[Diagnostic, ...], tuple[Finding, ...]]:
    """The diagnostics that no ignore silences, and the ignores that give no reason, can't ignore their code, or have nothing to ignore."""
    findings: list[Finding] = []
    silenced: dict[tuple[str, int, str], list[Ignore]] = {}
    for file in sorted(by_file):
        for ignore in by_file[file]:
            complaints = tuple(_complaints(file, ignore))
            findings.extend(complaints)
            if ignore.reason:
                for code in filter(suppressible, ignore.codes):
                    silenced.setdefault((file, ignore.applies_to_line, code), []).append(ignore)
    kept = []
    used = set()
    for one in diagnostics:
        key = (one.place.file, one.place.span.line, one.code)
        if key in silenced and suppressible(one.code):
            used.add(key)
        else:
            kept.append(one)
    findings.extend(_unused(key, ignore) for key, held in silenced.items() if key not in used for ignore in held)
    return tuple(kept), tuple(findings)


def _complaints(file: str, ignore: Ignore) -> Iterator[Finding]:
    origin = Origin(file)
    if not ignore.codes:
        message = "an ignore that names no code, expected `ignore[MC201] reason`"
        yield Finding("MC022", message, origin, help="name the codes to ignore in brackets", span=ignore.span)
        return
    if not ignore.reason:
        help_ = "write why behind the bracket; until then it ignores nothing"
        yield Finding("MC020", f"an ignore of {', '.join(ignore.codes)} without a reason", origin, help=help_, span=ignore.span)
    for code in ignore.codes:
        if not suppressible(code):
            help_ = "only codes MC2xx, MC3xx, MC4xx, MC6xx and MC7xx can be ignored; remove it and mend what it complains of"
            yield Finding("MC022", f"`{code}` can't be ignored", origin, help=help_, span=ignore.span)


def _unused(key: tuple[str, int, str], ignore: Ignore) -> Finding:
    file, line, code = key
    message = f"an ignore of {code} that ignores nothing: line {line} has no such finding"
    return Finding("MC021", message, Origin(file), Severity.WARNING, help="remove the code, or the comment", span=ignore.span)
