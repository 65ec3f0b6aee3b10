"""What `mesh.targets.istio` may say, and what which version of Istio can do."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from meshc.diagnostics import Finding, Origin
from meshc.model import Mesh, TargetOptions

DEFAULT: Final = "1.31"
ACCEPTED: Final = ("1.30", "1.31")
"""Older proxies match a repeated header joined by commas instead of line by line, so no condition on headers would be exact."""

REDIRECT_PREFIX: Final = "1.31"
"""`redirect.prefixRewrite`."""
CONNECTION_SETTINGS: Final = "1.31"
"""`meshConfig.defaultConfig.connectionSettings`."""

_WORDS: Final = {"envoyFilters": ("allow", "forbid"), "settings": ("mesh", "filter")}
OPTIONS: Final = (*_WORDS, "version")

ACCEPTABLE: Final[Mapping[str, str]] = {
    "empty-headers": "a header that a rule sets to nothing is not set",
    "joined-header-lines": "each part between commas of a field such as `user-agent`, whose lines Envoy joins, counts as a line of its own",
    "max-request-body": "the size of requests is not limited",
    "rate-limit-per-listener": "each listener, and each kind of connection to it, counts by itself",
    "rate-limits": "rate limits are left out",
    "redirect-port": "a Location keeps the port that the client wrote into the Host where the listener's is the default one",
    "retry-backoff-max": "the longest pause between retries is ten times the first, whatever `backoff.max` says",
    "server-header": "the header `server` of an answer cannot be removed or set",
    "trusted-hops": "the control plane's own numTrustedProxies holds instead of `trustedHops`",
    "undeclared-internal-egress": "with `egress: allow`, a call to an internal service that the caller does not declare leaves its proxy"
    " like a call to any other host, and the service itself refuses it",
}
"""Every legal name of `mesh.targets.istio.accept`, and what it gives up."""


def options_of(mesh: Mesh) -> TargetOptions | None:
    """Return what `mesh.targets.istio` says, if anything."""
    return next((options for options in mesh.targets if options.name == "istio"), None)


def version_of(mesh: Mesh) -> str:
    """Return the version the output is for, such as `1.31`; of a patch version only its minor one counts."""
    options = options_of(mesh)
    said = None if options is None else options.option("version")
    return DEFAULT if said is None else ".".join(str(said).removeprefix("v").split(".")[:2])


def has(mesh: Mesh, since: str) -> bool:
    """Whether the version has what came with `since`."""
    return _order(version_of(mesh)) >= _order(since)


def allows_envoy_filters(mesh: Mesh) -> bool:
    """Whether EnvoyFilter objects may be emitted."""
    return _said(mesh, "envoyFilters") != "forbid"


def settings_by_filter(mesh: Mesh) -> bool:
    """Whether each workload's own EnvoyFilter says how paths are read, for teams that cannot set the mesh's settings."""
    return _said(mesh, "settings") == "filter"


def _said(mesh: Mesh, option: str) -> object:
    options = options_of(mesh)
    return None if options is None else options.option(option)


def accepts(mesh: Mesh, name: str) -> bool:
    """Whether the user accepts that approximation."""
    options = options_of(mesh)
    return options is not None and name in options.accept


def option_findings(mesh: Mesh) -> Iterator[Finding]:
    """Yield what is wrong with `mesh.targets.istio` itself."""
    options = options_of(mesh)
    if options is None:
        return
    for name, _ in options.options:
        if name not in OPTIONS:
            yield _unknown("MC505", "option", name, ("accept", *sorted(OPTIONS)), options.origin.at(name))
    for name in options.accept:
        if name not in ACCEPTABLE:
            yield _unknown("MC506", "approximation", name, sorted(ACCEPTABLE), options.origin.at("accept"))
    for name, words in _WORDS.items():
        if (said := options.option(name)) is not None and said not in words:
            yield Finding("MC505", f"`{name}` is {said!r}; expected {' or '.join(f'`{word}`' for word in words)}", options.origin.at(name))
    yield from _version_findings(mesh, options)


def _version_findings(mesh: Mesh, options: TargetOptions) -> Iterator[Finding]:
    said = options.option("version")
    if said is not None and not isinstance(said, str):
        message = f"`version: {said}` is a number, and 1.30 as a number is 1.3; expected it in quotes"
        meant = f"{said:.2f}" if isinstance(said, float) else str(said)
        yield Finding("MC505", message, options.origin.at("version"), help=f'write `version: "{meant}"`')
    elif version_of(mesh) not in ACCEPTED:
        yield Finding(
            "MC503",
            f"istio {said} is no version that meshc writes for; expected {' or '.join(ACCEPTED)}",
            options.origin.at("version"),
            notes=("proxies older than 1.30 do not match repeated header lines one by one, which the language demands",),
        )


def _unknown(code: str, kind: str, name: str, known: Sequence[str], origin: Origin) -> Finding:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean `{near[0]}`?" if near else None
    return Finding(code, f"target istio has no {kind} `{name}`; expected one of {', '.join(known)}", origin, help=hint)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
