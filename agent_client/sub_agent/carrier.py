"""Brings a sub agent's reports to the server: by its main agent's relay while that answers, else by itself.

Nothing depends on the relay: whatever goes wrong with it, the same report goes out directly in the same call, and the
relay is left alone for a while. Larger output goes directly anyhow. No retries.
"""

import contextlib
import json
import logging
import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from agent_client import relay, reply_shapes, wire
from agent_client.http import AgentHttp, NetworkFailure, ProtocolError
from agent_client.relay import is_busy

log = logging.getLogger(__name__)

FIRST_SIGN_SECONDS = 0.5
PATIENCE_SECONDS = 3.0  # between two signs of life
EXCHANGE_SECONDS = 16.0  # one exchange with the server; a lease is not to run out meanwhile
ABSENT_REST_SECONDS = 1.0  # a main agent that is started anew
FIRST_REST_SECONDS = 2.0
LONGEST_REST_SECONDS = 120.0


class _NoRelay(Exception):
    """It cannot carry this report. `is_absent`: nobody listens."""

    def __init__(self, detail: str, *, is_absent: bool = False) -> None:
        super().__init__(detail)
        self.is_absent = is_absent


class Carrier:
    """Has what Delivery wants of an AgentHttp. `http` is the sub agent's own connection, opened only when needed."""

    def __init__(
        self,
        http: AgentHttp,
        state_dir: Path,
        instance_id: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._state_dir = state_dir
        self._instance_id = instance_id
        self._clock = clock
        self._rests_until = 0.0
        self._troubles = 0
        self._is_own_turn = False
        self._lock = threading.Lock()
        self._waits_at: socket.socket | None = None
        self._is_hurried = False

    def hurry(self) -> None:
        """From another thread: a result is to be told. A report without one is given up, as it may wait behind much
        output of others; what it said goes with the result or after it."""
        with self._lock:
            self._is_hurried = True
            if self._waits_at is not None:
                with contextlib.suppress(OSError):
                    self._waits_at.shutdown(socket.SHUT_RDWR)

    def report(self, body: wire.ReportRequest) -> wire.ReportReply:
        if body["entries"][0]["finish"] is not None:
            self._is_hurried = False  # this is what was in a hurry
        if self._is_own_turn:
            return self._in_own_turn(body)
        if self._clock() >= self._rests_until:
            try:
                return self._by_relay(body["entries"][0])
            except _NoRelay as trouble:
                self._rest(str(trouble), is_absent=trouble.is_absent)
        return self._http.report(body)

    def _in_own_turn(self, body: wire.ReportRequest) -> wire.ReportReply:
        """Once, after the main agent got no answer. Only if we get one is anything wrong with the relay: a server that
        was away for all is best asked by few."""
        self._is_own_turn = False
        reply = self._http.report(body)
        self._rest("the main agent does not reach the server")
        return reply

    def put_log(self, sub_agent_id: str, stream: str, offset: int, data: bytes) -> wire.StreamStatus:
        return self._http.put_log(sub_agent_id, stream, offset, data)

    def close(self) -> None:
        self._http.close()

    def _by_relay(self, entry: wire.ReportEntry) -> wire.ReportReply:
        is_urgent = entry["started"] is not None or entry["finish"] is not None
        data = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode()
        if len(data) > relay.LARGEST_ENTRY_BYTES:
            raise _NoRelay("the entry is too large for it")
        answer = self._asked(relay.request(data, self._instance_id, is_urgent=is_urgent), is_urgent)
        if "failure" in answer:
            raise self._failure(answer["failure"])
        reply = answer.get("reply")
        if problem := answer.get("refused") or reply_shapes.problem(reply, reply_shapes.RELAYED):
            raise _NoRelay(str(problem))
        answered = cast("wire.ReportReply", reply)
        if [own["sub_agent_id"] for own in answered["replies"]] != [entry["sub_agent_id"]]:
            raise _NoRelay("it answered for somebody else")
        self._troubles = 0
        return answered

    def _asked(self, request: bytes, is_urgent: bool) -> dict[str, Any]:
        try:
            connection = relay.connected(self._state_dir, FIRST_SIGN_SECONDS)
        except OSError as error:
            raise _NoRelay(str(error), is_absent=not isinstance(error, TimeoutError)) from error
        with connection:
            try:
                self._begin(connection, is_urgent)
                connection.sendall(request)
                return relay.parsed(self._answered(connection))
            except (OSError, relay.NotUnderstood) as error:
                if self._was_given_up():
                    raise NetworkFailure("given up: the result goes first") from error
                raise _NoRelay(str(error) or type(error).__name__) from error
            finally:
                with self._lock:
                    self._waits_at = None

    def _begin(self, connection: socket.socket, is_urgent: bool) -> None:
        if is_urgent:
            return
        with self._lock:
            self._waits_at = connection
            if self._is_hurried:
                raise InterruptedError

    def _was_given_up(self) -> bool:
        """Once: what comes after the result is in no hurry."""
        with self._lock:
            was, self._is_hurried = self._is_hurried and self._waits_at is not None, False
            return was

    def _answered(self, connection: socket.socket) -> bytes:
        ends_at = self._clock() + EXCHANGE_SECONDS
        received = b""
        while not received.endswith(b"\n"):
            chunk = connection.recv(65536)
            if not chunk:
                raise relay.NotUnderstood("it hung up")
            received = (received + chunk).lstrip(relay.SIGN)
            if len(received) > relay.LARGEST_ANSWER_BYTES:
                raise relay.NotUnderstood("its answer is too large")
            left = ends_at - self._clock()
            if left <= 0:
                raise TimeoutError("it took too long")
            connection.settimeout(min(PATIENCE_SECONDS, left))
        return received

    def _failure(self, said: Any) -> Exception:
        """What the main agent met, as if we had met it. Without an answer of the server, the next try is our own."""
        said = said if isinstance(said, dict) else {}
        status, code, detail = said.get("status"), str(said.get("code") or ""), str(said.get("detail") or "")
        status = status if isinstance(status, int) else None
        failure: NetworkFailure | ProtocolError
        if code and is_busy(status):
            failure = ProtocolError(cast("int", status), code, detail, {})
        else:
            self._is_own_turn = True
            failure = NetworkFailure(detail, status)
        seconds = said.get("retry_in_seconds")
        failure.retry_in_seconds = max(0.0, float(seconds)) if isinstance(seconds, int | float) else None
        return failure

    def _rest(self, why: str, *, is_absent: bool = False) -> None:
        """Each time for longer, and not in step with the others of this host."""
        if is_absent:
            seconds = ABSENT_REST_SECONDS
        else:
            seconds = min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** min(self._troubles, 10))
            self._troubles += 1
            log.warning("reports go to the server directly error=%s", why)
        self._rests_until = self._clock() + seconds * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
