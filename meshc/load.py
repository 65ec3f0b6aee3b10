"""Which files are a mesh: what is read from a folder, what is left alone, and which overlays belong to which environment."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from meshc.diagnostics import Finding, Origin
from meshc.output import MARKER
from meshc.source import MAX_BYTES, Document, parse, too_large
from meshc.spec import API_VERSION

ENVIRONMENTS = "environments"
"""The name of folders that hold overlays."""


_SAYS_MESH: Final = re.compile(rb"[\"']apiVersion[\"']\s*:\s*[\"']" + API_VERSION.encode())


@dataclass(frozen=True, slots=True)
class Loaded:
    """The files of a mesh as documents, sorted by name: those that always hold, and the overlays of each environment."""

    documents: tuple[Document, ...]
    overlays: Mapping[str, tuple[Document, ...]]
    findings: tuple[Finding, ...]


def load(path: Path) -> Loaded:
    """The mesh that a file or a folder holds."""
    contents, findings = find(path)
    return load_contents(contents, findings)


def load_contents(contents: Mapping[str, bytes], findings: Iterable[Finding] = ()) -> Loaded:
    """The mesh that these files hold, each under its name; what is wrong with excluded files is forgotten."""
    excluded = _Excluded()
    parsed: dict[str, tuple[Document | None, tuple[Finding, ...]]] = {}
    # A file that excludes others comes before those: the nearest to the root first, and only files that could exclude any.
    for name in sorted(contents, key=lambda name: (name.count("/"), name)):
        if b"exclude" in contents[name] and environment_of(name) is None and not excluded.takes(name):
            parsed[name] = parse(name, contents[name])
            excluded.add(parsed[name][0])
    documents: list[Document] = []
    overlays: dict[str, list[Document]] = {}
    found = [finding for finding in findings if not excluded.takes(finding.origin.file)]
    kept = [name for name in sorted(contents) if not excluded.takes(name)]
    for name in kept:
        document, wrong = parsed[name] if name in parsed else parse(name, contents[name])
        found.extend(wrong)
        environment = environment_of(name)
        of = overlays.setdefault(environment, []) if environment else documents
        if document:
            of.append(document)
    if not any(environment_of(name) is None for name in kept) and not found:
        found.append(_no_files())
    return Loaded(tuple(documents), {name: tuple(those) for name, those in sorted(overlays.items())}, tuple(found))


def environment_of(name: str) -> str | None:
    """The environment that a file is an overlay of; None for a file that always holds."""
    path = PurePosixPath(name)
    return path.stem if path.parent.name == ENVIRONMENTS else None


def find(path: Path) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """
    The YAML files of a mesh, overlays too, by name relative to the folder, sorted; and those that cannot be read or should not be there.

    `path` is one file, or a folder that is read with all that lies below it.
    """
    findings: list[Finding] = []
    contents: dict[str, bytes] = {}
    files = _walk(path, findings) if path.is_dir() else [(path.name, path)]
    for name, file in files:
        content = _read(name, file)
        if isinstance(content, Finding):
            findings.append(content)
        else:
            contents[name] = content
    if not contents and not findings:
        findings.append(_no_files())
    return dict(sorted(contents.items())), tuple(sorted(findings, key=lambda finding: finding.origin.file))


def _no_files() -> Finding:
    return Finding(
        "MC027",
        "no *.yaml file here, expected a mesh",
        Origin(""),
        help="`meshc init` writes a first one; or name the folder that holds it",
    )


def _walk(root: Path, findings: list[Finding]) -> Iterator[tuple[str, Path]]:
    """
    Files whose name says YAML, in folders that are part of a mesh.

    Each real folder is read once, under its own name rather than a link's, so that links may lead back.
    """
    seen: set[tuple[int, int]] = set()
    folders: list[tuple[str, Path]] = [("", root)]
    links: list[tuple[str, Path]] = []
    while folders or links:
        name, folder = folders.pop() if folders else links.pop()
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            findings.append(_unreadable(name, error))
            continue
        if (status.st_dev, status.st_ino) in seen or any(entry.name == MARKER for entry in entries):
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            below = f"{name}/{entry.name}" if name else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append((below, Path(entry.path)))
            elif _is_yaml(below, Path(entry.path), findings):
                yield below, Path(entry.path)


def _is_yaml(name: str, file: Path, findings: list[Finding]) -> bool:
    """Whether a file is read; one that looks as if it should be, but is not, is a finding."""
    path = PurePosixPath(name)
    if path.suffix.lower() == ".json" and _says_mesh(file):
        message = "a `.json` file that says it is part of a mesh, expected `.yaml`"
        findings.append(Finding("MC014", message, Origin(name), help="rename it: JSON is YAML too; or name it in `mesh.exclude`"))
    if path.suffix.lower() not in (".yaml", ".yml"):
        return False
    printable = name.encode("utf-8", "backslashreplace").decode()
    if printable != name:
        findings.append(Finding("MC001", "the file's name is not UTF-8", Origin(printable), help="rename it"))
    elif path.suffix != ".yaml":
        message = f"`{path.suffix}` file in the tree of a mesh, expected `.yaml`"
        findings.append(Finding("MC014", message, Origin(name), help="rename it, or name it in `mesh.exclude`"))
    elif ENVIRONMENTS in path.parts[:-2]:
        message = f"a file in a folder below `{ENVIRONMENTS}`, expected overlays directly in it, as in `{ENVIRONMENTS}/prod.yaml`"
        findings.append(Finding("MC028", message, Origin(name), help="move it up, or name it in `mesh.exclude`"))
    else:
        return True
    return False


def _says_mesh(file: Path) -> bool:
    """Whether a JSON file is of the language: most beside a mesh are keys and the like, and none of its business."""
    try:
        status = file.stat()
        return stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES and _SAYS_MESH.search(file.read_bytes()) is not None
    except OSError:
        return False


def _read(name: str, file: Path) -> bytes | Finding:
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return Finding("MC001", "not a regular file, expected YAML text", Origin(name))
        return too_large(name, status.st_size) or file.read_bytes()
    except OSError as error:
        return _unreadable(name, error)


def _unreadable(name: str, error: OSError) -> Finding:
    reason = error.strerror.lower() if error.strerror else "it cannot be read"
    return Finding("MC001", f"cannot read it: {reason}", Origin(name))


class _Excluded:
    """The globs of `mesh.exclude`."""

    def __init__(self) -> None:
        self._patterns: list[re.Pattern[str]] = []

    def add(self, document: Document | None) -> None:
        """Take the globs of a file's `mesh` block, if it is one of the language's."""
        data: Any = document.data if document else None
        if not isinstance(data, dict) or data.get("apiVersion") != API_VERSION or not isinstance(data.get("mesh"), dict):
            return
        globs = data["mesh"].get("exclude")
        for glob in globs if isinstance(globs, list) else [globs]:
            if isinstance(glob, str):
                self._patterns.append(_glob(glob))

    def takes(self, name: str) -> bool:
        """Whether a file is excluded."""
        return any(pattern.fullmatch(name) for pattern in self._patterns)


def _glob(glob: str) -> re.Pattern[str]:
    """A glob as an expression: `*` and `?` stay inside one name, `**` takes any folders, and a folder's name takes all below it."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", glob.removeprefix("./").rstrip("/"))
    return re.compile("".join(words.get(token) or re.escape(token) for token in tokens) + "(?:/.*)?", re.DOTALL)
