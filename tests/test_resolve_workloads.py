"""Workers, further services of a workload and headless ones: what they are once resolved, and each mistake on its line."""

import re

import pytest

from meshc.compile import checked, diagnostics, load_mesh
from meshc.model import Mtls, Name, SourceKind
from tests.meshes import mesh_of

HEAD = "apiVersion: meshc/v1\nnamespace: shop\nmesh: {name: shop, trustDomain: shop.example}\n"
USERS = "users: {ports: {http: 80}}"


def services(*lines: str) -> str:
    """A file's services, one a line."""
    return "services:\n" + "".join(f"  {line}\n" for line in lines)


WORKER = services(USERS, "nightly: {calls: [users]}")
PAIR = services(USERS, "pods: {workload: users, ports: {http: 80}}")

CASES = {
    # workers
    "a service that neither calls nor is called": services("nightly: {}  # MC013"),
    "nor is one that says only its pods": services("nightly: {selector: {job: nightly}}  # MC013"),
    "what lies outside has ports": services("mail: {hosts: [mail.example], calls: []}  # MC013"),
    "a further service has ports": services(USERS, "pods: {workload: users}  # MC013"),
    "a call of a worker": WORKER + "  web: {ports: {http: 80}, calls: [nightly]}  # MC127\n",
    "a rule to a worker": WORKER + "routes: {r: {services: users, rules: [{to: nightly}]}}  # MC127\n",
    "a copy to a worker": WORKER + "routes: {r: {services: users, rules: [{to: users, mirror: {to: nightly}}]}}  # MC127\n",
    "a route of a worker": WORKER + "routes: {r: {services: nightly, rules: [{to: users}]}}  # MC127\n",
    "a policy on a worker": WORKER + "policies: {p: {services: nightly, allow: [{from: users}]}}  # MC127\n",
    "a test that asks a worker": WORKER + "tests: [{name: t, from: users, to: nightly, expect: denied}]  # MC127\n",
    "a test that reaches a worker": WORKER + "tests: [{name: t, from: nightly, to: users, expect: {reaches: nightly}}]  # MC127\n",
    **{
        f"{key} of a worker": services(USERS, f"nightly: {{calls: [users], {key}: {value}}}  # MC011")
        for key, value in {
            "access": "deny",
            "mtls": "strict",
            "sidecar": "none",
            "headless": "true",
            "timeouts": "{idle: 1m}",
            "loadBalancing": "random",
            "circuitBreaker": "{maxConnections: 1}",
            "outlierDetection": "{}",
            "healthCheck": "{path: /}",
            "rateLimits": "{limit: 1/s}",
            "maxRequestBody": "1KiB",
            "endpoints": "{address: 10.0.0.1}",
        }.items()
    },
    # further services
    **{
        f"{key} of a further service": services(
            "users: {ports: {http: 80}, versions: {v1: {}}}", f"pods: {{workload: users, ports: {{http: 80}}, {key}: {value}}}  # MC011"
        )
        for key, value in {
            "selector": "{app: users}",
            "identity": "users",
            "sidecar": "none",
            "versions": "{v1: {}}",
            "access": "allow",
            "mtls": "strict",
            "calls": "[]",
            "endpoints": "{address: 10.0.0.1}",
            "healthCheck": "{path: /}",
            "rateLimits": "{limit: 1/s}",
            "maxRequestBody": "1KiB",
        }.items()
    },
    "traffic of a further service": services(
        "users: {ports: {http: 80}, versions: {v1: {}}}",
        "pods: {workload: users, ports: {http: 80}, traffic: {v1: 1}, versions: {v1: {}}}  # MC011 MC011",
    ),
    "a workload that is not there": services(USERS, "pods: {workload: user, ports: {http: 80}}  # MC101"),
    "a workload of another namespace": services(USERS, "pods: {workload: ops/users, ports: {http: 80}}  # MC109"),
    "a workload outside the mesh": services(
        "mail: {hosts: [m.example], ports: {http: 80}}", "pods: {workload: mail, ports: {http: 80}}  # MC118"
    ),
    "itself": services("pods: {workload: pods, ports: {http: 80}}  # MC118"),
    "a further service of a further service": PAIR + "  more: {workload: pods, ports: {http: 80}}  # MC118\n",
    "a worker's": WORKER + "  pods: {workload: nightly, ports: {http: 80}}  # MC127\n",
    "outside the mesh": services(USERS, "mail: {workload: users, hosts: [m.example], ports: {http: 80}}  # MC011"),
    # ports of one check point
    "mtls that differs": services(
        "users: {ports: {http: {port: 80, targetPort: 8080}}}",
        "pods: {workload: users, ports: {http: {port: 8080, mtls: permissive}}}  # MC128",
    ),
    "mtls that differs within a service": services(
        "users: {ports: {http: {port: 80, targetPort: 8080}, more: {port: 8080, protocol: http, mtls: disable}}}  # MC128"
    ),
    "bytes and requests": services(
        "users: {ports: {http: {port: 80, targetPort: 8080}}}", "pods: {workload: users, ports: {tcp: 8080}}  # MC128"
    ),
    "apart at some endpoints only": services(
        "users: {ports: {http: 80, more: {port: 81, protocol: http}}, endpoints: [{address: 10.0.0.1}, {address: 10.0.0.2, port: 9}]}"
        "  # MC128"
    ),
    # headless
    "a headless service maps no port": services("users: {headless: true, ports: {http: {port: 80, targetPort: 8080}}}  # MC012"),
    "headless by hand": services(
        "users: {ports: {http: 80}, endpoints: {address: 10.0.0.1}}", "pods: {workload: users, headless: true, ports: {http: 80}}  # MC011"
    ),
    "headless outside": services("mail: {hosts: [m.example], headless: true, ports: {http: 80}}  # MC011"),
    **{
        f"{key} of a headless service": services(
            f"users: {{headless: true, ports: {{http: 80}}, versions: {{v1: {{}}}}, {key}: {value}}}  # MC011"
        )
        for key, value in {
            "traffic": "{v1: 1}",
            "loadBalancing": "random",
            "outlierDetection": "{}",
            "endpoints": "{address: 10.0.0.1}",
            "healthCheck": "{path: /}",
        }.items()
    },
}


