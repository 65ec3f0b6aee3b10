"""
The portable regular expressions.

`parse` and `write`, `check`, `matcher`, `encode` for the canonical spelling of paths, and `rests` and `meet` for their algebra.
"""

from meshc.regex.automaton import Matcher, matcher
from meshc.regex.derivatives import either, joined, literal, meet, rests, takes_empty
from meshc.regex.encoding import encode, encode_every, escape, render, write
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
    "either",
    "encode",
    "encode_every",
    "escape",
    "joined",
    "literal",
    "matcher",
    "meet",
    "parse",
    "render",
    "rests",
    "takes_empty",
    "write",
]
