"""`meshc trace`."""

import json
from pathlib import Path

import click

from meshc.cli.options import MESH, env_option
from meshc.cli.terminal import Terminal, pass_terminal, terminal_options

EXAMPLES = """\
\b
Examples:
  meshc trace --from frontend GET http://users/api/v1/users
  meshc trace shop --via public GET https://shop.example.com/api -H 'x-a: b'
  meshc trace --from frontend --to payments POST /v1/charges
  meshc trace --plaintext --to payments --port metrics GET /metrics
  meshc trace --via public --claims '{"role": "admin"}' \\
      GET https://shop.example.com/private
"""


@click.command("trace", epilog=EXAMPLES)
@click.argument("words", nargs=-1, metavar="[PATH] METHOD URL")
@env_option
@click.option("--from", "caller", metavar="SERVICE", help="The calling service, NAMESPACE/SERVICE, or a SPIFFE id.")
@click.option("--via", metavar="GATEWAY", help="From outside the mesh, through this gateway.")
@click.option("--plaintext", is_flag=True, help="From a caller that has no certificate.")
@click.option("--to", metavar="SERVICE", help="The service that is dialled. Default: the one that the URL's host names.")
@click.option("--port", metavar="PORT", help="Its port, by name or number. Default: the URL's, the only one, or `http`.")
@click.option("--header", "-H", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header line; may be given several times.")
@click.option("--claims", metavar="JSON", help="The claims of a token that verifies.")
@click.option("--provider", metavar="PROVIDER", help="Whose token. Default: the mesh's only provider.")
@click.option("--listener", metavar="LISTENER", help="The gateway's listener. Default: by scheme, port and host of the URL.")
@click.option("--client-ip", default="203.0.113.1", show_default=True, metavar="IP", help="The address of a client outside.")
@click.option("--client-cert", is_flag=True, help="The client shows a certificate of the CA that the listener asks for.")
@click.option(
    "--format", "-f", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the answer is shown."
)
@terminal_options
@pass_terminal
def command(  # noqa: PLR0917 - one parameter an option
    terminal: Terminal,
    words: tuple[str, ...],
    env: str | None,
    caller: str | None,
    via: str | None,
    plaintext: bool,  # noqa: FBT001 - click's signature
    to: str | None,
    port: str | None,
    headers: tuple[str, ...],
    claims: str | None,
    provider: str | None,
    listener: str | None,
    client_ip: str,
    client_cert: bool,  # noqa: FBT001 - as above
    shape: str,
) -> int:
    """
    Show what happens to one request, and why.

    Nothing is sent: the answer is what the mesh means, with the file and line of everything that took part.
    """
    path, method, url = _words(words)
    if (caller is not None) + (via is not None) + plaintext != 1:
        raise click.UsageError("who asks? give one of --from SERVICE, --via GATEWAY and --plaintext")

    from meshc.cli.findings import compiled, folder_of, mesh_or_exit  # noqa: PLC0415 - help must not wait for it
    from meshc.cli.requests import Asking, decided, source_in_words  # noqa: PLC0415 - as above
    from meshc.report.chain import chain  # noqa: PLC0415 - as above
    from meshc.semantics import RequestError  # noqa: PLC0415 - as above
    from meshc.semantics.json import to_json  # noqa: PLC0415 - as above
    from meshc.source import locator  # noqa: PLC0415 - as above

    one = compiled(path, env)
    mesh = mesh_or_exit(one, folder_of(path), terminal)
    asking = Asking(caller, via, to, port, headers, claims, provider, listener, client_ip, client_cert)
    try:
        request, decision = decided(mesh, asking, method, url)
    except RequestError as error:
        raise click.UsageError(str(error)) from error
    locate = locator(one.documents, folder_of(path))
    if shape == "json":
        terminal.out(json.dumps(to_json(decision, locate), indent=2) + "\n")
        return 0
    terminal.out(f"{method} {url}\n  {source_in_words(request.client)}\n\n")
    terminal.out(chain(decision, locate, colour=terminal.coloured(), width=terminal.width))
    return 0


def _words(words: tuple[str, ...]) -> tuple[Path, str, str]:
    match words:
        case (method, url):
            return Path(), method, url
        case (path, method, url):
            return MESH.convert(path, None, None), method, url
        case _:
            raise click.UsageError("expected [PATH] METHOD URL, such as: GET http://users/api/v1/users")
