"""What X.509 certificates say: the names that a server's certificate is good for."""


def dns_names(pem: str) -> tuple[str, ...] | None:
    """
    The DNS names of the first certificate of a PEM chain, in lower case; None where it is no X.509 certificate.

    Only subject alternative names count: clients have not read the subject's common name for long (RFC 9525 section 2).
    """
    from cryptography import x509  # noqa: PLC0415 - 36 ms that only a mesh with certificate files pays

    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except ValueError:
        return None
    return tuple(sorted({name.lower() for name in names.get_values_for_type(x509.DNSName)}))
