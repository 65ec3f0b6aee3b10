"""Which thing is which: the top level of each file, with names made whole, and the same thing in two files refused."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshc.diagnostics import Finding, Origin, Step
from meshc.source import Document
from meshc.spec import API_VERSION, KINDS, FileSpec
from meshc.spec.mistakes import nearest, shown
from meshc.spec.shapes import LABEL
from meshc.spec.shorthand import expand

_DEFAULT_NAMESPACE = "default"
_TOP = tuple(FileSpec.model_fields)


@dataclass(slots=True)
class Gathered:
    """The files' things in one tree, in the shape of a Spec; the origin of each thing; and what was wrong on the way."""

    namespace: str
    tree: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[Step, ...], Origin] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def gather(documents: Sequence[Document], overlays: Sequence[Document]) -> Gathered:
    """The tree of the mesh itself. An overlay may move the mesh's own namespace."""
    gathered = Gathered(_mesh_namespace((*overlays, *documents)))
    for document in documents:
        data = _top_level(document, gathered.findings)
        if data is not None:
            _add_file(gathered, document.file, data)
    return gathered


def gather_overlays(documents: Sequence[Document], namespace: str) -> list[tuple[Document, Gathered]]:
    """Each overlay's own tree, long forms and nulls kept."""
    trees = []
    for document in documents:
        gathered = Gathered(namespace)
        data = _top_level(document, gathered.findings)
        if data is not None:
            _add_file(gathered, document.file, expand(FileSpec, data, overlay=True))
        trees.append((document, gathered))
    return trees


def _mesh_namespace(documents: Iterable[Document]) -> str:
    for document in documents:
        mesh = document.data.get("mesh") if isinstance(document.data, dict) else None
        name = mesh.get("namespace") if isinstance(mesh, dict) else None
        if isinstance(name, str) and LABEL.takes(name):
            return name
    return _DEFAULT_NAMESPACE


def _top_level(document: Document, findings: list[Finding]) -> dict[str, Any] | None:
    """A file's map, if it is one of the language's; what is wrong with its top-level keys is found here."""
    origin, data = Origin(document.file), document.data
    hint = "write `apiVersion: meshc/v1` at the top, or name the file in `mesh.exclude` if it is not part of the mesh"
    if not isinstance(data, dict):
        findings.append(Finding("MC010", f"the file is {shown(data)}, expected a map with `apiVersion: {API_VERSION}`", origin, help=hint))
        return None
    if "apiVersion" not in data:
        findings.append(Finding("MC010", f"missing key `apiVersion`, expected `apiVersion: {API_VERSION}`", origin, help=hint))
        return None
    if data["apiVersion"] != API_VERSION:
        message = f"`apiVersion` is {shown(data['apiVersion'])}, expected {API_VERSION}"
        findings.append(Finding("MC010", message, origin.at("apiVersion"), help=hint))
        return None
    findings.extend(_unknown_keys(data, origin))
    return data


def _unknown_keys(data: dict[str, Any], origin: Origin) -> Iterator[Finding]:
    for key in data:
        if key not in _TOP:
            near = nearest(key, _TOP)
            known = f"did you mean `{near}`?" if near else f"expected one of {', '.join(_TOP)}"
            yield Finding("MC011", f"unknown key `{key}`, {known}", origin.at(key))


def _add_file(gathered: Gathered, file: str, data: dict[str, Any]) -> None:
    origin = Origin(file)
    namespace = _file_namespace(gathered, data, origin)
    if "mesh" in data:
        _add_mesh(gathered, data["mesh"], origin.at("mesh"))
    for kind in KINDS:
        if kind in data:
            _add_things(gathered, kind, namespace, data[kind], origin.at(kind))
    if "tests" in data:
        _add_tests(gathered, namespace, data["tests"], origin.at("tests"))


def _file_namespace(gathered: Gathered, data: dict[str, Any], origin: Origin) -> str:
    name = data.get("namespace", gathered.namespace)
    if isinstance(name, str) and LABEL.takes(name):
        return name
    message = f"`namespace` is {shown(name)}, expected {LABEL.kind} such as {LABEL.examples[0]}"
    gathered.findings.append(Finding("MC012", message, origin.at("namespace"), help=f"{LABEL.kind} is {LABEL.form}"))
    return gathered.namespace


def _add_mesh(gathered: Gathered, data: Any, origin: Origin) -> None:  # noqa: ANN401 - YAML data
    if first := gathered.origins.get(("mesh",)):
        message = "a second `mesh` block, expected one in the whole mesh"
        gathered.findings.append(Finding("MC018", message, origin, related=((first, "the first one"),)))
        return
    gathered.tree["mesh"] = data
    gathered.origins["mesh",] = origin


def _add_things(gathered: Gathered, kind: str, namespace: str, data: Any, origin: Origin) -> None:  # noqa: ANN401 - YAML data
    if not isinstance(data, dict):
        gathered.findings.append(_not_a_map(kind, data, origin))
        return
    things = gathered.tree.setdefault(kind, {})
    for name, thing in data.items():
        full = f"{namespace}/{name}"
        if first := gathered.origins.get((kind, full)):
            message = f"`{name}` is defined twice under `{kind}` of namespace {namespace}, expected each name once"
            gathered.findings.append(Finding("MC015", message, origin.at(name), related=((first, "defined here too"),)))
            continue
        things[full] = thing
        gathered.origins[kind, full] = origin.at(name)


def _add_tests(gathered: Gathered, namespace: str, data: Any, origin: Origin) -> None:  # noqa: ANN401 - YAML data
    gathered.origins.setdefault(("tests", namespace), origin)
    if data is None:
        gathered.tree.setdefault("tests", {})[namespace] = None
        return
    tests = gathered.tree.setdefault("tests", {}).setdefault(namespace, [])
    for index, test in enumerate(data if isinstance(data, list) else [data]):
        gathered.origins["tests", namespace, len(tests)] = origin.at(index) if isinstance(data, list) else origin
        tests.append(test)


def _not_a_map(kind: str, data: Any, origin: Origin) -> Finding:  # noqa: ANN401 - YAML data
    help_ = "write something below it, or leave the key out" if data is None else None
    return Finding("MC012", f"`{kind}` is {shown(data)}, expected a map of names", origin, help=help_)
