"""
Sets of paths on their way through a rule: those that it takes, as they are after its rewrite, exactly (L7, L9).

A set is a union of `Both`: patterns that a path must match all of, since no one pattern says what a regex and another have in common.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from meshc import paths, regex
from meshc.paths import ALL_PATHS, PathPattern, Segment
from meshc.regex import Alternation, Chars, Node, RegexError, Repeat
from meshc.regex.charset import complement, union

Both: TypeAlias = tuple[PathPattern, ...]

_NO_SLASH: Final = regex.parse("[^/]")
_SEGMENT: Final = Repeat(_NO_SLASH, 1, None)
_ANY: Final = regex.parse("(?s)(?:/.*)?")  # nothing, or whatever lies below
_PATHS: Final = regex.parse("(?:/[^/]+)*/[^/]*")


def meet(one: PathPattern, other: PathPattern) -> Both | None:
    """The paths that both take, exactly; None where there are none, as far as that can be found out."""
    try:
        return _shared(one, other)
    except RegexError:
        return (one, other)


def _shared(one: PathPattern, other: PathPattern) -> Both | None:
    """The same; a RegexError where it is too much to find out whether there are any."""
    if one.regex is None and other.regex is None:
        met = paths.intersect(one, other)
        return None if met is None else (met,)
    for outer, inner in ((one, other), (other, one)):
        if paths.covers(outer, inner):
            return (inner,)
    if paths.disjoint(one, other) or not regex.meet(_tree(one), _tree(other), _PATHS):
        return None
    return (one, other)


def arriving(
    declared: tuple[PathPattern, ...] | None, matched: tuple[PathPattern, ...] | None, *, prefix: str | None = None, full: str | None = None
) -> tuple[Both, ...] | None:
    """
    The declared paths that a match takes, as they are after `replacePrefixMatch: prefix` or `replaceFullPath: full`; None is all paths.

    A RegexError where no expression says it.
    """
    if prefix is not None:
        prefixes = _written_out(matched)
        return _without_repeats(
            image
            for path in _written_out(declared)
            for one in paths.longest_first(prefixes)
            for image in _after_prefix(path, one, tuple(each for each in prefixes if len(each.segments) > len(one.segments)), prefix)
        )
    if full is not None:
        reached = any(_shared(one, other) for one in _written_out(declared) for other in _written_out(matched))
        return ((paths.pattern_of(paths.segments_of(full)),),) if reached else ()
    if declared is None or matched is None:
        taken = declared if matched is None else matched
        return None if taken is None else _without_repeats((path,) for path in taken)
    return _without_repeats(both for one in declared for other in matched if (both := meet(one, other)) is not None)


def _written_out(patterns: tuple[PathPattern, ...] | None) -> tuple[PathPattern, ...]:
    return (ALL_PATHS,) if patterns is None else patterns


def _without_repeats(sets: Iterable[Both]) -> tuple[Both, ...]:
    """The union without what one of its single patterns takes already."""
    found = tuple(dict.fromkeys(sets))
    singles = [both[0] for both in found if len(both) == 1]
    return tuple(both for both in found if len(both) == 1 or not any(paths.covers(one, each) for one in singles for each in both))


# --- the image of a path pattern ------------------------------------------------------------------------------------------------


def _after_prefix(path: PathPattern, prefix: PathPattern, longer: tuple[PathPattern, ...], new: str) -> Iterator[Both]:
    """What of `path` lies under `prefix` and under none of the `longer` ones, with `new` in place of the prefix."""
    if path.regex is not None:
        yield from _after_prefix_of_regex(path, prefix, longer, new)
        return
    met = paths.intersect(path, prefix)
    if met is None or any(paths.covers(one, met) for one in longer):
        return
    length = len(prefix.segments)
    for image in _image(met, prefix, new):
        both = [image]
        for one in longer:
            # Where the prefix's own segments may be others than this longer one's, every rest still arrives by those.
            if all(theirs in (None, mine) for mine, theirs in zip(met.segments[:length], one.segments[:length], strict=True)):
                taken = paths.pattern_of((*_bare(new), *one.segments[length:]), below=True)
                if not paths.disjoint(image, taken):
                    both.append(_outside(taken))
        yield tuple(both)


def _image(met: PathPattern, prefix: PathPattern, new: str) -> Both:
    """The paths of a pattern under the prefix, with `new` in its place."""
    kept = met.segments[len(prefix.segments) :]
    if kept:
        return (paths.pattern_of((*_bare(new), *kept), below=met.below),)
    return paths.replace_prefix(prefix, new) if met.below else (paths.pattern_of(paths.segments_of(new)),)


def _bare(new: str) -> tuple[str, ...]:
    """The segments of a new prefix, to which exactly one slash joins what follows."""
    head = paths.segments_of(new)
    return head[:-1] if head[-1] == "" else head


# --- the image of a regex -------------------------------------------------------------------------------------------------------


def _after_prefix_of_regex(path: PathPattern, prefix: PathPattern, longer: tuple[PathPattern, ...], new: str) -> Iterator[Both]:
    length = len(prefix.segments)
    bare = _bare(new)
    if not length and not bare and not longer:
        yield (path,)
        return
    # Beginnings are told apart by which longer prefixes they begin too: what those take does not arrive by this one.
    cells: list[tuple[tuple[Node, ...], tuple[PathPattern, ...]]] = [((_exactly(prefix.segments),), ())]
    for one in longer:
        shared = one.segments[:length]
        inside = [((*begins, _exactly(shared)), (*those, one)) for begins, those in cells]
        outside = [((*begins, _not_below(shared)), those) for begins, those in cells]
        cells = [cell for cell in (*inside, *outside) if regex.meet(*cell[0])]
    for begins, those in cells:
        rests = regex.rests(regex.parse(path.regex or ""), *begins)
        if length and any(map(regex.takes_empty, rests)):  # the empty text is no path
            yield (paths.pattern_of(paths.segments_of(new)),)
        if below := regex.rests(regex.either(rests), regex.literal("/")):
            image = regex.joined(regex.literal(paths.decoded((*bare, ""))), regex.either(below))
            taken = (paths.pattern_of((*bare, *one.segments[length:]), below=True) for one in those)
            yield (_of(image), *map(_outside, taken))


def _of(node: Node) -> PathPattern:
    text = regex.write(node)
    regex.parse(text)  # or a RegexError: it may have grown beyond what engines take
    return PathPattern((), below=False, regex=text, text=text)


def _outside(taken: PathPattern) -> PathPattern:
    """The paths that a literal `/**` pattern does not take."""
    return _of(_not_below(taken.segments))


def _tree(pattern: PathPattern) -> Node:
    """What takes the decoded spelling of exactly the pattern's paths."""
    if pattern.regex is not None:
        return regex.parse(pattern.regex)
    own = _exactly(pattern.segments)
    return regex.joined(own, _ANY) if pattern.below else own


def _exactly(segments: tuple[Segment, ...]) -> Node:
    return regex.joined(*(regex.joined(regex.literal("/"), _SEGMENT if one is None else regex.literal(one)) for one in segments))


def _not_below(segments: tuple[Segment, ...]) -> Node:
    """The paths, the empty text among them, that are neither these segments nor below them."""
    options: tuple[Node, ...] = ()
    for one in reversed(segments):
        own = _SEGMENT if one is None else regex.literal(one)
        others = regex.joined(regex.literal("/"), _another(one), _ANY)
        deeper = (regex.joined(regex.literal("/"), own, regex.either(options)),) if options else ()
        options = (regex.literal(""), others, *deeper)
    return regex.either(options)


def _another(segment: Segment) -> Node:
    """The segments that this one does not take."""
    if segment is None:
        return regex.literal("")
    longer = regex.joined(regex.literal(segment), _SEGMENT)
    if not segment:
        return longer
    character = segment[0]
    different = Chars(complement(union((ord(one), ord(one)) for one in (character, "/"))))
    shorter = regex.joined(different, Repeat(_NO_SLASH, 0, None))
    rest = _another(segment[1:])
    return Alternation((regex.literal(""), shorter, regex.joined(regex.literal(character), rest)))
