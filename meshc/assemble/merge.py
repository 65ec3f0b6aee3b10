"""What overlays do to a tree: maps merge, scalars and lists replace, null removes, and maps over rules patch them by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from meshc.assemble.definitions import changes_nothing
from meshc.assemble.gather import Gathered
from meshc.assemble.origins import Origins
from meshc.diagnostics import Finding, Origin, Step
from meshc.source import Document
from meshc.spec.mistakes import nearest
from meshc.spec.shorthand import Patch

_Path = tuple[Step, ...]


@dataclass(slots=True)
class _Laid:
    """A value of an overlay and where it was written; `children` where it is a map, which merges."""

    value: Any
    origin: Origin
    children: "dict[str, _Laid] | None"


def lay_over(
    tree: dict[str, Any], overlays: Iterable[tuple[Document, Gathered]], origins: Origins, findings: list[Finding]
) -> dict[str, Any]:
    """The tree with the overlays of one environment laid over it; `origins` learns what they supplied."""
    laid = _Laid({}, Origin(""), {})
    tests = _Tests(tree, origins, findings)
    for document, overlay in overlays:
        own = Origins({document.file: document.data}, overlay.origins)
        for namespace, those in overlay.tree.pop("tests", {}).items():
            tests.lay(namespace, those, own)
        _combine(laid, _laid(overlay.tree, (), own), (), findings)
    result: dict[str, Any] = _Laying(origins, findings).over(tests.tree, laid, ())
    return result


class _Tests:
    """Tests of overlays: added to those of their namespace, each in place of the one that is called like it."""

    def __init__(self, tree: dict[str, Any], origins: Origins, findings: list[Finding]) -> None:
        self._all: dict[str, Any] = {**tree.get("tests", {})}
        self.tree = {**tree, "tests": self._all}
        self._origins = origins
        self._findings = findings
        self._laid: dict[tuple[str, object], Origin] = {}  # those of this environment so far, by namespace and name

    def lay(self, namespace: str, those: list[Any] | None, own: Origins) -> None:
        """Lay one overlay's tests of a namespace over what is there; null removes all."""
        there = self._all[namespace] = [*(self._all.get(namespace) or ())]
        if those is None:
            if not there:
                message = "the overlay removes `tests`, which are not there; expected tests of the mesh below it"
                self._findings.append(Finding("MC017", message, own.find(("tests", namespace))))
            there.clear()
        for index, test in enumerate(those or ()):
            self._lay_one(namespace, there, test, own.find(("tests", namespace, index)))

    def _lay_one(self, namespace: str, there: list[Any], test: Any, origin: Origin) -> None:  # noqa: ANN401 - YAML data
        name = _name_of(test)
        first = origin if name is None else self._laid.setdefault((namespace, name), origin)
        if first.file != origin.file:
            message = f"test `{name}` is set by two overlays of one environment, expected one"
            self._findings.append(Finding("MC016", message, origin, related=((first, "set here too"),)))
            return
        # Twice in one file is no replacement: that two tests are called alike is said where tests are looked at.
        old = [at for at, one in enumerate(there) if first is origin and name is not None and _name_of(one) == name]
        place = old[0] if old else len(there)
        there[place : place + 1] = [test]
        self._origins.add(("tests", namespace, place), origin)


def _name_of(test: Any) -> str | None:  # noqa: ANN401 - YAML data
    name = test.get("name") if isinstance(test, dict) else None
    return name if isinstance(name, str) else None


def _laid(value: Any, path: _Path, own: Origins) -> _Laid:  # noqa: ANN401 - YAML data
    children = {key: _laid(below, (*path, key), own) for key, below in value.items()} if isinstance(value, dict) else None
    return _Laid(value, own.find(path), children)


def _combine(into: _Laid, other: _Laid, path: _Path, findings: list[Finding]) -> None:
    """Add another overlay of the same environment, none of whose keys may be set already."""
    if into.children is None or other.children is None:
        message = f"`{_name(path)}` is set by two overlays of one environment, expected one"
        findings.append(Finding("MC016", message, other.origin, related=((into.origin, "set here too"),)))
        return
    for key, child in other.children.items():
        if key in into.children:
            _combine(into.children[key], child, (*path, key), findings)
        else:
            into.children[key] = child


