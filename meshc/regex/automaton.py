"""A linear-time matcher for expressions: no text can make it hang."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import assert_never

from meshc.regex.charset import Ranges
from meshc.regex.syntax import Alternation, Chars, Concat, Node, Repeat, parse


class Matcher:
    """
    A position automaton (Glushkov), run with all its states at once.

    Python's own `re` backtracks: `(a+)+b` hangs it. This takes time proportional to text times expression, whatever they are.
    """

    __slots__ = ("_final", "_first", "_follow", "_nullable", "_sets")

    def __init__(self, node: Node) -> None:
        self._sets: list[Ranges] = []
        self._follow: list[int] = []
        self._nullable, self._first, self._final = self._build(node)

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text is matched."""
        if not text:
            return self._nullable
        reachable, states = self._first, 0
        for character in text:
            code, states = ord(character), 0
            following = 0
            for position in _bits(reachable):
                if any(low <= code <= high for low, high in self._sets[position]):
                    states |= 1 << position
                    following |= self._follow[position]
            if not states:
                return False
            reachable = following
        return bool(states & self._final)

    def _build(self, node: Node) -> tuple[bool, int, int]:
        """Whether the empty text matches, and the first and last positions; fills `_sets` and `_follow`."""
        match node:
            case Chars(ranges):
                self._sets.append(ranges)
                self._follow.append(0)
                bit = 1 << (len(self._sets) - 1)
                return False, bit, bit
            case Concat(parts):
                return self._sequence([self._build(part) for part in parts])
            case Alternation(options):
                built = [self._build(option) for option in options]
                return any(empty for empty, _, _ in built), _join(first for _, first, _ in built), _join(last for _, _, last in built)
            case Repeat(inner, low, high):
                return self._repeat(inner, low, high)
            case _:
                assert_never(node)

    def _sequence(self, built: list[tuple[bool, int, int]]) -> tuple[bool, int, int]:
        nullable, first, last = True, 0, 0
        for empty, starts, ends in built:
            self._link(last, starts)
            first |= starts if nullable else 0
            last = ends | (last if empty else 0)
            nullable = nullable and empty
        return nullable, first, last

    def _repeat(self, inner: Node, low: int, high: int | None) -> tuple[bool, int, int]:
        if high is None:
            copies = [self._build(inner) for _ in range(max(low, 1))]
            empty, starts, ends = copies[-1]
            self._link(ends, starts)
            copies[-1] = (empty or low == 0, starts, ends)
            return self._sequence(copies)
        needed = [self._build(inner) for _ in range(low)]
        nested = (True, 0, 0)
        for _ in range(high - low):  # x{0,3} as (x(x(x)?)?)?: few edges
            empty, starts, ends = self._sequence([self._build(inner), nested])
            nested = (True, starts, ends)
        return self._sequence([*needed, nested])

    def _link(self, ends: int, starts: int) -> None:
        for position in _bits(ends):
            self._follow[position] |= starts


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _join(masks: Iterable[int]) -> int:
    joined = 0
    for mask in masks:
        joined |= mask
    return joined


@lru_cache(maxsize=4096)
def matcher(text: str) -> Matcher:
    """The matcher of an expression of the subset, or a RegexError."""
    return Matcher(parse(text))
