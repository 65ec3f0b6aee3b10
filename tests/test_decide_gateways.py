"""The laws on hosts, paths, methods and headers as a gateway meets them, case by case (L2, L4, L5, L13)."""

import pytest

from meshc.model import Mesh
from meshc.semantics import Outside, Request
from tests.meshes import Case, edge, holds, mesh_of, name

SPEC = """
namespace: shop
mesh: {name: shop, methods: [PURGE]}
services:
  web: {ports: {http: 80}}
  api: {ports: {http: 80}}
  any: {ports: {http: 80}}
gateways:
  edge:
    listeners:
      http: {port: 80, redirectToHttps: true}
      https: {port: 443, hosts: [shop.example.com, "*.shop.example.com"], tls: {certificate: shop}}
      wide: {port: 443, hosts: ["*.example.com"], tls: {certificate: shop}}
      odd: {port: 8443, hosts: [odd.example.org], tls: {certificate: shop}}
      staff: {port: 9443, hosts: [staff.example.org], tls: {certificate: shop, clientCertificates: {ca: {file: staff.pem}}}}
      plain: {port: 8080, hosts: [plain.example.org, "*.plain.example.org"]}
certificates:
  shop: {from: {secret: shop-tls}, hosts: [shop.example.com, "*.shop.example.com", "*.example.com", odd.example.org, staff.example.org]}
routes:
  shop:
    gateways: [edge]
    hosts: [shop.example.com]
    rules:
      - {name: colon, match: {paths: "/a:b"}, to: api}
      - {name: cafe, match: {paths: /café}, to: api}
      - {name: items, match: {paths: "/items/{id}"}, to: api}
      - {name: below, match: {paths: /api/**}, to: api}
      - {name: star, match: {paths: "/lit/%2A"}, to: api}
      - {name: percent, match: {paths: "/p%25"}, to: api}
      - {name: slash, match: {paths: /dir/}, to: api}
      - {name: regex, match: {paths: {regex: "/v[0-9]+/é."}}, to: api}
      - {name: root, match: {paths: /}, to: web}
      - {name: post, match: {paths: /post, methods: [POST]}, to: api}
      - {name: flag, match: {paths: /h, headers: {x-flag: "on"}}, to: api}
      - {name: none, match: {paths: /h, headers: {x-flag: {absent: true}}}, to: web}
      - {name: not, match: {paths: /n, headers: {x-flag: {not: "on"}}}, to: api}
      - {name: has, match: {paths: /e, headers: {x-flag: {present: true}}}, to: api}
      - {name: pre, match: {paths: /pre, headers: {x-flag: {prefix: ab}}}, to: api}
      - {name: rx, match: {paths: /rx, headers: {x-flag: {regex: "a+b"}}}, to: api}
      - {name: q, match: {paths: /q, query: {a: "1"}}, to: api}
      - {name: purge, match: {paths: /purge, methods: [PURGE]}, to: api}
  wild: {gateways: [edge], hosts: ["*.shop.example.com"], rules: [{to: any}]}
  wider: {gateways: [edge], hosts: ["*.example.com"], rules: [{to: web}]}
  staff: {gateways: [edge], hosts: [staff.example.org], rules: [{to: web}]}
  plain: {gateways: [edge], listeners: [plain], hosts: ["*"], rules: [{to: web}]}
  acme: {gateways: [edge], listeners: [http], hosts: ["*"], rules: [{match: {paths: /.well-known/acme-challenge/**}, to: web}]}
"""

HTTP = Outside(name("edge"), scheme="http")
API, WEB, NOT_FOUND = "routed shop/api", "routed shop/web", "no-route 404"
BAD = "bad-request 400"


def paths(*rows: tuple[str, str, str]) -> list[Case]:
    return [Case("L4", says, edge(f"GET shop.example.com {path}"), expect) for says, path, expect in rows]


