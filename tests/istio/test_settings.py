"""What the output relies on outside of itself, what `mesh.targets.istio` may say, and how the summary tells both."""

from typing import Any

import pytest

from meshc.diagnostics import Finding
from meshc_istio import control_plane, target
from tests.istio.written import HEAD, SHOP, complaints_of, findings_of, names, one
from tests.meshes import mesh_in, mesh_of

SERVICE = "services: {b: {ports: {http: 80}, calls: []}}\n"


def _head(options: str, more: str = "") -> str:
    return f"namespace: shop\nmesh: {{name: shop, trustDomain: shop.example, access: allow, {more}targets: {{istio: {{{options}}}}}}}\n"


def _values(text: str) -> dict[str, Any]:
    return control_plane.values(mesh_of(text))


# --- values of the control plane ----------------------------------------------------------------------------------------------------

SERVED = {"pilot": {"env": {"PILOT_HTTP10": "1"}}}  # HTTP/1.0 is served inside the mesh too (L13)
NO_RETRIES = {"defaultHttpRetryPolicy": {"attempts": 0}}
READING = {
    "connectionSettings": {
        "httpHeadersWithUnderscoresAction": "HEADERS_WITH_UNDERSCORES_DROP_HEADER",
        "httpMergeSlashes": True,
        "httpPathWithEscapedSlashesAction": "REJECT_REQUEST",
    }
}


@pytest.mark.parametrize("options", ["", 'version: "1.31"', 'version: "1.31.4"', 'version: "v1.31"'])
def test_the_newest_istio_reads_requests_by_settings_of_connections(options: str) -> None:
    """Escaped slashes are 400, slashes merged, fields with `_` dropped (L4, L13); and no proxy retries by itself (L12)."""
    assert {"meshConfig": {"trustDomain": "shop.example", **NO_RETRIES, "defaultConfig": READING}, **SERVED} == _values(
        _head(options) + SERVICE
    )


def test_an_older_istio_decodes_escaped_slashes() -> None:
    """1.30 has no settings of connections, so slashes are decoded and merged before anything compares."""
    normal = {"pathNormalization": {"normalization": "DECODE_AND_MERGE_SLASHES"}}
    assert {"meshConfig": {"trustDomain": "shop.example", **NO_RETRIES, **normal}, **SERVED} == _values(_head('version: "1.30"') + SERVICE)


def test_teams_that_cannot_set_the_mesh_have_each_workload_say_it() -> None:
    """`settings: filter`: the same three words in each workload's own proxy, where requests come in and where they leave."""
    text = _head("settings: filter") + SERVICE + "gateways: {public: {listeners: {http: 80}}}\n"
    assert {"meshConfig": {"trustDomain": "shop.example", **NO_RETRIES}, **SERVED} == _values(text)
    mesh = mesh_of(text)
    assert ["shop/b", "istio-ingress/shop-shop-public"] == names(mesh, "EnvoyFilter")
    for name, contexts in (("b", ["SIDECAR_INBOUND", "SIDECAR_OUTBOUND"]), ("shop-shop-public", ["GATEWAY"])):
        patches = one(mesh, "EnvoyFilter", name)["configPatches"]
        assert contexts == [patch["match"]["context"] for patch in patches]
        for patch in patches:
            said = patch["patch"]["value"]["typed_config"]
            assert {
                "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"},
                "merge_slashes": True,
                "path_with_escaped_slashes_action": "REJECT_REQUEST",
            } == {key: value for key, value in said.items() if key != "@type"}


def test_what_is_istio_s_own_is_no_value() -> None:
    """The trust domain and the cluster's domain stand there where they differ."""
    same = _values(HEAD.replace("shop.example", "cluster.local") + SERVICE)
    assert {"meshConfig", "pilot"} == same.keys()
    assert "trustDomain" not in same["meshConfig"]
    other = _values(HEAD.replace("access: allow", "access: allow, clusterDomain: kube.example") + SERVICE)
    assert {"proxy": {"clusterDomain": "kube.example"}} == other["global"]


def test_proxies_answer_for_names_that_no_dns_knows() -> None:
    """A name that only a ServiceEntry says resolves where proxies capture DNS."""
    text = "services: {vm: {ports: {http: 80}, endpoints: [{address: 10.0.0.1}]}}\n"
    assert {"ISTIO_META_DNS_CAPTURE": "true"} == _values(HEAD + text)["meshConfig"]["defaultConfig"]["proxyMetadata"]
    assert "proxyMetadata" not in _values(HEAD + SERVICE)["meshConfig"]["defaultConfig"]


