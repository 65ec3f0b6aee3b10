"""Many files, one Spec: names made whole, overlays laid over, everything checked once, and where each value really came from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from meshc.assemble.gather import gather, gather_overlays
from meshc.assemble.merge import lay_over
from meshc.assemble.origins import Origins
from meshc.diagnostics import Finding, Origin, Step
from meshc.source import Document
from meshc.spec import Mistake, Spec, validate
from meshc.spec.shorthand import expand

OriginOf: TypeAlias = Callable[[tuple[Step, ...]], Origin]


@dataclass(frozen=True, slots=True)
class Assembled:
    """Files put together. `origin_of` finds where a node of the Spec's tree was written; where there is no Spec, there are findings."""

    spec: Spec | None
    origin_of: OriginOf
    findings: tuple[Finding, ...]


def assemble(documents: Iterable[Document], overlays: Iterable[Document] = ()) -> Assembled:
    """The Spec of a mesh's files, with the overlays of one environment laid over them."""
    base_documents = sorted(documents, key=lambda document: document.file)
    overlay_documents = sorted(overlays, key=lambda document: document.file)
    gathered = gather(base_documents, overlay_documents)
    tree: dict[str, Any] = expand(Spec, gathered.tree)
    findings = list(gathered.findings)
    origins = Origins({document.file: document.data for document in (*base_documents, *overlay_documents)}, gathered.origins)
    if overlay_documents:
        patches = gather_overlays(overlay_documents, gathered.namespace)
        findings.extend(finding for _, patch in patches for finding in patch.findings)
        tree = lay_over(tree, patches, origins, findings)
    result = validate(tree)
    if isinstance(result, Spec):
        return Assembled(None if findings else result, origins.find, tuple(findings))
    findings.extend(_findings(result, origins))
    return Assembled(None, origins.find, tuple(findings))


def _findings(mistakes: Sequence[Mistake], origins: Origins) -> Iterable[Finding]:
    for mistake in mistakes:
        yield Finding(mistake.code, mistake.message, origins.find(mistake.path), help=mistake.help)


__all__ = ["Assembled", "OriginOf", "assemble"]
