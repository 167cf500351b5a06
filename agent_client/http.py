"""The agent protocol over HTTP: one method per endpoint, each bounded in time as a whole. No retries, no decisions.

Uses http.client: the deadline must hold also while a reply trickles in, and a sub agent should stay small. Proxies of
the environment are not used: agents talk to one known server, often on a local network. Not thread-safe: one AgentHttp
per thread.
"""

import functools
import http.client
import io
import json
import os
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from agent_client import pin, reply_shapes, wire
from agent_client.version import VERSION

CONNECT_SECONDS = 3.0
EXCHANGE_SECONDS = 15.0
LOG_SECONDS = 60.0
WAIT_SECONDS = 40.0
REPLY_LIMIT_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 64 * 1024

_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ConnectionAbortedError)


class NetworkFailure(Exception):
    """No answer of our server was received: time-out, refused connection, a proxy's page, a redirect, a broken body."""

    retry_in_seconds: float | None = None  # from a relay, which tells all of its host to come again together

    def __init__(self, detail: str, status: int | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class UnusableReply(NetworkFailure):
    """Our server answered, but without what the call is to bring: its mistake, which may concern this one call only."""


class ProtocolError(Exception):
    """Our server refused the call. `code` is one of the protocol's codes, or empty where the server sent none."""

    retry_in_seconds: float | None = None  # as of a NetworkFailure

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        body: Mapping[str, Any],
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code or 'without a code'}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.body = body
        self.retry_after_seconds = retry_after_seconds


class Unauthorized(ProtocolError):
    """401 or 403: the credential is missing, wrong or revoked."""


