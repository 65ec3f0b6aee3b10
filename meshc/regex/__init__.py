"""The portable regular expressions: `parse`, `check`, `matcher`, and `encode` for the canonical spelling of paths."""

from meshc.regex.automaton import Matcher, matcher
from meshc.regex.encoding import encode, encode_every, escape, render
from meshc.regex.syntax import Alternation, Chars, Concat, Node, RegexError, Repeat, check, parse

__all__ = [
    "Alternation",
    "Chars",
    "Concat",
    "Matcher",
    "Node",
    "RegexError",
    "Repeat",
    "check",
    "encode",
    "encode_every",
    "escape",
    "matcher",
    "parse",
    "render",
]
