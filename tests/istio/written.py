"""What the traffic half writes for a mesh, found by kind and name, and what it says it can't."""

from pathlib import Path
from typing import Any

from meshc.model import Mesh
from meshc_istio import traffic_objects
from meshc_istio.complaints import ignore, into
from tests.meshes import mesh_of

SHOP = Path(__file__).parent.parent / "fixtures" / "shop"
HEAD = "namespace: shop\nmesh: {name: shop, trustDomain: shop.example, access: allow}\n"


def one(mesh: Mesh, kind: str, name: str) -> dict[str, Any]:
    """The spec of the object of that kind and name."""
    return next(o.spec for o in traffic_objects(mesh, ignore) if (o.kind, o.name) == (kind, name))


def names(mesh: Mesh, kind: str) -> list[str]:
    """`namespace/name` of the objects of that kind."""
    return [f"{o.namespace}/{o.name}" for o in traffic_objects(mesh, ignore) if o.kind == kind]


def complaints_of(text: str) -> list[str]:
    """What the traffic half can't say of a mesh."""
    found: list[Any] = []
    for _ in traffic_objects(mesh_of(text if "mesh:" in text else HEAD + text), into(found)):
        pass
    return [finding.message for finding in found]


RULE = """
services: {{b: {{ports: {{http: 80}}}}}}
routes: {{r: {{services: [b], rules: [{{{rule}, to: b}}]}}}}
"""
