"""How a request is written on the command line, and read from it: the arguments of `meshc trace`."""

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

import click

from meshc.model import Gateway, Mesh, MeshTest, Name
from meshc.semantics import Client, Decision, Identity, Outside, Plaintext, Request, RequestError, Token, Workload, decide
from meshc.semantics.expectations import request_of

_URL: Final = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?//(?P<authority>[^/?#]*)(?P<target>.*)", re.DOTALL)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PORT: Final = re.compile(r":([0-9]+)$")


@dataclass(frozen=True, slots=True)
class Url:
    """A URL as it was typed: nothing in its path is touched, since how it is spelled may be the question."""

    scheme: str | None
    authority: str | None
    target: str

    @property
    def port(self) -> int | None:
        """The port, where it is written."""
        found = _PORT.search(self.authority or "")
        return int(found[1]) if found else None

    @property
    def says_default_port(self) -> bool:
        """Whether its port is the one that its scheme means anyway."""
        return self.port is not None and self.port == _DEFAULT_PORTS.get(self.scheme or "")


def read_url(text: str) -> Url:
    """A whole URL, or a path alone."""
    found = _URL.fullmatch(text)
    if found is None:
        if not text.startswith("/"):
            raise click.UsageError(f"{text!r} is no URL, expected one such as http://users/api/v1/users, or a path with --to")
        return Url(None, None, text)
    if found["scheme"] and found["scheme"].lower() not in _DEFAULT_PORTS:
        raise click.UsageError(f"{text!r} has scheme {found['scheme']!r}, expected http or https")
    target = found["target"]
    return Url(found["scheme"] and found["scheme"].lower(), found["authority"], target if target.startswith("/") else f"/{target}")


def read_header(text: str) -> tuple[str, str]:
    """`name: value`."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{text!r}, expected 'name: value'", param_hint="-H")
    return name.strip(), value.strip()


def read_token(mesh: Mesh, claims: str | None, provider: str | None) -> Token | None:
    """A verified token with these claims; of the only provider where none is named."""
    if claims is None and provider is None:
        return None
    try:
        tree: Any = json.loads(claims or "{}")
    except ValueError as error:
        raise click.BadParameter(f'{error}, expected a JSON object such as \'{{"role": "admin"}}\'', param_hint="--claims") from error
    if not isinstance(tree, dict):
        raise click.BadParameter(f'{claims}, expected a JSON object such as \'{{"role": "admin"}}\'', param_hint="--claims")
    names = [one.name for one in mesh.providers]
    if provider is not None:
        return Token(find(provider, names, mesh, "provider", "--provider"), tree)
    if len(names) != 1:
        known = ", ".join(map(str, names)) or "none"
        raise click.UsageError(f"whose token? the mesh has {len(names)} providers ({known}): name one with --provider")
    return Token(names[0], tree)


def find(text: str, names: Iterable[Name], mesh: Mesh, kind: str, option: str) -> Name:
    """The thing of that name: `namespace/name`, or a bare name of the mesh's own namespace or of only one."""
    known = sorted(names)
    namespace, slash, bare = text.rpartition("/")
    exact = Name(namespace if slash else mesh.namespace, bare)
    if exact in known:
        return exact
    same = [name for name in known if name.name == bare and not slash]
    if len(same) == 1:
        return same[0]
    if same:
        raise click.BadParameter(f"{kind} {text!r} could be {' or '.join(map(str, same))}", param_hint=option)
    near = get_close_matches(text, [*map(str, known), *(name.name for name in known)], n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(map(str, known)) or 'none: there is no ' + kind}"
    raise click.BadParameter(f"the mesh has no {kind} {text!r}; {hint}", param_hint=option)


def read_client(mesh: Mesh, caller: str) -> Client:
    """A workload of the mesh, or the SPIFFE id of one that it does not have."""
    if caller.startswith("spiffe://"):
        return Identity(caller)
    return Workload(find(caller, (one.name for one in mesh.services), mesh, "service", "--from"))


def listener_of(gateway: Gateway, url: Url, listener: str | None) -> str | None:
    """The listener that is meant: by its name, or by a port that the URL names."""
    if listener is not None or url.port is None:
        return listener
    on_port = [one for one in gateway.listeners if one.port == url.port]
    if not on_port and url.says_default_port:
        return None
    if not on_port:
        known = ", ".join(f"{one.name} ({one.port})" for one in gateway.listeners)
        raise click.UsageError(f"gateway {gateway.name} has no listener on port {url.port}, expected one of {known}")
    return on_port[0].name