@pytest.mark.parametrize("name", CASES)
def test_each_mistake_is_told_on_its_line(name: str) -> None:
    """Exactly the findings that the comments name, at the lines that they stand on."""
    text = HEAD + CASES[name]
    expected = sorted(
        (number, code) for number, line in enumerate(text.splitlines(), 1) for code in re.findall(r"MC\d+", line.partition("#")[2])
    )
    compiled = checked(load_mesh({"mesh.yaml": text.encode()}))
    found = [(one.place.span.line, one.code) for one in diagnostics(compiled)]
    assert expected == sorted(found), [one.message for one in compiled.findings]


def test_a_worker_is_a_workload_without_ports() -> None:
    """L8: it has pods, an identity and a proxy, and nothing to call."""
    mesh = mesh_of(services(USERS, "nightly: {calls: [users]}"))
    nightly = mesh.service_by_name[Name("default", "nightly")]
    assert ((), True, "nightly", (("app", "nightly"),)) == (nightly.ports, nightly.has_proxy, nightly.identity, nightly.selector)
    assert [Name("default", "nightly"), Name("default", "users")] == [one.name for one in mesh.workloads]


def test_a_further_service_has_what_is_its_workloads() -> None:
    """L9, L10: pods, identity, proxy, versions, base, calls and limits are said once."""
    mesh = mesh_of(
        HEAD
        + """services:
  users:
    ports: {http: 80}
    selector: {run: users}
    identity: people
    versions: {v1: {}, v2: {}}
    traffic: {v1: 1, v2: 3}
    access: deny
    calls: [mail]
    rateLimits: {limit: 5/s}
    maxRequestBody: 1KiB
  twin: {workload: users, ports: {http: 81}, loadBalancing: random}
  pods: {workload: users, headless: true, ports: {http: 80}}
  mail: {ports: {http: 80}}
"""
    )
    users, twin, pods = (mesh.service_by_name[Name("shop", name)] for name in ("users", "twin", "pods"))
    for one in (twin, pods):
        for key in ("selector", "identity", "has_proxy", "versions", "access", "access_origin", "calls", "rate_limits", "max_request_body"):
            assert getattr(users, key) == getattr(one, key), key
        assert users.name == one.workload
    assert (users.traffic, ()) == (twin.traffic, pods.traffic), "callers of a headless service choose the pod"
    assert ("random", "least-request") == (twin.load_balancing.policy, users.load_balancing.policy)
    assert (False, False, True) == (users.headless, twin.headless, pods.headless)
    assert [Name("shop", "mail"), Name("shop", "users")] == [one.name for one in mesh.workloads]


@pytest.mark.parametrize(
    ("users", "further", "expected"),
    [
        ("mtls: permissive, ports: {http: 80}", "http: 81", Mtls.PERMISSIVE),
        ("mtls: permissive, ports: {http: {port: 80, mtls: disable}}", "http: 80", Mtls.DISABLE),
        ("mtls: permissive, ports: {http: {port: 80, mtls: disable}}", "http: {port: 8000, targetPort: 80}", Mtls.DISABLE),
        ("ports: {http: 80}", "http: {port: 81, mtls: disable}", Mtls.DISABLE),
        ("ports: {http: 80}, sidecar: none, access: allow", "http: 81", Mtls.DISABLE),
    ],
)
def test_a_port_takes_callers_as_the_workload_says(users: str, further: str, expected: Mtls) -> None:
    """L10: as the workload's port that leads to the same place does, else as its workload, unless the port says it."""
    mesh = mesh_of(HEAD + services(f"users: {{{users}}}", f"more: {{workload: users, ports: {{{further}}}}}"))
    (port,) = mesh.service_by_name[Name("shop", "more")].ports
    assert expected is port.mtls


def test_a_caller_is_known_by_its_workload() -> None:
    """L10: a `from` that names a further service means the pods, which have one identity."""
    text = HEAD + PAIR + "policies: {p: {services: users, allow: [{from: pods}]}}\n"
    ((entry,),) = [policy.allow for policy in mesh_of(text).policies if policy.allow is not None]
    assert [(SourceKind.SERVICE, Name("shop", "users"))] == [(one.kind, one.name) for one in entry.sources or ()]


def test_one_identity_of_one_workload_needs_no_word() -> None:
    """L10: that two services over the same pods have one identity is no mistake."""
    assert mesh_of(HEAD + PAIR).workloads


def test_all_is_what_can_be_called() -> None:
    """L9: a policy for `all` selects no worker, at which nothing could be checked."""
    mesh = mesh_of(HEAD + WORKER + "policies: {p: {services: all, allow: [{from: mtls, ports: http}]}}\n")
    assert (Name("shop", "users"),) == mesh.policies[0].services
