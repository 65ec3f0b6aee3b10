"""Certificates for tests: an authority, the gateway's certificate and a client's, made once a run."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SERVER_NAMES = ("shop.example.com", "*.example.com", "*.shop.example.com")


@lru_cache
def _authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    return _certificate("tests CA", None, None, authority=True)


@lru_cache
def authority_pem() -> bytes:
    """The authority that clients' and servers' certificates come from."""
    return _pem(_authority()[0])


def issue(name: str, *, names: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
    """A certificate of the authority and its key, as PEM."""
    certificate, key = _certificate(name, *_authority(), names=names)
    return _pem(certificate), _key_pem(key)


def foreign() -> tuple[bytes, bytes]:
    """A certificate of an authority that nobody trusts, and its key."""
    certificate, key = _certificate("client", *_certificate("another CA", None, None, authority=True))
    return _pem(certificate), _key_pem(key)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _certificate(
    name: str,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey | None,
    *,
    names: tuple[str, ...] = (),
    authority: bool = False,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
    return builder.sign(issuer_key or key, hashes.SHA256()), key
