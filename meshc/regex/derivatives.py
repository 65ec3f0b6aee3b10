"""Expressions taken apart from the left: what may follow some text in what they take, and whether several take a text together."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, assert_never

from meshc.regex.charset import EVERY, Ranges, intersection
from meshc.regex.syntax import Alternation, Chars, Concat, Node, RegexError, Repeat

_EMPTY: Final = Concat(())
_MAX_STATES: Final = 20_000

_State = tuple[Node, ...]


def rests(node: Node, *after: Node) -> tuple[Node, ...]:
    """
    What may follow, in texts that `node` takes, a beginning that all of `after` take: the union of the result says it exactly.

    These are partial derivatives (Antimirov 1996): there are finitely many, however long the beginning. Their number is bounded here, and
    a RegexError where it would be passed.
    """
    found = (state[0] for state in _reachable((node, *after)) if all(map(takes_empty, state[1:])))
    return tuple(dict.fromkeys(found))


def meet(*nodes: Node) -> bool:
    """Whether some text is taken by all of them; a RegexError where that is too much to find out."""
    return any(all(map(takes_empty, state)) for state in _reachable(nodes))


def takes_empty(node: Node) -> bool:
    """Whether the empty text is taken."""
    match node:
        case Chars():
            return False
        case Concat(parts):
            return all(map(takes_empty, parts))
        case Alternation(options):
            return any(map(takes_empty, options))
        case Repeat(inner, low, _):
            return low == 0 or takes_empty(inner)
        case _:
            assert_never(node)


def joined(*nodes: Node) -> Node:
    """One after the other, without layers that mean nothing."""
    parts = [part for node in nodes for part in (node.parts if isinstance(node, Concat) else (node,))]
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def either(options: tuple[Node, ...]) -> Node:
    """Any of them; of none, what takes no text at all."""
    return options[0] if len(options) == 1 else Alternation(options)


def literal(text: str) -> Node:
    """What takes exactly that text."""
    return joined(*(Chars(((ord(character), ord(character)),)) for character in text))


def _reachable(start: _State) -> Iterator[_State]:
    """The states that some text leads to from there, all of the expressions reading it together; the start comes first."""
    seen = {start}
    waiting = [start]
    for state in waiting:
        yield state
        for after in _steps(state):
            if after not in seen:
                if len(seen) >= _MAX_STATES:
                    raise RegexError("the expressions are too large to be compared", 0)
                seen.add(after)
                waiting.append(after)


def _steps(state: _State) -> Iterator[_State]:
    """The states that are one character further."""
    steps: list[tuple[Ranges, _State]] = [(EVERY, ())]
    for node in state:
        steps = [(both, (*done, rest)) for ranges, done in steps for first, rest in _heads(node) if (both := intersection(ranges, first))]
    yield from (after for _, after in steps)


@lru_cache(maxsize=16384)
def _heads(node: Node) -> tuple[tuple[Ranges, Node], ...]:
    """The characters that texts begin with, and what follows each set of them."""
    match node:
        case Chars(ranges):
            return ((ranges, _EMPTY),)
        case Concat(parts):
            return tuple(_heads_of_parts(parts))
        case Alternation(options):
            return tuple(head for option in options for head in _heads(option))
        case Repeat(inner, low, high):
            if high == 0:
                return ()
            again = _times(inner, max(low - 1, 0), None if high is None else high - 1)
            return tuple((ranges, joined(after, again)) for ranges, after in _heads(inner))
        case _:
            assert_never(node)


def _heads_of_parts(parts: tuple[Node, ...]) -> Iterator[tuple[Ranges, Node]]:
    for index, part in enumerate(parts):
        yield from ((ranges, joined(after, *parts[index + 1 :])) for ranges, after in _heads(part))
        if not takes_empty(part):
            return


def _times(node: Node, low: int, high: int | None) -> Node:
    match low, high:
        case _, 0:
            return _EMPTY
        case 1, 1:
            return node
        case _:
            return Repeat(node, low, high)
