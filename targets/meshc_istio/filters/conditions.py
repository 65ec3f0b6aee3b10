"""
What an AuthorizationPolicy can't say of a request, as bits that it reads.

An RBAC filter with shadow rules refuses nothing and leaves in dynamic metadata whether its rules hold: `allowed` or `denied`. A policy's
condition `experimental.envoy.filters.http.rbac[...]` reads that. What allows asks for the one and what denies for anything but the other,
so that nobody gains where the filter is not there.
"""

from typing import Any

from meshc.access import Grant
from meshc.model import Pattern
from meshc_istio.check_point import CheckPoint
from meshc_istio.complaints import Complain, may_filter
from meshc_istio.filters import rbac
from meshc_istio.filters.envoy_filter import Order, Patch, insert_first
from meshc_istio.wording import Wording

_KEYS = ("hosts", "paths", "headers", "query")


class Conditions:
    """The bits of one check point, each once; filled while its policies are built."""

    __slots__ = ("_bits", "_complain", "_point")

    def __init__(self, point: CheckPoint, complain: Complain) -> None:
        self._point = point
        self._complain = complain
        self._bits: dict[str, tuple[str, dict[str, Any], Grant]] = {}

    def of(self, grant: Grant, worded: Wording, *, closed: bool) -> list[dict[str, Any]]:
        """Return the `when` conditions for what an entry's policy can't say."""
        needed = [*([worded.rest] if worded.rest is not None else []), *grant.also]
        return [self._asking(grant, pattern, closed=closed) for pattern in needed]

    def patches(self) -> list[Patch]:
        """Return the filters that set the bits."""
        return [
            Patch(
                Order.CONDITIONS,
                insert_first(self._point.context, rbac.shadow_filter(f"meshc.{prefix.rstrip('_')}", prefix, {"holds": policy})),
                grant.what,
                grant.origin,
            )
            for prefix, policy, grant in self._bits.values()
        ]

    def _asking(self, grant: Grant, pattern: Pattern, *, closed: bool) -> dict[str, Any]:
        keys = [name for name in _KEYS if getattr(pattern, name)]
        what = f"`{'`, `'.join(keys)}` as they are here, which no AuthorizationPolicy can compare,"
        may_filter(self._point.mesh, "", what, grant.origin, self._complain)
        policy = rbac.policy(rbac.permissions(pattern, self._complain, closed=closed))
        if repr(policy) not in self._bits:
            self._bits[repr(policy)] = (f"condition_{len(self._bits) + 1}_", policy, grant)
        key = f"experimental.{rbac.METADATA}[{self._bits[repr(policy)][0]}shadow_engine_result]"
        return {"key": key, "notValues": ["denied"]} if closed else {"key": key, "values": ["allowed"]}
