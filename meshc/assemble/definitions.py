"""Whether a thing that only an overlay has is meant as a new one, or as a change of one whose name or namespace is wrong."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

_DEFINING: Final[Mapping[str, tuple[str, ...]]] = {
    "services": ("ports", "hosts", "endpoints", "workload"),
    "gateways": ("listeners",),
    "routes": ("rules",),
    "policies": ("allow", "deny", "require", "rateLimits"),
    "authentication": ("jwt",),
    "certificates": ("from",),
}
"""Keys without one of which a thing of that kind would be none."""

_ONE: Final = {"policies": "policy", "authentication": "provider"}


def changes_nothing(kind: str, full: str, value: Any, known: Iterable[str]) -> tuple[str, str | None] | None:  # noqa: ANN401 - YAML data
    """
    What is wrong with a thing of an overlay that the mesh does not have, and what to do; None where it may well be a new one.

    A service may be no more than its `calls`: such a one is new unless the mesh has one that is called almost so.
    """
    if not isinstance(value, dict) or any(key in value for key in _DEFINING.get(kind, tuple(value))):
        return None
    namespace, _, name = full.partition("/")
    elsewhere = sorted(one for one in known if one.partition("/")[2] == name)
    own = {one.partition("/")[2]: one for one in sorted(known) if one.startswith(f"{namespace}/")}
    near = elsewhere or [own[one] for one in get_close_matches(name, own, n=1, cutoff=0.6)]
    if kind == "services" and "calls" in value and not near:
        return None
    one = _ONE.get(kind, kind.removesuffix("s"))
    meant = f"; did you mean {' or '.join(near)}?" if near else f", expected one of {', '.join(own) or 'none'}"
    return f"no {one} {full} that the overlay could change{meant}", _help(kind, namespace, elsewhere)


def _help(kind: str, namespace: str, elsewhere: list[str]) -> str:
    if elsewhere:
        other = elsewhere[0].partition("/")[0]
        return f"write `namespace: {other}` at the top of the file: names in it mean those of {namespace} now"
    keys = " or ".join(f"`{key}`" for key in _DEFINING[kind])
    return f"a new one would need {keys}"
