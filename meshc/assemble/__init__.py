"""Many files, one Spec: names made whole, overlays laid over, everything checked once, and where each value really came from."""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, TypeAlias

from meshc.assemble.gather import gather, gather_overlays
from meshc.assemble.merge import lay_over
from meshc.assemble.origins import Origins, child
from meshc.diagnostics import Finding, Origin, Step
from meshc.source import Document
from meshc.spec import Mistake, Spec, validate
from meshc.spec.shorthand import expand

MISSING: Final = "MC013"
"""A key that must be there; where an overlay removed it, the overlay is to blame."""

OriginOf: TypeAlias = Callable[[tuple[Step, ...]], Origin]


@dataclass(frozen=True, slots=True)
class Assembled:
    """
    Files put together. `origin_of` finds where a node of the Spec's tree was written; where there is no Spec, there are findings.

    A Spec beside findings is one without what they are about: good for finding more, and for nothing else.
    """

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
    rest = None if findings else _without(tree, result)
    findings.extend(_findings(result, origins))
    return Assembled(rest, origins.find, tuple(findings))


def _without(tree: dict[str, Any], mistakes: Sequence[Mistake]) -> Spec | None:
    """
    The Spec without keys that the language does not have, if nothing else is wrong with it.

    Only keys with plain values are left out: what a map or list under a misspelt key defines would be missed by those who name it.
    """
    copy = deepcopy(tree)
    for mistake in mistakes:
        holder = reduce(child, mistake.path[:-1], copy)
        if mistake.code != "MC011" or not isinstance(holder, dict) or isinstance(holder.pop(str(mistake.path[-1]), {}), dict | list):
            return None
    result = validate(copy)
    return result if isinstance(result, Spec) else None


def _findings(mistakes: Sequence[Mistake], origins: Origins) -> Iterable[Finding]:
    for mistake in mistakes:
        origin = origins.find(mistake.path)
        if mistake.code == MISSING:
            origin = next((where for key, where in origins.removed(mistake.path) if f"`{key}`" in mistake.message), origin)
        yield Finding(mistake.code, mistake.message, origin, help=mistake.help)


__all__ = ["Assembled", "OriginOf", "assemble"]
