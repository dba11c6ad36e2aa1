"""The whole web as one server: what it does depends on the path; at forbidden addresses it gives a secret away."""

from __future__ import annotations

import asyncio
import gzip
import io
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from PIL import Image

SECRET = b"SECRET"
Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


def picture() -> bytes:
    """A small PNG."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(out, "PNG")
    return out.getvalue()


PICTURE = picture()
# A thousand times as long once it is unpacked.
PACKED = gzip.compress(bytes(2**20 * 50))


def whole(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A complete response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def serve(public: frozenset[str], tls: ssl.SSLContext) -> list[asyncio.Server]:
    """Listen on 80 and 443 of every address; the certificate is good.test's."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            address = writer.get_extra_info("sockname")[0].removeprefix("::ffff:")
            if address not in public:
                writer.write(whole(SECRET))
                await writer.drain()
            else:
                await _answer(target, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    servers = []
    for host in ("0.0.0.0", "::"):
        servers.append(await asyncio.start_server(answer, host, 80))
        servers.append(await asyncio.start_server(answer, host, 443, ssl=tls))
    return servers


async def _answer(target: str, writer: asyncio.StreamWriter) -> None:
    path, _, query = target.partition("?")
    if path == "/to":
        writer.write(whole(b"", "302 Found", f"Location: {unquote(query)}"))
    elif path in _ANSWERS:
        await _ANSWERS[path](writer)
    else:
        writer.write(whole(PICTURE))
    await writer.drain()


async def _endless_chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        await writer.drain()


async def _drip(writer: asyncio.StreamWriter, head: bytes, drop: bytes) -> None:
    writer.write(head)
    while True:
        writer.write(drop)
        await writer.drain()
        await asyncio.sleep(0.1)


async def _endless_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: " + b"y" * 10_000 + b"\r\n")
        await writer.drain()


async def _continues(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        await writer.drain()


async def _says(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)


async def _silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


_ANSWERS: dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]] = {
    "/endless": _endless_chunks,
    "/drip": lambda writer: _drip(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "/slow-head": lambda writer: _drip(writer, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "/headers": _endless_headers,
    "/continue": _continues,
    "/silence": _silence,
    "/close": lambda writer: _says(writer, b""),
    "/ssh": lambda writer: _says(writer, b"SSH-2.0-OpenSSH_9.9\r\n"),
    "/long": lambda writer: _says(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + bytes(1000)),
    "/liar": lambda writer: _says(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nshort"),
    "/two": lambda writer: _says(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    "/no-location": lambda writer: _says(writer, whole(b"", "302 Found")),
    "/404": lambda writer: _says(writer, whole(b"", "404 Not Found")),
    "/500": lambda writer: _says(writer, whole(b"", "500 Internal Server Error")),
    "/401": lambda writer: _says(writer, whole(b"", "401 Unauthorized", "WWW-Authenticate: Basic realm=x")),
    "/packed": lambda writer: _says(writer, whole(PACKED, "200 OK", "Content-Encoding: gzip")),
    "/refresh": lambda writer: _says(writer, whole(PICTURE, "200 OK", "Refresh: 0;url=http://127.0.0.1/")),
    "/moved": lambda writer: _says(writer, whole(b"", "301 Moved", "Location: /a.png")),
    "/moved-away": lambda writer: _says(writer, whole(b"", "308 Moved", "Location: https://good.test/b.png")),
}
