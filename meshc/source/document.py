"""Where every key and value of a file stands, kept as offsets and turned into lines and columns only when somebody asks."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

from meshc.diagnostics import Locate, Origin, Place, Span, Step

LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_BITS: Final = 32
_MASK: Final = (1 << _BITS) - 1

Extent: TypeAlias = int
"""The offsets of the first character and of the one after the last, in one number: a file has some 100,000 of them."""


def extent(start: int, end: int) -> Extent:
    """A range of characters as one number."""
    return start << _BITS | end


def offsets(packed: Extent) -> tuple[int, int]:
    """The first offset of a range, and the one after its last."""
    return packed >> _BITS, packed & _MASK


@dataclass(slots=True)
class MapPlace:
    """A map: the place of each key and of its value."""

    extent: Extent
    entries: "dict[str, tuple[Extent, NodePlace]]"


@dataclass(slots=True)
class ListPlace:
    """A list: the place of each item."""

    extent: Extent
    items: "list[NodePlace]"


@dataclass(frozen=True, slots=True)
class AliasPlace:
    """An alias `*name`: it stands at a place of its own, and what is inside stands where the anchor is."""

    extent: Extent
    target: MapPlace | ListPlace


NodePlace: TypeAlias = Extent | MapPlace | ListPlace | AliasPlace
"""Where a node stands; a scalar is no more than its range."""


def extent_of(place: NodePlace) -> Extent:
    """The range of any node."""
    return place if isinstance(place, int) else place.extent


@dataclass(frozen=True)
class Lines:
    """A text seen as lines, as an editor counts them: broken at LF, CRLF and CR only."""

    text: str

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The offset at which each line begins."""
        return (0, *(found.end() for found in LINE_BREAK.finditer(self.text)))

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset, both from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """A range of characters as lines and columns."""
        return Span(*self.position(start), *self.position(max(start, end)))


@dataclass(frozen=True)
class Document:
    """
    A file's YAML: its text (without a byte order mark), its plain data, and where everything stands.

    `data` is shared where the file uses aliases, so nobody may change it.
    """

    file: str
    text: str
    data: Any  # dict, list, str, int, float, bool or None, and what these hold
    root: NodePlace = field(repr=False, compare=False)

    @cached_property
    def lines(self) -> Lines:
        """The text, as lines."""
        return Lines(self.text)

    def span(self, path: tuple[Step, ...]) -> Span:
        """Where a node was written: a map entry at its key, an item at its value; a node that isn't there at its nearest holder."""
        key, place = self._find(path)
        return self.lines.span(*offsets(extent_of(place) if key is None else key))

    def value_span(self, path: tuple[Step, ...]) -> Span:
        """Where a node's value was written; of a node that isn't there, its nearest holder's."""
        return self.lines.span(*offsets(extent_of(self._find(path)[1])))

    def text_span(self, path: tuple[Step, ...]) -> Span | None:
        """Where the text behind a map entry's key stands, if it is one, is not empty, and begins on the key's line."""
        key, place = self._find(path)
        if key is None or not isinstance(place, int):
            return None
        (start, end), (begin, _) = offsets(place), offsets(key)
        span = self.lines.span(start, end)
        return span if start < end and span.line == self.lines.position(begin)[0] else None

    def _find(self, path: tuple[Step, ...]) -> tuple[Extent | None, NodePlace]:
        key: Extent | None = None
        place = self.root
        for step in path:
            holder = place.target if isinstance(place, AliasPlace) else place
            if isinstance(holder, MapPlace) and isinstance(step, str) and step in holder.entries:
                key, place = holder.entries[step]
            elif isinstance(holder, ListPlace) and isinstance(step, int) and 0 <= step < len(holder.items):
                key, place = None, holder.items[step]
            else:
                break
        return key, place

    def scalar_extents(self) -> Iterator[tuple[int, int]]:
        """The ranges of all scalars and aliases, keys too, in no special order."""
        todo = [self.root]
        while todo:
            match todo.pop():
                case MapPlace(entries=entries):
                    for key, value in entries.values():
                        yield offsets(key)
                        todo.append(value)
                case ListPlace(items=items):
                    todo.extend(items)
                case AliasPlace(extent=packed):
                    yield offsets(packed)
                case packed:
                    yield offsets(packed)


def locator(documents: Mapping[str, Document], folder: str = "") -> Locate:
    """
    Finds any node of these files; a file that has no tree is pointed at by its first character.

    `folder` is put before the files' names, so that they are right from where the reader stands.
    """

    def locate(origin: Origin) -> Place:
        document = documents.get(origin.file)
        if document is None:
            return Place(folder + origin.file, Span(1, 1, 1, 1))
        return Place(folder + origin.file, document.span(origin.path), value=document.text_span(origin.path))

    return locate