@dataclass(frozen=True, slots=True)
class _Laying:
    origins: Origins
    findings: list[Finding]

    def over(self, below: Any, laid: _Laid, path: _Path) -> Any:  # noqa: ANN401 - YAML data
        """The value with the overlay's laid over it."""
        if laid.children is not None:
            if isinstance(below, dict) and path[::2] == ("services", "traffic"):
                return self._replace(below, laid, path)
            if isinstance(below, dict):
                return self._merge(below, laid.children, path)
            if isinstance(below, list) and isinstance(laid.value, Patch):
                return self._patch(below, laid.children, path)
        return self._add(laid, path)

    def _merge(self, below: dict[str, Any], children: dict[str, _Laid], path: _Path) -> dict[str, Any]:
        merged = dict(below)
        for key, child in children.items():
            if child.value is None:
                if merged.pop(key, child) is child:
                    self._removes_nothing(child, (*path, key), below)
                else:
                    self.origins.remove((*path, key), child.origin)
            elif key in merged:
                merged[key] = self.over(merged[key], child, (*path, key))
            elif len(path) == 1 and (complaint := changes_nothing(str(path[0]), key, child.value, below)):
                self.findings.append(Finding("MC017", complaint[0], child.origin, help=complaint[1]))
            else:
                merged[key] = self._add(child, (*path, key))
        return merged

    def _replace(self, below: dict[str, Any], laid: _Laid, path: _Path) -> Any:  # noqa: ANN401 - YAML data
        """Shares of traffic are one value, since they are shares of one whole; a null among them says what is so anyway."""
        children = laid.children or {}
        for key, child in children.items():
            if child.value is None and key not in below:
                self._removes_nothing(child, (*path, key), below)
        return self._add(_Laid(laid.value, laid.origin, {key: child for key, child in children.items() if child.value is not None}), path)

    def _add(self, laid: _Laid, path: _Path) -> Any:  # noqa: ANN401 - YAML data
        """A value that replaces what was there, or is new."""
        self.origins.add(path, laid.origin)
        if isinstance(laid.value, Patch):
            return laid.value.whole
        return laid.value if laid.children is None else self._merge({}, laid.children, path)

    def _patch(self, below: list[Any], children: dict[str, _Laid], path: _Path) -> list[Any]:
        """A list of rules, each of which may be changed or removed by its name."""
        names = {rule["name"]: index for index, rule in enumerate(below) if isinstance(rule, dict) and isinstance(rule.get("name"), str)}
        for name, child in children.items():
            if name not in names:
                self._removes_nothing(child, (*path, name), names)
        removed = {names[name] for name, child in children.items() if child.value is None and name in names}
        kept = [index for index in range(len(below)) if index not in removed]
        if removed:
            self._move([(*path, index) for index in kept], path)
        changes = {names[name]: child for name, child in children.items() if name in names}
        return [
            self.over(below[index], changes[index], (*path, now)) if index in changes else below[index] for now, index in enumerate(kept)
        ]

    def _move(self, kept: Sequence[_Path], path: _Path) -> None:
        found = [self.origins.find(one) for one in kept]
        for now, origin in enumerate(found):
            self.origins.add((*path, now), origin)

    def _removes_nothing(self, laid: _Laid, path: _Path, known: Iterable[str]) -> None:
        name = _name(path)
        verb = "removes" if laid.value is None else "patches"
        what = "rule" if len(path) > 1 and path[-2] == "rules" else "key" if len(path) > 2 else "thing"  # noqa: PLR2004 - kind, name
        near = nearest(name, [one.rpartition("/")[2] for one in known])
        hint = f"did you mean `{near}`?" if near else f"expected a {what} of the mesh below it"
        self.findings.append(Finding("MC017", f"the overlay {verb} `{name}`, which is not there; {hint}", laid.origin))


def _name(path: _Path) -> str:
    """The last key as the user wrote it: things' names are whole in the tree, and tests stand below their namespace."""
    if path[:1] == ("tests",):
        return "tests"
    return str(path[-1]).rpartition("/")[2] if path else ""
