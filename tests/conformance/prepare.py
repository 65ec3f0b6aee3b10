"""What a cluster has beside meshc's output: certificates of gateways, as Secrets."""

from tests.conformance import certificates
from tests.conformance.istio.engine import IstioEngine


def prepare(engine: IstioEngine) -> None:
    """Makes the Secrets that the build asks for, of certificate `edge` and listener `admin`, and a client certificate beside the rig."""
    authority = certificates.authority_pem()
    server, server_key = certificates.issue("edge", names=certificates.SERVER_NAMES)
    client, client_key = certificates.issue("client")
    engine.secret("edge-tls", {"tls.crt": server, "tls.key": server_key, "ca.crt": authority})
    engine.secret("shop-edge-admin-cacert", {"ca.crt": authority})
    (engine.folder / "client.pem").write_bytes(client)
    (engine.folder / "client.key").write_bytes(client_key)
