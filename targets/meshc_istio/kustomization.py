"""The list of what belongs together: every manifest by name, so that nothing else in the folder is applied."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any


def kustomization(files: Iterable[PurePosixPath]) -> dict[str, Any]:
    """A kustomization of the files; it changes nothing in them, since names stand inside strings too."""
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": sorted(map(str, files))}
