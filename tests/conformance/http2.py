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
FRAME = 16384  # the largest that every peer takes (RFC 9113 section 4.2)
PART = b"x" * 500
"""What each side of an open stream sends at a time."""


async def answer_http2(first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Serves one connection whose `first` bytes are read already, until it ends."""
    connection = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
    connection.initiate_connection()
    requests: dict[int, tuple[Headers, int]] = {}
    answers: set[asyncio.Task[None]] = set()
    streams: set[int] = set()  # answered while the request is open
    data = first
    while data:
        for event in connection.receive_data(data):
            match event:
                case RequestReceived(stream_id=int(stream), headers=headers):
                    requests[stream] = ([(str(name), str(value)) for name, value in headers or ()], 0)
                    if ("x-test-do", "stream") in requests[stream][0]:
                        streams.add(stream)
                        own, told, _ = answer(*_asked(*requests[stream]))
                        connection.send_headers(stream, own)
                        connection.send_data(stream, told + b"\n")
                case DataReceived(stream_id=int(stream), data=part, flow_controlled_length=size) if stream in streams:
                    connection.acknowledge_received_data(size or 0, stream)
                    connection.send_data(stream, part or b"")
                case StreamEnded(stream_id=int(stream)) if stream in streams:
                    connection.send_headers(stream, [("grpc-status", "0")], end_stream=True)
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
    asking = _Asking(headers, ends=not body)
    for start in range(0, body, FRAME):
        part = min(FRAME, body - start)
        asking.connection.send_data(1, b"x" * part, end_stream=start + part == body)
    return await asking.until_answered(reader, writer, lambda: None)


async def stream_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: Headers, parts: int) -> dict[str, Any]:
    """The same for a stream: it sends a part and waits until it is back, so often, and only then ends the request."""
    asking = _Asking(headers, ends=False)
    asking.connection.send_data(1, PART)
    sent = 1

    def go_on() -> None:
        nonlocal sent
        if 0 < sent <= parts and len(asking.content.partition(b"\n")[2]) == len(PART) * sent:
            if sent == parts:
                asking.connection.end_stream(1)
            else:
                asking.connection.send_data(1, PART)
            sent += 1

    answer = await asking.until_answered(reader, writer, go_on)
    told, _, back = answer["body"].partition("\n")
    if "x-backend" in dict(answer["headers"]) and back != PART.decode() * parts:
        raise ValueError(f"{len(back)} bytes of the stream came back")
    return {**answer, "body": told}


class _Asking:
    """One request on a connection of its own, and what has come back of its answer."""

    def __init__(self, headers: Headers, *, ends: bool) -> None:
        settings = H2Configuration(header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False)
        self.connection = H2Connection(settings)
        self.connection.initiate_connection()
        self.connection.send_headers(1, headers, end_stream=ends)
        self.got: Headers = []
        self.content = b""

    async def until_answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, go_on: Callable[[], None]) -> dict[str, Any]:
        """Reads until the answer has ended; after each read the request may go on."""
        writer.write(self.connection.data_to_send())
        while data := await reader.read(65536):
            for event in self.connection.receive_data(data):
                match event:
                    case ResponseReceived(headers=lines) | TrailersReceived(headers=lines):
                        self.got += [(str(name), str(value)) for name, value in lines or ()]
                    case DataReceived(data=part, flow_controlled_length=size):
                        self.content += part or b""
                        self.connection.acknowledge_received_data(size or 0, 1)
                    case StreamEnded():
                        status = int(dict(self.got)[":status"])
                        return {"status": status, "headers": self.got, "body": self.content.decode("utf-8", "replace")}
                    case StreamReset() | ConnectionTerminated():
                        raise ValueError(str(event))
                    case _:
                        pass
            go_on()
            writer.write(self.connection.data_to_send())
        raise ConnectionResetError("closed before the answer's end")
