"""Expressions written out again: without flags, or over the canonical spelling of paths, where a character may be several bytes."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, assert_never

from meshc.regex.charset import ANY, EVERY, MAX_CODE, Ranges, complement, intersection, union
from meshc.regex.syntax import Alternation, Chars, Concat, Node, RegexError, Repeat

_SPECIAL: Final = frozenset("\\.+*?()|[]{}^$")
_HEX: Final = "0123456789ABCDEF"
_RAW: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"
)  # the characters that stay as they are
_RESERVED: Final = b"!$&'()*+,;=:@"
_ESCAPED: Final = tuple(byte for byte in range(0x20, 0x7F) if byte not in _RAW and byte != ord("\\"))  # a request path has no backslash
_BEYOND_ASCII: Final[Ranges] = intersection(EVERY, ((0x80, MAX_CODE),))
_CONTINUATION: Final = "%[89AB][0-9A-F]"


def escape(text: str) -> str:
    """An expression that takes exactly that text."""
    return "".join("\\" + character if character in _SPECIAL else character for character in text)


def render(node: Node) -> str:
    """The tree as an expression without flags; a RegexError for a set that cuts through the characters past ASCII."""
    return _write(node, _plain_set)


def write(node: Node) -> str:
    """The tree as an expression of the subset, which `parse` reads as the same; other engines need not."""
    return _write(node, _own_set)


def encode(node: Node) -> str:
    """
    An expression that takes the canonical spelling of exactly those paths that `node` takes decoded.

    It is meant for full matches of canonical paths; of other texts it says nothing.
    """
    return _write(node, _encoded_set)


def encode_every(node: Node, *, closed: bool) -> str:
    """
    An expression that takes every spelling of exactly those paths that `node` takes decoded: escapes in either case, reserved raw or not.

    `closed` adds what only some readers take for such a path: a bracket, or a percent sign that begins no escape.
    """
    return _write(node, partial(_spelled_set, closed=closed))


def _write(node: Node, write_set: Callable[[Ranges], str]) -> str:
    match node:
        case Chars(ranges):
            return write_set(ranges)
        case Concat(parts):
            return "".join(_grouped(part, write_set) if isinstance(part, Alternation) else _write(part, write_set) for part in parts)
        case Alternation(options):
            return "(?:" + "|".join(_write(option, write_set) for option in options) + ")"
        case Repeat(inner, low, high):
            return _grouped(inner, write_set) + _bounds(low, high)
        case _:
            assert_never(node)


def _grouped(node: Node, write_set: Callable[[Ranges], str]) -> str:
    """The node as one atom."""
    text = _write(node, write_set)
    return text if _is_atom(text) else f"(?:{text})"


def _is_atom(text: str) -> bool:
    if len(text) == 1:
        return True
    if text.startswith("["):
        return "]" not in text[1:-1].replace("\\]", "")
    if text.startswith("\\"):
        return len(text) == 2  # noqa: PLR2004 - a backslash and what it escapes
    return text.startswith("(?:") and _closes(text) == len(text) - 1


def _closes(text: str) -> int:
    """Where the group that opens the text ends."""
    depth, inside, at = 0, False, 0
    while at < len(text):
        match text[at]:
            case "\\":
                at += 1
            case "[" if not inside:
                inside = True
            case "]" if inside:
                inside = False
            case "(" if not inside:
                depth += 1
            case ")" if not inside:
                depth -= 1
                if depth == 0:
                    return at
        at += 1
    return at


def _bounds(low: int, high: int | None) -> str:
    match low, high:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
        case _, None:
            return f"{{{low},}}"
        case _ if low == high:
            return f"{{{low}}}"
        case _:
            return f"{{{low},{high}}}"


# --- sets -----------------------------------------------------------------------------------------------------------------------


def _plain_set(ranges: Ranges) -> str:
    if ranges == ANY:
        return "."
    if ranges == EVERY:
        return "(?s:.)"
    beyond = intersection(ranges, _BEYOND_ASCII)
    if beyond == _BEYOND_ASCII:
        return "[^" + "".join(_range(low, high) for low, high in complement(ranges)) + "]"
    if beyond:
        raise RegexError("a character that is not ASCII, which engines read differently here", 0)
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _in_class(ranges[0][0]) if ranges[0][0] < 0x20 or ranges[0][0] == 0x7F else escape(chr(ranges[0][0]))  # noqa: PLR2004 - controls
    return "[" + "".join(_range(low, high) for low, high in ranges) + "]"


def _own_set(ranges: Ranges) -> str:
    """A set where characters past ASCII may stand as themselves."""
    if ranges == EVERY:
        return "(?:.|\\x0a)"
    beyond = intersection(ranges, _BEYOND_ASCII)
    if not beyond or beyond == _BEYOND_ASCII:
        return _plain_set(ranges)
    if ranges == ((ranges[0][0], ranges[0][0]),):
        return chr(ranges[0][0])
    return "[" + "".join(_range(low, high) for low, high in ranges) + "]"


def _range(low: int, high: int) -> str:
    match high - low:
        case 0:
            return _in_class(low)
        case 1:
            return _in_class(low) + _in_class(high)
        case _:
            return f"{_in_class(low)}-{_in_class(high)}"


def _in_class(code: int) -> str:
    character = chr(code)
    if code < 0x20 or code == 0x7F:  # noqa: PLR2004 - control characters
        return f"\\x{code:02x}"
    return "\\" + character if character in "\\[]^-&~|" else character


def _encoded_set(ranges: Ranges) -> str:
    options = [*_raw_options(ranges), *_escaped_options(ranges), *_beyond_options(ranges)]
    if not options:
        return "%%"  # takes no canonical spelling: such a character is never in a path
    return options[0] if len(options) == 1 and options[0][0] != "%" else f"(?:{'|'.join(options)})"


def _spelled_set(ranges: Ranges, *, closed: bool) -> str:
    options = list(_raw_options(ranges))
    if loose := [byte for byte in b"%[]" if closed and _has(ranges, byte)]:
        options.append(f"[{_class_of(loose)}]")
    if escapes := [*_escaped_options(ranges), *_reserved_options(ranges), *_beyond_options(ranges)]:
        options.append(f"(?i:{'|'.join(escapes)})")  # of an escape only the letters of its digits have a case
    if not options:
        return "%%"
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"


def _reserved_options(ranges: Ranges) -> Iterator[str]:
    """The characters that may be spelled as they are, as escapes; a slash is none of them."""
    taken = [byte for byte in _RESERVED if _has(ranges, byte)]
    for first in sorted({byte >> 4 for byte in taken}):
        yield f"%{_HEX[first]}" + _digits([byte & 15 for byte in taken if byte >> 4 == first])


def _raw_options(ranges: Ranges) -> Iterator[str]:
    """The characters that are spelled as they are."""
    taken = [byte for byte in _RAW if _has(ranges, byte)]
    left = [byte for byte in _RAW if not _has(ranges, byte)]
    if not taken:
        return
    if len(taken) == 1:
        yield escape(chr(taken[0]))
    elif len(left) < len(taken):
        yield "[^" + _class_of([ord("%"), *left]) + "]"
    else:
        yield "[" + _class_of(taken) + "]"


def _class_of(codes: list[int]) -> str:
    return "".join(_range(low, high) for low, high in union((code, code) for code in codes))


def _escaped_options(ranges: Ranges) -> Iterator[str]:
    """The ASCII characters that are spelled as an escape, by their first digit."""
    taken = [byte for byte in _ESCAPED if _has(ranges, byte)]
    if len(taken) == len(_ESCAPED):
        yield "%[2-7][0-9A-F]"
        return
    for first in sorted({byte >> 4 for byte in taken}):
        yield f"%{_HEX[first]}" + _digits([byte & 15 for byte in taken if byte >> 4 == first])


def _beyond_options(ranges: Ranges) -> Iterator[str]:
    """The characters past ASCII: their UTF-8 bytes, each an escape."""
    beyond = intersection(ranges, _BEYOND_ASCII)
    if beyond == _BEYOND_ASCII:
        yield f"%[C-F][0-9A-F](?:{_CONTINUATION})+"  # the next character begins with none of these, so the repeat takes just one
        return
    for low, high in beyond:
        for sequence in _utf8(low, high):
            yield "".join(_byte_range(first, last) for first, last in sequence)


def _has(ranges: Ranges, code: int) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _utf8(low: int, high: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """The range of code points as products of byte ranges."""
    for limit in (0x7F, 0x7FF, 0xFFFF):
        if low <= limit < high:
            yield from _utf8(low, limit)
            yield from _utf8(limit + 1, high)
            return
    for shift in (6, 12, 18):
        mask = (1 << shift) - 1
        if low & ~mask != high & ~mask:
            if low & mask:
                yield from _utf8(low, low | mask)
                yield from _utf8((low | mask) + 1, high)
                return
            if high & mask != mask:
                yield from _utf8(low, (high & ~mask) - 1)
                yield from _utf8(high & ~mask, high)
                return
    yield tuple(zip(chr(low).encode(), chr(high).encode(), strict=True))


def _byte_range(first: int, last: int) -> str:
    """The escapes of a range of bytes."""
    if first >> 4 == last >> 4:
        return f"%{_HEX[first >> 4]}{_digits(range(first & 15, (last & 15) + 1))}"
    if first & 15 == 0 and last & 15 == 15:  # noqa: PLR2004 - the last digit
        return f"%{_digits(range(first >> 4, (last >> 4) + 1))}[0-9A-F]"
    options = [_byte_range(start, min(start | 15, last)) for start in (first, *range((first | 15) + 1, last + 1, 16))]
    return f"(?:{'|'.join(options)})"


def _digits(values: range | list[int]) -> str:
    """A hex digit of those values."""
    digits = "".join(_HEX[value] for value in values)
    if len(digits) == 1:
        return digits
    if len(digits) == len(_HEX):
        return "[0-9A-F]"
    return f"[{digits}]"
