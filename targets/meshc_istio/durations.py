"""How durations are spelled so that Kubernetes stores the very text that was applied."""

from typing import Final

_UNITS: Final = ((3_600_000, "h"), (60_000, "m"), (1000, "s"))


def duration(milliseconds: int) -> str:
    """A duration for Istio, as protobuf's JSON writes it: seconds and a fraction."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds}.{rest:03d}s" if rest else f"{seconds}s"


def go_duration(milliseconds: int) -> str:
    """A duration as Go's `Duration.String` writes it, which cert-manager stores: `2160h0m0s`."""
    hours, rest = divmod(milliseconds, _UNITS[0][0])
    minutes, rest = divmod(rest, _UNITS[1][0])
    seconds = f"{rest / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
