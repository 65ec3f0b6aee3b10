"""
Sets of requests compared by simple, sound reasoning: `True` is always right, `False` may only mean "not shown".

Used to order routes of one host (L7): what cannot be shown disjoint or nested is refused.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from meshc import paths
from meshc.model import FieldMatch, Pattern, Source, SourceKind, ValueKind, ValueMatch

T = TypeVar("T")


def host_covers(outer: str, inner: str) -> bool:
    """Whether every host of `inner` is one of `outer`; both are exact, `*.suffix` or `*`."""
    if outer in ("*", inner):
        return True
    return outer.startswith("*.") and inner.removeprefix("*").endswith(outer[1:]) and inner not in ("*", outer[2:])


def host_overlap(one: str, other: str) -> str | None:
    """The hosts that both have, which is the narrower of the two, or None."""
    if host_covers(one, other):
        return other
    return one if host_covers(other, one) else None


def disjoint(some: Sequence[Pattern], others: Sequence[Pattern]) -> bool:
    """Whether it is sure that no request is in both unions."""
    return all(_disjoint(one, other) for one in some for other in others)


def covers(outer: Sequence[Pattern], inner: Sequence[Pattern]) -> bool:
    """Whether it is sure that every request of the `inner` union is in the `outer` one."""
    return all(one.matches_nothing or any(_covers(other, one) for other in outer) for one in inner)


def _disjoint(one: Pattern, other: Pattern) -> bool:
    return (
        one.matches_nothing
        or other.matches_nothing
        or _apart(one.methods, other.methods, lambda a, b: a != b)
        or _apart(one.ports, other.ports, lambda a, b: a != b)
        or _apart(one.hosts, other.hosts, lambda a, b: host_overlap(a, b) is None)
        or _apart(one.paths, other.paths, paths.disjoint)
        or _apart(one.sources, other.sources, _sources_apart)
        or _fields_apart(one.headers, other.headers, single=False)
        or _fields_apart(one.query, other.query, single=True)
    )


def _covers(outer: Pattern, inner: Pattern) -> bool:
    return (
        _inside(inner.methods, outer.methods, lambda a, b: a == b)
        and _inside(inner.ports, outer.ports, lambda a, b: a == b)
        and _inside(inner.hosts, outer.hosts, lambda a, b: host_covers(b, a))
        and _inside(inner.paths, outer.paths, lambda a, b: paths.covers(b, a))
        and _inside(inner.sources, outer.sources, _source_inside)
        and _fields_inside(inner.headers, outer.headers, single=False)
        and _fields_inside(inner.query, outer.query, single=True)
        and (outer.jwt is None or outer.jwt == inner.jwt)
    )


def _apart(some: tuple[T, ...] | None, others: tuple[T, ...] | None, apart: Callable[[T, T], bool]) -> bool:
    return some is not None and others is not None and all(apart(a, b) for a in some for b in others)


def _inside(inner: tuple[T, ...] | None, outer: tuple[T, ...] | None, inside: Callable[[T, T], bool]) -> bool:
    if outer is None:
        return True
    return inner is not None and all(any(inside(a, b) for b in outer) for a in inner)


def _source_key(source: Source) -> tuple[object, ...]:
    return (source.kind, source.name, source.value, source.cidrs)


def _sources_apart(one: Source, other: Source) -> bool:
    """Services are apart where their names differ: matches read the caller's proxy, not an identity that two may share."""
    match one.kind, other.kind:
        case SourceKind.SERVICE, SourceKind.SERVICE:
            return one.name != other.name
        case SourceKind.SERVICE, SourceKind.NAMESPACE:
            return one.name is not None and one.name.namespace != other.value
        case SourceKind.NAMESPACE, SourceKind.SERVICE:
            return _sources_apart(other, one)
        case SourceKind.NAMESPACE, SourceKind.NAMESPACE:
            return one.value != other.value
        case _:
            return False


def _source_inside(inner: Source, outer: Source) -> bool:
    if outer.kind is SourceKind.EVERYONE or _source_key(inner) == _source_key(outer):
        return True
    in_namespace = inner.kind is SourceKind.SERVICE and outer.kind is SourceKind.NAMESPACE
    return in_namespace and inner.name is not None and inner.name.namespace == outer.value


def _fields_apart(some: tuple[FieldMatch, ...], others: tuple[FieldMatch, ...], *, single: bool) -> bool:
    return any(
        one.name == other.name and all(_values_apart(a, b, single=single) for a in one.any_of for b in other.any_of)
        for one in some
        for other in others
    )


def _fields_inside(inner: tuple[FieldMatch, ...], outer: tuple[FieldMatch, ...], *, single: bool) -> bool:
    return all(
        any(have.name == want.name and all(any(_implies(a, b, single=single) for b in want.any_of) for a in have.any_of) for have in inner)
        for want in outer
    )


_HAS_LINE = (ValueKind.EXACT, ValueKind.PREFIX, ValueKind.REGEX, ValueKind.PRESENT)


def _values_apart(one: ValueMatch, other: ValueMatch, *, single: bool) -> bool:
    """`single`: the field has one value (a query field); a header may have several lines, so two exact values may both hold."""
    if ValueKind.ABSENT in (one.kind, other.kind):
        return one.kind in _HAS_LINE or other.kind in _HAS_LINE
    if one.kind is ValueKind.NOT and other.kind in _HAS_LINE:
        return any(_implies(other, banned, single=single) for banned in one.none_of)
    if other.kind is ValueKind.NOT and one.kind in _HAS_LINE:
        return _values_apart(other, one, single=single)
    if not single:
        return False
    match one.kind, other.kind:
        case ValueKind.EXACT, ValueKind.EXACT:
            return one.value != other.value
        case ValueKind.EXACT, ValueKind.PREFIX:
            return not one.value.startswith(other.value)
        case ValueKind.PREFIX, ValueKind.EXACT:
            return not other.value.startswith(one.value)
        case ValueKind.PREFIX, ValueKind.PREFIX:
            return not one.value.startswith(other.value) and not other.value.startswith(one.value)
        case _:
            return False


def _implies(one: ValueMatch, other: ValueMatch, *, single: bool) -> bool:
    if one == other:
        return True
    match other.kind:
        case ValueKind.PRESENT:
            return one.kind in _HAS_LINE
        case ValueKind.PREFIX:
            return one.kind in (ValueKind.EXACT, ValueKind.PREFIX) and one.value.startswith(other.value)
        case ValueKind.NOT:
            if one.kind is ValueKind.NOT:
                return all(any(_implies(banned, more, single=single) for more in one.none_of) for banned in other.none_of)
            lone = single or one.kind is ValueKind.ABSENT
            return lone and all(_values_apart(one, banned, single=single) for banned in other.none_of)
        case _:
            return False