PATHS = paths(
    ("a literal character", "/a:b", API),
    ("an escaped character is the same one", "/a%3Ab", API),
    ("and in lower-case hex", "/a%3ab", API),
    ("non-ASCII in upper-case escapes", "/caf%C3%A9", API),
    ("non-ASCII in lower-case escapes", "/caf%c3%a9", API),
    ("escaped unreserved characters are themselves", "/%61pi/x", API),
    ("a placeholder is one segment", "/items/7", API),
    ("a placeholder is not two segments", "/items/7/8", NOT_FOUND),
    ("a placeholder is not empty", "/items/", NOT_FOUND),
    ("a placeholder takes escaped text", "/items/%20%3F", API),
    ("/** takes the path itself", "/api", API),
    ("/** takes the path with a slash", "/api/", API),
    ("/** takes what is below", "/api/x/y", API),
    ("/** takes whole segments only", "/apix", NOT_FOUND),
    ("%2A in the spec is a literal star", "/lit/*", API),
    ("a literal star is no wildcard", "/lit/x", NOT_FOUND),
    ("%25 in the spec is a percent sign", "/p%25", API),
    ("a trailing slash is a segment", "/dir/", API),
    ("without it the path differs", "/dir", NOT_FOUND),
    ("matching is case-sensitive", "/API", NOT_FOUND),
    ("a regex matches decoded characters, whole", "/v12/%C3%A9%C3%BC", API),
    ("a regex is no search", "/v12/%C3%A9xy", NOT_FOUND),
    ("a regex's dot is one character, not one byte", "/v1/%C3%A9%E2%82%AC", API),
    ("the query is no part of the path", "/api?x=/../..", API),
    ("repeated slashes are merged", "//api///x", API),
    ("dot segments are removed", "/./x/../api", API),
    ("escaped dot segments too", "/x/%2e%2E/api", API),
    ("a final dot segment leaves a slash", "/dir/x/..", API),
    ("%2F is 400", "/api%2Fx", BAD),
    ("%5C is 400", "/api%5cx", BAD),
    ("an escaped control byte is 400", "/api/%01", BAD),
    ("%00 is 400", "/api/%00", BAD),
    ("an escaped DEL is 400", "/api/%7F", BAD),
    ("an invalid escape is 400", "/api/%zz", BAD),
    ("a cut escape is 400", "/api/%4", BAD),
    ("a raw byte past ASCII has no normal form", "/café", BAD),
    ("what is not UTF-8 once decoded is 400", "/api/%ff", BAD),
    ("overlong UTF-8 is 400", "/api/%c0%ae", BAD),
    ("what a dot segment takes along is not looked at", "/%ff/../api", API),
    ("an escaped slash is 400 there too", "/x%2f/../api", BAD),
    ("an escaped backslash is 400 there too", "/x%5C/../api", BAD),
    ("nothing climbs above the root", "/../api", API),
    ("a raw backslash is a slash", "/api\\x", API),
    ("a dot segment may have parameters", "/x/..;v=1/api", API),
    ("with its semicolon escaped", "/x/..%3bv/api", BAD),
    ("with its dots escaped", "/x/%2e%2e;/api", BAD),
    ("parameters elsewhere are text", "/items/7;v=1", API),
    ("a fragment is cut", "/api#x", API),
    ("in the query too", "/api?x#y", API),
    ("a raw space has no normal form", "/api x", BAD),
    ("nor has a raw control byte", "/api\x01", BAD),
    ("nor has a target that does not begin with a slash", "api", BAD),
)


