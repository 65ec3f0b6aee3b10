"""Sets of characters as ranges of code points."""

from collections.abc import Iterable
from typing import Final, TypeAlias

MAX_CODE: Final = 0x10FFFF

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""A set of code points: sorted, inclusive, neither touching nor overlapping."""

DIGITS: Final[Ranges] = ((0x30, 0x39),)
WORD: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
EVERY: Final[Ranges] = ((0, 0xD7FF), (0xE000, MAX_CODE))  # surrogates are no characters


def union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges sorted and joined."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)


def intersection(one: Ranges, other: Ranges) -> Ranges:
    """What lies in both."""
    return union((max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) <= min(b, d))


def complement(ranges: Ranges) -> Ranges:
    """All characters but these."""
    gaps = []
    start = 0
    for low, high in ranges:
        gaps.append((start, low - 1))
        start = high + 1
    gaps.append((start, MAX_CODE))
    return intersection(union(gap for gap in gaps if gap[0] <= gap[1]), EVERY)


ANY: Final = complement(((0x0A, 0x0A),))  # `.` without (?s)
