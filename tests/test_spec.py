"""What the shapes refuse, at which key and in which words; and that short forms say the same as the long ones."""

from typing import Any

import pytest

from meshc.assemble import assemble
from meshc.diagnostics import Finding, Step
from meshc.source import parse
from meshc.spec import FileSpec, Spec
from meshc.spec.mistakes import nearest
from meshc.spec.shapes import duration_ms, percent, rate, size_bytes
from meshc.spec.shorthand import expand

HEAD = "apiVersion: meshc/v1\nnamespace: shop\n"


def findings_of(text: str) -> tuple[Finding, ...]:
    document, wrong = parse("mesh.yaml", (HEAD + text + "\n").encode())
    assert () == wrong
    assert document is not None
    return assemble([document]).findings


def of_service(text: str) -> str:
    return f"services: {{users: {{ports: {{http: 80}}, {text}}}}}"


def of_call(text: str) -> str:
    return of_service(f"calls: [{{service: x, {text}}}]")


def of_rule(text: str) -> str:
    return f"routes: {{r: {{services: users, rules: [{{{text}}}]}}}}"


def of_policy(text: str) -> str:
    return f"policies: {{p: {{services: users, {text}}}}}"


SERVICE = ("services", "users")
RULE = ("routes", "r", "rules", 0)
POLICY = ("policies", "p")

