"""The conversation with the server about one sub agent: start, usage, output by offset, result, closing of the logs.

Used by the living sub agent and, for one that died, by the main agent. One call of `step` is one exchange; this module
neither sleeps nor runs a loop, and it does not act on a stop: it hands it on.
"""

import base64
import logging
import random
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent_client import wire
from agent_client.failpoints import fail_at
from agent_client.http import AgentHttp, NetworkFailure, ProtocolError
from agent_client.retry import FINAL, WAIT_30_SECONDS, Backoff, classify
from agent_client.sub_agent.carrier import Carrier
from agent_client.sub_agent.lease import Lease, boottime
from agent_client.sub_agent.output_stream import OutputStream
from agent_client.sub_agent.pace import Pace
from agent_client.sub_agent_dir import SubAgentDir

log = logging.getLogger(__name__)

INLINE_BYTES = 64 * 1024
BEAT_SECONDS = 1.0
LEASED_CAP_SECONDS = 5.0  # whoever's script is stopped without an answer tries again sooner, whatever was answered
FINAL_CODES = ("ok", "already_final", "sub_agent_closed")


@dataclass(frozen=True)
class Outcome:
    """What one step brought. `next_in_seconds`: not before then, 0 when there is more to send at once."""

    done: bool
    next_in_seconds: float
    stop: wire.Stop | None = None
    is_watched: bool = False
    failure: str = ""
    unknown_seconds: float = 0.0  # for how long the server has said that it knows no such sub agent
    renewal: tuple[float, wire.Renewal] | None = None  # with the time at which the answered report was sent


