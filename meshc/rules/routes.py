"""Rules MC201 to MC299: routes that get in each other's way."""

from collections.abc import Iterator

from meshc.diagnostics import Finding
from meshc.model import Mesh
from meshc.routing import ambiguities
from meshc.rules import rule


@rule("MC210")
def ambiguous_routes(mesh: Mesh) -> Iterator[Finding]:
    """
    Two routes of one host that take some of the same requests, where neither lies inside the other.

    Which of the two answers would depend on the order of files, which never has a meaning, so each target could choose differently.
    Narrow one of them, or give one a higher `priority`.

    ```yaml bad
    services:
      shop: {ports: {http: 80}}
      api: {ports: {http: 80}}
    gateways:
      public: {listeners: {http: {port: 80}}}
    routes:
      reads: {gateways: [public], hosts: [shop.example], rules: [{match: {methods: [GET]}, to: shop}]}
      api: {gateways: [public], hosts: [shop.example], rules: [{match: {paths: /api/**}, to: api}]}    # MC210
    ```

    ```yaml good
    services:
      shop: {ports: {http: 80}}
      api: {ports: {http: 80}}
    gateways:
      public: {listeners: {http: {port: 80}}}
    routes:
      reads: {gateways: [public], hosts: [shop.example], rules: [{match: {methods: [GET]}, to: shop}]}
      api: {gateways: [public], hosts: [shop.example], priority: 1, rules: [{match: {paths: /api/**}, to: api}]}
    ```
    """
    for one in ambiguities(mesh):
        what = "take the same requests" if one.equal else "both take some requests, and neither lies inside the other"
        yield Finding(
            "MC210",
            f"routes {one.first.name} and {one.second.name} of {one.host} {what}",
            one.first.origin,
            help="narrow one of them, or give one a higher `priority`",
            related=((one.second.origin, "the other route"),),
        )
