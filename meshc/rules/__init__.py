"""The linter's rules: found in this package's modules, each described by its own docstring."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias

from meshc.diagnostics import Finding, Severity
from meshc.model import Mesh

Check: TypeAlias = Callable[[Mesh], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name reads after "allow", as in `ambiguous-routes`; `doc` is its page, in Markdown."""

    code: str
    name: str
    doc: str
    severity: Severity
    check: Check

    def findings(self, mesh: Mesh) -> Iterator[Finding]:
        """What the rule says of a mesh: with its code, and never worse than its severity."""
        for finding in self.check(mesh):
            softer = Severity.WARNING if Severity.WARNING in (finding.severity, self.severity) else Severity.ERROR
            yield replace(finding, code=self.code, severity=softer)


_MARK = "meshc_rule"


def rule(code: str, *, severity: Severity = Severity.ERROR) -> Callable[[Check], Check]:
    """Makes a function a rule: its name is the rule's, its docstring the rule's page."""

    def mark(check: Check) -> Check:
        name = getattr(check, "__name__", "").replace("_", "-")
        setattr(check, _MARK, Rule(code, name, inspect.cleandoc(check.__doc__ or ""), severity, check))
        return check

    return mark


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, by code. Loading their modules is what costs, so it is done once and late."""
    found: dict[str, Rule] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        for thing in vars(importlib.import_module(f"{__name__}.{module}")).values():
            one = getattr(thing, _MARK, None)
            if isinstance(one, Rule) and found.setdefault(one.code, one) is not one:
                raise ValueError(f"{one.code} is both {one.name} and {found[one.code].name}")
    return tuple(found[code] for code in sorted(found))
