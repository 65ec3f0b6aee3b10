"""Rules MC450 to MC459: what a mesh says of itself in `tests`, and does not do."""

from collections.abc import Iterator

from meshc.diagnostics import Finding
from meshc.model import Mesh
from meshc.rules import rule
from meshc.semantics.expectations import check


@rule("MC450")
def failed_test(mesh: Mesh) -> Iterator[Finding]:
    """
    A test of the mesh whose expectation does not hold.

    Somebody wrote down what must happen to a request, and the mesh does something else: one of the two is wrong. `meshc test` shows what
    decided it, line by line. An expectation holds only if every outcome that the language permits for the request satisfies it.

    ```yaml bad
    services:
      web: {ports: {http: 80}, calls: [users]}
      users: {ports: {http: 80}}
    policies:
      users: {services: [users], deny: [{from: [web], methods: [DELETE]}]}
    tests:
      - {name: web deletes, from: web, to: users, request: {method: DELETE, path: /1}, expect: {reaches: users}}    # MC450
    ```

    ```yaml good
    services:
      web: {ports: {http: 80}, calls: [users]}
      users: {ports: {http: 80}}
    policies:
      users: {services: [users], deny: [{from: [web], methods: [DELETE]}]}
    tests:
      - {name: web may not delete, from: web, to: users, request: {method: DELETE, path: /1}, expect: denied}
    ```
    """
    for test in mesh.tests:
        checked = check(mesh, test)
        if checked.failure is None:
            continue
        because = () if checked.decision is None else checked.decision.because[-1:]
        yield Finding(
            "MC450",
            f"test {test.name!r} fails: {checked.failure}",
            test.origin,
            help="`meshc test` shows the whole chain",
            related=tuple((reason.origin, reason.what) for reason in because),
        )
