"""What a cluster has beside meshc's output: certificates of gateways, as Secrets."""

from tests.conformance import certificates
from tests.conformance.istio.engine import IstioEngine


def prepare(engine: IstioEngine) -> None:
    """Makes the Secrets that the build asks for, of certificate `edge` and listener `admin`, and a client certificate beside the rig."""
    authority = certificates.authority_pem()
    server, server_key = certificates.issue("edge", names=certificates.SERVER_NAMES)
    clients = {"client": certificates.issue("client"), "foreign": certificates.foreign()}
    engine.secret("edge-tls", {"tls.crt": server, "tls.key": server_key, "ca.crt": authority})
    engine.secret("mesh-shop-edge-admin-cacert", {"ca.crt": authority})
    for name, (certificate, key) in clients.items():
        (engine.folder / f"{name}.pem").write_bytes(certificate)
        (engine.folder / f"{name}.key").write_bytes(key)
