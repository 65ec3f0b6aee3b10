"""HTTP/2 as tests need it: the echo server's side, which gRPC ports speak, and a client's."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from h2.exceptions import ProtocolError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Headers = list[tuple[str, str]]
Answer = Callable[[str, Headers, int], tuple[Headers, bytes, float]]
"""From request line, headers and length of the body to the answer's headers and body, and the seconds that it takes."""


async def answer_http2(first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Serves one connection whose `first` bytes are read already, until it ends."""
    connection = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
    connection.initiate_connection()
    requests: dict[int, tuple[Headers, int]] = {}
    answers: set[asyncio.Task[None]] = set()
    data = first
    while data:
        for event in connection.receive_data(data):
            match event:
                case RequestReceived(stream_id=int(stream), headers=headers):
                    requests[stream] = ([(str(name), str(value)) for name, value in headers or ()], 0)
                case DataReceived(stream_id=int(stream), flow_controlled_length=size):
                    got, length = requests[stream]
                    requests[stream] = (got, length + (size or 0))
                    connection.acknowledge_received_data(size or 0, stream)
                case StreamEnded(stream_id=int(stream)) if stream in requests:
                    answers.add(asyncio.create_task(_send(connection, writer, stream, answer(*_asked(*requests.pop(stream))))))
                case _:
                    pass
        writer.write(connection.data_to_send())
        await writer.drain()
        data = await reader.read(65536)


def _asked(headers: Headers, length: int) -> tuple[str, Headers, int]:
    """The request in the words of HTTP/1.1."""
    pseudo = dict(line for line in headers if line[0].startswith(":"))
    rest = [line for line in headers if not line[0].startswith(":")]
    host = [("host", pseudo[":authority"])] if ":authority" in pseudo else []
    return f"{pseudo[':method']} {pseudo[':path']} HTTP/2", [*host, *rest], length


async def _send(connection: Any, writer: asyncio.StreamWriter, stream: int, answer: tuple[Headers, bytes, float]) -> None:  # noqa: ANN401 - h2's own type is untyped for some versions
    headers, body, seconds = answer
    await asyncio.sleep(seconds)
    with contextlib.suppress(ProtocolError, ConnectionError):  # the stream may be gone by now
        connection.send_headers(stream, headers)
        connection.send_data(stream, body, end_stream=True)
        writer.write(connection.data_to_send())
        await writer.drain()


async def ask_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: Headers, body: int) -> dict[str, Any]:
    """Sends one request, its headers as they are given, and reads its answer with its trailers."""
    settings = H2Configuration(header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False)
    connection = H2Connection(settings)
    connection.initiate_connection()
    connection.send_headers(1, headers, end_stream=not body)
    if body:
        connection.send_data(1, b"x" * body, end_stream=True)
    got: Headers = []
    content = b""
    writer.write(connection.data_to_send())
    while data := await reader.read(65536):
        for event in connection.receive_data(data):
            match event:
                case ResponseReceived(headers=lines) | TrailersReceived(headers=lines):
                    got += [(str(name), str(value)) for name, value in lines or ()]
                case DataReceived(data=part, flow_controlled_length=size):
                    content += part or b""
                    connection.acknowledge_received_data(size or 0, 1)
                case StreamEnded():
                    return {"status": int(dict(got)[":status"]), "headers": got, "body": content.decode("utf-8", "replace")}
                case StreamReset() | ConnectionTerminated():
                    raise ValueError(str(event))
                case _:
                    pass
        writer.write(connection.data_to_send())
    raise ConnectionResetError("closed before the answer's end")
