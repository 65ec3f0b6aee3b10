"""The pipeline in order, from files to a mesh and all that is to be said about it: what the command line, tests and examples call."""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from meshc import codes
from meshc.assemble import assemble
from meshc.diagnostics import Diagnostic, Finding, Origin, diagnose
from meshc.load import Loaded, find, load_contents
from meshc.model import Mesh
from meshc.resolve import resolve
from meshc.rules import rules
from meshc.source import MAX_BYTES, Document, collector_paused, ignores, locator, suppress

UNUSED_IGNORE: Final = "MC021"

Source = Path | Mapping[str, bytes]
"""A file or folder, or the contents of files by name; names that don't end in `.yaml` are what the mesh names beside itself."""


class UnknownEnvironmentError(ValueError):
    """An environment that no overlay belongs to; the message names those that exist."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mesh, or why there is none; the documents that findings point into, and the environments that could be asked for."""

    mesh: Mesh | None
    findings: tuple[Finding, ...]
    documents: Mapping[str, Document]
    environments: tuple[str, ...]


def load_mesh(source: Source, env: str | None = None) -> Compiled:
    """The mesh of these files, for an environment; rules are not asked."""
    loaded, reader = _load(source)
    if env is not None and env not in loaded.overlays:
        known = ", ".join(loaded.overlays) or "none"
        raise UnknownEnvironmentError(f"no environment {env!r}: expected one of those with overlays ({known})")
    return _compile(loaded, env, reader)


def checked(compiled: Compiled) -> Compiled:
    """The same with what the rules say."""
    return replace(compiled, findings=(*compiled.findings, *rule_findings(compiled.mesh)))


def rule_findings(mesh: Mesh | None) -> tuple[Finding, ...]:
    """What the rules say of a mesh; nothing where there is none."""
    return () if mesh is None else tuple(finding for one in rules() for finding in one.findings(mesh))


def lint(source: Source, extra: Callable[[Mesh], Iterable[Finding]] = lambda _: ()) -> list[Diagnostic]:
    """All that is to be said about a mesh and each of its environments. `extra` adds to what the rules say, such as failed tests."""
    loaded, reader = _load(source)
    base = _compile(loaded, None, reader)
    findings = list(_everything(base, extra))
    seen = {_key(finding) for finding in findings}
    later: dict[tuple[object, ...], tuple[Finding, list[str]]] = {}
    for env in base.environments:
        for finding in _everything(_compile(loaded, env, reader), extra):
            if (key := _key(finding)) not in seen:
                later.setdefault(key, (finding, []))[1].append(env)
    for finding, envs in later.values():
        note = f"in environment {', '.join(dict.fromkeys(envs))}"
        findings.append(replace(finding, notes=(*finding.notes, note)))
    return diagnostics(replace(base, findings=tuple(findings)))


def _everything(compiled: Compiled, extra: Callable[[Mesh], Iterable[Finding]]) -> Iterator[Finding]:
    yield from compiled.findings
    if compiled.mesh is not None:
        yield from rule_findings(compiled.mesh)
        yield from extra(compiled.mesh)


def _key(finding: Finding) -> tuple[object, ...]:
    return finding.code, finding.origin, finding.message, finding.span


def diagnostics(compiled: Compiled) -> list[Diagnostic]:
    """Findings with their places looked up, without those that comments ignore, and with what is wrong about such comments."""
    locate = locator(compiled.documents)
    shown = diagnose(compiled.findings, locate, name_of)
    kept, complaints = suppress(shown, {file: ignores(document) for file, document in compiled.documents.items()})
    if compiled.mesh is None:
        complaints = tuple(one for one in complaints if one.code != UNUSED_IGNORE)  # no rule was asked
    if not complaints:
        return list(kept)
    return sorted({*kept, *diagnose(complaints, locate, name_of)}, key=_position)


def _position(one: Diagnostic) -> tuple[str, int, int, str, str]:
    return one.place.file, one.place.span.line, one.place.span.column, one.code, one.message


def name_of(code: str) -> str:
    """The name of any code: the catalogue's or a rule's."""
    if code in codes.CODES:
        return codes.name_of(code)
    return next((one.name for one in rules() if one.code == code), code.lower())


def _load(source: Source) -> tuple[Loaded, Callable[[Origin, str], bytes | None]]:
    if isinstance(source, Path):
        contents, findings = find(source)
        return load_contents(contents, findings), _disk_reader(source if source.is_dir() else source.parent)
    specs = {name: content for name, content in source.items() if name.endswith(".yaml")}
    return load_contents(specs), lambda origin, name: source.get(_beside(origin, name))


def _compile(loaded: Loaded, env: str | None, reader: Callable[[Origin, str], bytes | None]) -> Compiled:
    everything = [*loaded.documents, *(one for those in loaded.overlays.values() for one in those)]
    documents = {one.file: one for one in everything}
    environments = tuple(loaded.overlays)
    with collector_paused():
        assembled = assemble(loaded.documents, loaded.overlays[env] if env is not None else ())
    said = {finding.origin for finding in loaded.findings}  # what the text itself is wrong about is no value that could be judged
    findings = (*loaded.findings, *(finding for finding in assembled.findings if finding.origin not in said))
    # A file that could not be read may hold what the others name, or a policy: without it there is no mesh to speak of.
    if assembled.spec is None or loaded.findings:
        return Compiled(None, findings, documents, environments)
    with collector_paused():
        mesh, wrong = resolve(assembled.spec, assembled.origin_of, reader)
    if not assembled.findings:
        return Compiled(mesh, (*findings, *wrong), documents, environments)
    # Keys that the language does not have were left out: a map may lack no more than what such a key was meant for.
    holders = {Origin(finding.origin.file, finding.origin.path[:-1]) for finding in assembled.findings}
    return Compiled(None, (*findings, *(finding for finding in wrong if finding.origin not in holders)), documents, environments)


def _beside(origin: Origin, name: str) -> str:
    """A named file's path from the mesh's folder."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin.file), name))


def _disk_reader(root: Path) -> Callable[[Origin, str], bytes | None]:
    def read(origin: Origin, name: str) -> bytes | None:
        file = root / _beside(origin, name)
        try:
            inside = file.resolve().is_relative_to(root.resolve())
            if not inside or not file.is_file() or file.stat().st_size > MAX_BYTES:
                return None
            return file.read_bytes()
        except (OSError, ValueError):
            return None

    return read
