"""From files to one Spec: names, overlays, and where each value came from."""

from pathlib import Path

import pytest

from meshc.assemble import Assembled, assemble
from meshc.diagnostics import Finding, Origin, Step
from meshc.source import Document, parse
from meshc.spec import Spec

HEAD = "apiVersion: meshc/v1\nnamespace: shop\n"
USERS = HEAD + "services:\n  users: {ports: {http: 80}}\n"
RULES = "[{name: a, to: users}, {name: b, to: users, timeout: 1s}, {name: c, to: users}]"
ROUTE = HEAD + f"routes: {{r: {{services: [users], rules: {RULES}}}}}\n"


def document(file: str, text: str) -> Document:
    found, findings = parse(file, text.encode())
    assert () == findings
    assert found is not None
    return found


def put_together(*texts: str, over: tuple[str, ...] = ()) -> Assembled:
    documents = [document(f"f{index}.yaml", text) for index, text in enumerate(texts)]
    overlays = [document(f"environments/o{index}.yaml", text) for index, text in enumerate(over)]
    return assemble(documents, overlays)


def spec_of(*texts: str, over: tuple[str, ...] = ()) -> Spec:
    assembled = put_together(*texts, over=over)
    assert () == assembled.findings
    assert assembled.spec is not None
    return assembled.spec


def only(assembled: Assembled) -> Finding:
    assert assembled.spec is None
    assert len(assembled.findings) == 1, assembled.findings
    return assembled.findings[0]


def origin(assembled: Assembled, *path: Step) -> tuple[str, tuple[Step, ...]]:
    found = assembled.origin_of(path)
    return found.file, found.path


def test_the_example_of_the_language(root: Path) -> None:
    """The language's own example is put together without a finding."""
    text = (root / "tests/fixtures/shop/mesh.yaml").read_text(encoding="utf-8")
    spec = spec_of(text)
    assert ["frontend", "legacy", "orders-db", "payments", "stripe", "users", "warehouse"] == sorted(
        name.removeprefix("shop/") for name in spec.services
    )
    assert 5 == len(spec.tests["shop"])


def test_names_become_whole() -> None:
    """The key of a thing is its namespace and name."""
    assert ["shop/users"] == list(spec_of(USERS).services)


def test_the_mesh_says_the_namespace_of_files_that_name_none() -> None:
    """`mesh.namespace` is the default, in whichever file it stands."""
    spec = spec_of("apiVersion: meshc/v1\nservices: {a: {ports: {http: 80}}}\n", "apiVersion: meshc/v1\nmesh: {namespace: team}\n")
    assert ["team/a"] == list(spec.services)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("services: {}\n", ()),
        ("apiVersion: meshc/v2\n", ("apiVersion",)),
        ("- a\n", ()),
        ("apiVersion: v1\nkind: Service\n", ("apiVersion",)),
    ],
)
def test_a_file_of_something_else(text: str, path: tuple[Step, ...]) -> None:
    """A file that does not say the version of the language is an error, and nothing else is said about it."""
    finding = only(put_together(text))
    assert ("MC010", Origin("f0.yaml", path)) == (finding.code, finding.origin)


def test_an_unknown_top_level_key() -> None:
    """A misspelt kind is found at its key, with the one that was meant."""
    finding = only(put_together(HEAD + "servics: {}\n"))
    assert ("MC011", Origin("f0.yaml", ("servics",))) == (finding.code, finding.origin)
    assert "did you mean `services`?" in finding.message


def test_one_name_in_two_files() -> None:
    """The same thing in two files shows both places."""
    finding = only(put_together(USERS, USERS))
    place = ("services", "users")
    assert ("MC015", Origin("f1.yaml", place)) == (finding.code, finding.origin)
    assert [Origin("f0.yaml", place)] == [related for related, _ in finding.related]


def test_one_name_in_two_namespaces_or_kinds() -> None:
    """Names are unique per kind and namespace only."""
    spec = spec_of(USERS, USERS.replace("shop", "other"), HEAD + "policies: {users: {services: users}}\n")
    assert ["other/users", "shop/users"] == sorted(spec.services)


def test_two_mesh_blocks() -> None:
    """`mesh` in a second file shows both places."""
    finding = only(put_together(HEAD + "mesh: {name: a}\n", HEAD + "mesh: {name: b}\n"))
    assert ("MC018", Origin("f1.yaml", ("mesh",))) == (finding.code, finding.origin)
    assert [Origin("f0.yaml", ("mesh",))] == [related for related, _ in finding.related]


