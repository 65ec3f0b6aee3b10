"""How a thing is named."""

from typing import NamedTuple


class Name(NamedTuple):
    """The name of a thing: unique per kind. Written `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
