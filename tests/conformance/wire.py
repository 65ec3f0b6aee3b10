"""
HTTP on the wire as tests need it: requests sent byte for byte, and an echo server that tells what reached it, byte for byte.

Runs as a program of its own inside a network namespace:
`wire.py serve NAME VERSION PORT...` answers until it is ended;
`wire.py ask` reads one JSON request a line and prints one JSON answer a line.
"""

import asyncio
import base64
import contextlib
import json
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

LIMIT = 1 << 20
TIMEOUT = 15.0
SWITCHED = 101
PAUSE = 0.004
"""Between the requests of a load, which is to notice every failure, not to keep the machine busy."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GREETING = b"220 at your service\r\n"
FRAMES = b"\x81\x85\x01\x02\x03\x04igohn", b"\x82\xfe\x4e\x20\x00\x00\x00\x00" + b"\n" * 20000
"""What clients send through a WebSocket: `hello` as text, and bytes enough for a limit of a request's body to notice, both masked."""


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT)


def _headers(lines: list[bytes]) -> list[tuple[str, str]]:
    pairs = (line.decode("latin-1").partition(":") for line in lines if line)
    return [(name, value.strip(" \t")) for name, _, value in pairs]


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        while await reader.readline() not in (b"\r\n", b""):
            pass
        return body
    return await reader.readexactly(int(headers.get("content-length", "0")))


# --- the echo server ------------------------------------------------------------------------------------------------------------