class Delivery:
    """`http` must carry the sub agent's own credential: see `connect`."""

    def __init__(
        self,
        directory: SubAgentDir,
        http: AgentHttp | Carrier,
        clock: Callable[[], float] = time.monotonic,
        grant: wire.Grant | None = None,
    ) -> None:
        grant = grant or _grant_in(directory)
        self._directory = directory
        self._http = http
        self._clock = clock
        self._grant = grant
        names: list[wire.StreamName] = ["out", "err"] if grant["split_output"] else ["out"]
        self.streams = _opened(directory, names)
        self._started: wire.Started | None = None
        self._started_is_known = False
        self._finish: wire.Finish | None = None
        self._result_code = ""
        self._commit_seq: int | None = None
        self._reported_at: float | None = None
        self._second_began_at: float | None = None
        self._beat_seconds = BEAT_SECONDS
        self._stop: wire.Stop | None = None
        self._is_watched = False
        self._renewal: tuple[float, wire.Renewal] | None = None
        self._backoff = Backoff()
        self._is_leased = Lease.of(directory.path) is not None
        self._unknown_since: float | None = None
        self._pace = Pace()

    @classmethod
    def connect(cls, directory: SubAgentDir, grant: wire.Grant | None = None) -> "Delivery":
        """A delivery by the main agent's relay, or with its own connection, by what grant.json says."""
        grant = grant or _grant_in(directory)
        credential = f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}"
        instance_id = grant.get("instance_id")
        own = AgentHttp(grant["server_url"], credential, instance_id)
        return cls(directory, Carrier(own, directory.path.parent.parent, instance_id), grant=grant)

    def close(self) -> None:
        self._http.close()
        for stream in self.streams.values():
            stream.close()

    @property
    def has_news(self) -> bool:
        return self.is_urgent or any(stream.has_news for stream in self.streams.values())

    @property
    def is_urgent(self) -> bool:
        """Whether a start or a result waits to be told, which is never held back."""
        return (self._started is not None and not self._started_is_known) or self._finish_waits

    @property
    def is_done(self) -> bool:
        return bool(self._result_code) and all(stream.is_settled for stream in self.streams.values())

    def sizes(self) -> dict[str, int]:
        """Bytes of each stream, true also for a file that the script deleted or cut while it was read."""
        return {name: max(stream.size, stream.stored) for name, stream in self.streams.items()}

    def tails(self, most_bytes: int) -> list[bytes]:
        """The end of each stream."""
        return [stream.tail(most_bytes) for stream in self.streams.values()]

    def hurry(self) -> None:
        """From another thread: the result is about to be given; do not wait for what is under way."""
        if isinstance(self._http, Carrier):
            self._http.hurry()

    def finish_with(self, finish: wire.Finish) -> None:
        """Give the result directly: it must reach the server even when exit.json could not be written. It begins with
        a back-off of its own: what failed before was worth less."""
        self._finish = finish
        self._backoff.reset()
        for name, stream in self.streams.items():
            stream.final_size = finish["sizes"].get(name, 0)

    def step(self, usage: wire.Usage | None = None) -> Outcome:
        """Send what is news, in one exchange. Never raises for a failed exchange: it will be tried again."""
        self._load()
        self._stop = self._renewal = None
        began, before = self._clock(), self._progress()
        try:
            sent_bytes = self._exchange(usage)
        except (NetworkFailure, ProtocolError) as error:
            return self._failed(error)
        self._pace.sent(sent_bytes, self._clock() - began)
        return self._succeeded(has_moved=self._progress() != before)

    def _progress(self) -> tuple[object, ...]:
        """What changes with every exchange that achieves something."""
        streams = ((stream.stored, stream.state, stream.is_settled) for stream in self.streams.values())
        return (self._result_code, self._started_is_known, *streams)

    @property
    def has_result(self) -> bool:
        return self._finish is not None

    @property
    def _finish_waits(self) -> bool:
        return self._finish is not None and not self._result_code

    def _load(self) -> None:
        """Take up what has come to lie in the folder since."""
        if self._started is None and (record := self._directory.read_whole_started()) is not None:
            self._started = {
                "pid": record["pid"],
                "pid_start_ticks": record["pid_start_ticks"],
                "boot_id": record["boot_id"],
            }
        if self._finish is None and (finish := self._directory.read_exit()) is not None:
            self.finish_with(finish)

    def _exchange(self, usage: wire.Usage | None) -> int:
        large = self._stream_to_upload()
        return self._report(usage) if large is None else self._upload(large)

    def _stream_to_upload(self) -> OutputStream | None:
        """A stream too far behind for a report; between two blocks the beat, a start or a result goes first."""
        streams = self.streams.values()
        if self.is_urgent or self._beat_is_due or any(stream.next_skip() for stream in streams):
            return None
        return next((stream for stream in streams if stream.sendable > INLINE_BYTES), None)

    @property
    def _beat_is_due(self) -> bool:
        if self._reported_at is None:
            return True
        return not self._result_code and self._clock() - self._reported_at >= self._beat_seconds

    def _upload(self, stream: OutputStream) -> int:
        block = stream.next_block(self._pace.block_bytes)
        if not block:
            return 0
        try:
            status = self._http.put_log(self._grant["sub_agent_id"], stream.name, stream.stored, block)
        except ProtocolError as error:
            return self._upload_refused(stream, error)
        stream.acknowledge(status, block)
        return len(block)

    def _upload_refused(self, stream: OutputStream, error: ProtocolError) -> int:
        if error.code == "gap" and isinstance(error.body.get("stored"), int):
            stream.rewind(error.body["stored"])
            return 0
        if error.code == "sub_agent_closed":
            stream.is_refused = bool(self._result_code)
            return 0
        raise error

    def _report(self, usage: wire.Usage | None) -> int:
        self._begin_second()
        entry, sent = self._entry(usage)
        sent_at, began = boottime(), self._clock()
        reply = self._http.report({"entries": [entry]})
        if entry["finish"] is not None:
            fail_at("finish.before_answer")
        if not reply["replies"]:
            raise NetworkFailure("the reply to a report is empty")
        own = reply["replies"][0]
        self._reported_at = self._clock()
        self._beat_seconds = beat_seconds(reply, self._reported_at - began)
        self._absorb(entry, own, own["code"], sent)
        if entry["finish"] is not None:
            self._commit_seq = reply.get("commit_seq")
        renewal = own.get("renewal")
        self._renewal = (sent_at, renewal) if renewal and own["code"] == "ok" else None
        return sum(len(block) for block in sent.values())

    def _begin_second(self) -> None:
        """Of a stream over the server's limit only so much is sent in a second, however often reports go out."""
        now = self._clock()
        if self._second_began_at is None or now - self._second_began_at >= BEAT_SECONDS * 0.9:
            self._second_began_at = now
            for stream in self.streams.values():
                stream.begin_second()

    def _entry(self, usage: wire.Usage | None) -> tuple[wire.ReportEntry, dict[wire.StreamName, bytes]]:
        sent = self._inline_blocks()
        skips = [stream.next_skip() for stream in self.streams.values()]
        closes = [stream.digest_with(len(sent.get(stream.name, b""))) for stream in self.streams.values()]
        entry: wire.ReportEntry = {
            "sub_agent_id": self._grant["sub_agent_id"],
            "fence": self._grant["fence"],
            "token": self._grant["sub_agent_token"],
            "started": None if self._started_is_known else self._started,
            "usage": usage,
            "skips": [skip for skip in skips if skip is not None],
            "output": [_piece(self.streams[name], block) for name, block in sent.items()],
            "finish": self._finish if self._finish_waits else None,
            "log_close": [close for close in closes if close is not None],
        }
        return entry, sent

    def _inline_blocks(self) -> dict[wire.StreamName, bytes]:
        room = min(INLINE_BYTES, self._pace.block_bytes)
        sent: dict[wire.StreamName, bytes] = {}
        for stream in self.streams.values():
            is_small = stream.sendable <= INLINE_BYTES and stream.next_skip() is None
            block = stream.next_block(room) if is_small else b""
            if block:
                sent[stream.name] = block
                room -= len(block)
        return sent

    def _absorb(
        self, entry: wire.ReportEntry, own: wire.EntryReply, code: str, sent: dict[wire.StreamName, bytes]
    ) -> None:
        if code not in FINAL_CODES:
            raise ProtocolError(200, code, str(own.get("detail") or ""), dict(own))
        has_forgotten = entry["started"] is None and own.get("state") == "starting"  # its database was replaced
        self._started_is_known = (self._started_is_known or entry["started"] is not None) and not has_forgotten
        if entry["finish"] is not None:
            self._result_code = code
        self._stop = own.get("stop")
        self._is_watched = bool(own.get("watched"))
        skips = {skip["stream"]: skip for skip in entry["skips"]}
        for name, stream in self.streams.items():
            before = stream.stored
            status = (own.get("logs") or {}).get(name)
            if status is not None:
                stream.acknowledge(status, sent.get(name, b""), skips.get(name))
            is_unmoved = stream.stored <= before and (name in sent or status is None)
            if code != "ok" and self._result_code and is_unmoved:  # before the result it may yet be wanted
                stream.is_refused = True

    def _failed(self, error: NetworkFailure | ProtocolError) -> Outcome:
        if isinstance(error, NetworkFailure):
            self._pace.failed()
        if self._backoff.failures == 0:
            log.warning("report failed, will be tried for as long as it takes error=%s", error)
        seconds = self._backoff.after(error)
        if classify(error) is FINAL and getattr(error, "code", "") not in ("crc_mismatch", "too_large"):
            seconds = max(seconds, WAIT_30_SECONDS)
        if getattr(error, "code", "") == "too_large":
            self._pace.failed()
        if self._is_leased and self._finish is None:
            seconds = min(seconds, random.uniform(LEASED_CAP_SECONDS / 2, LEASED_CAP_SECONDS))  # noqa: S311 (no secret)
        return Outcome(False, seconds, failure=str(error), unknown_seconds=self._unknown_for(error))

    def _unknown_for(self, error: NetworkFailure | ProtocolError) -> float:
        """A server that is away, or says anything else, neither lengthens this time nor ends it."""
        if getattr(error, "code", "") != "unknown_sub_agent":
            return 0.0
        self._unknown_since = self._clock() if self._unknown_since is None else self._unknown_since
        return self._clock() - self._unknown_since

    def _succeeded(self, has_moved: bool) -> Outcome:
        self._unknown_since = None
        if self._backoff.failures:
            log.info("report goes through again failures=%d", self._backoff.failures)
            self._backoff.reset()
        if self.is_done:
            self._write_delivered()
            return Outcome(True, 0.0, self._stop, self._is_watched)
        seconds = self._next_in_seconds() if has_moved else self._beat_seconds  # its disk is full, or it is busy
        return Outcome(False, seconds, self._stop, self._is_watched, renewal=self._renewal)

    def _next_in_seconds(self) -> float:
        streams = self.streams.values()
        if self._finish is not None and any(stream.behind or stream.wants_to_close for stream in streams):
            return 0.0
        return 0.0 if any(stream.sendable > INLINE_BYTES for stream in streams) else self._beat_seconds

    def _write_delivered(self) -> None:
        streams: dict[str, str] = {
            name: "lost" if stream.is_lost else "refused" if stream.is_refused else stream.state
            for name, stream in self.streams.items()
        }
        try:
            record: wire.DeliveredRecord = {"result_code": self._result_code, "streams": streams}
            self._directory.write_delivered({**record, "commit_seq": self._commit_seq})
        except OSError as error:
            log.error("delivered, but not noted: it will be delivered again error=%s", error)


def beat_seconds(reply: wire.ReportReply, took_seconds: float) -> float:
    """From the beginning of the answered report to the next. With a relay, all sub agents of a host beat together."""
    if (wanted := reply.get("beat_in_seconds")) is not None:
        return float(wanted) + took_seconds
    return max(BEAT_SECONDS, float(reply["next_in_seconds"]))


def _grant_in(directory: SubAgentDir) -> wire.Grant:
    grant = directory.read_grant()
    if grant is None:
        raise FileNotFoundError(directory.path / "grant.json")
    return grant


def _opened(directory: SubAgentDir, names: Iterable[wire.StreamName]) -> dict[wire.StreamName, OutputStream]:
    """All or none: the main agent tries again and again, and has few descriptors to lose."""
    opened: dict[wire.StreamName, OutputStream] = {}
    try:
        for name in names:
            opened[name] = OutputStream(directory, name)
    except OSError:
        for stream in opened.values():
            stream.close()
        raise
    return opened


def _piece(stream: OutputStream, block: bytes) -> wire.OutputPiece:
    data = base64.b64encode(block).decode("ascii")
    return {"stream": stream.name, "offset": stream.stored, "data": data, "crc32": zlib.crc32(block)}