def test_tests_of_several_files_stand_together() -> None:
    """Tests of one namespace are one list, each with the place where it was written."""
    test = HEAD + "tests:\n  - {name: a, from: x, to: y, expect: denied}\n"
    assembled = put_together(test, test)
    assert assembled.spec is not None
    assert 2 == len(assembled.spec.tests["shop"])
    assert ("f1.yaml", ("tests", 0, "to")) == origin(assembled, "tests", "shop", 1, "to")


def test_order_of_files_does_not_matter() -> None:
    """Files in any order give the same mesh (L1)."""
    one, two = document("a.yaml", USERS), document("b.yaml", USERS.replace("users", "orders"))
    assert assemble([one, two]).spec == assemble([two, one]).spec


def test_nothing_that_was_read_is_changed() -> None:
    """Documents are shared, so putting them together leaves them as they are."""
    base = document("a.yaml", ROUTE)
    overlay = document("environments/p.yaml", HEAD + "routes: {r: {rules: {b: null, a: {timeout: 2s}}}}\n")
    before = repr((base.data, overlay.data))
    assemble([base], [overlay])
    assert before == repr((base.data, overlay.data))


# --- overlays


def test_overlay_maps_merge_and_scalars_replace() -> None:
    """What an overlay does not mention stays, also where a short form was written below it."""
    base = HEAD + "services:\n  users: {ports: {http: {port: 80, targetPort: 8080}}, access: deny}\n"
    users = spec_of(base, over=(HEAD + "services: {users: {ports: {http: 81}, mtls: permissive}}\n",)).services["shop/users"]
    assert users.ports is not None
    assert (81, 8080) == (users.ports["http"].port, users.ports["http"].targetPort)
    assert ("deny", "permissive") == (users.access, users.mtls)


def test_overlay_lists_replace() -> None:
    """A list, or one item for a list, takes the place of the whole list."""
    base = HEAD + "services:\n  users: {ports: {http: 80}, calls: [a, b]}\n"
    calls = spec_of(base, over=(HEAD + "services: {users: {calls: c}}\n",)).services["shop/users"].calls
    assert ["c"] == [call.service for call in calls or []]


def test_overlay_null_removes() -> None:
    """`null` removes a key, and a whole thing."""
    base = HEAD + "services:\n  users: {ports: {http: 80}, access: deny}\n  old: {ports: {http: 80}}\n"
    services = spec_of(base, over=(HEAD + "services: {users: {access: null}, old: null}\n",)).services
    assert ["shop/users"] == list(services)
    assert services["shop/users"].access is None


@pytest.mark.parametrize(
    ("overlay", "path", "meant"),
    [
        ("services: {users: {access: null}}", ("services", "users", "access"), None),
        ("services: {user: null}", ("services", "user"), "users"),
        ("services: {new: {ports: {http: 80}, access: null}}", ("services", "new", "access"), None),
        ("mesh: {telemetry: null}", ("mesh", "telemetry"), None),
    ],
)
def test_overlay_removes_what_is_not_there(overlay: str, path: tuple[Step, ...], meant: str | None) -> None:
    """Removing nothing is an error at the overlay's key."""
    finding = only(put_together(USERS, over=(HEAD + overlay + "\n",)))
    assert ("MC017", Origin("environments/o0.yaml", path)) == (finding.code, finding.origin)
    assert meant is None or f"did you mean `{meant}`?" in finding.message


def test_overlay_patches_rules_by_name() -> None:
    """A map over rules changes and removes single rules; their order stays."""
    overlay = HEAD + "routes: {r: {rules: {b: {timeout: 9s}, a: null, c: {to: orders}}}}\n"
    rules = spec_of(ROUTE, over=(overlay,)).routes["shop/r"].rules
    assert [("b", "9s", "users"), ("c", None, "orders")] == [
        (rule.name, rule.timeout, rule.to[0].service if rule.to else None) for rule in rules
    ]


def test_origins_after_a_rule_was_removed() -> None:
    """Rules that moved up still know where they were written."""
    assembled = put_together(ROUTE, over=(HEAD + "routes: {r: {rules: {b: {timeout: 9s}, a: null}}}\n",))
    rule = ("routes", "shop/r", "rules", 0)
    assert ("environments/o0.yaml", ("routes", "r", "rules", "b", "timeout")) == origin(assembled, *rule, "timeout")
    assert ("f0.yaml", ("routes", "r", "rules", 1, "to")) == origin(assembled, *rule, "to", 0, "service")
    assert ("f0.yaml", ("routes", "r", "rules", 2, "name")) == origin(assembled, "routes", "shop/r", "rules", 1, "name")


