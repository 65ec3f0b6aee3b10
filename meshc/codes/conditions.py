"""Codes MC119 to MC129: what stands beside each other and can't, and conditions or changes that could never take effect."""

from meshc.codes.entry import Code

CONDITIONS = (
    Code(
        "MC119",
        "listener-conflict",
        """
        Two listeners of one workload on one port, with different protocols or with the same host.

        A connection to the port belongs to one listener: the one that owns its host. Give each its own port, or its own hosts.

        ```yaml bad
        gateways:
          public:
            listeners:
              plain: {port: 80, hosts: [shop.example.com]}
              other: {port: 80, hosts: [shop.example.com]}
        ```

        ```yaml good
        gateways:
          public:
            listeners:
              plain: {port: 80, hosts: [shop.example.com]}
              other: {port: 80, hosts: [admin.example.com]}
        ```
        """,
    ),
    Code(
        "MC120",
        "host-without-listener",
        """
        A host of a route that no listener of the gateway owns, as far as the route may use them.

        No request for it would ever reach the route. A listener with `redirectToHttps` serves only routes that are pinned to it with
        `listeners`.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        gateways:
          public: {listeners: {http: {port: 80, hosts: [shop.example.com]}}}
        routes:
          users: {gateways: [public], hosts: [users.example.com], rules: [{to: users}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        gateways:
          public: {listeners: {http: {port: 80, hosts: ["*.example.com"]}}}
        routes:
          users: {gateways: [public], hosts: [users.example.com], rules: [{to: users}]}
        ```
        """,
    ),
    Code(
        "MC121",
        "header-out-of-reach",
        """
        A condition on a header, or a change to one, that belongs to the proxies and not to the mesh's authors.

        Hop-by-hop fields concern one connection; `x-envoy-*` and `x-meshc-*` are stripped or written by every proxy; fields with `_` in
        their name are dropped. The Host is matched with `hosts` and changed with `rewrite`. `x-forwarded-client-cert`, `x-forwarded-for`,
        `x-forwarded-proto`, `x-forwarded-host` and `x-request-id` are written by proxies before a condition is read or a limit is counted,
        so that a condition on one says nothing of what the client sent. A redirect of `x-forwarded-proto: http`, behind a balancer that
        ends TLS, sends clients round for ever. Only a gateway with `trustedHops` believes the `x-forwarded-proto` and `x-forwarded-host`
        of the proxy in front of it.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        policies:
          users: {services: [users], deny: [{headers: {host: admin.example.com}}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        policies:
          users: {services: [users], deny: [{hosts: [admin.example.com]}]}
        ```
        """,
    ),
    Code(
        "MC122",
        "unknown-method",
        """
        A method that the mesh does not know.

        Requests with other methods than the standard ones and those of `mesh.methods` are refused, so that a pattern with one matches
        nothing.

        ```yaml bad
        services:
          frontend: {ports: {http: 80}, calls: [{service: users, methods: [GTE]}]}
          users: {ports: {http: 80}}
        ```

        ```yaml good
        services:
          frontend: {ports: {http: 80}, calls: [{service: users, methods: [GET]}]}
          users: {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC123",
        "prefix-not-matched",
        """
        A `replacePrefixMatch` in a rule that also matches paths which do not end in `/**`.

        It swaps what stands before `/**`; a whole path or a regular expression has no such part.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        routes:
          users: {services: [users], rules: [{match: {paths: /old}, to: users, rewrite: {path: {replacePrefixMatch: /new}}}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        routes:
          users: {services: [users], rules: [{match: {paths: /old/**}, to: users, rewrite: {path: {replacePrefixMatch: /new}}}]}
        ```
        """,
    ),
    Code(
        "MC124",
        "private-key-in-public-file",
        """
        A private key in a file that is meant to hold public keys or certificates.

        Whoever reads the repository can sign tokens or play the server with it. Take it out, also of the history, and make a new one.
        """,
    ),
    Code(
        "MC127",
        "service-without-ports",
        """
        A call, destination, route, policy or test that needs a port of a service which has none.

        A worker that only calls has no `ports`: nobody can call it, and there is nothing to guard. Give it the ports on which it
        listens, or name another service.

        ```yaml bad
        services:
          frontend: {ports: {http: 80}, calls: [nightly]}
          nightly: {calls: [frontend]}
        ```

        ```yaml good
        services:
          frontend: {ports: {http: 80}, calls: []}
          nightly: {calls: [frontend]}
        ```
        """,
    ),
    Code(
        "MC128",
        "shared-port-disagrees",
        """
        Ports that lead to one port of the same pods, and differ in what its proxy would have to tell apart.

        A request does not show by which of them it came, so that they have one `mtls`, speak HTTP all or none, and share what policies
        and calls say. Make them agree, or let the pods listen on different ports.

        ```yaml bad
        services:
          users: {ports: {http: {port: 80, targetPort: 8080}}}
          users-plain: {workload: users, ports: {http: {port: 81, targetPort: 8080, mtls: disable}}}
        ```

        ```yaml good
        services:
          users: {ports: {http: {port: 80, targetPort: 8080}}}
          users-plain: {workload: users, ports: {http: {port: 81, targetPort: 8081, mtls: disable}}}
        ```
        """,
    ),
)
