"""A build as one text for kubectl, and what kind of object each of its files is."""

from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest

from meshc import output
from meshc.target import File


def files(contents: Mapping[str, str]) -> list[File]:
    """Files as a target makes them."""
    return [File(PurePosixPath(path), content.encode()) for path, content in contents.items()]


OBJECT = "apiVersion: v1\nkind: Service\nmetadata:\n  name: x\n"


def test_stream_holds_the_objects() -> None:
    """Documents in the order of their paths; what kubectl would not take is left out and named."""
    made = files({"b.yaml": OBJECT, "a.yaml": OBJECT.replace("x", "y"), "values.yaml": "meshConfig: {}\n", "notes.txt": "kind: x\n"})
    kustomization = files({"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"})
    text, left_out = output.stream({"t": [*made, *kustomization]})
    assert f"---\n# t/a.yaml\n{OBJECT.replace('x', 'y')}---\n# t/b.yaml\n{OBJECT}".encode() == text
    assert ("t/kustomization.yaml", "t/notes.txt", "t/values.yaml") == left_out


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("x.yaml", OBJECT, "Service"),
        ("x.yml", OBJECT.replace("kind: Service", "kind: 'Service'"), "Service"),
        ("x.txt", OBJECT, None),
        ("x.yaml", "apiVersion: v1\nmetadata:\n  kind: Service\n", None),
        ("x.yaml", "kind: Service\n", None),
        ("x.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", None),
    ],
)
def test_kinds(name: str, content: str, kind: str | None) -> None:
    """An object has a kind and a version at its top; what is for a tool beside the cluster is none."""
    assert kind == output.kind_of(*files({name: content}))


def test_stream_of_a_single_other_file() -> None:
    """A target with one configuration file can be piped too."""
    assert (b"{}", ()) == output.stream({"t": files({"envoy.json": "{}"})})