def test_overlay_patches_an_unknown_rule() -> None:
    """A patch of a rule that does not exist is an error that names the nearest."""
    base = ROUTE.replace("name: b", "name: canary")
    finding = only(put_together(base, over=(HEAD + "routes: {r: {rules: {canry: {timeout: 9s}}}}\n",)))
    assert ("MC017", Origin("environments/o0.yaml", ("routes", "r", "rules", "canry"))) == (finding.code, finding.origin)
    assert "did you mean `canary`?" in finding.message


def test_overlay_rules_list_replaces() -> None:
    """A list over rules takes their place."""
    rules = spec_of(ROUTE, over=(HEAD + "routes: {r: {rules: [{to: orders}]}}\n",)).routes["shop/r"].rules
    assert 1 == len(rules)


def test_overlay_adds_things() -> None:
    """An overlay may bring new things; a map of rules over nothing is a list of one."""
    overlay = HEAD + "routes: {n: {services: users, rules: {match: {paths: /x}, to: users}}}\n"
    assembled = put_together(ROUTE, over=(overlay,))
    assert assembled.spec is not None
    assert ["/x"] == (assembled.spec.routes["shop/n"].rules[0].match or [])[0].paths
    assert ("environments/o0.yaml", ("routes", "n", "rules", "to")) == origin(assembled, "routes", "shop/n", "rules", 0, "to", 0, "service")


def test_one_key_in_two_overlays() -> None:
    """One key set by two overlays of an environment shows both places; different keys of one thing are fine."""
    over = HEAD + "services: {users: {access: deny}}\n"
    finding = only(put_together(USERS, over=(over, over)))
    place = ("services", "users", "access")
    assert ("MC016", Origin("environments/o1.yaml", place)) == (finding.code, finding.origin)
    assert [Origin("environments/o0.yaml", place)] == [related for related, _ in finding.related]
    users = spec_of(USERS, over=(over, HEAD + "services: {users: {mtls: permissive}}\n")).services["shop/users"]
    assert ("deny", "permissive") == (users.access, users.mtls)


def test_two_overlays_patch_different_rules_of_one_route() -> None:
    """Patches of one route from two overlays both hold, also where one removes a rule before the other's."""
    over = (HEAD + "routes: {r: {rules: {a: null}}}\n", HEAD + "routes: {r: {rules: {c: {timeout: 3s}}}}\n")
    assembled = put_together(ROUTE, over=over)
    assert assembled.spec is not None
    assert ["1s", "3s"] == [rule.timeout for rule in assembled.spec.routes["shop/r"].rules]
    assert "environments/o1.yaml" == origin(assembled, "routes", "shop/r", "rules", 1, "timeout")[0]


@pytest.mark.parametrize(
    ("overlay", "expected", "help_"),
    [
        (
            "services: {users: {access: deny}}",
            "no service default/users that the overlay could change; did you mean shop/users?",
            "`namespace: shop`",
        ),
        (
            "namespace: shop\nservices: {user: {access: deny}}",
            "no service shop/user that the overlay could change; did you mean shop/users?",
            None,
        ),
        (
            "namespace: shop\nservices: {usres: {calls: []}}",
            "no service shop/usres that the overlay could change; did you mean shop/users?",
            None,
        ),
        (
            "namespace: shop\nservices: {else: {access: deny}}",
            "no service shop/else that the overlay could change, expected one of users",
            None,
        ),
        ("namespace: shop\nroutes: {r: {timeout: 1s}}", "no route shop/r that the overlay could change, expected one of none", "`rules`"),
        (
            "namespace: shop\npolicies: {p: {services: users}}",
            "no policy shop/p that the overlay could change, expected one of none",
            "`allow`",
        ),
    ],
)
def test_overlay_changes_what_is_not_there(overlay: str, expected: str, help_: str | None) -> None:
    """A change of a thing that its namespace does not have is an error at its name, and says which thing may be meant."""
    finding = only(put_together(USERS, over=(f"apiVersion: meshc/v1\n{overlay}\n",)))
    assert ("MC017", expected, 2) == (finding.code, finding.message, len(finding.origin.path))
    assert help_ is None or help_ in (finding.help or "")


def test_overlay_may_add_a_worker() -> None:
    """A service that says no more than its calls is a new one, if none is called almost so."""
    assembled = put_together(USERS, over=(HEAD + "services: {nightly: {calls: [users]}}\n",))
    assert "MC017" not in [finding.code for finding in assembled.findings]