class AgentHttp:
    """One agent's connection to its server. `credential` is the value of the Authorization header.

    With `instance_id` given, replies of a server with another database count as network failures. `was_doubled`: the
    latest call was sent twice, for its kept connection broke; the server may have done it the first time.
    """

    def __init__(self, server_url: str, credential: str | None, instance_id: str | None = None) -> None:
        bare, self._pin = pin.split(server_url)
        parts = urlsplit(bare)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"server URL {server_url!r} must look like http://host:port or https://host:port")
        self.server_url = bare
        self._parts = parts
        self._credential = credential
        self._instance_id = instance_id
        self._connection: http.client.HTTPConnection | None = None
        self.was_doubled = False

    def register(self, token: str, body: wire.RegisterRequest) -> wire.RegisterReply:
        reply = self._call("/agent/v1/register", body, reply_shapes.REGISTER, credential=f"Enrolment {token}")
        return cast(wire.RegisterReply, reply)

    def open_session(self, body: wire.SessionRequest) -> wire.SessionReply:
        return cast(wire.SessionReply, self._call("/agent/v1/session", body, reply_shapes.SESSION))

    def heartbeat(self, body: wire.HeartbeatRequest) -> wire.HeartbeatReply:
        return cast(wire.HeartbeatReply, self._call("/agent/v1/heartbeat", body, reply_shapes.HEARTBEAT))

    def new_secret(self, body: wire.SecretRequest) -> wire.SecretReply:
        return cast(wire.SecretReply, self._call("/agent/v1/secret", body, reply_shapes.SECRET))

    def wait(self, epoch: int) -> wire.WaitReply:
        """The doorbell: hangs for as long as the server lets it, at most 40 s."""
        reply = self._exchange("GET", f"/agent/v1/wait?epoch={epoch:d}", None, {}, WAIT_SECONDS, reply_shapes.WAIT)
        return cast(wire.WaitReply, reply)

    def claim(self, sub_agent_id: str, body: wire.ClaimRequest) -> wire.Grant:
        return cast(wire.Grant, self._call(f"/agent/v1/sub-agents/{sub_agent_id}/claim", body, reply_shapes.CLAIM))

    def claims(self, body: wire.ClaimsRequest) -> wire.ClaimsReply:
        """Several at once; what each was granted is not looked at here."""
        return cast(wire.ClaimsReply, self._call("/agent/v1/claims", body, reply_shapes.CLAIMS))

    def reject(self, sub_agent_id: str, body: wire.RejectRequest) -> wire.StateReply:
        reply = self._call(f"/agent/v1/sub-agents/{sub_agent_id}/reject", body, reply_shapes.STATE)
        return cast(wire.StateReply, reply)

    def not_started(self, sub_agent_id: str, body: wire.NotStartedRequest) -> wire.StateReply:
        reply = self._call(f"/agent/v1/sub-agents/{sub_agent_id}/not-started", body, reply_shapes.STATE)
        return cast(wire.StateReply, reply)

    def report(self, body: wire.ReportRequest) -> wire.ReportReply:
        return cast(wire.ReportReply, self._call("/agent/v1/report", body, reply_shapes.REPORT))

    def report_entries(self, entries: Iterable[bytes], ahead: wire.ClaimsAhead | None = None) -> wire.ReportReply:
        """As `report`, of entries that are JSON already: they go out byte for byte."""
        more = b',"claims_ahead":' + _json(ahead) if ahead else b""
        body = b'{"entries":[' + b",".join(entries) + b"]" + more + b"}"
        headers = {"Content-Type": "application/json"}
        reply = self._exchange("POST", "/agent/v1/report", body, headers, EXCHANGE_SECONDS, reply_shapes.REPORT)
        return cast(wire.ReportReply, reply)

    def put_log(self, sub_agent_id: str, stream: str, offset: int, data: bytes) -> wire.StreamStatus:
        path = f"/agent/v1/sub-agents/{sub_agent_id}/log?stream={stream}&offset={offset:d}"
        headers = {"Content-Type": "application/octet-stream", "X-CRC32": str(zlib.crc32(data))}
        return cast(wire.StreamStatus, self._exchange("POST", path, data, headers, LOG_SECONDS, reply_shapes.STREAM))

    def use(self, credential: str) -> None:
        """From the next call on."""
        self._credential = credential

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(
        self, path: str, body: Mapping[str, Any], shape: reply_shapes.Kind, credential: str | None = None
    ) -> dict[str, Any]:
        data = _json(body)
        headers = {"Content-Type": "application/json"}
        if credential is not None:
            headers["Authorization"] = credential
        return self._exchange("POST", path, data, headers, EXCHANGE_SECONDS, shape)

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        seconds: float,
        shape: reply_shapes.Kind,
    ) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        if self._credential is not None:
            headers.setdefault("Authorization", self._credential)
        headers["User-Agent"] = f"nightshift-agent/{VERSION}"
        headers["Accept"] = "application/json"
        try:
            response, content = self._send(method, self._parts.path.rstrip("/") + path, body, headers, deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise NetworkFailure(f"{method} {self.server_url}{path.partition('?')[0]}: {_reason(error)}") from error
        try:
            return _decode(response, content, self._instance_id, shape)
        except NetworkFailure:
            self.close()
            raise

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send and read whole. A kept connection that the server closed meanwhile is opened anew, once."""
        was_kept, self.was_doubled = self._connection is not None, False
        try:
            return _round_trip(self._connected(deadline), method, path, body, headers, deadline)
        except _STALE:
            if not was_kept:
                raise
            self.close()
            self.was_doubled = True
            return _round_trip(self._connected(deadline), method, path, body, headers, deadline)

    def _connected(self, deadline: float) -> http.client.HTTPConnection:
        if self._connection is None:
            connection = _new_connection(self._parts.scheme, str(self._parts.hostname), self._parts.port, self._pin)
            connection.timeout = min(CONNECT_SECONDS, _left(deadline))
            connection.connect()
            self._connection = connection
        return self._connection


class _TimedReader(io.RawIOBase):
    """Reads a socket with a time-out that is always what is left of the exchange."""

    def __init__(self, file: io.BufferedReader, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._file = file
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return self._file.raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """A response whose status line, headers and body must all arrive before `deadline`."""

    def __init__(self, deadline: float, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp, sock, deadline))


def _new_connection(scheme: str, host: str, port: int | None, wanted_pin: str) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port)
    if wanted_pin:
        return pin.PinnedConnection(host, port, wanted_pin)
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or None
    return http.client.HTTPSConnection(host, port, context=ssl.create_default_context(cafile=bundle))


def _round_trip(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    deadline: float,
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.response_class = functools.partial(_TimedResponse, deadline)  # type: ignore[assignment]
    if connection.sock is None:
        connection.connect()
    connection.sock.settimeout(_left(deadline))
    connection.request(method, path, body=body, headers=dict(headers))
    response = connection.getresponse()
    content = bytearray()
    while chunk := response.read(CHUNK_BYTES):
        content += chunk
        if len(content) > REPLY_LIMIT_BYTES:
            raise ValueError(f"the reply is larger than {REPLY_LIMIT_BYTES} bytes")
    if response.length:
        raise http.client.IncompleteRead(bytes(content), response.length)
    return response, bytes(content)


def _decode(
    response: http.client.HTTPResponse, content: bytes, instance_id: str | None, shape: reply_shapes.Kind
) -> dict[str, Any]:
    """The reply as a dictionary; anything that our server cannot have sent is a network failure."""
    status = response.status
    retry_after_seconds = _retry_after(response.getheader("Retry-After"))

    def failure(detail: str) -> NetworkFailure:
        return NetworkFailure(f"HTTP {status}: {detail}", status, retry_after_seconds)

    instance = response.getheader("X-Instance")
    if 300 <= status < 400:
        raise failure("a redirect is not followed")
    if not instance:
        raise failure("not a reply of a Nightshift server (no X-Instance header)")
    if instance_id is not None and instance != instance_id:
        raise failure(f"another server answers here (X-Instance {instance}, expected {instance_id})")
    if response.getheader("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise failure(f"content type {response.getheader('Content-Type')!r} instead of application/json")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise failure("the body is not JSON") from error
    if not isinstance(body, dict):
        raise failure("the body is not a JSON object")
    if 200 <= status < 300:
        if sentence := reply_shapes.problem(body, shape):
            raise UnusableReply(f"HTTP {status}: an answer that cannot be used: {sentence}", status)
        return body
    raise _refusal(status, body, retry_after_seconds)


def _refusal(status: int, body: dict[str, Any], retry_after_seconds: float | None) -> Exception:
    code, detail = str(body.get("code") or ""), str(body.get("detail") or "no detail")
    if status in (401, 403):
        return Unauthorized(status, code, detail, body, retry_after_seconds)
    if not code and (status >= 500 or status in (408, 429)):
        return NetworkFailure(f"HTTP {status}: {detail}", status, retry_after_seconds)
    return ProtocolError(status, code, detail, body, retry_after_seconds)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header; its date form is not used by our server and is ignored."""
    return float(value) if value and value.strip().isascii() and value.strip().isdigit() else None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the exchange took too long")
    return left


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
