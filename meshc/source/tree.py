"""How libyaml's events become plain data and places in one pass without recursion, and what in sound YAML a mesh refuses."""

import re
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

import yaml

from meshc.diagnostics import Finding, Origin, Span, Step
from meshc.source.document import AliasPlace, Extent, Lines, ListPlace, MapPlace, NodePlace, extent
from meshc.source.scalars import MAX_DIGITS, NUMBER_START, WORDS, Scalar, TooManyDigits, plain

Event: TypeAlias = Any
"""One of PyYAML's events; its stubs say of each mark that it may be missing, which no parser ever does."""

Value: TypeAlias = Any
"""Plain data: a dict, list, str, int, float, bool or None."""

_AFTER_NAME: Final = frozenset(("", " ", "\t", "\r", "\n", ",", "[", "]", "{", "}"))
_ANCHOR: Final = re.compile(r"&\S+\s*")

MAX_DEPTH: Final = 100
MAX_NODES: Final = 1_000_000


class Parser(Protocol):
    """A source of YAML events: libyaml's parser, or PyYAML's own."""

    def get_event(self) -> Event: ...


class Stopped(Exception):  # noqa: N818 - reading stops, nothing failed
    """Reading can't go on; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class _Frame:
    """A map or list that is not closed yet."""

    __slots__ = ("anchor", "before", "deepest", "flow", "is_key", "key", "key_extent", "place", "refused", "start", "value")

    def __init__(self, value: Value, place: MapPlace | ListPlace, start: int, before: int, depth: int, *, flow: bool) -> None:
        self.value = value
        self.place = place
        self.start = start
        self.before = before  # how many nodes there were before this one
        self.deepest = depth  # the depth of the deepest node below
        self.flow = flow
        self.anchor: str | None = None
        self.is_key = False  # this map or list stands where a key is expected
        self.key: str | None = None  # the key that waits for its value
        self.key_extent: Extent = 0
        self.refused = False  # the key that waits is not put into the map


class _Anchor:
    """What an alias stands for."""

    __slots__ = ("height", "open", "place", "size", "value")

    def __init__(self, value: Value, place: NodePlace) -> None:
        self.value = value
        self.place = place
        self.open = False  # still being read: an alias to it would contain itself
        self.size = 1
        self.height = 0


class Tree:
    """One pass over a file's events; afterwards `data`, `root`, `empty` and `findings` hold what was read."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.lines = Lines(text)
        self.findings: list[Finding] = []
        self.data: Value = None
        self.root: NodePlace = 0
        self.documents = 0
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._nodes = 0
        self._known: dict[str, Scalar] = dict(WORDS)
        self._handlers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._open_map,
            yaml.SequenceStartEvent: self._open_list,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.DocumentStartEvent: self._document,
        }

    def read(self, parser: Parser) -> None:
        """All events, to the end of the stream."""
        handlers, get_event = self._handlers, parser.get_event
        while (event := get_event()) is not None:
            handler = handlers.get(event.__class__)
            if handler is not None:
                handler(event)

    def path(self) -> tuple[Step, ...]:
        """The path of the node that is being read."""
        steps: list[Step] = []
        for frame in self._frames:
            if isinstance(frame.place, ListPlace):
                steps.append(len(frame.place.items))
            elif frame.key is not None:
                steps.append(frame.key)
        return tuple(steps)

    # --- events ---------------------------------------------------------------------------------------------------------------

    def _document(self, event: Event) -> None:
        self.documents += 1
        start = event.start_mark.index
        if self.documents > 1:
            self._stop(
                "MC005",
                "a second YAML document begins here, expected one document in a file",
                (start, start + 3),
                "move what follows `---` into a file of its own, or remove the `---` if both belong together",
            )
        version, tags = getattr(event, "version", None), getattr(event, "tags", None)
        if tags or version not in (None, (1, 2)):
            self._complain(
                "MC006",
                "a `%` directive that changes how the file is read, expected plain YAML 1.2",
                self._line_of(start),
                "remove the line: mesh files are YAML 1.2 and use no tags",
            )

    def _line_of(self, start: int) -> tuple[int, int]:
        found = self.text.find("%")  # directives come before anything but comments
        begin = found if 0 <= found < start else start
        end = self.text.find("\n", begin)
        return begin, len(self.text) if end < 0 else end

    def _scalar(self, event: Event) -> None:
        text: str = event.value
        start, end = event.start_mark.index, event.end_mark.index
        value: Scalar = text
        is_plain = event.implicit[0]
        if event.tag is not None:
            self._refuse_tag(start)
        elif is_plain and (text in self._known or text[0] in NUMBER_START):
            value = self._plain(text, start, end)
        elif event.style in ("|", ">"):
            end = start + len(self.text[start:end].rstrip())
        frame = self._frames[-1] if self._frames else None
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._too_many((start, end))
        if event.anchor is not None:
            self._name_ends("&", event.anchor, start)
            start = self._after_anchor(start)
            self._anchors[event.anchor] = _Anchor(value, extent(start, end))
        if frame is not None and frame.key is None and isinstance(frame.place, MapPlace):
            self._key(frame, value, text, (start, end), is_plain=is_plain)
        else:
            self._add(frame, value, extent(start, end))

    def _plain(self, text: str, start: int, end: int) -> Scalar:
        try:
            value = self._known[text] = self._known[text] if text in self._known else plain(text)
        except TooManyDigits:
            message = f"a number of {len(text):,} digits, expected at most {MAX_DIGITS:,}"
            self._complain("MC007", message, (start, end), "put quotes around it if it is text")
            return text
        return value

    def _alias(self, event: Event) -> None:
        name: str = event.anchor
        start, end = event.start_mark.index, event.end_mark.index
        anchor = self._anchors.get(name)
        self._name_ends("*", name, start)
        place: NodePlace = extent(start, end)
        frame = self._frames[-1] if self._frames else None
        value: Value = None
        if anchor is None:
            help_ = f'put quotes around it if it is text: "*{name}"; an anchor is written `&{name}` and comes before its aliases'
            self._complain("MC002", f"alias `*{name}` without an anchor of that name above it", (start, end), help_)
        elif anchor.open:
            self._complain("MC006", f"alias `*{name}` stands inside its own anchor", (start, end), "write the value out")
        else:
            value = anchor.value
            self._grow(anchor.size, anchor.height, (start, end))
            target = anchor.place.target if isinstance(anchor.place, AliasPlace) else anchor.place
            if not isinstance(target, int):
                place = AliasPlace(extent(start, end), target)
        if frame is not None and frame.key is None and isinstance(frame.place, MapPlace):
            self._key(frame, value, f"*{name}", (start, end), is_plain=False)
        else:
            self._add(frame, value, place)

    def _open_map(self, event: Event) -> None:
        self._open(event, {}, MapPlace(0, {}))

    def _open_list(self, event: Event) -> None:
        self._open(event, [], ListPlace(0, []))

    def _open(self, event: Event, value: Value, place: MapPlace | ListPlace) -> None:
        start = event.start_mark.index
        parent = self._frames[-1] if self._frames else None
        if event.tag is not None:
            self._refuse_tag(start)
        before = self._nodes
        self._grow(1, 1, (start, start + 1))
        frame = _Frame(value, place, start, before, len(self._frames) + 1, flow=bool(event.flow_style))
        frame.is_key = parent is not None and parent.key is None and isinstance(parent.place, MapPlace)
        if event.anchor is not None:
            self._name_ends("&", event.anchor, start)
            frame.anchor = event.anchor
            anchor = self._anchors[event.anchor] = _Anchor(value, place)
            anchor.open = True
        self._frames.append(frame)

    def _close(self, event: Event) -> None:
        frame = self._frames.pop()
        start = frame.start
        # A block collection ends, for libyaml, where the next token begins: its last line is where its text ends.
        end = event.end_mark.index if frame.flow else start + len(self.text[start : event.start_mark.index].rstrip())
        frame.place.extent = extent(start, end)
        parent = self._frames[-1] if self._frames else None
        depth = len(self._frames)
        if frame.anchor is not None:
            anchor = self._anchors[frame.anchor]
            if anchor.value is frame.value:
                anchor.open, anchor.size, anchor.height = False, self._nodes - frame.before, frame.deepest - depth
        if parent is not None and frame.deepest > parent.deepest:
            parent.deepest = frame.deepest
        if frame.is_key and parent is not None:
            help_ = "a key is text on one line; put quotes around it if the brackets belong to it"
            self._complain("MC006", "a map or list as a key, expected a string", (start, end), help_)
            self._wait(parent, f"?{start}", extent(start, end), refused=True)
        else:
            self._add(parent, frame.value, frame.place)

    # --- maps and lists -------------------------------------------------------------------------------------------------------

    def _add(self, frame: _Frame | None, value: Value, place: NodePlace) -> None:
        if frame is None:
            self.data, self.root = value, place
        elif isinstance(frame.place, ListPlace):
            frame.value.append(value)
            frame.place.items.append(place)
        else:
            key = frame.key
            assert key is not None  # noqa: S101 - a value follows its key
            if not frame.refused:
                frame.value[key] = value
                frame.place.entries[key] = (frame.key_extent, place)
            frame.key = None

    def _key(self, frame: _Frame, value: Value, text: str, at: tuple[int, int], *, is_plain: bool) -> None:
        refused = True
        key = value if isinstance(value, str) else text
        if is_plain and text == "<<":
            self._complain(
                "MC004", "merge key `<<`, which YAML 1.2 does not have", at, "write the keys out, or use an alias for a whole value"
            )
        elif not isinstance(value, str):
            help_ = f'put quotes around it: "{text}"' if text.strip() else "write a key before the colon"
            self._complain("MC006", f"{_kind(value)} as a key, expected a string", at, help_)
        elif key in frame.place.entries:  # type: ignore[union-attr] # only maps have keys
            self._duplicate(frame, key, at)
        else:
            refused = False
        self._wait(frame, key, extent(*at), refused=refused)

    def _duplicate(self, frame: _Frame, key: str, at: tuple[int, int]) -> None:
        assert isinstance(frame.place, MapPlace)  # noqa: S101 - only maps have keys
        first = self.lines.position(frame.place.entries[key][0] >> 32)[0]
        origin = Origin(self.file, (*self.path(), key))
        self.findings.append(
            Finding(
                "MC003",
                f"key `{key}` stands twice in this map, first on line {first}",
                origin,
                help="keep one of the two, or merge them",
                related=((origin, "first written here"),),
                span=self._span(at),
            )
        )

    @staticmethod
    def _wait(frame: _Frame, key: str, at: Extent, *, refused: bool) -> None:
        frame.key, frame.key_extent, frame.refused = key, at, refused

    # --- limits and complaints ------------------------------------------------------------------------------------------------

    def _grow(self, size: int, height: int, at: tuple[int, int]) -> None:
        """Counts nodes as if aliases were written out, exactly and without writing them out."""
        self._nodes += size
        depth = len(self._frames) + height
        if self._frames and depth > self._frames[-1].deepest:
            self._frames[-1].deepest = depth
        if depth > MAX_DEPTH:
            self._stop(
                "MC007", f"nested more than {MAX_DEPTH} levels deep", at, "a mesh needs about ten levels; look for brackets never closed"
            )
        if self._nodes > MAX_NODES:
            self._too_many(at)

    def _too_many(self, at: tuple[int, int]) -> None:
        message = f"more than {MAX_NODES:,} values, with what aliases stand for counted in"
        self._stop("MC007", message, at, "split the file, or use fewer aliases inside of each other")

    def _after_anchor(self, start: int) -> int:
        """Where a scalar itself begins: libyaml counts its anchor in."""
        found = _ANCHOR.match(self.text, start)
        return found.end() if found else start

    def _name_ends(self, mark: str, name: str, start: int) -> None:
        """Refuses `&a:b`: an anchor named `a:b` for YAML 1.2, an anchor `a` and a text `:b` for libyaml."""
        found = self.text.find(mark + name, start)
        after = found + 1 + len(name)
        if found >= 0 and self.text[after : after + 1] not in _AFTER_NAME:
            message = f"`{self.text[after]}` directly behind `{mark}{name}`, expected a space"
            self._complain("MC006", message, (after, after + 1), "put a space there, or quotes around the value if it is text")

    def _refuse_tag(self, start: int) -> None:
        found = self.text.find("!", start)
        written = self.text[found:].split(None, 1)[0].rstrip(",]}")
        message = f"tag `{written}`, expected a value without a tag"
        self._complain(
            "MC006",
            message,
            (found, found + len(written)),
            "remove the tag" if written.startswith("!!") else "remove the tag, or put quotes around a value that begins with `!`",
        )

    def _span(self, at: tuple[int, int]) -> Span:
        return self.lines.span(*at)

    def _complain(self, code: str, message: str, at: tuple[int, int], help_: str) -> None:
        self.findings.append(Finding(code, message, Origin(self.file, self.path()), help=help_, span=self._span(at)))

    def _stop(self, code: str, message: str, at: tuple[int, int], help_: str) -> None:
        raise Stopped(Finding(code, message, Origin(self.file, self.path()), help=help_, span=self._span(at)))


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case None:
            return "null"
        case _:
            return "a map or list"
