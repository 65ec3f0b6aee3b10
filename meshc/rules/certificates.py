"""Rules MC601 to MC649: certificates that do not fit what they are used for."""

from collections.abc import Iterator

from meshc.diagnostics import Finding
from meshc.model import Mesh
from meshc.rules import rule


@rule("MC601")
def certificate_host_not_covered(mesh: Mesh) -> Iterator[Finding]:
    """
    A listener with a host that its certificate has no name for.

    Clients refuse the connection, since the server can't prove to be the host they asked for. Add the host to the certificate's `hosts`,
    or leave `hosts` out there: it is then made for the hosts of the listeners that use it. A wildcard name covers one label only.

    ```yaml bad
    gateways:
      public:
        listeners:
          https: {port: 443, hosts: [admin.shop.example], tls: {certificate: shop}}    # MC601
    certificates:
      shop: {from: {secret: shop-tls}, hosts: [shop.example]}
    ```

    ```yaml good
    gateways:
      public:
        listeners:
          https: {port: 443, hosts: [admin.shop.example], tls: {certificate: shop}}
    certificates:
      shop: {from: {secret: shop-tls}, hosts: ["*.shop.example"]}
    ```
    """
    certificates = {one.name: one for one in mesh.certificates}
    for gateway in mesh.gateways:
        for listener in gateway.listeners:
            if listener.tls is None or listener.tls.certificate not in certificates:
                continue
            certificate = certificates[listener.tls.certificate]
            missing = [host for host in listener.hosts if not any(_covers(name, host) for name in certificate.hosts)]
            if missing:
                yield Finding(
                    "MC601",
                    f"certificate {certificate.name} has no name for {', '.join(missing)}, only {', '.join(certificate.hosts)}",
                    listener.tls.origin,
                    help="add the host to the certificate's `hosts`",
                    related=((certificate.origin, "the certificate"),),
                )


def _covers(name: str, host: str) -> bool:
    """Whether a certificate's name is good for a host: `*` stands for one whole label (RFC 9525 section 6.3)."""
    if name == host:
        return True
    label, _, suffix = host.partition(".")
    return name.startswith("*.") and name[2:] == suffix and label not in ("", "*")
