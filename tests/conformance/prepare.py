"""What a cluster has beside meshc's output: certificates of gateways, as Secrets."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conformance.istio.engine import IstioEngine


def prepare(engine: IstioEngine) -> None:
    """Makes the Secret `edge-tls` (with the CA of clients) and a client certificate beside the rig."""
    authority, authority_key = _certificate("tests CA", None, None, authority=True)
    server, server_key = _certificate("edge", authority, authority_key, names=("shop.example.com", "*.example.com", "*.shop.example.com"))
    client, client_key = _certificate("client", authority, authority_key)
    data = {"tls.crt": _pem(server), "tls.key": _key_pem(server_key), "ca.crt": _pem(authority)}
    engine.secret("edge-tls", data)
    engine.secret("edge-tls-cacert", {"cacert": _pem(authority), "ca.crt": _pem(authority)})
    (engine.folder / "client.pem").write_bytes(_pem(client))
    (engine.folder / "client.key").write_bytes(_key_pem(client_key))


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