HOSTS = [
    Case("L5", "the exact host", edge("GET shop.example.com /"), WEB),
    Case("L5", "hosts are case-insensitive", edge("GET Shop.EXAMPLE.com /"), WEB),
    Case("L5", "the port is ignored", edge("GET shop.example.com:9999 /"), WEB),
    Case("L5", "one trailing dot is ignored", edge("GET shop.example.com. /"), WEB),
    Case("L5", "a dot and a port are ignored", edge("GET shop.example.com.:1 /"), WEB),
    Case("L5", "two trailing dots are malformed", edge("GET shop.example.com.. /", client=HTTP), BAD),
    Case("L5", "an absolute URI's authority replaces Host", edge("GET other.test http://shop.example.com/api"), API),
    Case("L5", "an absolute URI without path asks for /", edge("GET shop.example.com http://shop.example.com"), WEB),
    Case("L5", "a missing Host is 400", edge("GET - /"), BAD),
    Case("L5", "a repeated Host is 400", edge("GET shop.example.com,shop.example.com /"), BAD),
    Case("L5", "a Host with a blank is 400", edge("GET shop.example.com, /"), BAD),
    Case("L5", "a Host with userinfo is 400", edge("GET u@shop.example.com /"), BAD),
    Case("L5", "a Host with a bad IPv6 address is 400", edge("GET [::zz] /"), BAD),
    Case("L5", "a port that is no number is 400", edge("GET shop.example.com:http /"), BAD),
    Case("L5", "the longest wildcard suffix wins", edge("GET a.shop.example.com /"), "routed shop/any"),
    Case("L5", "a wildcard takes any depth", edge("GET a.b.c.example.com /"), WEB),
    Case("L5", "a wildcard never takes its own suffix", edge("GET example.com /", client=Outside(name("edge"), "https")), "refused"),
    Case("L5", "no falling back to a wider host", edge("GET shop.example.com /nothing"), NOT_FOUND),
    Case("L5", "no listener for the SNI: refused", edge("GET x /", client=Outside(name("edge"), "https", sni="nobody.test")), "refused"),
    Case("L5", "no SNI matches only *", edge("GET shop.example.com /", client=Outside(name("edge"), "https", sni="")), "refused"),
    Case(
        "L5",
        "a Host of another listener is 421",
        edge("GET www.example.com /", client=Outside(name("edge"), "https", sni="shop.example.com")),
        "misdirected 421",
    ),
    Case(
        "L5",
        "a Host of no listener of the port is 421",
        edge("GET odd.example.org /", client=Outside(name("edge"), "https", sni="shop.example.com")),
        "misdirected 421",
    ),
    Case(
        "L5",
        "another host of the same listener is fine",
        edge("GET a.shop.example.com /", client=Outside(name("edge"), "https", sni="shop.example.com")),
        "routed shop/any",
    ),
    Case(
        "L2", "400 comes before 421", edge("GET odd.example.org /%00", client=Outside(name("edge"), "https", sni="shop.example.com")), BAD
    ),
    Case("L5", "redirectToHttps", edge("GET shop.example.com /a?b=c", client=HTTP), "redirect 301 https://shop.example.com/a?b=c"),
    Case("L5", "with the owning listener's port", edge("GET odd.example.org /", client=HTTP), "redirect 301 https://odd.example.org:8443/"),
    Case("L5", "404 for hosts that no TLS listener owns", edge("GET nobody.test /", client=HTTP), NOT_FOUND),
    Case("L5", "a pinned route comes first", edge("GET shop.example.com /.well-known/acme-challenge/t", client=HTTP), WEB),
    Case("L2", "400 comes before redirectToHttps", edge("GET shop.example.com /%00", client=HTTP), BAD),
    Case("L5", "an unknown host on a plain listener is 404", edge("GET nobody.test /", client=Outside(name("edge"), "plain")), NOT_FOUND),
    Case("L5", "a plain listener owns its hosts", edge("GET a.plain.example.org /", client=Outside(name("edge"), "plain")), WEB),
    Case("L8", "a host with no route on its listener is 404", edge("GET odd.example.org /"), NOT_FOUND),
    Case("L14", "a missing client certificate: refused", edge("GET staff.example.org /"), "refused"),
    Case("L14", "with it, it is served", edge("GET staff.example.org /", client=Outside(name("edge"), client_certificate=True)), WEB),
    Case("L2", "the handshake comes before 400", edge("GET staff.example.org /%00"), "refused"),
]

