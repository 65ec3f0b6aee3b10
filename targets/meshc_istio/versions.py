"""What which version of Istio can do: the versions that are accepted, and the first one that has a capability."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from meshc.diagnostics import Finding, Origin
from meshc.model import Mesh, TargetOptions

DEFAULT: Final = "1.31"
ACCEPTED: Final = ("1.30", "1.31")
"""Older proxies match a repeated header joined by commas instead of line by line, so no condition on headers would be exact."""

REDIRECT_PREFIX: Final = "1.31"
"""`redirect.prefixRewrite`."""

OPTIONS: Final = ("envoyFilters", "version")

APPROXIMATIONS: Final[dict[str, str]] = {
    "retry-backoff-max": "the longest pause between retries is ten times the first, whatever `backoff.max` says",
    "undeclared-internal-egress": "with `egress: allow`, a call to an internal service that the caller does not declare leaves its proxy"
    " like a call to any other host, and the service itself refuses it",
    "empty-headers": "a header that a rule sets to nothing is not set",
    "telemetry": "no EnvoyFilter sets access logs or tracing: what the control plane's own settings say holds",
    "max-request-body": "no EnvoyFilter limits the size of requests",
    "redirect-port": "a Location keeps the port that the client wrote into the Host where the listener's is the default one",
    "server-header": "the header `server` of an answer cannot be removed or set",
}
"""The legal names of `mesh.targets.istio.accept` of this half of the target, and what each gives up."""


def options_of(mesh: Mesh) -> TargetOptions | None:
    """What `mesh.targets.istio` says, if anything."""
    return next((options for options in mesh.targets if options.name == "istio"), None)


def version_of(mesh: Mesh) -> str:
    """The version the output is for, such as `1.31`; of a patch version only its minor one counts."""
    options = options_of(mesh)
    said = None if options is None else options.option("version")
    return DEFAULT if said is None else ".".join(str(said).removeprefix("v").split(".")[:2])


def has(mesh: Mesh, since: str) -> bool:
    """Whether the version has what came with `since`."""
    return _order(version_of(mesh)) >= _order(since)


def allows_envoy_filters(mesh: Mesh) -> bool:
    """Whether EnvoyFilter objects may be emitted."""
    options = options_of(mesh)
    return options is None or options.option("envoyFilters") != "forbid"


def accepts(mesh: Mesh, name: str) -> bool:
    """Whether the user accepts that approximation."""
    options = options_of(mesh)
    return options is not None and name in options.accept


def option_findings(mesh: Mesh, acceptable: Iterable[str]) -> Iterator[Finding]:
    """What is wrong with `mesh.targets.istio` itself."""
    options = options_of(mesh)
    if options is None:
        return
    for name, _ in options.options:
        if name not in OPTIONS:
            yield _unknown("MC505", "option", name, OPTIONS, options.origin.at(name))
    for name in options.accept:
        if name not in (known := sorted(acceptable)):
            yield _unknown("MC506", "approximation", name, known, options.origin.at("accept"))
    said = options.option("envoyFilters")
    if said not in (None, "allow", "forbid"):
        yield Finding("MC505", f"`envoyFilters` is {said!r}; expected `allow` or `forbid`", options.origin.at("envoyFilters"))
    if version_of(mesh) not in ACCEPTED:
        yield Finding(
            "MC503",
            f"istio {options.option('version')} is no version that meshc writes for; expected {' or '.join(ACCEPTED)}",
            options.origin.at("version"),
            notes=("proxies older than 1.30 do not match repeated header lines one by one, which the language demands",),
        )


def _unknown(code: str, kind: str, name: str, known: Sequence[str], origin: Origin) -> Finding:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean `{near[0]}`?" if near else None
    return Finding(code, f"target istio has no {kind} `{name}`; expected one of {', '.join(known)}", origin, help=hint)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
