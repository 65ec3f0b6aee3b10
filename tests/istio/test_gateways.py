"""Where gateways listen, which hosts lead where, and whose certificates they show."""

from tests.istio.written import HEAD, SHOP, complaints_of, names, one, whole
from tests.meshes import mesh_in, mesh_of


def test_each_listener_is_a_gateway_object_beside_its_workload() -> None:
    """One object a listener, hosts of the same namespace only, secrets by name; its name carries the mesh's."""
    mesh = mesh_in(SHOP)
    assert [f"istio-ingress/shop-shop-public-{listener}" for listener in ("admin", "http", "https")] == names(mesh, "Gateway")
    assert {
        "selector": {"istio": "ingressgateway"},
        "servers": [
            {
                "port": {"number": 8443, "name": "https-8443", "protocol": "HTTPS"},
                "hosts": ["./admin.shop.example.com"],
                "tls": {"mode": "MUTUAL", "credentialName": "shop-tls", "caCertCredentialName": "shop-shop-public-admin-cacert"},
            }
        ],
    } == one(mesh, "Gateway", "shop-shop-public-admin")


def test_meshes_that_share_a_gateway_s_namespace_share_no_names() -> None:
    """Two teams may each have a gateway `public`: their objects lie side by side, guards included."""
    text = """
services: {web: {ports: {http: 80}}}
gateways: {public: {listeners: {http: 80}}}
routes: {r: {gateways: [public], hosts: [a.example], rules: [{to: web, maxRequestBody: 1MiB}]}}
policies: {p: {gateways: [public], deny: [{paths: /x}]}}
"""
    lies = {}
    for name in ("one", "two"):
        mesh = mesh_of(HEAD.replace("name: shop", f"name: {name}") + text)
        kinds = ("Gateway", "VirtualService", "AuthorizationPolicy", "EnvoyFilter")
        lies[name] = {made for kind in kinds for made in names(mesh, kind) if made.startswith("istio-ingress/")}
        assert 4 == len(lies[name])
    assert not lies["one"] & lies["two"]


def test_clients_see_the_port_and_pods_listen_where_they_are_told() -> None:
    """Istio's Gateway names the port of the Service, and so do Locations; a deny spares the pod's port of what is no HTTP."""
    text = """
services: {web: {ports: {http: 80, db: {port: 5432, protocol: tcp}}}}
gateways: {public: {listeners: {http: {port: 80, targetPort: 8080}, db: {port: 5432, targetPort: 15432, protocol: tcp}}}}
routes:
  r: {gateways: [public], listeners: [http], hosts: [a.example], rules: [{to: {service: web, port: http}}]}
  db: {gateways: [public], listeners: [db], hosts: ["*"], rules: [{to: {service: web, port: db}}]}
policies: {p: {gateways: [public], deny: [{paths: /x}]}}
"""
    mesh = mesh_of(HEAD + text)
    assert 80 == one(mesh, "Gateway", "shop-shop-public-http")["servers"][0]["port"]["number"]
    (rule,) = one(mesh, "AuthorizationPolicy", "shop-shop-public.deny")["rules"]
    assert {"notPorts": ["15432"], "paths": ["/x"]} == rule["to"][0]["operation"]


def test_tls_versions_are_written_where_they_are_not_istio_s_own() -> None:
    """1.2 to 1.3 is what Istio does by itself (L14)."""
    text = """
services: {web: {ports: {http: 80}}}
certificates: {c: {from: {secret: c}}}
gateways: {public: {listeners: {https: {port: 443, hosts: [a.example], tls: {certificate: c, minVersion: "1.3"}}}}}
"""
    tls = one(mesh_of(HEAD + text), "Gateway", "shop-shop-public-https")["servers"][0]["tls"]
    assert {"mode": "SIMPLE", "credentialName": "c", "minProtocolVersion": "TLSV1_3"} == tls


