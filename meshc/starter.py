"""The first mesh that `meshc init` writes: small, whole, and explained line by line."""

from typing import Final

FILE: Final = "mesh.yaml"
SCHEMA: Final = "mesh.v1.json"

STARTER: Final = """\
# yaml-language-server: $schema=mesh.v1.json
# One readable spec of a service mesh. Next:
#   meshc lint      what is wrong with it
#   meshc test      run the tests at the end of this file
#   meshc build     compile it into out/istio
apiVersion: meshc/v1
namespace: shop                       # of everything in this file

mesh:
  name: shop
  trustDomain: shop.example           # identities: spiffe://shop.example/ns/shop/sa/<service>
  # Only declared calls get in, only declared hosts are reached, every connection is mutual TLS: these are the defaults.
  #   access: declared    egress: declared    mtls: strict
  defaults: {timeout: 15s}
  targets:                            # what `meshc build` writes
    istio: {version: "1.31"}

services:
  frontend:
    ports: {http: {port: 80, targetPort: 8080}}
    calls:                            # what it calls: its proxy knows these, and they let it in
      - {service: users, methods: [GET], paths: [/api/v1/users/**]}
  users:
    ports: {http: 80}
    versions: {v1: {}, v2: {}}        # by the label `version` of its pods
    traffic: {v1: 90, v2: 10}         # one place to shift traffic
    calls: []                         # it calls nobody

gateways:
  public:                             # where requests from outside come in
    listeners:
      http: {port: 80, hosts: [shop.example.com]}

routes:
  shop:
    gateways: [public]
    hosts: [shop.example.com]
    rules:                            # the first that matches takes the request
      - name: canary
        match: {paths: /api/v1/users/**, methods: [GET], headers: {x-canary: always}}
        to: {service: users, version: v2}
      - name: users
        match: {paths: /api/v1/users/**, methods: [GET]}
        to: users
        timeout: 3s
        retries: {attempts: 2, perTry: 1s, conditions: [connect-failure, reset]}
      - {name: rest, to: frontend}

policies:
  users:
    services: [users]
    deny:                             # deny beats whatever is allowed
      - {from: [{namespace: sandbox}]}

tests:                                # checked by `meshc test` and `meshc lint`; nothing is sent
  - name: anyone reads a user
    via: public
    request: {host: shop.example.com, path: /api/v1/users/7}
    expect: {reaches: users}
  - name: the canary header picks v2
    via: public
    request: {host: shop.example.com, path: /api/v1/users/7, headers: {x-canary: always}}
    expect: {reaches: {service: users, version: v2}}
  - name: the sandbox is out
    from: {namespace: sandbox}
    to: users
    request: {path: /api/v1/users/7}
    expect: denied
  - name: the frontend may not write users
    from: frontend
    to: users
    request: {method: DELETE, path: /api/v1/users/7}
    expect: denied
"""
"""The text of the file."""