# --- options ------------------------------------------------------------------------------------------------------------------------


def _option_finding(options: str) -> Finding:
    (finding,) = findings_of(_head(options) + SERVICE)
    return finding


@pytest.mark.parametrize(
    ("options", "code", "key", "words", "help_"),
    [
        ("version: 1.30", "MC505", "version", "is a number", 'write `version: "1.30"`'),
        ("version: 1.31", "MC505", "version", "is a number", 'write `version: "1.31"`'),
        ('version: "1.29"', "MC503", "version", "expected 1.30 or 1.31", None),
        ('version: "1.99"', "MC503", "version", "expected 1.30 or 1.31", None),
        ("versoin: '1.31'", "MC505", "versoin", "no option `versoin`", "did you mean `version`?"),
        ("envoyFilter: forbid", "MC505", "envoyFilter", "no option `envoyFilter`", "did you mean `envoyFilters`?"),
        ("envoyFilters: never", "MC505", "envoyFilters", "expected `allow` or `forbid`", None),
        ("settings: proxy", "MC505", "settings", "expected `mesh` or `filter`", None),
        ("accept: [retry-backof-max]", "MC506", "accept", "no approximation `retry-backof-max`", "did you mean `retry-backoff-max`?"),
        ("accept: [path-encodings]", "MC506", "accept", "no approximation `path-encodings`", None),
    ],
)
def test_an_option_that_it_does_not_know_is_an_error(options: str, code: str, key: str, words: str, help_: str | None) -> None:
    """A version, an option, a value or an approximation that does not exist: at its key, with what was expected."""
    finding = _option_finding(options)
    assert (code, ("mesh", "targets", "istio", key)) == (finding.code, finding.origin.path[:4])
    assert words in finding.message
    assert help_ == finding.help


@pytest.mark.parametrize("options", ["", 'version: "1.30"', "envoyFilters: allow", "envoyFilters: forbid", "settings: mesh"])
def test_an_option_that_it_knows_is_no_error(options: str) -> None:
    """Every word that the page lists."""
    assert [] == complaints_of(_head(options) + SERVICE)


# --- filters: forbidden, or told ------------------------------------------------------------------------------------------------------

GATEWAY = "gateways: {public: {%slisteners: {http: {port: 80%s}}}}\n"
ROUTE = "routes: {r: {gateways: [public], hosts: [%s], rules: [{name: x, %s}]}}\n"
JWT = "authentication: {ids: {jwt: {issuer: 'https://id.example', jwks: {uri: 'https://id.example/keys'}}}}\n"


def _policy(entry: str) -> str:
    return SERVICE + f"policies: {{p: {{services: [b], deny: [{entry}]}}}}\n"


FILTERED = {
    "a regex path": (_policy("{paths: {regex: '/x+'}}"), ("policies", "p", "deny", 0), None),
    "a query condition": (_policy("{query: {q: x}}"), ("policies", "p", "deny", 0), None),
    "an absent header in an allow of several": (_policy("{headers: {x-a: {regex: 'a.'}}}"), ("policies", "p", "deny", 0), None),
    "a wildcard host": (_policy("{hosts: ['*.x.example']}"), ("policies", "p", "deny", 0), None),
    "a literal star": (_policy("{paths: '/x%2A'}"), ("policies", "p", "deny", 0), None),
    "a rate limit": ("services: {b: {ports: {http: 80}, rateLimits: [{limit: 5/s}]}}\n", ("services", "b", "rateLimits", 0), "rate-limits"),
    "a body's limit": (
        "services: {b: {ports: {http: 80}, maxRequestBody: 1MiB}}\n",
        ("services", "b", "maxRequestBody"),
        "max-request-body",
    ),
    "trusted hops": (SERVICE + GATEWAY % ("trustedHops: 1, ", ""), ("gateways", "public", "trustedHops"), "trusted-hops"),
    "a listener's body limit": (
        SERVICE + GATEWAY % ("", ", maxRequestBody: 1MiB"),
        ("gateways", "public", "listeners", "http", "maxRequestBody"),
        "max-request-body",
    ),
    "an empty header": (
        SERVICE + GATEWAY % ("", "") + ROUTE % ("a.example", 'to: b, headers: {request: {set: {x-a: ""}}}'),
        ("routes", "r", "rules", 0),
        "empty-headers",
    ),
    "the header server": (
        SERVICE + GATEWAY % ("", "") + ROUTE % ("a.example", "to: b, headers: {response: {remove: [server]}}"),
        ("routes", "r", "rules", 0),
        "server-header",
    ),
    "a redirect of a wildcard host": (
        SERVICE + GATEWAY % ("", "") + ROUTE % ("'*.example'", "redirect: {path: {replaceFullPath: /x}}"),
        ("routes", "r", "rules", 0, "redirect"),
        "redirect-port",
    ),
}


