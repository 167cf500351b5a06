"""HTTP/1.1 messages as bytes: read one whole from a stream, look at it, change it. Knows nothing of faults."""

import asyncio
import re
from dataclasses import dataclass, replace

HEAD_LIMIT_BYTES = 256 * 1024
_LENGTH = re.compile(rb"\r\nContent-Length:[^\r]*", re.I)
_CHUNKED = re.compile(rb"\r\nTransfer-Encoding:[^\r]*", re.I)


@dataclass(frozen=True)
class Message:
    """`head` is the first line and the headers, the empty line included."""

    head: bytes
    body: bytes = b""

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode("ascii", "replace")

    @property
    def path(self) -> str:
        """Of a request, with its query."""
        return self.head.split(b" ", 2)[1].decode("ascii", "replace")

    @property
    def status(self) -> int:
        """Of a reply."""
        return int(self.head.split(b" ", 2)[1])

    def header(self, name: str) -> str | None:
        found = re.search(rb"\r\n" + re.escape(name.encode()) + rb":[ \t]*([^\r]*)", self.head, re.I)
        return None if found is None else found.group(1).decode("latin-1").strip()

    def with_body(self, body: bytes) -> "Message":
        """The same message with another body and the length that belongs to it."""
        head = _CHUNKED.sub(b"", _LENGTH.sub(b"", self.head))
        return Message(head[:-2] + b"Content-Length: %d\r\n\r\n" % len(body), body)

    def cut_short(self) -> "Message":
        """Half of the body under a head that promises all of it."""
        return replace(self, body=self.body[: len(self.body) // 2])

    def corrupted(self) -> "Message":
        """One byte in the middle of the body is another; a message without a body stays as it is."""
        if not self.body:
            return self
        middle = len(self.body) // 2
        return replace(self, body=self.body[:middle] + bytes([self.body[middle] ^ 1]) + self.body[middle + 1 :])

    def to_bytes(self) -> bytes:
        return self.head + self.body


def made(status: str, content_type: str = "text/html", body: bytes = b"", **headers: str) -> Message:
    """A reply that comes from nowhere."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Message("\r\n".join([*lines, "", ""]).encode(), body)


async def read_request(reader: asyncio.StreamReader) -> Message | None:
    """None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    message = Message(head)
    return replace(message, body=await reader.readexactly(int(message.header("Content-Length") or 0)))


async def read_reply(reader: asyncio.StreamReader, method: str) -> Message:
    """Whole; one that came in chunks is put together under a Content-Length."""
    message = Message(await reader.readuntil(b"\r\n\r\n"))
    if method == "HEAD" or message.status in (204, 304):
        return message
    if (message.header("Transfer-Encoding") or "").lower() == "chunked":
        return message.with_body(await _read_chunks(reader))
    length = message.header("Content-Length")
    if length is None:
        return message.with_body(await reader.read(-1))
    return replace(message, body=await reader.readexactly(int(length)))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
