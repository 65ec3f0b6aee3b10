"""Codes MC101 to MC199: names that lead nowhere, lead to the wrong thing, or lead to what can't take part."""

from meshc.codes.entry import Code

REFERENCES = (
    Code(
        "MC101",
        "unknown-service",
        """
        A service that the mesh does not define.

        A bare name means a service of the file's own namespace; another's is written `namespace/name`. The message names the nearest
        service.

        ```yaml bad
        services:
          frontend: {ports: {http: 80}, calls: [user]}
          users: {ports: {http: 80}}
        ```

        ```yaml good
        services:
          frontend: {ports: {http: 80}, calls: [users]}
          users: {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC102",
        "unknown-port",
        """
        A port name that the service does not have.

        Ports are referred to by their name under `ports`, not by their number.

        ```yaml bad
        services:
          frontend: {ports: {http: 80}, calls: [{service: users, ports: [grpc]}]}
          users: {ports: {http: 80}}
        ```

        ```yaml good
        services:
          frontend: {ports: {http: 80}, calls: [{service: users, ports: [http]}]}
          users: {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC103",
        "unknown-version",
        """
        A version that the service does not list under `versions`.

        Traffic that is sent to it would find no endpoint and be answered 503.

        ```yaml bad
        services:
          users: {ports: {http: 80}, versions: {v1: {}}, traffic: {v2: 100}}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}, versions: {v1: {}, v2: {}}, traffic: {v2: 100}}
        ```
        """,
    ),
    Code(
        "MC104",
        "unknown-gateway",
        """
        A gateway that the mesh does not define.

        A bare name means a gateway of the file's own namespace; another's is written `namespace/name`.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        gateways:
          public: {listeners: {http: {port: 80}}}
        routes:
          users: {gateways: [pubic], hosts: [shop.example], rules: [{to: users}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        gateways:
          public: {listeners: {http: {port: 80}}}
        routes:
          users: {gateways: [public], hosts: [shop.example], rules: [{to: users}]}
        ```
        """,
    ),
    Code(
        "MC105",
        "unknown-listener",
        """
        A listener that none of the route's gateways has.

        `listeners` pins a route to listeners by their name under the gateway's `listeners`.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        gateways:
          public: {listeners: {http: {port: 80}}}
        routes:
          users: {gateways: [public], listeners: [https], hosts: [shop.example], rules: [{to: users}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        gateways:
          public: {listeners: {http: {port: 80}}}
        routes:
          users: {gateways: [public], listeners: [http], hosts: [shop.example], rules: [{to: users}]}
        ```
        """,
    ),
    Code(
        "MC106",
        "unknown-certificate",
        """
        A certificate that is not defined under `certificates`.

        A listener that ends TLS serves exactly one of them; without it no handshake succeeds.

        ```yaml bad
        gateways:
          public:
            listeners:
              https: {port: 443, hosts: [shop.example], tls: {certificate: shop}}
        ```

        ```yaml good
        gateways:
          public:
            listeners:
              https: {port: 443, hosts: [shop.example], tls: {certificate: shop}}
        certificates:
          shop: {from: {secret: shop-tls}}
        ```
        """,
    ),
    Code(
        "MC107",
        "unknown-provider",
        """
        A token provider that is not defined under `authentication`.

        A condition on tokens of an unknown issuer could never hold.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        policies:
          users: {services: [users], require: [{paths: [/**], jwt: {provider: customers}}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        authentication:
          customers: {jwt: {issuer: "https://id.shop.example", audiences: [shop], jwks: {uri: "https://id.shop.example/keys"}}}
        policies:
          users: {services: [users], require: [{paths: [/**], jwt: {provider: customers}}]}
        ```
        """,
    ),
    Code(
        "MC108",
        "port-not-named",
        """
        A destination, call or allow that concerns a service with several ports and names none.

        Choosing one would be a guess, and allowing all opens ports such as metrics that were not meant. Name the ports it is about.

        ```yaml bad
        services:
          frontend: {ports: {http: 80}, calls: [users]}
          users: {ports: {http: 80, grpc: 9000}}
        ```

        ```yaml good
        services:
          frontend: {ports: {http: 80}, calls: [{service: users, ports: [grpc]}]}
          users: {ports: {http: 80, grpc: 9000}}
        ```
        """,
    ),
    Code(
        "MC109",
        "foreign-selection",
        """
        A policy or east-west route that selects a service or gateway of another namespace.

        Who may call a service, and where its callers are sent, is its own namespace's to say. Move the policy or route into that namespace.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        policies:
          theirs: {services: [billing/invoices], allow: [{from: [mtls]}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        policies:
          ours: {services: [users], allow: [{from: [mtls]}]}
        ```
        """,
    ),
    Code(
        "MC110",
        "unguarded-service",
        """
        A policy on a service that no proxy guards: one with `sidecar: none`, or one outside the mesh.

        Nothing would check the requests, so that the policy would only look like protection. A service without a proxy says
        `access: allow`; calls to an external service are limited by what its callers declare.

        ```yaml bad
        services:
          orders-db: {ports: {tcp: 5432}, sidecar: none, access: allow}
        policies:
          orders-db: {services: [orders-db], allow: [{from: [callers]}]}
        ```

        ```yaml good
        services:
          orders-db: {ports: {tcp: 5432}, sidecar: none, access: allow}
        ```
        """,
    ),
    Code(
        "MC111",
        "shared-identity",
        """
        Two services or gateways with one identity, where not each of them states it.

        Callers are known by their identity alone: what is allowed to one of the two is allowed to the other. Give each its own, or write
        the shared identity at both to say that it is meant.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
          users-admin: {ports: {http: 80}, identity: users}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}, identity: users}
          users-admin: {ports: {http: 80}, identity: users}
        ```
        """,
    ),
    Code(
        "MC112",
        "reserved-name",
        """
        A service with a name that means something else in `from` or `services`.

        `all`, `callers`, `mtls`, `plaintext` and `everyone` have a meaning of their own there, and a policy could not name the service.

        ```yaml bad
        services:
          everyone: {ports: {http: 80}}
        ```

        ```yaml good
        services:
          everyone-api: {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC113",
        "unknown-namespace",
        """
        A namespace in which the mesh defines nothing.

        An entry that denies or allows it would match nobody; usually the name is misspelt.
        """,
    ),
    Code(
        "MC114",
        "duplicate-host-name",
        """
        A host that two services answer to: by their names, by the `hosts` of one outside the mesh, or by those of a route inside it.

        A caller's proxy could not tell which of the two a request is for, and a route could take what is sent to another team's service.
        Inside the mesh a service's names are `name`, `name.namespace`, `name.namespace.svc` and that with the cluster's domain; a route
        gives its service further ones, which may be no other service's name or host and no wildcard above one. Services outside the mesh
        may share a host if they have different ports; one service with all the ports says the same.

        ```yaml bad
        services:
          stripe: {hosts: [api.stripe.com], ports: {https: {port: 443, protocol: tls}}}
          payments: {hosts: [api.stripe.com], ports: {https: {port: 443, protocol: tls}}}
        ```

        ```yaml good
        services:
          stripe: {hosts: [api.stripe.com], ports: {https: {port: 443, protocol: tls}}}
          payments: {hosts: [pay.example.com], ports: {https: {port: 443, protocol: tls}}}
        ```
        """,
    ),
    Code(
        "MC115",
        "http-keys-on-tcp",
        """
        An entry with HTTP keys (methods, paths, headers, query, hosts, jwt) that names a port which does not speak HTTP.

        The proxy sees bytes there, not requests, and could not check them. Leave the keys out for that port, or give the port its HTTP
        protocol.

        ```yaml bad
        services:
          frontend: {ports: {http: 80}, calls: [{service: cache, ports: [tcp], methods: [GET]}]}
          cache: {ports: {tcp: 6379}}
        ```

        ```yaml good
        services:
          frontend: {ports: {http: 80}, calls: [{service: cache, ports: [tcp]}]}
          cache: {ports: {tcp: 6379}}
        ```
        """,
    ),
    Code(
        "MC116",
        "sidecar-none-needs-allow",
        """
        A service with `sidecar: none` that does not say `access: allow`.

        Without a proxy nothing checks who calls it, whatever the mesh's `access` says. Say so at the service, or give it a proxy.

        ```yaml bad
        services:
          orders-db: {ports: {tcp: 5432}, sidecar: none}
        ```

        ```yaml good
        services:
          orders-db: {ports: {tcp: 5432}, sidecar: none, access: allow}
        ```
        """,
    ),
    Code(
        "MC117",
        "identity-check-without-strict-mtls",
        """
        A deny or require by identity, `mtls` included, on a port that also takes callers without a certificate.

        The caller it is about would only have to leave its certificate out. Make mTLS strict there, or allow by identity instead of
        denying, or require of everyone.

        ```yaml bad
        services:
          frontend: {ports: {http: 80}}
          users: {ports: {http: {port: 80, mtls: permissive}}}
        policies:
          users: {services: [users], deny: [{from: [frontend]}]}
        ```

        ```yaml good
        services:
          frontend: {ports: {http: 80}}
          users: {ports: {http: 80}}
        policies:
          users: {services: [users], deny: [{from: [frontend]}]}
        ```
        """,
    ),
    Code(
        "MC118",
        "reference-to-wrong-kind",
        """
        A name that exists, but stands for something that can't be used at this place.

        The message says what the name stands for and what was expected.
        """,
    ),
)
