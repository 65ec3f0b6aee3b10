"""Which file supplied a node of the put-together tree, and at which path of its own."""

from collections.abc import Iterable, Mapping
from typing import Any

from meshc.diagnostics import Origin, Step


class Origins:
    """The origins of some nodes of the tree; all others follow from the nearest holder that has one."""

    def __init__(self, files: Mapping[str, Any], known: Mapping[tuple[Step, ...], Origin]) -> None:
        self._files = files
        self._known = dict(known)
        self._lengths = sorted({len(path) for path in known}, reverse=True)
        self._removed: dict[tuple[Step, ...], dict[str, Origin]] = {}
        self._first = Origin(min(files, default=""))

    def add(self, path: tuple[Step, ...], origin: Origin) -> None:
        """Say where a node comes from."""
        self._known[path] = origin
        if len(path) not in self._lengths:
            self._lengths = sorted({*self._lengths, len(path)}, reverse=True)

    def remove(self, path: tuple[Step, ...], origin: Origin) -> None:
        """Say where a key of a map was removed."""
        self._removed.setdefault(path[:-1], {})[str(path[-1])] = origin

    def removed(self, path: tuple[Step, ...]) -> Iterable[tuple[str, Origin]]:
        """The keys that were removed from a map, and where."""
        return self._removed.get(path, {}).items()

    def find(self, path: tuple[Step, ...]) -> Origin:
        """Where a node was written; a node that was not, at its nearest holder."""
        for length in self._lengths:
            if length <= len(path) and (origin := self._known.get(path[:length])):
                return self._below(origin, path[length:])
        return self._first

    def _below(self, origin: Origin, rest: tuple[Step, ...]) -> Origin:
        """
        The node below, as far as the file has it.

        Where a short form was written, some steps have no node of their own: the first item of a list of one, a key of a map for which
        a scalar stands. They stay at the node that stands for them.
        """
        node: Any = self._files.get(origin.file)
        for step in origin.path:
            node = child(node, step)
        found = list(origin.path)
        for step in rest:
            if isinstance(node, dict) and isinstance(step, str):
                if step not in node:
                    break
            elif isinstance(node, list) and isinstance(step, int):
                if step >= len(node):
                    break
            elif step == 0 or (isinstance(step, str) and not isinstance(node, dict | list)):
                continue
            else:
                break
            node = child(node, step)
            found.append(step)
        return Origin(origin.file, tuple(found))


def child(node: Any, step: Step) -> Any:  # noqa: ANN401 - YAML data
    """The node one step below, or None."""
    if isinstance(node, dict):
        return node.get(step)
    if isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node):
        return node[step]
    return None