MISTAKES: list[tuple[str, str, tuple[Step, ...], str]] = [
    # an unknown key is found at the key, with the nearest that exists
    (of_service("acces: deny"), "MC011", (*SERVICE, "acces"), "did you mean `access`?"),
    (of_service("circuitbreaker: {}"), "MC011", (*SERVICE, "circuitbreaker"), "did you mean `circuitBreaker`?"),
    (of_service("versions: {v1: {lables: {a: b}}}"), "MC011", (*SERVICE, "versions", "v1", "lables"), "did you mean `labels`?"),
    (of_policy("allow: {form: x}"), "MC011", (*POLICY, "allow", "form"), "did you mean `from`?"),
    (of_policy("allow: {from: {namespce: x}}"), "MC011", (*POLICY, "allow", "from", "namespce"), "did you mean `namespace`?"),
    ("certificates: {c: {from: {meshca: {}}}}", "MC011", ("certificates", "c", "from", "meshca"), "did you mean `mesh-ca`?"),
    (of_rule("to: users, match: {paths: {regx: a}}"), "MC011", (*RULE, "match", "paths", "regx"), "did you mean `regex`?"),
    (of_rule("to: users, match: {paths: /a, zzz: 1}"), "MC011", (*RULE, "match", "zzz"), "expected from, ports, hosts"),
    # one that the language once had is told what replaced it
    ("mesh: {paths: reject}", "MC011", ("mesh", "paths"), "unknown key `paths`, which `requests` replaced"),
    (
        of_service("endpoints: [{address: 10.0.0.1, zone: a}]"),
        "MC011",
        (*SERVICE, "endpoints", 0, "zone"),
        "unknown key `zone`, which `locality` replaced",
    ),
    # a missing key is found at its holder
    ("services: {users: {selector: {app: users}}}", "MC013", SERVICE, "missing key `ports`, expected a map"),
    (of_service("calls: [{paths: /x}]"), "MC013", (*SERVICE, "calls", 0), "missing key `service`, expected a name such as users"),
    (of_service("loadBalancing: hash"), "MC013", (*SERVICE, "loadBalancing"), "missing key `hash`"),
    ("policies: {p: {allow: []}}", "MC013", POLICY, "`services` or `gateways`"),
    ("routes: {r: {rules: [{to: a}]}}", "MC013", ("routes", "r"), "exactly one of gateways or services"),
    ("routes: {r: {gateways: g, rules: [{to: a}]}}", "MC013", ("routes", "r"), "missing key `hosts`"),
    (of_rule("match: {paths: /x}"), "MC013", RULE, "exactly one of to, redirect or respond"),
    ("tests: [{name: a, to: b, expect: denied}]", "MC013", ("tests", 0), "missing key `from`"),
    ("tests: [{name: a, from: b, expect: denied}]", "MC013", ("tests", 0), "missing key `to`"),
    ("tests: [{name: a, via: g, expect: denied}]", "MC013", ("tests", 0), "the request's `host`"),
    # a wrong value is found at its key or item, in the language's words
    (of_service("timeouts: {idle: 5 minutes}"), "MC012", (*SERVICE, "timeouts", "idle"), "expected a duration such as 250ms"),
    (of_service("timeouts: {idle: 5}"), "MC012", (*SERVICE, "timeouts", "idle"), "5 in `idle`, expected a duration such as 250ms"),
    (of_service("maxRequestBody: 10MB"), "MC012", (*SERVICE, "maxRequestBody"), "expected a size such as 64KiB"),
    (of_service("rateLimits: {limit: 100}"), "MC012", (*SERVICE, "rateLimits", "limit"), "expected a rate such as 100/s"),
    (
        of_service("outlierDetection: {maxEjectionPercent: 101%}"),
        "MC012",
        (*SERVICE, "outlierDetection", "maxEjectionPercent"),
        "percentage",
    ),
    (of_service("rateLimits: {limit: 1/s, per: header}"), "MC012", (*SERVICE, "rateLimits", "per"), "or a map with header"),
    (of_service("access: dney"), "MC012", (*SERVICE, "access"), "expected deny, declared or allow"),
    (of_service("loadBalancing: [a]"), "MC012", (*SERVICE, "loadBalancing"), "round-robin, least-request, random or hash, or a map"),
    (of_service("calls: [5]"), "MC012", (*SERVICE, "calls", 0), "expected a name such as users"),
    (of_service("calls: [a, [b]]"), "MC012", (*SERVICE, "calls", 1), "a list in `calls`"),
    (of_call("paths: [/a, 7]"), "MC012", (*SERVICE, "calls", 0, "paths", 1), "expected a path such as /cart"),
    (of_call("paths: [[a]]"), "MC012", (*SERVICE, "calls", 0, "paths", 0), "expected a path such as /cart"),
    (of_call("methods: get"), "MC012", (*SERVICE, "calls", 0, "methods"), "expected a method such as GET"),
    (of_call("headers: {'a b': c}"), "MC012", (*SERVICE, "calls", 0, "headers", "a b"), "is not a header name"),
    ("services: {users: {ports: 80}}", "MC012", (*SERVICE, "ports"), "80 in `ports`, expected a map"),
    ("services: {users: {ports: {}}}", "MC012", (*SERVICE, "ports"), "`ports` is empty"),
    ("services: {users: {ports: {http: 80000}}}", "MC012", (*SERVICE, "ports", "http"), "expected a port from 1 to 65535"),
    ("services: [a]", "MC012", ("services",), "`services` is a list, expected a map of names"),
    ("services: {users: 5}", "MC012", SERVICE, "5 in `users`, expected a map with ports"),
    (of_rule("to: users, retries: {attempts: -1}"), "MC012", (*RULE, "retries", "attempts"), "expected a whole number from 0 to 100"),
    (of_rule("to: users, retries: {codes: [200]}"), "MC012", (*RULE, "retries", "codes", 0), "an HTTP status from 400 to 599"),
    (of_rule("to: []"), "MC012", (*RULE, "to"), "`to` is empty"),
    (of_rule("redirect: {statusCode: 300}"), "MC012", (*RULE, "redirect", "statusCode"), "expected 301, 302, 303, 307 or 308"),
    (
        "tests: [{name: a, from: b, to: c, expect: [q]}]",
        "MC012",
        ("tests", 0, "expect"),
        "expected denied, unauthenticated, refused, no-route",
    ),
    ("tests: [5]", "MC012", ("tests", 0), "5 in `tests`, expected a map with name"),
    ("certificates: {c: {from: acme}}", "MC012", ("certificates", "c", "from"), "expected mesh-ca, or a map"),
    ("apiVersion2: 1", "MC011", ("apiVersion2",), "did you mean `apiVersion`?"),
    # exactly one key
    (of_call("headers: {a: {}}"), "MC013", (*SERVICE, "calls", 0, "headers", "a"), "exactly one of present, absent"),
    (of_call("headers: {a: {present: true, prefix: x}}"), "MC012", (*SERVICE, "calls", 0, "headers", "a", "prefix"), "stand together"),
    (of_call("headers: {a: {present: false}}"), "MC012", (*SERVICE, "calls", 0, "headers", "a", "present"), "expected true"),
    (of_policy("allow: {from: {namespace: a, service: b}}"), "MC012", (*POLICY, "allow", "from", "namespace"), "stand together"),
    (of_rule("to: a, respond: {}"), "MC012", (*RULE, "respond"), "`to` and `respond` stand together"),
    (of_rule("redirect: {path: {}}"), "MC013", (*RULE, "redirect", "path"), "replacePrefixMatch or replaceFullPath"),
    (of_rule("respond: {}, timeout: 5s"), "MC012", (*RULE, "timeout"), "expected it only with `to`"),
    (
        of_service("loadBalancing: {policy: random, hash: sourceIp}"),
        "MC012",
        (*SERVICE, "loadBalancing", "hash"),
        "only with `policy: hash`",
    ),
    ("tests: [{name: a, via: g, from: b, request: {host: h}, expect: denied}]", "MC012", ("tests", 0, "from"), "beside `via`"),
    (
        "authentication: {a: {jwt: {issuer: a, jwks: {file: a, uri: b}}}}",
        "MC012",
        ("authentication", "a", "jwt", "jwks", "uri"),
        "together",
    ),
    # null is no value
    (of_service("timeouts: {idle: }"), "MC012", (*SERVICE, "timeouts", "idle"), "null in `idle`, expected a duration"),
    (of_service("calls: "), "MC012", (*SERVICE, "calls"), "null in `calls`"),
    ("services: {users: }", "MC012", SERVICE, "null in `users`, expected a map with ports"),
    ("services: ", "MC012", ("services",), "`services` is null"),
    # the rest
    (of_policy("allow: [{}]"), "MC019", (*POLICY, "allow", 0), "empty pattern"),
    (of_policy("allow: {}"), "MC019", (*POLICY, "allow"), "empty pattern"),
    (of_rule("to: users, match: {}"), "MC019", (*RULE, "match"), "empty pattern"),
    ("services: {Users_API: {ports: {http: 80}}}", "MC026", ("services", "Users_API"), "`Users_API` is not a name"),
    (f"services: {{{'a' * 64}: {{ports: {{http: 80}}}}}}", "MC026", ("services", "a" * 64), "at most 63"),
    ("services: {a/b: {ports: {http: 80}}}", "MC026", ("services", "a/b"), "is not a name"),
    ("services: {users: {ports: {HTTP: 80}}}", "MC026", (*SERVICE, "ports", "HTTP"), "`HTTP` is not a port name"),
]


