"""Rules MC390 to MC399: what is declared, and what becomes of it on its way."""

from collections.abc import Iterator

from meshc import access
from meshc.diagnostics import Finding
from meshc.model import Mesh
from meshc.rules import rule


@rule("MC390")
def unsayable_arrivals(mesh: Mesh) -> Iterator[Finding]:
    """
    A call whose paths, once a rule has rewritten them, no regular expression of a size that engines take could say.

    A service lets in what its callers declare, as it arrives after rewrites. Where that can't be said exactly it lets nothing in, rather
    than too much. Declare the paths as patterns such as `/a/**`, or match a prefix without wildcards.

    ```yaml bad
    services:
      web:
        ports: {http: 80}
        calls: [{service: users, paths: [{regex: "/.{0,200}/notes"}]}]
      users: {ports: {http: 80}}
    routes:
      users:
        services: [users]
        rules:
          - {match: {paths: "/*/**"}, to: users, rewrite: {path: {replacePrefixMatch: /v1}}}    # MC390
    ```

    ```yaml good
    services:
      web:
        ports: {http: 80}
        calls: [{service: users, paths: ["/{tenant}/notes"]}]
      users: {ports: {http: 80}}
    routes:
      users:
        services: [users]
        rules:
          - {match: {paths: "/*/**"}, to: users, rewrite: {path: {replacePrefixMatch: /v1}}}
    ```
    """
    for one in access.unsaid(mesh):
        yield Finding(
            "MC390",
            f"what arrives at {one.service} by this rule is too large to be said exactly, so that it lets none of it in",
            one.rule.origin,
            help="declare the call's paths as patterns such as `/a/**`, or match a prefix without wildcards",
            related=((one.declared, "declared here"),),
        )