class Echo:
    """
    One backend: it counts tries by `x-test-id`, and misbehaves as `x-test-do` says.

    `status=503,grpc=14,delay=200,reset,slow=200`; `first=2`: in the first two tries, `only=v2`: where it is that version.
    """

    def __init__(self, name: str, version: str) -> None:
        self.name, self.version = name, version
        self.tries: Counter[str] = Counter()
        self.seen: dict[str, list[dict[str, Any]]] = {}
        self.greeting: set[int] = set()  # ports whose server speaks first

    async def serve(self, ports: list[str]) -> None:
        """Answers on all the ports, on every address; `443/tls` speaks TLS with the certificate in echo.pem, `3306/greet` speaks first."""
        servers = []
        for port in ports:
            number, _, kind = port.partition("/")
            self.greeting |= {int(number)} if kind == "greet" else set()
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if kind == "tls" else None
            if context is not None:
                context.load_cert_chain("echo.pem")
            address = "0.0.0.0"  # noqa: S104 - a namespace of its own
            servers.append(await asyncio.start_server(self._connection, address, int(number), limit=LIMIT, ssl=context))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.gather(*(server.serve_forever() for server in servers))

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        peer = writer.get_extra_info("peername")[0]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError, ValueError):
            if port in self.greeting:
                writer.write(GREETING)
                await writer.drain()
            while True:
                first = await reader.read(1)
                if not first:
                    break
                head = first + await _read_head(reader)
                if head.startswith(b"PRI "):
                    await self._http2(head, reader, writer, port, peer)
                    break
                if not await self._answer(head, reader, writer, port, peer):
                    break
        with contextlib.suppress(ConnectionError):
            writer.close()

    async def _http2(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, peer: str) -> None:
        from tests.conformance.http2 import answer_http2  # noqa: PLC0415 - the one thing here that needs a library

        def answer(line: str, headers: list[tuple[str, str]], length: int) -> tuple[list[tuple[str, str]], bytes, float]:
            seen = self._told(line, headers, length, port, peer)
            own = [(":status", "200"), ("server", "echo"), ("x-backend", self.name), ("x-backend-version", self.version)]
            return own, json.dumps(seen).encode(), int(_wish(dict(headers)).get("delay", "0")) / 1000

        await answer_http2(head, reader, writer, answer)

    def _told(self, line: str, headers: list[tuple[str, str]], length: int, port: int, peer: str) -> dict[str, Any]:
        """What is told of a request; it counts as a try."""
        key = next((value for name, value in headers if name.lower() == "x-test-id"), "")
        self.tries[key] += 1
        return {
            "service": self.name,
            "version": self.version,
            "port": port,
            "peer": peer,
            "line": line,
            "headers": headers,
            "body": length,
            "try": self.tries[key],
        }

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, peer: str) -> bool:
        line, *rest = head.split(b"\r\n")
        headers = _headers(rest)
        by_name = {name.lower(): value for name, value in headers}
        body = await _read_body(reader, by_name)
        seen = self._told(line.decode("latin-1"), headers, len(body), port, peer)
        key = by_name.get("x-test-id", "")
        if line.startswith(b"GET /.test/seen/"):
            asked = line.split(b" ")[1].decode().rpartition("/")[2]
            seen = {"seen": self.seen.get(asked, []), "tries": self.tries[asked]}
        elif key:
            self.seen.setdefault(key, []).append(seen)
        if by_name.get("upgrade", "").lower() == "websocket":
            return await self._tunnel(seen, _wish(by_name), reader, writer)
        return await self._behave(_wish(by_name), seen, writer)

    async def _tunnel(self, seen: dict[str, Any], wish: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Switches protocols, tells what was seen in one line, and then echoes whatever comes."""
        delay = int(wish.get("delay", "0")) / 1000  # of the first part
        switch = f"HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: Upgrade\r\nserver: echo\r\nx-backend: {self.name}\r\n"
        switch += f"x-backend-version: {self.version}\r\n\r\n"
        writer.write(switch.encode() + json.dumps(seen).encode() + b"\n")
        while part := await reader.read(LIMIT):
            await asyncio.sleep(delay)
            delay = 0.0
            writer.write(part)
            await writer.drain()
        return False

    async def _behave(self, wish: dict[str, str], seen: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        if ("first" in wish and int(seen.get("try", 1)) > int(wish["first"])) or wish.get("only", self.version) != self.version:
            wish = {}
        if "delay" in wish:
            await asyncio.sleep(int(wish["delay"]) / 1000)
        if "reset" in wish:
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        body = json.dumps(seen).encode()
        status = wish.get("status", "200")
        extra = f"server: echo\r\nx-backend: {self.name}\r\nx-backend-version: {self.version}\r\n"
        extra += f"grpc-status: {wish['grpc']}\r\n" if "grpc" in wish else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{extra}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        if "slow" in wish:
            await writer.drain()
            await asyncio.sleep(int(wish["slow"]) / 1000)
        if not str(seen.get("line", "")).startswith("HEAD "):  # an answer to HEAD has no body, or the next answer would begin with it
            writer.write(body)
        await writer.drain()
        return True


def _wish(headers: dict[str, str]) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in headers.get("x-test-do", "").split(",") if part)


# --- the client -----------------------------------------------------------------------------------------------------------------


async def ask(wish: dict[str, Any]) -> dict[str, Any]:
    """
    Sends one request as it is written, and reads its answer.

    `address`, `port`, `raw` (base64 bytes of the request), or `http2`: {headers, body, stream}; `tls`: {sni, cert, key, max}. `greeted`:
    the server speaks first. `silent`: so many seconds pass between connecting and the first byte. The answer: {status, headers, body,
    seconds}, or {refused: why}. With `until` it is sent again and again until that file is there, and the answer is how often each answer
    came; with `keep` as well, over one connection for as long as that lasts.
    """
    if "until" in wish:
        return {"counts": await _load(wish)}
    start = time.monotonic()
    answer = await _ask(wish)
    return {**answer, "seconds": time.monotonic() - start}


async def _load(wish: dict[str, Any]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    async with contextlib.aclosing(_ask_over_one_connection(wish)) as kept:
        while not Path(wish["until"]).exists():  # noqa: ASYNC240 - a look at a local file
            answer = await anext(kept) if wish.get("keep") else await _ask(wish)
            by_name = {name.lower(): value for name, value in answer.get("headers", ())}
            version = f"{by_name.get('x-backend')}@{by_name.get('x-backend-version')}"
            counts[f"refused {answer['refused']}" if "refused" in answer else f"{answer['status']} {version}"] += 1
            await asyncio.sleep(PAUSE)
    return counts


async def _open(wish: dict[str, Any]) -> Streams:
    context = _context(wish.get("tls"), ["h2" if "http2" in wish else "http/1.1"])
    server_name = (wish.get("tls") or {}).get("sni")
    opening = asyncio.open_connection(wish["address"], wish["port"], ssl=context, server_hostname=server_name, limit=LIMIT)
    return await asyncio.wait_for(opening, TIMEOUT)


async def _ask(wish: dict[str, Any]) -> dict[str, Any]:
    try:
        reader, writer = await _open(wish)
    except (OSError, TimeoutError) as error:
        return {"refused": f"connect: {type(error).__name__} {error}"}
    try:
        await asyncio.sleep(wish.get("silent", 0))
        if wish.get("greeted") and await asyncio.wait_for(reader.readline(), TIMEOUT) != GREETING:
            return {"refused": "answer: no greeting"}
        if "http2" in wish:
            from tests.conformance.http2 import ask_http2, stream_http2  # noqa: PLC0415 - as above

            headers, body, parts = (wish["http2"][key] for key in ("headers", "body", "stream"))
            asking = stream_http2(reader, writer, headers, parts) if parts else ask_http2(reader, writer, headers, body)
            return await asyncio.wait_for(asking, TIMEOUT)
        writer.write(base64.b64decode(wish["raw"]))
        await writer.drain()
        return await asyncio.wait_for(_answer_of(reader, writer, wish.get("method", "GET")), TIMEOUT)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        return {"refused": f"answer: {type(error).__name__} {error}"}
    finally:
        writer.transport.abort()


async def _ask_over_one_connection(wish: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """Sends the request again and again; where an answer says that the connection ends, on a new one. No other end of one is forgiven."""
    streams: Streams | None = None
    try:
        while True:
            try:
                streams = streams or await _open(wish)
                reader, writer = streams
                writer.write(base64.b64decode(wish["raw"]))
                await writer.drain()
                answer = await asyncio.wait_for(_answer_of(reader, writer, wish.get("method", "GET")), TIMEOUT)
                last = any(name.lower() == "connection" and value.lower() == "close" for name, value in answer["headers"])
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
                answer, last = {"refused": f"kept: {type(error).__name__} {error}"}, True
            if last and streams is not None:
                streams[1].transport.abort()
                streams = None
            yield answer
    finally:
        if streams is not None:
            streams[1].transport.abort()


async def _through_tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """What the backend told of the upgrade, once frames have gone through the tunnel and come back, one after the other."""
    told = await reader.readline()
    for frame in FRAMES:
        writer.write(frame)
        await writer.drain()
        if await reader.readexactly(len(frame)) != frame:
            raise ValueError("the tunnel does not echo")
    return told.decode()


def _context(tls: dict[str, Any] | None, protocols: list[str]) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what the gateway answers is tested here, not the client's trust
    context.set_alpn_protocols(protocols)
    if tls.get("max"):
        context.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[tls["max"]]
    if tls.get("cert"):
        context.load_cert_chain(tls["cert"], tls["key"])
    return context


async def _answer_of(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str) -> dict[str, Any]:
    head = await _read_head(reader)
    line, *rest = head.split(b"\r\n")
    headers = _headers(rest)
    by_name = {name.lower(): value for name, value in headers}
    status = int(line.split(b" ")[1])
    if status == SWITCHED:
        return {"status": status, "headers": headers, "body": await _through_tunnel(reader, writer)}
    body = b""
    if method != "HEAD" and status not in (204, 304) and status >= 200:
        framed = "content-length" in by_name or "chunked" in by_name.get("transfer-encoding", "")
        body = await _read_body(reader, by_name) if framed else await reader.read(LIMIT)
    return {"status": status, "headers": headers, "body": body.decode("utf-8", "replace")}


async def _asking() -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wishes = json.loads(line)
        answers = await asyncio.gather(*(ask(wish) for wish in wishes))
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(Echo(sys.argv[2], sys.argv[3]).serve(sys.argv[4:]))
    else:
        asyncio.run(_asking())