@pytest.mark.parametrize(("text", "code", "path", "words"), MISTAKES, ids=[text for text, *_ in MISTAKES])
def test_one_mistake_gives_one_finding(text: str, code: str, path: tuple[Step, ...], words: str) -> None:
    """A mistake gives one finding, with its code, at the key or value at fault, saying what was expected."""
    found = findings_of(text)
    assert [(code, path)] == [(finding.code, finding.origin.path) for finding in found]
    assert words in found[0].message


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        (of_call("headers: {x-debug: 1}"), 'put quotes around it: "1"'),
        (of_call("headers: {x-debug: true}"), 'put quotes around it: "true"'),
        (of_service("selector: {version: 1.10}"), "put quotes around it"),
        (of_service("timeouts: {idle: 5}"), "a duration is a whole number with ms, s, m or h"),
        ("services: {users: {ports: {http: '80'}}}", "write it without quotes"),
        ("gateways: {g: {listeners: {a: {port: 80, redirectToHttps: yes}}}}", "write true, without quotes"),
        (of_call("headers: {a: {present: false}}"), "to say the opposite of `present`, write `absent: true`"),
        (of_service("access: dney"), "did you mean `deny`?"),
        (of_service("calls: "), "write a value, or leave the key out; null removes a key, in an overlay only"),
    ],
)
def test_help(text: str, help_: str) -> None:
    """The help says what to write instead."""
    assert [help_] == [finding.help for finding in findings_of(text)]


@pytest.mark.parametrize("text", [of_call("paths: {id}"), of_call("paths: [{id}]"), of_rule("to: users, match: {paths: [/a, {id}]}")])
def test_an_unquoted_placeholder(text: str) -> None:
    """`{id}` without quotes is a map to YAML: one finding says so."""
    found = findings_of(text)
    assert ["MC012"] == [finding.code for finding in found]
    assert "`{id}` without quotes is a YAML map" in found[0].message


def test_several_mistakes_in_one_run() -> None:
    """Mistakes in different places are all found at once."""
    found = findings_of("services: {a: {ports: {http: 0}, acces: deny}, b: {}}")
    assert ["MC011", "MC012", "MC013"] == sorted(finding.code for finding in found)