def test_names_of_listeners_never_meet() -> None:
    """A dash in a name can't make two listeners one object."""
    text = """
services: {a: {ports: {http: 80}}}
gateways:
  x: {workload: {namespace: istio-ingress, selector: {istio: x}, identity: x}, listeners: {y-z: {port: 80, hosts: [a.example]}}}
  x-y: {workload: {namespace: istio-ingress, selector: {istio: y}, identity: y}, listeners: {z: {port: 81, hosts: [b.example]}}}
"""
    assert 2 == len(set(names(mesh_of(HEAD + text), "Gateway")))


def test_gateways_that_share_pods_are_an_error() -> None:
    """The policies of one would hold for the listeners of the other."""
    text = """
services: {web: {ports: {http: 80}}}
gateways:
  a: {workload: {identity: same}, listeners: {http: {port: 80}}}
  b: {workload: {identity: same}, listeners: {http: {port: 81}}}
"""
    assert any("select the same pods" in message for message in complaints_of(text))


def test_connections_are_passed_on_by_name_or_by_port() -> None:
    """TLS by SNI, TCP by port; weights as said."""
    text = """
services: {b: {ports: {db: {port: 5432, protocol: tcp}}, versions: {v1: {}, v2: {}}, traffic: {v1: 3, v2: 1}}}
gateways:
  g:
    listeners:
      raw: {port: 9443, protocol: tls, hosts: [raw.example]}
      tcp: {port: 5432, protocol: tcp}
routes:
  raw: {gateways: [g], listeners: [raw], hosts: [raw.example], rules: [{to: b}]}
  tcp: {gateways: [g], listeners: [tcp], hosts: ["*"], rules: [{to: b}]}
"""
    mesh = mesh_of(HEAD + text)
    to = {"host": "b.shop.svc.cluster.local", "port": {"number": 5432}}
    shares = [{"destination": {**to, "subset": "v1"}, "weight": 3}, {"destination": {**to, "subset": "v2"}, "weight": 1}]
    raw = one(mesh, "VirtualService", "shop-shop-g-raw.raw.example")
    assert {
        "hosts": ["raw.example"],
        "gateways": ["shop-shop-g-raw"],
        "tls": [{"match": [{"port": 9443, "sniHosts": ["raw.example"]}], "route": shares}],
    } == raw
    assert [{"match": [{"port": 5432}], "route": shares}] == one(mesh, "VirtualService", "shop-shop-g-tcp.any")["tcp"]
    assert {"mode": "PASSTHROUGH"} == one(mesh, "Gateway", "shop-shop-g-raw")["servers"][0]["tls"]


def test_cert_manager_is_asked_in_the_namespace_of_the_workload() -> None:
    """The Secret must lie there; durations stand as cert-manager stores them."""
    text = """
services: {a: {ports: {http: 80}}}
gateways:
  g:
    workload: {namespace: edge, selector: {x: y}, identity: edge}
    listeners: {s: {port: 443, hosts: [a.example], tls: {certificate: c}}}
certificates: {c: {from: {cert-manager: {issuer: le, duration: 2160h, renewBefore: 360h}}, hosts: [a.example]}}
"""
    mesh = mesh_of(HEAD + text)
    assert ["edge/c"] == names(mesh, "Certificate")
    spec = one(mesh, "Certificate", "c")
    assert ("c", ["a.example"], "2160h0m0s", "360h0m0s") == (spec["secretName"], spec["dnsNames"], spec["duration"], spec["renewBefore"])


def test_a_host_s_routes_point_at_the_route_that_says_them() -> None:
    """The line that matters is the route's; where several meet in one host, the listener's."""
    text = """
services: {web: {ports: {http: 80}}, more: {ports: {http: 80}}}
gateways: {g: {listeners: {http: 80}}}
routes:
  a: {gateways: [g], hosts: [a.example, both.example], rules: [{to: web}]}
  b: {gateways: [g], hosts: [both.example], rules: [{match: {paths: /x}, to: more}]}
"""
    mesh = mesh_of(HEAD + text)
    assert ("routes", "a") == whole(mesh, "VirtualService", "shop-shop-g-http.a.example").origin.path
    assert ("gateways", "g", "listeners", "http") == whole(mesh, "VirtualService", "shop-shop-g-http.both.example").origin.path