@pytest.mark.parametrize(("text", "path", "accepted"), FILTERED.values(), ids=FILTERED.keys())
def test_what_needs_a_filter_is_told_or_an_error_at_its_line(text: str, path: tuple[object, ...], accepted: str | None) -> None:
    """L3: a filter is told with the line that asks for it; where they are forbidden, that line is the error."""
    mesh = mesh_of(_head("") + text)
    assert [] == list(target.check(mesh))
    assert [] != names(mesh, "EnvoyFilter")
    assert {path} == {door.origin.path for door in target.back_doors(mesh)}
    findings = findings_of(_head("envoyFilters: forbid") + text)
    assert {("MC502", path)} == {(finding.code, finding.origin.path) for finding in findings}
    assert all("needs an EnvoyFilter, and `mesh.targets.istio.envoyFilters` forbids them" in finding.message for finding in findings)
    if accepted is not None:
        text = _head(f"envoyFilters: forbid, accept: [{accepted}]") + text
        assert [] == complaints_of(text)
        assert [] == names(mesh_of(text), "EnvoyFilter")


@pytest.mark.parametrize(("option", "path"), [("settings: filter, envoyFilters: forbid", ("mesh", "targets", "istio", "settings"))])
def test_settings_by_filter_need_filters(option: str, path: tuple[str, ...]) -> None:
    """Both can't be had; the error points at what asks for the filter."""
    assert {path} == {finding.origin.path for finding in findings_of(_head(option) + SERVICE)}


def test_strict_requests_need_a_filter() -> None:
    """What refuses odd requests is a filter; the error points at the mesh's word."""
    assert {("mesh", "requests")} == {
        finding.origin.path for finding in findings_of(_head("envoyFilters: forbid", "requests: strict, ") + SERVICE)
    }
    assert [] == complaints_of(_head("", "requests: strict, ") + SERVICE)


def test_each_filter_is_told_with_every_line_that_asks_for_it() -> None:
    """For every workload whose proxy it changes, once."""
    text = """
services:
  a: {ports: {http: 80}, calls: [b]}
  c: {ports: {http: 80}, calls: [b]}
  b: {ports: {http: 80}, calls: []}
routes: {r: {services: [b], rules: [{name: x, to: b, rateLimits: [{limit: 5/s}]}]}}
"""
    path = ("routes", "r", "rules", 0, "rateLimits", 0)
    doors = [(door.made, door.why, door.origin.path) for door in target.back_doors(mesh_of(HEAD + text))]
    assert [("EnvoyFilter shop/a", "rateLimits", path), ("EnvoyFilter shop/c", "rateLimits", path)] == doors


# --- what the cluster must provide --------------------------------------------------------------------------------------------------


def test_summary_says_first_what_the_control_plane_must_be_told() -> None:
    """Without it requests are read otherwise than the policies assume."""
    first, *_ = target.summary(mesh_in(SHOP))
    assert "istio-values.yaml" in first
    assert "meshc check-cluster" in first


@pytest.mark.parametrize(
    "words",
    [
        "Secret istio-ingress/shop-tls",
        "Secret istio-ingress/shop-shop-public-admin-cacert from ca/staff.pem, under the key ca.crt",
        "a Service for the pods istio=ingressgateway in istio-ingress that maps 8443 to 8443, 80 to 80, 443 to 443",
        "a Service otel-collector.shop.svc.cluster.local with port 4317",
        "legacy",
        "Prometheus",
        "appProtocol",
    ],
)
def test_summary_says_what_the_cluster_must_have(words: str) -> None:
    """Each line is an order: what, where."""
    lines = list(target.summary(mesh_in(SHOP)))
    assert [True] == [line.startswith("you must ") for line in lines if words in line]


def test_summary_of_a_mesh_without_needs_has_no_line_of_them() -> None:
    """A line about what is not there would be noise."""
    lines = list(target.summary(mesh_of(HEAD + SERVICE)))
    assert 2 == len(lines)
    assert "istio-values.yaml" in lines[0]
    assert "appProtocol" in lines[1]
