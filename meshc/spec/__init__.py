"""What a user writes: the shape of one file, and of the whole mesh once its files are put together."""

from typing import Annotated, Any, Literal

from pydantic import ValidationError

from meshc.spec.expectations import TestShape
from meshc.spec.gateways import CertificateShape, GatewayShape
from meshc.spec.mesh import MeshShape
from meshc.spec.mistakes import Mistake, mistakes
from meshc.spec.policies import PolicyShape, ProviderShape
from meshc.spec.routes import RouteShape
from meshc.spec.services import ServiceShape
from meshc.spec.shapes import DnsLabel, Expected, OneOrMany, QualifiedName, Shape, ThingName

API_VERSION = "meshc/v1"
KINDS = ("services", "gateways", "routes", "policies", "authentication", "certificates")
"""The top-level keys that hold maps of named things."""


class FileSpec(Shape):
    """One file of a mesh. `meshc schema` prints this as JSON Schema."""

    apiVersion: Literal["meshc/v1"]
    """The version of the language."""
    namespace: DnsLabel | None = None
    """Holds for everything in the file. Default: the mesh's."""
    mesh: MeshShape | None = None
    """What holds for the whole mesh; in one file only."""
    services: dict[ThingName, Annotated[ServiceShape, Expected("a map with ports")]] = {}
    """Workloads, and what lies outside the mesh."""
    gateways: dict[ThingName, GatewayShape] = {}
    """Where outside traffic enters."""
    routes: dict[ThingName, RouteShape] = {}
    """Which request goes where."""
    policies: dict[ThingName, PolicyShape] = {}
    """Who may reach what."""
    authentication: dict[ThingName, ProviderShape] = {}
    """Who vouches for end users."""
    certificates: dict[ThingName, CertificateShape] = {}
    """Certificates of gateways."""
    tests: Annotated[list[TestShape], OneOrMany()] = []
    """Unit tests of the mesh."""


class Spec(Shape):
    """All files of a mesh, put together: the keys of maps are `namespace/name`; `tests` are by namespace."""

    mesh: MeshShape = MeshShape()
    services: dict[QualifiedName, Annotated[ServiceShape, Expected("a map with ports")]] = {}
    gateways: dict[QualifiedName, GatewayShape] = {}
    routes: dict[QualifiedName, RouteShape] = {}
    policies: dict[QualifiedName, PolicyShape] = {}
    authentication: dict[QualifiedName, ProviderShape] = {}
    certificates: dict[QualifiedName, CertificateShape] = {}
    tests: dict[str, Annotated[list[TestShape], OneOrMany()]] = {}


def validate(data: dict[str, Any]) -> Spec | list[Mistake]:
    """The mesh that put-together data with all short forms written out describes, or what is wrong with it."""
    try:
        return Spec.model_validate(data)
    except ValidationError as error:
        return mistakes(Spec, error.errors(include_url=False))


__all__ = ["API_VERSION", "KINDS", "FileSpec", "Mistake", "Spec", "validate"]
