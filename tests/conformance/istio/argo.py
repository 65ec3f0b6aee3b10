"""The order in which Argo CD brings a cluster from one build to the next: by waves, and what is no longer wanted in waves of its own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Tree = Mapping[str, Any]


def wave_of(one: Tree) -> int:
    """The wave in which it is applied."""
    return int(one["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))


def key_of(one: Tree) -> tuple[str, str, str]:
    """What tells it from every other object."""
    return one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]


def steps(live: Sequence[Tree], wanted: Sequence[Tree]) -> Iterator[tuple[list[Tree], list[Tree]]]:
    """
    Wave by wave, what is deleted and then what is applied.

    Waves of deletions are exchanged among themselves, the last for the first, so a lone one stays; an object that says `PruneLast` goes
    when all else is there.
    """
    kept = {key_of(one) for one in wanted}
    leaving = [one for one in live if key_of(one) not in kept]
    their_waves = sorted({wave_of(one) for one in leaving})
    exchanged = dict(zip(their_waves, reversed(their_waves), strict=True))
    last = max([0, *(wave_of(one) for one in wanted), *their_waves]) + 1
    deleted = [(last if _prunes_last(one) else exchanged[wave_of(one)], one) for one in leaving]
    applied = [(wave_of(one), one) for one in wanted]
    for wave in sorted({number for number, _ in (*deleted, *applied)}):
        yield [one for number, one in deleted if number == wave], [one for number, one in applied if number == wave]


def _prunes_last(one: Tree) -> bool:
    said = one["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-options", "")
    return "PruneLast=true" in said.replace(" ", "").split(",")
