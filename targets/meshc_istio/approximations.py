"""What this half of the target gives up where EnvoyFilter objects are forbidden, by the names a user accepts."""

from collections.abc import Mapping
from typing import Final

ACCEPTABLE: Final[Mapping[str, str]] = {
    "path-encodings": "paths are compared as the proxy spells them: escaped characters, repeated slashes and malformed paths are not"
    " answered 400, and a policy may be escaped by another spelling",
    "header-stripping": "headers with `_`, `x-envoy-*` and `x-meshc-*` of clients reach the application",
    "method-list": "methods that the mesh does not know are passed on where no rule names methods",
    "host-forms": "a repeated or malformed Host, and one with a trailing dot, is read as the proxy reads it",
    "joined-header-lines": "each part between commas of a field such as `user-agent`, whose lines Envoy joins, counts as a line of its own",
    "unauthenticated-status": "a request that only lacks a token is answered 403, and a token of a wrong audience 403",
    "misdirected-status": "a Host that belongs to another TLS listener is answered 404 instead of 421",
    "redirect-after-policies": "redirectToHttps answers after tokens and policies",
    "rate-limits": "rate limits are left out",
    "trusted-hops": "the control plane's own numTrustedProxies holds instead of `trustedHops`",
    "rate-limit-per-listener": "each listener, and each kind of connection to it, counts by itself",
}
"""The legal names of `mesh.targets.istio.accept` of policies, paths and limits, and what each gives up."""