FLAG = "x-flag"
HEADERS = [
    Case("L13", "a value is exact", edge("GET shop.example.com /h", (FLAG, "on")), API),
    Case("L13", "without surrounding blanks", edge("GET shop.example.com /h", (FLAG, " \ton ")), API),
    Case("L13", "names are case-insensitive", edge("GET shop.example.com /h", ("X-Flag", "on")), API),
    Case("L13", "values are case-sensitive", edge("GET shop.example.com /h", (FLAG, "On")), NOT_FOUND),
    Case("L13", "one of several lines is enough", edge("GET shop.example.com /h", (FLAG, "off"), (FLAG, "on")), API),
    Case("L13", "lines are not joined", edge("GET shop.example.com /h", (FLAG, "on,off")), NOT_FOUND),
    Case("L13", "absent: no line at all", edge("GET shop.example.com /h"), WEB),
    Case("L13", "an empty value is present", edge("GET shop.example.com /e", (FLAG, "")), API),
    Case("L13", "present needs a line", edge("GET shop.example.com /e"), NOT_FOUND),
    Case("L13", "not: none of the lines", edge("GET shop.example.com /n", (FLAG, "off")), API),
    Case("L13", "not holds where the field is absent", edge("GET shop.example.com /n"), API),
    Case("L13", "not cannot be escaped by repeating", edge("GET shop.example.com /n", (FLAG, "off"), (FLAG, "on")), NOT_FOUND),
    Case("L13", "a prefix", edge("GET shop.example.com /pre", (FLAG, "abc")), API),
    Case("L13", "a prefix of no line", edge("GET shop.example.com /pre", (FLAG, "cab")), NOT_FOUND),
    Case("L13", "a regex matches the whole line", edge("GET shop.example.com /rx", (FLAG, "aab")), API),
    Case("L13", "a regex is no search", edge("GET shop.example.com /rx", (FLAG, "aabc")), NOT_FOUND),
    Case("L13", "a name that is no token is 400", edge("GET shop.example.com /", ("a b", "1")), BAD),
    Case("L13", "a control byte in a value is 400", edge("GET shop.example.com /", ("a", "1\x002")), BAD),
    Case("L13", "a folded line is unfolded", edge("GET shop.example.com /e", (FLAG, "a\r\n b")), API),
    Case("L13", "a query field", edge("GET shop.example.com /q?a=1"), API),
    Case("L13", "the first field of that name", edge("GET shop.example.com /q?b=1&a=1&a=2"), API),
    Case("L13", "not a later one", edge("GET shop.example.com /q?a=2&a=1"), NOT_FOUND),
    Case("L13", "query values are not decoded", edge("GET shop.example.com /q?a=%31"), NOT_FOUND),
    Case("L13", "a missing query field", edge("GET shop.example.com /q"), NOT_FOUND),
    Case("L13", "a method that matches", edge("POST shop.example.com /post"), API),
    Case("L6", "a method that does not", edge("PUT shop.example.com /post"), NOT_FOUND),
    Case("L13", "methods are exact", edge("post shop.example.com /post"), BAD),
    Case("L13", "TRACE is none of them", edge("TRACE shop.example.com /"), BAD),
    Case("L13", "nor is CONNECT", edge("CONNECT shop.example.com shop.example.com:443"), BAD),
    Case("L13", "a method of the mesh's own", edge("PURGE shop.example.com /purge"), API),
    Case(
        "L9",
        "local answers to gRPC are gRPC",
        edge("POST shop.example.com /x", ("content-type", "application/grpc")),
        "no-route 200 grpc 12",
    ),
    Case("L9", "grpc-web is not gRPC", edge("POST shop.example.com /x", ("content-type", "application/grpc-web")), NOT_FOUND),
]


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return mesh_of(SPEC, {"staff.pem": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"})


@pytest.mark.parametrize("case", [*PATHS, *HOSTS, *HEADERS], ids=str)
def test_gateway(mesh: Mesh, case: Case) -> None:
    """A gateway answers as the law says."""
    holds(mesh, case)


CONNECTIONS = """
namespace: shop
mesh: {name: shop}
services:
  vault: {ports: {tls: {port: 8200, protocol: tls}}}
  any: {ports: {tls: {port: 8200, protocol: tls}}}
  db: {ports: {pg: {port: 5432, protocol: tcp}}, access: deny}
  cache: {ports: {redis: {port: 6379, protocol: tcp}}}
gateways:
  edge:
    listeners:
      tls: {port: 443, protocol: tls, hosts: [vault.test, "*.any.test"]}
      tcp: {port: 5432, protocol: tcp}
      redis: {port: 6379, protocol: tcp}
routes:
  vault: {gateways: [edge], listeners: [tls], hosts: [vault.test], rules: [{to: vault}]}
  any: {gateways: [edge], listeners: [tls], hosts: ["*.any.test"], rules: [{to: any}]}
  db: {gateways: [edge], listeners: [tcp], hosts: ["*"], rules: [{to: db}]}
  cache: {gateways: [edge], listeners: [redis], hosts: ["*"], rules: [{to: cache}]}
policies:
  edge: {gateways: [edge], deny: [{paths: [/**]}, {from: [{cidr: [10.0.0.0/8]}]}]}
"""


def connect(listener: str, sni: str | None = None, ip: str = "203.0.113.9") -> Request:
    return Request(Outside(name("edge"), listener, sni=sni, ip=ip))


@pytest.mark.parametrize(
    "case",
    [
        Case("L5", "SNI picks the route of a passthrough", connect("tls", "vault.test"), "routed shop/vault"),
        Case("L5", "SNI is case-insensitive", connect("tls", "Vault.Test"), "routed shop/vault"),
        Case("L5", "a wildcard by SNI", connect("tls", "x.any.test"), "routed shop/any"),
        Case("L5", "no listener for the SNI", connect("tls", "nobody.test"), "refused"),
        Case("L5", "no SNI", connect("tls", ""), "refused"),
        Case("L9", "a gateway's entries with HTTP keys don't concern connections", connect("redis"), "routed shop/cache"),
        Case("L9", "its others do", connect("redis", ip="10.1.1.1"), "refused"),
        Case("L9", "denial at a tcp port is refusal", connect("tcp"), "refused"),
    ],
    ids=str,
)
def test_connection(case: Case) -> None:
    """A listener that is not HTTP routes whole connections."""
    holds(mesh_of(CONNECTIONS), case)