def test_overlay_replaces_traffic_whole() -> None:
    """Shares of one whole are one value: the old version's share does not stay beside the new one's."""
    base = HEAD + "services:\n  users: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v1: 100}}\n"
    for overlay in ("{v2: 100}", "{v1: null, v2: 100}"):
        users = spec_of(base, over=(HEAD + f"services: {{users: {{traffic: {overlay}}}}}\n",)).services["shop/users"]
        assert {"v2": 100} == users.traffic
    finding = only(put_together(base, over=(HEAD + "services: {users: {traffic: {v3: null, v2: 100}}}\n",)))
    assert ("MC017", ("services", "users", "traffic", "v3")) == (finding.code, finding.origin.path)


LINE = "  - {{name: {}, from: {}, to: y, expect: denied}}\n"


def test_overlay_tests_are_added() -> None:
    """An overlay's tests come to those of their namespace, one with a known name in its place; each knows where it was written."""
    base = HEAD + "tests:\n" + LINE.format("a", "x") + LINE.format("b", "x")
    other = base.replace("shop", "other")
    assembled = put_together(base, other, over=(HEAD + "tests:\n" + LINE.format("c", "x") + LINE.format("a", "z"),))
    assert assembled.spec is not None
    assert {"shop": [("a", "z"), ("b", "x"), ("c", "x")], "other": [("a", "x"), ("b", "x")]} == {
        name: [(test.name, test.from_) for test in tests] for name, tests in assembled.spec.tests.items()
    }
    assert ("environments/o0.yaml", ("tests", 1)) == origin(assembled, "tests", "shop", 0)
    assert ("f0.yaml", ("tests", 1)) == origin(assembled, "tests", "shop", 1)
    assert ("environments/o0.yaml", ("tests", 0)) == origin(assembled, "tests", "shop", 2)


def test_overlay_removes_tests() -> None:
    """Null removes a namespace's tests, and is an error where there are none."""
    base = HEAD + "tests:\n" + LINE.format("a", "x")
    assert {"shop": []} == spec_of(base, over=(HEAD + "tests: null\n",)).tests
    finding = only(put_together(USERS, over=(HEAD + "tests: null\n",)))
    assert ("MC017", Origin("environments/o0.yaml", ("tests",))) == (finding.code, finding.origin)


def test_tests_of_one_namespace_in_two_overlays() -> None:
    """Two overlays may both bring tests; two tests of one name are at odds, at both places."""
    over = HEAD + "tests: [{name: a, from: x, to: y, expect: denied}]\n"
    finding = only(put_together(USERS, over=(over, over)))
    assert ("MC016", Origin("environments/o1.yaml", ("tests", 0))) == (finding.code, finding.origin)
    assert [Origin("environments/o0.yaml", ("tests", 0))] == [related for related, _ in finding.related]
    tests = spec_of(USERS, over=(over, over.replace("name: a", "name: b"))).tests["shop"]
    assert ["a", "b"] == [test.name for test in tests]


def test_overlay_of_the_mesh_block() -> None:
    """What holds for the whole mesh may differ by environment."""
    mesh = spec_of(HEAD + "mesh: {name: m, egress: allow}\n", over=(HEAD + "mesh: {egress: declared}\n",)).mesh
    assert ("m", "declared") == (mesh.name, mesh.egress)


def test_a_mistake_in_an_overlay_is_found_there() -> None:
    """A finding points into the file that really supplied the value."""
    finding = only(put_together(USERS, over=(HEAD + "services: {users: {access: dney}}\n",)))
    assert ("MC012", Origin("environments/o0.yaml", ("services", "users", "access"))) == (finding.code, finding.origin)


def test_a_name_where_null_stands_in_a_list() -> None:
    """Null removes keys, never items: in a list it is no value."""
    finding = only(put_together(USERS, over=(HEAD + "services: {users: {calls: [null]}}\n",)))
    assert "MC012" == finding.code


# --- origins


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("services", "shop/users"), ("services", "users")),
        (("services", "shop/users", "ports", "http", "port"), ("services", "users", "ports", "http")),
        (("services", "shop/users", "calls", 0, "service"), ("services", "users", "calls")),
        (("services", "shop/users", "timeouts", "connect"), ("services", "users")),
        (("services", "shop/users", "calls", 3), ("services", "users", "calls")),
        (("services", "shop/nobody"), ()),
    ],
)
def test_origin_of_short_forms_and_defaults(path: tuple[Step, ...], expected: tuple[Step, ...]) -> None:
    """What a short form stands for is found at the short form, what was not written at its holder."""
    assembled = put_together(HEAD + "services:\n  users: {ports: {http: 80}, calls: orders}\n")
    assert ("f0.yaml", expected) == origin(assembled, *path)