@dataclass(frozen=True, slots=True)
class Asking:
    """The options that say who asks whom for what; exactly one of `caller` and `via` is set, or neither for a plaintext caller."""

    caller: str | None
    via: str | None
    to: str | None
    port: str | None
    headers: tuple[str, ...]
    claims: str | None
    provider: str | None
    listener: str | None
    client_ip: str
    client_cert: bool


def asked(mesh: Mesh, asking: Asking, method: str, text: str) -> Request:
    """The request that a command line means."""
    url = read_url(text)
    if url.authority is None and asking.to is None:
        raise click.UsageError(f"{text!r} names no host: write a whole URL, or name the service with --to")
    if asking.via is not None and (asking.to is not None or asking.port is not None):
        raise click.UsageError("--to and --port are for requests inside the mesh; a gateway is asked by the URL alone")
    port: str | int | None = asking.port if asking.via is None else None
    if port is None and asking.via is None:
        port = url.port
    return Request(
        client=_client(mesh, asking, url),
        method=method,
        target=url.target,
        host=None if url.authority is None else (url.authority,),
        headers=tuple(read_header(line) for line in asking.headers),
        to=None if asking.to is None else find(asking.to, (one.name for one in mesh.services), mesh, "service", "--to"),
        port=port,
        token=read_token(mesh, asking.claims, asking.provider),
    )


def decided(mesh: Mesh, asking: Asking, method: str, text: str) -> tuple[Request, Decision]:
    """The request that a command line means, and what happens to it; the scheme's default port reads as none where nothing has it."""
    request = asked(mesh, asking, method, text)
    try:
        return request, decide(mesh, request)
    except RequestError:
        if asking.port is not None or not read_url(text).says_default_port:
            raise
        request = replace(request, port=None)
        return request, decide(mesh, request)


def _client(mesh: Mesh, asking: Asking, url: Url) -> Client:
    if asking.via is not None:
        gateway = mesh.gateway_by_name[find(asking.via, (one.name for one in mesh.gateways), mesh, "gateway", "--via")]
        listener = listener_of(gateway, url, asking.listener)
        scheme = url.scheme if url.scheme in ("http", "https") else None
        return Outside(gateway.name, listener, scheme, ip=asking.client_ip, client_certificate=asking.client_cert)
    if asking.listener is not None or asking.client_cert:
        raise click.UsageError("--listener and --client-cert need --via GATEWAY")
    return Plaintext() if asking.caller is None else read_client(mesh, asking.caller)


# --- a test as a command --------------------------------------------------------------------------------------------------------


def command_of(mesh: Mesh, test: MeshTest, path: str, env: str | None) -> str:
    """The command that asks what a test asks."""
    request = request_of(mesh, test)
    words = ["meshc", "trace", *([] if path == "." else [path]), *([] if env is None else ["--env", env]), *_client_words(request, test)]
    if test.port is not None:
        words += ["--port", test.port]
    for name, value in test.headers:
        words += ["-H", f"{name}: {value}"]
    if request.token is not None:
        words += ["--provider", str(test.token), "--claims", json.dumps(request.token.claims, sort_keys=True)]
    return shlex.join([*words, request.method, _url(request, test)])


def _client_words(request: Request, test: MeshTest) -> list[str]:
    to = [] if test.to is None else ["--to", str(test.to)]
    match request.client:
        case Outside(gateway=gateway):
            return ["--via", str(gateway), *([] if test.client_ip is None else ["--client-ip", test.client_ip])]
        case Workload(name=name):
            return ["--from", str(name), *to]
        case Identity(spiffe=spiffe):
            return ["--from", spiffe, *to]
        case Plaintext():
            return ["--plaintext", *to]


def _url(request: Request, test: MeshTest) -> str:
    if test.host is None:
        return request.target
    scheme = test.scheme or ("http" if test.via is None or test.source is not None else None)
    return f"{scheme}://{test.host}{request.target}" if scheme else f"//{test.host}{request.target}"


def source_in_words(client: Client) -> str:
    """Who asks."""
    match client:
        case Outside(gateway=gateway):
            return f"from outside, via {gateway}"
        case Workload(name=name):
            return f"from {name}"
        case Identity(spiffe=spiffe):
            return f"from {spiffe}"
        case Plaintext():
            return "from a caller without a certificate"
