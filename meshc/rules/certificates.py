"""Rules MC601 to MC649: certificates that do not fit what they are used for."""

from collections.abc import Iterator

from meshc.certs import dns_names
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


@rule("MC602")
def certificate_file_lacks_host(mesh: Mesh) -> Iterator[Finding]:
    """
    A certificate file whose certificate has no name for one of the `hosts` it is meant for.

    What is written down of a certificate and what it says itself are two things, and clients see the second. Have a certificate made with
    the missing name, or take the host out of `hosts`. Only subject alternative names count, as for all clients of today.

    ```yaml bad
    certificates:
      shop:
        from: {file: {certificate: certs/shop.pem, key: /etc/tls/shop.key}}  # MC602: it is for www.shop.example
        hosts: [shop.example]
    ```

    ```yaml good
    certificates:
      shop:
        from: {file: {certificate: certs/shop.pem, key: /etc/tls/shop.key}}
        hosts: [www.shop.example]
    ```
    """
    for certificate in mesh.certificates:
        if certificate.chain_pem is None:
            continue
        origin = certificate.origin.at("from")
        names = dns_names(certificate.chain_pem)
        if names is None:
            yield Finding("MC602", f"{certificate.file} holds no X.509 certificate that can be read", origin)
            continue
        missing = [host for host in certificate.hosts if not any(_covers(name, host) for name in names)]
        if missing:
            has = f"only {', '.join(names)}" if names else "and none at all"
            yield Finding("MC602", f"{certificate.file} has no name for {', '.join(missing)}, {has}", origin)


def _covers(name: str, host: str) -> bool:
    """Whether a certificate's name is good for a host: `*` stands for one whole label (RFC 9525 section 6.3)."""
    if name == host:
        return True
    label, _, suffix = host.partition(".")
    return name.startswith("*.") and name[2:] == suffix and label not in ("", "*")
