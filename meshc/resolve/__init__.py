"""From what a user wrote to what it means: defaults written out, names resolved, everything in order, and all that is wrong said."""

from meshc.diagnostics import Finding, Severity
from meshc.model import Mesh
from meshc.resolve.mesh import whole_mesh
from meshc.resolve.names import OriginOf, Place, ReadFile
from meshc.spec import Spec

__all__ = ["OriginOf", "ReadFile", "resolve"]


def resolve(spec: Spec, origin_of: OriginOf, read_file: ReadFile) -> tuple[Mesh | None, tuple[Finding, ...]]:
    """The mesh that a spec means, or None where something is wrong with it; all findings of one run."""
    found: list[Finding] = []
    root = Place((), spec.mesh.namespace, origin_of, found)
    mesh = whole_mesh(spec, root, read_file)
    failed = any(finding.severity is Severity.ERROR for finding in found)
    return None if failed else mesh, tuple(found)
