"""What the target writes for a mesh, found by kind and name, and what it says it can't."""

from pathlib import Path
from typing import Any

from meshc.diagnostics import Finding
from meshc.model import Mesh
from meshc_istio import objects, target
from meshc_istio.complaints import ignore
from meshc_istio.objects import Object
from tests.meshes import mesh_of

SHOP = Path(__file__).parent.parent / "fixtures" / "shop"
HEAD = "namespace: shop\nmesh: {name: shop, trustDomain: shop.example, access: allow}\n"


def written(mesh: Mesh) -> list[Object]:
    """Every object of a mesh."""
    return list(objects(mesh, ignore))


def whole(mesh: Mesh, kind: str, name: str) -> Object:
    """The object of that kind and name."""
    return next(one for one in written(mesh) if (one.kind, one.name) == (kind, name))


def one(mesh: Mesh, kind: str, name: str) -> dict[str, Any]:
    """Its spec."""
    return whole(mesh, kind, name).spec


def names(mesh: Mesh, kind: str) -> list[str]:
    """`namespace/name` of the objects of that kind."""
    return [f"{one.namespace}/{one.name}" for one in written(mesh) if one.kind == kind]


def findings_of(text: str) -> list[Finding]:
    """What the target can't say of a mesh."""
    return list(target.check(mesh_of(text if "mesh:" in text else HEAD + text)))


def complaints_of(text: str) -> list[str]:
    """The same, in its words."""
    return [finding.message for finding in findings_of(text)]


RULE = """
services: {{b: {{ports: {{http: 80}}}}}}
routes: {{r: {{services: [b], rules: [{{{rule}, to: b}}]}}}}
"""
