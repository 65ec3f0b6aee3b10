"""What the catalogue says of one code: its name, how bad it is, and the page that explains it."""

from dataclasses import dataclass
from inspect import cleandoc

from meshc.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """
    A kind of diagnostic that the pipeline itself gives; linter rules describe themselves where they are defined.

    `page` is Markdown: its first sentence says what it is, then why it hurts and what to do. A ` ```yaml bad ` block gives this code, and
    its ` ```yaml good ` block does not. A block without `apiVersion` stands for a whole file that begins with `apiVersion: meshc/v1`,
    `namespace: shop` and `mesh: {name: shop, trustDomain: shop.example}`.
    """

    code: str
    name: str
    page: str
    severity: Severity = Severity.ERROR

    def __post_init__(self) -> None:
        object.__setattr__(self, "page", cleandoc(self.page))

    @property
    def summary(self) -> str:
        """The first sentence of the page, on one line."""
        return " ".join(self.page.split("\n\n", 1)[0].split())
