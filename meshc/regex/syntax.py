"""The regular expressions on which RE2, PCRE2 and Python agree, as whole matches by characters: their text and their tree."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, assert_never

from meshc.regex.charset import ANY, DIGITS, EVERY, WORD, Ranges, complement, intersection, union

MAX_REPEAT: Final = 1000  # RE2's limit, which nested repeats share
MAX_POSITIONS: Final = 5000  # characters of the expression with its repeats written out


class RegexError(ValueError):
    """An expression outside the subset: what is wrong, and the index of the character where."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Concat:
    """All parts, one after the other; without parts the empty text."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Alternation:
    """Any of the options."""

    options: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`low` to `high` times, None is any number."""

    node: "Node"
    low: int
    high: int | None


Node: TypeAlias = Chars | Concat | Alternation | Repeat

_PUNCTUATION: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~ ")  # without `_`, which RE2 refuses to see escaped
_QUANTIFIER: Final = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_ODD_QUANTIFIER: Final = re.compile(r"\{(?=[^}]*[0-9])[ \t]*[0-9]*[ \t]*(,[ \t]*[0-9]*[ \t]*)?\}")  # PCRE2 10.43 repeats by these
_GROUP_NAME: Final = re.compile(r"\(\?P<[A-Za-z_][A-Za-z0-9_]*>", re.ASCII)
_FLAGS: Final = re.compile(r"\(\?([is]+)\)")
_NESTING: Final = 50


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of an expression of the subset, or a RegexError."""
    parser = _Parser(text)
    node = parser.whole()
    if _positions(node) > MAX_POSITIONS:
        raise RegexError(f"the expression is too large: with its repeats written out it has more than {MAX_POSITIONS} characters", 0)
    return node


def check(text: str) -> str | None:
    """Why an expression is not in the subset, with the place; None where it is."""
    try:
        parse(text)
    except RegexError as error:
        return str(error)
    return None


class _Parser:
    """Recursive descent over the text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.ignore_case = False
        self.dot_all = False

    def whole(self) -> Node:
        if flags := _FLAGS.match(self.text):
            self.ignore_case = "i" in flags.group(1)
            self.dot_all = "s" in flags.group(1)
            self.at = flags.end()
        node = self.alternation(top=True)
        if self.at < len(self.text):
            raise RegexError("a ')' without its '('", self.at)
        _check_repeats(node, 1)
        return node

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def alternation(self, *, top: bool = False) -> Node:
        options = [self.concat(top=top)]
        while self.peek() == "|":
            self.at += 1
            options.append(self.concat(top=top))
        return options[0] if len(options) == 1 else Alternation(tuple(options))

    def concat(self, *, top: bool) -> Node:
        if top and self.peek() == "^":  # a whole match begins here anyway
            self.at += 1
        parts: list[Node] = []
        while (next_one := self.peek()) and next_one not in "|)":
            if next_one == "$" and top and self.text[self.at + 1 : self.at + 2] in ("", "|"):
                self.at += 1
                break
            parts.append(self.quantified())
        return parts[0] if len(parts) == 1 else Concat(tuple(parts))

    def quantified(self) -> Node:
        node = self.atom()
        start = self.at
        bounds = self.quantifier()
        if bounds is None:
            return node
        low, high = bounds
        if max(low, high or 0) > MAX_REPEAT:
            raise RegexError(f"a repeat of more than {MAX_REPEAT}, the most that RE2 takes", start)
        if high is not None and high < low:
            raise RegexError("a repeat whose bounds are out of order", start)
        if self.peek() == "?":  # lazy: a whole match is the same
            self.at += 1
        elif self.peek() == "+":
            raise RegexError("a possessive repeat, which RE2 does not have", self.at)
        again = self.at
        if self.quantifier() is not None:
            raise RegexError("a repeat of a repeat; expected parentheses around the inner one", again)
        return Repeat(node, low, high)

    def quantifier(self) -> tuple[int, int | None] | None:
        if simple := {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.peek()):
            self.at += 1
            return simple
        if found := _QUANTIFIER.match(self.text, self.at):
            self.at = found.end()
            low = int(found.group(1)[:6])
            if found.group(2) is None:
                return low, low
            return low, int(found.group(3)[:6]) if found.group(3) else None
        if _ODD_QUANTIFIER.match(self.text, self.at):
            raise RegexError("a repeat that engines read differently; expected '{n}', '{n,}' or '{n,m}' without blanks", self.at)
        return None

    def atom(self) -> Node:
        start, character = self.at, self.peek()
        if character in "*+?" or _QUANTIFIER.match(self.text, start) or _ODD_QUANTIFIER.match(self.text, start):
            raise RegexError("a repeat of nothing", start)
        if character in "^$":
            raise RegexError(f"an anchor {character!r} inside the expression; the whole value is always matched", start)
        match character:
            case "(":
                return self.group()
            case "[":
                return self.char_class()
            case "\\":
                return self.folded(self.escape(), start)
            case ".":
                self.at += 1
                return Chars(EVERY if self.dot_all else ANY)
            case _:
                self.at += 1
                return self.folded(((ord(character), ord(character)),), start)

    def group(self) -> Node:
        start = self.at
        outer = self.ignore_case, self.dot_all
        if self.text.startswith("(?:", start):
            self.at += 3
        elif name := _GROUP_NAME.match(self.text, start):
            self.at = name.end()
        elif self.text.startswith("(?i:", start):
            self.ignore_case = True
            self.at += 4
        elif self.text.startswith("(?", start):
            raise RegexError(
                "a group that engines read differently; expected '(', '(?:', '(?i:', '(?P<name>', or '(?i)' at the start", start
            )
        else:
            self.at += 1
        self.depth += 1
        if self.depth > _NESTING:
            raise RegexError(f"groups nested more than {_NESTING} deep", start)
        node = self.alternation()
        if self.peek() != ")":
            raise RegexError("a '(' without its ')'", start)
        self.at += 1
        self.depth -= 1
        self.ignore_case, self.dot_all = outer
        return node

    def escape(self) -> Ranges:
        """The set of an escape, inside a class or outside."""
        start = self.at
        name = self.text[start + 1 : start + 2]
        self.at += 2
        classes = {"d": DIGITS, "D": complement(DIGITS), "w": WORD, "W": complement(WORD)}
        if name in classes:
            return classes[name]
        if name in _PUNCTUATION and name:
            return ((ord(name), ord(name)),)
        if name == "x" and (digits := re.compile(r"[0-9A-Fa-f]{2}").match(self.text, self.at)):
            code = int(digits.group(), 16)
            if code >= 0x80:  # noqa: PLR2004 - past ASCII, RE2 means a character and PCRE2 a byte
                raise RegexError("an escape past '\\x7f', which engines read differently; expected the character itself", start)
            self.at += 2
            return ((code, code),)
        hints = {"s": "'\\s', which engines read differently; expected a space", "": "a '\\' at the end", "b": "a word boundary '\\b'"}
        hint = hints.get(name, f"an escape '\\{name}' that engines read differently")
        raise RegexError(f"{hint}; expected '\\d', '\\w', '\\D', '\\W', '\\xHH' or escaped punctuation" if name else hint, start)

    def char_class(self) -> Node:
        start = self.at
        self.at += 1
        negated = self.peek() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            if not self.peek():
                raise RegexError("a '[' without its ']'", start)
            ranges += self.class_item(first=first)
            first = False
        self.at += 1
        found = self.fold(union(ranges), start)
        found = complement(found) if negated else found
        if not found:
            raise RegexError("a class that takes no character", start)
        return Chars(found)

    def class_item(self, *, first: bool) -> Ranges:
        start = self.at
        low, single = self.class_end(first=first)
        if self.peek() != "-" or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return low
        dash = self.at
        self.at += 1
        high, single_high = self.class_end(first=False)
        if not (single and single_high):
            raise RegexError("a range with a class at one end; expected '\\-' for a dash", dash)
        if low[0][0] > high[0][0]:
            raise RegexError("a range whose ends are out of order", start)
        return intersection(((low[0][0], high[0][0]),), EVERY)

    def class_end(self, *, first: bool) -> tuple[Ranges, bool]:
        """A character of a class, or a set such as that of an escaped `d`; and whether it is one character."""
        character = self.peek()
        if character == "\\":
            ranges = self.escape()
            return ranges, len(ranges) == 1 and ranges[0][0] == ranges[0][1]
        if character == "[":
            raise RegexError("a '[' inside a class, which engines read differently; expected '\\['", self.at)
        if character == "-" and not first and self.text[self.at + 1 : self.at + 2] != "]":
            raise RegexError("a '-' inside a class, which engines read differently; expected '\\-'", self.at)
        _no_surrogate(character, self.at)
        self.at += 1
        return ((ord(character), ord(character)),), True

    def folded(self, ranges: Ranges, start: int) -> Node:
        _no_surrogate(self.text[start], start)
        return Chars(self.fold(ranges, start))

    def fold(self, ranges: Ranges, start: int) -> Ranges:
        """The set with both cases of its ASCII letters, where `(?i)` holds."""
        if not self.ignore_case:
            return ranges
        if any(0x80 <= high < 0xD7FF for _, high in ranges):  # noqa: PLR2004 - complements of ASCII sets are whole past ASCII
            raise RegexError("a character that is not ASCII under '(?i)', whose cases engines read differently", start)
        upper, lower = intersection(ranges, ((0x41, 0x5A),)), intersection(ranges, ((0x61, 0x7A),))
        return union((*ranges, *((a + 32, b + 32) for a, b in upper), *((a - 32, b - 32) for a, b in lower)))


def _no_surrogate(character: str, position: int) -> None:
    if character and 0xD800 <= ord(character) <= 0xDFFF:  # noqa: PLR2004 - the surrogates
        raise RegexError("a lone surrogate, which is no character", position)


def _check_repeats(node: Node, outer: int) -> None:
    """RE2 refuses repeats whose product is above its limit."""
    match node:
        case Chars():
            return
        case Concat(parts):
            for part in parts:
                _check_repeats(part, outer)
        case Alternation(options):
            for option in options:
                _check_repeats(option, outer)
        case Repeat(inner, low, high):
            times = outer * max(low, high or 0, 1)
            if times > MAX_REPEAT:
                raise RegexError(f"repeats inside repeats of more than {MAX_REPEAT} in all, the most that RE2 takes", 0)
            _check_repeats(inner, times)
        case _:
            assert_never(node)


def _positions(node: Node) -> int:
    """How many characters the expression has with its repeats written out."""
    match node:
        case Chars():
            return 1
        case Concat(parts) | Alternation(parts):
            return sum(_positions(part) for part in parts)
        case Repeat(inner, low, high):
            return _positions(inner) * max(low, high or 0, 1)
        case _:
            assert_never(node)