def test_no_words_of_pydantic() -> None:
    """No message speaks of what the language does not have."""
    words = ("input should", "valid string", "field required", "extra inputs", "literal", "none", "str", "dict", "boolean")
    for text, *_ in MISTAKES:
        for finding in findings_of(text):
            said = finding.message.lower().replace("string", "").replace("strict", "")
            assert [] == [word for word in words if word in said], finding.message


@pytest.mark.parametrize(
    "text",
    [
        of_policy("allow: []"),
        of_policy("allow: [{paths: []}]"),
        of_service("versions: {v1: , v2: {}}"),
        of_service("calls: []"),
        "mesh: {targets: {istio: }}",
        "mesh: {targets: {istio: {anything: null}}}",
        "tests: {name: a, from: b, to: c, request: {jwt: {provider: p, claims: {a: null, b: [1, {c: 2.5}]}}}, expect: denied}",
        "policies: {p: {services: all}}",
    ],
)
def test_what_is_legal(text: str) -> None:
    """Lists that match nothing, keys without a value where they mean an empty map, and free parts are fine."""
    assert () == findings_of(text)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (of_service("calls: orders"), of_service("calls: [{service: orders}]")),
        (of_service("calls: {service: a, methods: GET}"), of_service("calls: [{service: a, methods: [GET]}]")),
        (of_service("loadBalancing: random"), of_service("loadBalancing: {policy: random}")),
        (of_service("loadBalancing: {hash: sourceIp}"), of_service("loadBalancing: {hash: {sourceIp: true}}")),
        (of_service("versions: {v1: }"), of_service("versions: {v1: {}}")),
        (of_call("headers: {a: {not: b}}"), of_call("headers: {a: [{not: [b]}]}")),
        (of_call("headers: {a: {not: {not: {not: b}}}}"), of_call("headers: {a: [{not: [{not: [{not: [b]}]}]}]}")),
        (of_rule("to: a"), of_rule("to: [{service: a}]")),
        (of_rule("to: a, mirror: b"), of_rule("to: [{service: a}], mirror: {to: {service: b}}")),
        (of_rule("to: a, match: {from: b, jwt: p}"), of_rule("to: [{service: a}], match: [{from: [b], jwt: {provider: p}}]")),
        ("certificates: {a: {from: mesh-ca}}", "certificates: {a: {from: {mesh-ca: {}}}}"),
        ("certificates: {a: {from: {cert-manager: i}}}", "certificates: {a: {from: {cert-manager: {issuer: i}}}}"),
        ("gateways: {a: {listeners: {b: 80}}}", "gateways: {a: {listeners: {b: {port: 80}}}}"),
    ],
)
def test_short_forms(short: str, long: str) -> None:
    """A short form stands for the long one, which stands for itself."""

    def expanded(text: str) -> Any:  # noqa: ANN401 - YAML data
        document, _ = parse("mesh.yaml", text.encode())
        assert document is not None
        return expand(FileSpec, document.data)

    assert expanded(long) == expanded(short)
    assert expanded(long) == expand(FileSpec, expanded(long))


@pytest.mark.parametrize(
    "data", [None, 5, "text", [], {"services": 5}, {"services": {"a": [1]}}, {"routes": {"r": {"rules": {"a": None}}}}]
)
def test_expanding_what_has_another_form(data: object) -> None:
    """What is not of the language's form is left for the check to find."""
    for overlay in (False, True):
        expand(Spec, data, overlay=overlay)
    assert data is expand(Spec, data) or isinstance(data, dict)


@pytest.mark.parametrize(("text", "expected"), [("250ms", 250), ("5s", 5_000), ("1m", 60_000), ("2h", 7_200_000), ("0s", 0)])
def test_durations(text: str, expected: int) -> None:
    """Durations in whole milliseconds."""
    assert expected == duration_ms(text)


def test_other_units() -> None:
    """Rates, percentages and sizes."""
    assert ((100, 1_000), (5_000, 60_000)) == (rate("100/s"), rate("5000/m"))
    assert 12.5 == percent("12.5%")
    assert (65_536, 10 << 20, 3) == (size_bytes("64KiB"), size_bytes("10MiB"), size_bytes("3B"))


@pytest.mark.parametrize(("word", "expected"), [("acces", "access"), ("max-connections", "maxConnections"), ("zzz", None), ("", None)])
def test_nearest(word: str, expected: str | None) -> None:
    """The nearest word is one that looks alike, whatever its case and dashes."""
    assert expected == nearest(word, ["access", "maxConnections", "mtls"])
