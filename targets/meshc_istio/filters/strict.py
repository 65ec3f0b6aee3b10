"""
`requests: strict`: an odd request is refused before anything else looks at it (L2).

One RBAC filter compares what the proxy made of a request with the grammar of its normal form (RFC 3986 section 3.3 for the path, RFC 9110
section 7.2 for the Host). Dot segments, repeated slashes and escaped unreserved characters are gone by then: such a request is answered
as its normal form.
"""

from typing import Any, Final

from meshc.model import Mesh
from meshc_istio.filters.envoy_filter import HEADER_MUTATION
from meshc_istio.filters.rbac import ANY, RBAC, header

_CONTINUATION: Final = "%[89AB][0-9A-F]"
_UTF8: Final = "|".join(  # RFC 3629 section 4, each byte as an escape
    (
        f"%(?:C[2-9A-F]|D[0-9A-F]){_CONTINUATION}",
        f"%E0%[AB][0-9A-F]{_CONTINUATION}",
        f"%(?:E[1-9A-CEF])(?:{_CONTINUATION}){{2}}",
        f"%ED%[89][0-9A-F]{_CONTINUATION}",
        f"%F0%[9AB][0-9A-F](?:{_CONTINUATION}){{2}}",
        f"%F[1-3](?:{_CONTINUATION}){{3}}",
        f"%F4%8[0-9A-F](?:{_CONTINUATION}){{2}}",
    )
)
_CHARACTER: Final = f"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?:2[0235]|3[CEF]|5[BDE]|60|7[BCD])|{_UTF8})"
PATH: Final = f"/|(?:/{_CHARACTER}+)+/?"
DOTS: Final = r".*/\.\.?;.*"
"""A dot segment with parameters, which some applications take for one: `%2e%2e;x` is left so by what a proxy does before it looks."""
HOST: Final = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[0-9]+)?|\[[0-9A-Fa-f:.]+\](?::[0-9]+)?"
_BEARER: Final = "Bearer [A-Za-z0-9._~+/=-]+"  # RFC 6750 section 2.1
_TWO_LINES: Final = r"[^ ,]+ +[A-Za-z0-9._~+/-]+=*,.*"  # RFC 9110 section 11.4: a token68 ends the credentials
_PROXIES_OWN: Final = "x-envoy-(?:[^p].*|p[^e].*)"  # but `x-envoy-peer-metadata`, by which Istio's proxies tell each other who they are


def strict_filters(mesh: Mesh) -> list[dict[str, Any]]:
    """The filters, in order: one refuses by 403, one takes fields away that only proxies write."""
    tokens = {"and_rules": {"rules": [_says("authorization", "(?i).*bearer.*"), _not(_says("authorization", _BEARER))]}}
    lines = [tokens, _says("authorization", _TWO_LINES)]
    odd = [_not(_path(PATH)), _path(DOTS), _not(_says(":authority", HOST)), _not(_says(":method", "|".join(mesh.methods))), *lines]
    rules = {"action": "DENY", "policies": {"odd": {"permissions": odd, "principals": [ANY]}}}
    taken = {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": _PROXIES_OWN}}}}
    return [
        {"name": "meshc.strict", "typed_config": {"@type": RBAC, "rules": rules}},
        {"name": "meshc.strict.fields", "typed_config": {"@type": HEADER_MUTATION, "mutations": {"request_mutations": [taken]}}},
    ]


def _path(expression: str) -> dict[str, Any]:
    return {"url_path": {"path": {"safe_regex": {"regex": expression}}}}


def _says(name: str, expression: str) -> dict[str, Any]:
    return header(name, {"safe_regex": {"regex": expression}})


def _not(tree: dict[str, Any]) -> dict[str, Any]:
    return {"not_rule": tree}
